package tickets

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// Apply does things to a ticket in one transaction: all of them, or nothing. Each is an event and an audit entry as if the actor had done it by hand.
func (s *Service) Apply(ctx context.Context, actor desk.Actor, number int64, actions []desk.Action) error {
	actions = cleaned(actions)
	if err := desk.CheckActions(actions); err != nil {
		return err
	}
	return s.changeBy(ctx, permitted{actor, desk.MayNote}, number, func(c *change) error { return s.apply(ctx, c, actions) })
}

func (s *Service) apply(ctx context.Context, c *change, actions []desk.Action) error {
	for _, one := range actions {
		if err := may(c.actor, one); err != nil {
			return err
		}
		if err := s.do(ctx, c, one); err != nil {
			return err
		}
	}
	return nil
}

// attempt does what of a rule can be done and its author may do, and says of each what became of it. Only an error that is nobody's fault ends it.
func (s *Service) attempt(ctx context.Context, c *change, rule desk.Automation) ([]desk.Done, error) {
	allowed, err := authored(ctx, c.Reader, rule.AuthorID)
	if err != nil {
		return nil, err
	}
	unseen := inSightOf(ctx, c.Reader, rule.AuthorID, c.ticket)
	if unseen != nil && !isFault(unseen, desk.Forbidden) {
		return nil, unseen
	}
	did := make([]desk.Done, 0, len(rule.Then))
	for _, one := range rule.Then {
		done, err := desk.Done{Action: one}, allowed(one)
		if err == nil {
			err = unseen
		}
		if err == nil {
			err = s.do(ctx, c, one)
		}
		if err != nil {
			var fault *desk.Fault
			if !errors.As(err, &fault) {
				return did, err
			}
			done.Problem = fault.Reason
		}
		did = append(did, done)
	}
	return did, nil
}

// do does one thing to the locked ticket. A fault leaves the ticket as it was.
func (s *Service) do(ctx context.Context, c *change, a desk.Action) error {
	switch a.Do {
	case desk.ActReply:
		return s.automaticReply(ctx, c, a.ID)
	case desk.ActNote:
		_, err := c.note(ctx, noted{text: desk.Fill(a.Value, placesOf(c.ticket, c.actor))})
		return err
	case desk.ActNotify, desk.ActNotifyTeam:
		return c.pointOut(ctx, a)
	case desk.ActTake:
		if c.actor.User.ID == 0 {
			return desk.Wrong("actions", "nobody is signed in who could take the ticket")
		}
		a.ID = c.actor.User.ID
	}
	w, err := changeOf(a, c.at)
	if err != nil {
		return err
	}
	return c.update(ctx, w)
}

// changeOf is an action as a change of the ticket.
func changeOf(a desk.Action, now time.Time) (w desk.TicketChange, err error) {
	switch a.Do {
	case desk.ActAssign, desk.ActTake:
		w.Assignee = &a.ID
	case desk.ActTeam:
		w.Team = &a.ID
	case desk.ActStatus:
		status := desk.Status(a.Value)
		w.Status = &status
	case desk.ActPriority:
		priority := desk.Priority(a.Value)
		w.Priority = &priority
	case desk.ActAddTags:
		w.AddTags = strings.Fields(a.Value)
	case desk.ActDropTags:
		w.DropTags = strings.Fields(a.Value)
	case desk.ActField:
		w.Fields = map[string]string{a.Name: a.Value}
	case desk.ActSnooze:
		span, err := desk.ParseSpan(a.Value)
		if err != nil {
			return w, err
		}
		until := now.Add(span)
		w.Snooze = &until
	case desk.ActSpam:
		closed := desk.StatusClosed
		w.Status, w.AddTags = &closed, []string{spamTag}
	default:
		return w, desk.Wrong("actions", "there is no action %q", a.Do)
	}
	return w, nil
}

// pointOut tells people of the ticket, each as they wish.
func (c *change) pointOut(ctx context.Context, a desk.Action) error {
	person, team := a.ID, int64(0)
	switch {
	case a.Do == desk.ActNotifyTeam && a.ID == 0:
		person, team = 0, idOf(c.ticket.TeamID)
	case a.Do == desk.ActNotifyTeam:
		person, team = 0, a.ID
	case a.ID == 0:
		person = idOf(c.ticket.AssigneeID)
	}
	people, err := c.ToTell(ctx, person, team)
	if err != nil {
		return err
	}
	if len(people) == 0 {
		return desk.Wrong("actions", "there is nobody here who could be told")
	}
	var rows []store.NotificationRow
	for _, one := range people {
		by := one.Wishes.Of(desk.NotifyRule)
		if by == desk.NotifyOff || one.User == c.actor.User.ID {
			continue
		}
		row := store.NotificationRow{User: one.User, Ticket: c.ticket.ID, Kind: desk.NotifyRule, Actor: c.actor.User.Name, Detail: c.why(), At: c.at}
		if by == desk.NotifyMail {
			row.MailAt = new(one.Wishes.MailAt(c.at, zoneNamed(one.TimeZone)))
		}
		rows = append(rows, row)
	}
	told, err := c.AddNotifications(ctx, rows)
	if err != nil || len(told) == 0 {
		return err
	}
	return c.Announce(ctx, store.News{Bell: told})
}

// why is the name of the rule or macro that is at work.
func (c *change) why() string {
	for _, one := range slices.Backward(c.events) {
		if one.Event.Verb == "automation" || one.Event.Verb == "macro" {
			return one.Event.To
		}
	}
	return ""
}

// cleaned gives values the form in which they are kept.
func cleaned(actions []desk.Action) []desk.Action {
	actions = slices.Clone(actions)
	for i := range actions {
		one := &actions[i]
		one.Name, one.Value = oneLine(one.Name), written(one.Value)
		if one.Do == desk.ActAddTags || one.Do == desk.ActDropTags {
			tags := strings.Fields(strings.ReplaceAll(one.Value, ",", " "))
			for j, tag := range tags {
				tags[j] = tagOf(tag)
			}
			one.Value = strings.Join(tags, " ")
		}
	}
	return actions
}

// checkActions makes sure that what actions name exists.
func (s *Service) checkActions(ctx context.Context, r store.Reader, actions []desk.Action) error {
	for _, one := range actions {
		if err := s.checkAction(ctx, r, one); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkAction(ctx context.Context, r store.Reader, a desk.Action) error {
	switch {
	case a.ID == 0:
		return nil
	case a.Do == desk.ActAssign || a.Do == desk.ActNotify:
		name, err := r.Assignable(ctx, a.ID)
		if err == nil && name == "" {
			err = desk.Wrong("actions", "a ticket can be given to somebody who works on tickets and is not disabled")
		}
		return err
	case a.Do == desk.ActTeam || a.Do == desk.ActNotifyTeam:
		exists, err := r.TeamExists(ctx, a.ID)
		if err == nil && !exists {
			err = desk.Wrong("actions", "there is no such team")
		}
		return err
	case a.Do == desk.ActReply:
		canned, err := r.CannedReply(ctx, a.ID)
		if err == nil && canned.OwnerID != nil {
			err = desk.Wrong("actions", "the canned reply %q is somebody's own: a rule sends what the whole desk or a team uses", canned.Name)
		}
		return err
	}
	return nil
}
