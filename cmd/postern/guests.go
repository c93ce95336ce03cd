package main

import (
	"context"
	"fmt"
	"time"

	"postern/config"
	"postern/desk"
	"postern/identity"
)

type guestCommand struct {
	Add  guestAdd  `cmd:"" help:"Let somebody in for a while: they get a role and an account that ends by itself."`
	List guestList `cmd:"" help:"List those who are here and those who were."`
	End  guestEnd  `cmd:"" help:"End a guest before their time."`
}

type guestAdd struct {
	Email  string        `name:"email" required:"" help:"Address to sign in with."`
	Name   string        `name:"name" help:"Name that others see; the address without its domain unless given."`
	Role   string        `name:"role" required:"" help:"Role; none by which they could stay or let others in."`
	For    time.Duration `name:"for" required:"" help:"How long, in whole hours from 1h to 168h (seven days)."`
	Reason string        `name:"reason" required:"" help:"Why; it stands in the audit log and in the mail to owners."`
}

// Run lets the guest in and prints how they come in.
func (g guestAdd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		guest, link, err := a.identity.AddGuest(ctx, operator(), identity.NewGuest{Email: g.Email, Name: g.Name, Role: desk.Role(g.Role), Reason: g.Reason, For: g.For})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(term.out, "%s is a guest (%s) until %s\nsign-in link, good once within 24 hours: %s\n", guest.Email, guest.Role, moment(guest.EndsAt), link)
		return err
	})
}

type guestList struct{ listing }

// Run lists guests.
func (g guestList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		guests, err := all(func(cursor string) (desk.Page[desk.Guest], error) {
			return a.identity.Guests(ctx, operator(), cursor, 100)
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, guest := range guests {
			state := "here"
			if !guest.Open(time.Now()) {
				state = "gone"
			}
			rows = append(rows, []string{guest.Email, guest.Name, string(guest.Role), state, moment(guest.BegunAt), moment(guest.EndsAt), guest.MadeBy, string(guest.EndedHow), guest.Reason})
		}
		return g.print(term.out, guests, []string{"email", "name", "role", "state", "from", "until", "let in by", "ended", "why"}, rows)
	})
}

type guestEnd struct {
	Email string `arg:"" help:"Address of the guest."`
}

// Run ends the guest.
func (g guestEnd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		guest, err := a.identity.GuestOf(ctx, operator(), g.Email)
		if err == nil {
			err = a.identity.EndGuest(ctx, operator(), guest.ID)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(term.out, "ended %s\n", guest.Email)
		return err
	})
}

// moment is a time for people, to the minute in UTC.
func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }
