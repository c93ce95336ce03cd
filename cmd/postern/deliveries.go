package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"postern/config"
	"postern/desk"
)

type deliveryCommand struct {
	List     deliveryList     `cmd:"" help:"List outgoing mail recipient by recipient, the last changed first."`
	Show     deliveryShow     `cmd:"" help:"Show what became of a message: the whole story of each recipient."`
	Retry    deliveryRetry    `cmd:"" help:"Try recipients now who bounced or wait: one of a message, or all who wait at a destination."`
	Cancel   deliveryCancel   `cmd:"" help:"Stop a message to a recipient who waits."`
	Redirect deliveryRedirect `cmd:"" help:"Send the same mail to another address instead."`
	Counts   deliveryCounts   `cmd:"" help:"Count what waits, and what has become of today's mail."`
	Figures  deliveryFigures  `cmd:"" help:"What was sent, deferred and bounced, by day and by domain of ours."`
}

type deliveryList struct {
	State       []string `name:"state" enum:"queued,deferred,sent,bounced,cancelled" help:"Only in this state: queued, deferred, sent, bounced or cancelled; may be repeated."`
	Held        bool     `name:"held" help:"Only those that wait until their own domain is mended."`
	Destination string   `name:"destination" help:"Only to this domain; *.example.com is every domain below it."`
	Sender      string   `name:"sender" help:"Only from this domain of ours."`
	Recipient   string   `name:"recipient" help:"Only to this address; without @, to those with this in them."`
	Ticket      int64    `name:"ticket" help:"Only of this ticket."`
	Message     int64    `name:"message" help:"Only of this message."`
	Since       ago      `name:"since" placeholder:"2d" help:"Only changed since: hours, days or weeks ago (12h, 2d, 1w), or since a day or time (2026-11-29, 2026-11-29T10:00:00Z)."`
	Until       ago      `name:"until" placeholder:"12h" help:"Only changed before that."`
	Text        string   `name:"search" help:"Only with this in the last reply."`
	Limit       int      `name:"limit" default:"1000" help:"At most this many."`
	listing
}

// Validate knows the bounds.
func (d deliveryList) Validate() error { return atLeastOne(d.Limit) }

// Run lists deliveries.
func (d deliveryList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		query := desk.DeliveryQuery{
			Held: d.Held, Destination: d.Destination, Sender: d.Sender, Recipient: d.Recipient, Ticket: d.Ticket, Message: d.Message,
			Since: d.Since.at(time.Now()), Until: d.Until.at(time.Now()), Text: d.Text,
		}
		for _, state := range d.State {
			query.States = append(query.States, desk.DeliveryState(state))
		}
		found, more, err := some(d.Limit, func(cursor string, limit int) (desk.Page[desk.Outbound], error) {
			query.Cursor, query.Limit = cursor, limit
			return a.tickets.DeliveryLog(ctx, operator(), query)
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, one := range found {
			rows = append(rows, []string{
				strconv.FormatInt(one.MessageID, 10), "#" + strconv.FormatInt(one.TicketID, 10), plain(one.Recipient), string(one.State), strconv.Itoa(one.Attempts), day(&one.NextAt), day(&one.UpdatedAt), short(one.Words(), 100),
			})
		}
		if err := d.print(term.out, found, []string{"message", "ticket", "recipient", "state", "tries", "next", "changed", "how it stands"}, rows); err != nil {
			return err
		}
		return more.tell(term, len(found))
	})
}

// ago is a time in the past: so long ago, or a day or time. The zero value is none.
type ago struct {
	span time.Duration
	then time.Time
}

// UnmarshalText reads 12h, 2d, 1w, 2026-11-29 or 2026-11-29T10:00:00Z.
func (a *ago) UnmarshalText(text []byte) error {
	word := string(text)
	if then, err := time.Parse(time.RFC3339, word); err == nil {
		a.then = then
		return nil
	}
	var span lifetime
	if err := span.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is no time: write 12h, 2d, 1w, 2026-11-29 or 2026-11-29T10:00:00Z", word)
	}
	a.span, a.then = span.span, span.until
	return nil
}

func (a ago) at(now time.Time) time.Time {
	if a.span > 0 {
		return now.Add(-a.span)
	}
	return a.then
}

type deliveryShow struct {
	Message   int64  `arg:"" help:"Id of the message, as list shows it."`
	Recipient string `name:"recipient" help:"Only this recipient."`
	listing
}

// Run tells the stories.
func (d deliveryShow) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		all, err := a.tickets.DeliveryStories(ctx, operator(), d.Message)
		if err != nil {
			return err
		}
		found := []desk.Recipient{}
		for _, one := range all {
			if d.Recipient == "" || desk.Canonical(one.Recipient) == desk.Canonical(d.Recipient) {
				found = append(found, one)
			}
		}
		if d.JSON {
			return d.print(term.out, found, nil, nil)
		}
		for _, one := range found {
			printStory(term.out, one)
		}
		return nil
	})
}

// printStory writes how a recipient stands, and a line for each thing that happened. What remote servers wrote is on one line and without what a terminal would obey.
func printStory(out io.Writer, one desk.Recipient) {
	fmt.Fprintf(out, "%s: %s. %s\n", plain(one.Recipient), one.State, plain(one.Words()))
	if one.Suppressed != nil {
		fmt.Fprintf(out, "  suppressed since %s: %s\n", day(&one.Suppressed.Since), plain(one.Suppressed.Why()))
	}
	for _, line := range one.Timeline {
		fmt.Fprintf(out, "  %s  %s", line.At.Local().Format("2006-01-02 15:04:05"), plain(line.Words()))
		if line.Addr != "" {
			fmt.Fprintf(out, " [%s, %d ms]", plain(line.Addr), line.TookMS)
		}
		fmt.Fprintln(out)
		if line.TLS != nil && line.TLS.Problem != "" {
			fmt.Fprintf(out, "%23sits certificate proves nothing: %s\n", "", plain(line.TLS.Problem))
		}
	}
}

type deliveryOne struct {
	Message   int64  `arg:"" help:"Id of the message, as list shows it."`
	Recipient string `arg:"" help:"Address of the recipient."`
}

type deliveryRetry struct {
	Message     int64  `arg:"" optional:"" help:"Id of the message, as list shows it."`
	Recipient   string `arg:"" optional:"" help:"Address of the recipient."`
	Destination string `name:"destination" help:"All who wait at this domain, or below it (*.example.com)."`
	All         bool   `name:"all" help:"All who wait to be tried again, wherever they are."`
}

// Validate wants either a recipient or many.
func (d deliveryRetry) Validate() error {
	many := d.Destination != "" || d.All
	switch {
	case many && d.Message != 0:
		return fmt.Errorf("name a message and a recipient, or --destination, or --all")
	case !many && d.Recipient == "":
		return fmt.Errorf("which? name a message and a recipient, or --destination, or --all")
	}
	return nil
}

// Run tries again.
func (d deliveryRetry) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		if d.Message != 0 {
			if err := a.tickets.RetryDelivery(ctx, operator(), d.Message, d.Recipient); err != nil {
				return err
			}
			_, err := fmt.Fprintf(term.out, "%s is tried now\n", plain(d.Recipient))
			return err
		}
		count, err := a.tickets.RetryDeliveries(ctx, operator(), desk.DeliveryQuery{Destination: d.Destination})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(term.out, "%d recipients are tried now\n", count)
		return err
	})
}

type deliveryCancel struct{ deliveryOne }

// Run stops one.
func (d deliveryCancel) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		stopped, err := a.tickets.CancelDelivery(ctx, operator(), d.Message, d.Recipient)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(term.out, "%s: %s\n", plain(stopped.Recipient), stopped.Words())
		return err
	})
}

type deliveryRedirect struct {
	deliveryOne
	To string `arg:"" help:"Address that gets it instead."`
}

// Run sends one elsewhere.
func (d deliveryRedirect) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		if err := a.tickets.RedirectDelivery(ctx, operator(), d.Message, d.Recipient, d.To); err != nil {
			return err
		}
		_, err := fmt.Fprintf(term.out, "sent to %s instead of %s\n", plain(d.To), plain(d.Recipient))
		return err
	})
}

type deliveryCounts struct{ listing }

// Run counts.
func (d deliveryCounts) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		counts, err := a.tickets.DeliveryCounts(ctx, operator())
		if err != nil {
			return err
		}
		if d.JSON {
			return d.print(term.out, counts, nil, nil)
		}
		fmt.Fprintf(term.out, "waiting: %d for the first attempt, %d for another; of these %d held, %d being sent now\n", counts.Queued, counts.Deferred, counts.Held, counts.InHand)
		if !counts.Oldest.IsZero() {
			fmt.Fprintf(term.out, "the oldest waits since %s\n", day(&counts.Oldest))
		}
		_, err = fmt.Fprintf(term.out, "today (UTC): %d sent, %d bounced\nsuppressed: %d addresses\n", counts.Sent, counts.Bounced, counts.Suppressed)
		return err
	})
}

type deliveryFigures struct {
	Sender string `name:"sender" help:"Only of this domain of ours."`
	Days   int    `name:"days" default:"30" help:"Of how many days, today included: 1 to 366."`
	listing
}

// Run sums up.
func (d deliveryFigures) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		figures, err := a.tickets.DeliveryFigures(ctx, operator(), d.Sender, d.Days)
		if err != nil {
			return err
		}
		if d.JSON {
			return d.print(term.out, figures, nil, nil)
		}
		var rows [][]string
		row := func(what string, of desk.DeliveryDay) {
			rows = append(rows, append([]string{what}, strings.Fields(fmt.Sprint(of.Sent, of.Deferred, of.Bounced, of.Suppressed))...))
		}
		for _, of := range figures.Days {
			if of.Sent+of.Deferred+of.Bounced+of.Suppressed > 0 {
				row(of.Day.Format(time.DateOnly), of)
			}
		}
		for _, of := range figures.Senders {
			row(plain(of.Sender), of)
		}
		row("all", figures.Total)
		return d.print(term.out, nil, []string{"day (UTC)", "sent", "deferred", "bounced", "not tried"}, rows)
	})
}
