package tickets

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	longestFigures = 366           // days
	dayIsOver      = time.Hour     // after midnight, when every job has written down what it did before
	mostRollUps    = 40            // days that one sweep sums up
	rolledKey      = "figures-day" // the setting that says which day was summed up last
)

// DeliveryLog is one page of the deliveries that the query asks for, the last changed first.
func (s *Service) DeliveryLog(ctx context.Context, actor desk.Actor, q desk.DeliveryQuery) (desk.Page[desk.Outbound], error) {
	if err := need(actor, desk.MayManageDeliveries); err != nil {
		return desk.Page[desk.Outbound]{}, err
	}
	for _, state := range q.States {
		if !slices.Contains(desk.DeliveryStates, state) {
			return desk.Page[desk.Outbound]{}, desk.Wrong("state", "there is no state %q", state)
		}
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return desk.Page[desk.Outbound]{}, desk.Wrong("until", "the time ends before it begins")
	}
	q.Destination, q.Sender, q.Recipient = desk.Canonical(q.Destination), desk.Canonical(q.Sender), desk.Canonical(q.Recipient)
	q.Text = storable(strings.TrimSpace(q.Text))
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return desk.Page[desk.Outbound]{}, err
	}
	m := maskOf(eyes.Masks)
	if m.email && (q.Recipient != "" || m.hides(q.Text)) {
		return desk.Page[desk.Outbound]{}, desk.Wrong("recipient", "your role hides addresses, telephone numbers or names of customers: they cannot be searched for")
	}
	page, err := s.store.Deliveries(ctx, eyes, q)
	for i := range page.Items {
		page.Items[i] = m.outbound(page.Items[i])
	}
	return page, err
}

// DeliveryCounts is how much mail waits, and what has become of today's.
func (s *Service) DeliveryCounts(ctx context.Context, actor desk.Actor) (counts desk.DeliveryCounts, err error) {
	if !actor.Can(desk.MayReadConfig) { // numbers of the whole desk, of nobody's mail
		if err := need(actor, desk.MayManageDeliveries); err != nil {
			return counts, err
		}
	}
	if counts, err = s.store.DeliveryCounts(ctx); err != nil {
		return counts, err
	}
	counts.Since = dayOf(s.now())
	today, err := s.store.DeliveryDays(ctx, "", counts.Since, counts.Since)
	for _, day := range today {
		counts.Sent, counts.Bounced = counts.Sent+day.Sent, counts.Bounced+day.Bounced
	}
	if err == nil {
		counts.Suppressed, err = s.store.CountSuppressions(ctx)
	}
	return counts, err
}

// Waiting is how much mail waits, for the figures that programs fetch: without what has become of today's.
func (s *Service) Waiting(ctx context.Context) (desk.DeliveryCounts, error) {
	counts, err := s.store.DeliveryCounts(ctx)
	if err == nil {
		counts.Suppressed, err = s.store.CountSuppressions(ctx)
	}
	return counts, err
}

// DeliveryStories are the recipients of a message with all that has happened to each, for staff.
func (s *Service) DeliveryStories(ctx context.Context, actor desk.Actor, message int64) ([]desk.Recipient, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return nil, err
	}
	recipients := []desk.Recipient{}
	err = s.store.Snapshot(ctx, func(r store.Reader) error {
		m, err := r.Message(ctx, eyes, message)
		if err != nil {
			return err
		}
		if !m.Kind.Leaves() {
			return desk.Faultf(desk.NotFound, "message %d does not leave as mail", message)
		}
		rows, err := r.Recipients(ctx, message)
		if err != nil {
			return err
		}
		lines, err := r.Stories(ctx, message)
		if err != nil {
			return err
		}
		addresses := make([]string, len(rows))
		for i, row := range rows {
			addresses[i] = desk.Canonical(row.Recipient)
		}
		suppressed, err := r.SuppressedAmong(ctx, addresses)
		recipients = storiesOf(rows, lines, suppressed)
		for i, hides := range recipients {
			recipients[i] = maskOf(eyes.Masks).recipient(hides)
		}
		return err
	})
	return recipients, err
}

// storiesOf puts together what belongs to each recipient.
func storiesOf(rows []desk.Outbound, lines []store.Told, suppressed []desk.Suppression) []desk.Recipient {
	recipients := make([]desk.Recipient, len(rows))
	place := make(map[string]int, len(rows))
	for i, row := range rows {
		recipients[i] = desk.Recipient{Outbound: row, Timeline: []desk.Attempt{}}
		place[row.Recipient] = i
		for at := range suppressed {
			if suppressed[at].Address == desk.Canonical(row.Recipient) {
				recipients[i].Suppressed = &suppressed[at]
			}
		}
	}
	for _, line := range lines {
		if i, known := place[line.Recipient]; known {
			recipients[i].Timeline = append(recipients[i].Timeline, line.Attempt)
		}
	}
	return recipients
}

// DeliveryFigures counts what became of recipients by day, today included: of one domain of ours, or of all where sender is empty. Days are those of UTC.
func (s *Service) DeliveryFigures(ctx context.Context, actor desk.Actor, sender string, days int) (desk.DeliveryFigures, error) {
	if err := need(actor, desk.MayManageDeliveries); err != nil {
		return desk.DeliveryFigures{}, err
	}
	if days < 1 || days > longestFigures {
		return desk.DeliveryFigures{}, desk.Wrong("days", "figures are of 1 to %d days", longestFigures)
	}
	sender = desk.Canonical(sender)
	today := dayOf(s.now())
	since := today.AddDate(0, 0, 1-days)
	var rows []desk.DeliveryDay
	err := s.store.Snapshot(ctx, func(r store.Reader) error {
		var rolled time.Time
		if err := r.Setting(ctx, rolledKey, &rolled); err != nil {
			return err
		}
		live := since
		if next := rolled.AddDate(0, 0, 1); next.After(since) {
			live = next
		}
		var err error
		rows, err = r.DeliveryDays(ctx, sender, since, live)
		return err
	})
	if err != nil {
		return desk.DeliveryFigures{}, err
	}
	figures := sumUp(rows, since, days)
	figures.Sender = sender
	return figures, nil
}

// sumUp makes a row for every day, and one for every domain.
func sumUp(rows []desk.DeliveryDay, since time.Time, days int) desk.DeliveryFigures {
	figures := desk.DeliveryFigures{Since: since, Days: make([]desk.DeliveryDay, days), Senders: []desk.DeliveryDay{}, Total: desk.DeliveryDay{Day: since}}
	for i := range figures.Days {
		figures.Days[i].Day = since.AddDate(0, 0, i)
	}
	senders := map[string]int{}
	for _, row := range rows {
		if i := int(row.Day.Sub(since) / (24 * time.Hour)); i >= 0 && i < days {
			add(&figures.Days[i], row)
		}
		at, known := senders[row.Sender]
		if !known {
			at = len(figures.Senders)
			senders[row.Sender] = at
			figures.Senders = append(figures.Senders, desk.DeliveryDay{Day: since, Sender: row.Sender})
		}
		add(&figures.Senders[at], row)
		add(&figures.Total, row)
	}
	slices.SortFunc(figures.Senders, func(a, b desk.DeliveryDay) int {
		return cmp.Or(cmp.Compare(b.Sent+b.Bounced, a.Sent+a.Bounced), cmp.Compare(a.Sender, b.Sender))
	})
	return figures
}

func add(to *desk.DeliveryDay, more desk.DeliveryDay) {
	to.Sent, to.Deferred, to.Bounced, to.Suppressed = to.Sent+more.Sent, to.Deferred+more.Deferred, to.Bounced+more.Bounced, to.Suppressed+more.Suppressed
}

func dayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

// rollUp sums up the days that are over, so that figures of a year cost as much as those of a day.
func rollUp(ctx context.Context, tx *store.Tx, now time.Time) error {
	var rolled time.Time
	if err := tx.LockSetting(ctx, rolledKey, rolled); err != nil {
		return err
	}
	if err := tx.Setting(ctx, rolledKey, &rolled); err != nil {
		return err
	}
	if rolled.IsZero() {
		first, err := tx.FirstLine(ctx)
		if err != nil || first.IsZero() {
			return err
		}
		rolled = dayOf(first).AddDate(0, 0, -1)
	}
	over := dayOf(now.Add(-dayIsOver))
	before := rolled
	for i := 0; i < mostRollUps && rolled.AddDate(0, 0, 1).Before(over); i++ {
		rolled = rolled.AddDate(0, 0, 1)
		if err := tx.RollUp(ctx, rolled); err != nil {
			return err
		}
	}
	if rolled.Equal(before) {
		return nil
	}
	return tx.SetSetting(ctx, rolledKey, rolled)
}
