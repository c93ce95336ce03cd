package main

import (
	"context"
	"fmt"
	"strconv"

	"postern/config"
	"postern/desk"
)

type suppressionCommand struct {
	List suppressionList `cmd:"" help:"List the addresses that get no mail, the newest first."`
	Show suppressionShow `cmd:"" help:"Show why an address gets no mail."`
	Lift suppressionLift `cmd:"" help:"Let mail go to addresses again, and forget the bounces."`
	Add  suppressionAdd  `cmd:"" help:"Stop mail to addresses."`
}

type suppressionList struct {
	Text  string `name:"search" help:"Only with this in the address."`
	Limit int    `name:"limit" default:"1000" help:"At most this many."`
	listing
}

// Validate knows the bounds.
func (s suppressionList) Validate() error { return atLeastOne(s.Limit) }

// Run lists suppressed addresses.
func (s suppressionList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		found, more, err := some(s.Limit, func(cursor string, limit int) (desk.Page[desk.Suppression], error) {
			page, err := a.tickets.Suppressions(ctx, operator(), desk.SuppressionQuery{Text: s.Text, Cursor: cursor, Limit: limit})
			return page.Page, err
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, one := range found {
			rows = append(rows, []string{plain(one.Address), day(&one.Since), strconv.Itoa(one.Bounces), short(one.Why(), 100)})
		}
		if err := s.print(term.out, found, []string{"address", "since", "bounces", "why"}, rows); err != nil {
			return err
		}
		return more.tell(term, len(found))
	})
}

type suppressionShow struct {
	Address string `arg:"" help:"Address that gets no mail."`
	listing
}

// suppressionEvidence is a suppression with what speaks against the address.
type suppressionEvidence struct {
	desk.Suppression
	Evidence []desk.HardBounce `json:"evidence"`
}

// Run shows one address and the mails that bounced.
func (s suppressionShow) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		found, evidence, err := a.tickets.Suppression(ctx, operator(), s.Address)
		if err != nil {
			return err
		}
		if s.JSON {
			return s.print(term.out, suppressionEvidence{found, evidence}, nil, nil)
		}
		fmt.Fprintf(term.out, "%s gets no mail since %s: %s\n", plain(found.Address), day(&found.Since), plain(found.Why()))
		for _, one := range evidence {
			fmt.Fprintf(term.out, "  %s  message %d of #%d, by %s: %s\n", day(&one.At), one.Message, one.Ticket, one.Proof, plain(one.Words))
		}
		return nil
	})
}

type suppressionLift struct {
	Addresses []string `arg:"" name:"address" help:"Addresses that shall get mail again."`
}

// Run lifts suppressions.
func (s suppressionLift) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		for _, address := range s.Addresses {
			if err := a.tickets.LiftSuppression(ctx, operator(), address); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(term.out, "%s gets mail again\n", desk.Canonical(address)); err != nil {
				return err
			}
		}
		return nil
	})
}

type suppressionAdd struct {
	Addresses []string `arg:"" name:"address" help:"Addresses that shall get no mail."`
	Note      string   `name:"note" help:"Why, for whoever reads the list."`
}

// Run suppresses addresses.
func (s suppressionAdd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		for _, address := range s.Addresses {
			made, err := a.tickets.Suppress(ctx, operator(), address, s.Note)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(term.out, "%s gets no mail\n", made.Address); err != nil {
				return err
			}
		}
		return nil
	})
}
