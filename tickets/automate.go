package tickets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"postern/desk"
	"postern/mailtext"
	"postern/store"
)

// mostRuns is how often rules act on one ticket within an hour: beyond, something outside of it goes round in a circle.
const mostRuns = 20

// errIdle ends a transaction in which no rule had anything to do.
var errIdle = errors.New("tickets: no rule has anything to do")

// triggers are the moments at which rules look, by what happens.
var triggers = map[desk.HappeningKind]desk.Trigger{
	desk.HappenedCreated: desk.WhenOpened, desk.HappenedJoined: desk.WhenAnswered, desk.HappenedReplied: desk.WhenReplied,
	desk.HappenedNoted: desk.WhenNoted, desk.HappenedChanged: desk.WhenChanged, desk.HappenedBounced: desk.WhenBounced,
}

// automates says whether any rule looks at what happens.
func (s *Service) automates(ctx context.Context) (bool, error) { return s.store.AutomationsLook(ctx) }

// automate lets the rules look at what happened, in their order, all in one transaction: each sees what those before it did. What rules do starts no rule, so none of them can start itself.
func (s *Service) automate(ctx context.Context, h desk.Happening) error {
	when, looked := triggers[h.Kind]
	var detail desk.HappeningDetail
	if err := json.Unmarshal(h.Detail, &detail); err != nil {
		return fmt.Errorf("tickets: what happened: %w", err)
	}
	if !looked || detail.Automation != 0 {
		return nil
	}
	rules, err := s.store.ActiveAutomations(ctx, when)
	if err != nil || len(rules) == 0 {
		return err
	}
	cause := store.Cause{Ticket: h.Ticket, Trigger: when, Name: fmt.Sprintf("happening %d", h.ID), At: s.now()}
	_, err = s.rule(ctx, ruling{cause, rules, idOf(h.Message)})
	return err
}

// ruling is rules that look at a ticket because of something.
type ruling struct {
	cause   store.Cause
	rules   []desk.Automation
	message int64 // what was written; 0: nothing
}

// rule does what the rules ask for, and says whether one that ends the looking acted. A ticket that was merged away or does not exist any more is no error.
func (s *Service) rule(ctx context.Context, r ruling) (stopped bool, err error) {
	situation, err := s.situation(ctx, r)
	if err == nil && !anyMet(r.rules, situation) { // most mails concern no rule: their tickets are not locked
		return false, nil
	}
	if err == nil {
		err = s.change(ctx, desk.System("job"), r.cause.Ticket, func(c *change) error {
			stopped, err = s.act(ctx, c, r, situation)
			return err
		})
	}
	if errors.Is(err, errIdle) || isFault(err, desk.NotFound) || isFault(err, desk.Conflict) {
		return false, nil
	}
	return stopped, err
}

// act does what the rules ask for on a locked ticket; errIdle: nothing.
func (s *Service) act(ctx context.Context, c *change, r ruling, situation desk.Situation) (stopped bool, err error) {
	often, before, err := c.Acted(ctx, r.cause, c.at.Add(-time.Hour))
	if err != nil {
		return false, err
	}
	acted := false
	for _, rule := range r.rules {
		situation.Ticket, situation.Now = c.ticket, c.at
		if met, _ := rule.Judge(situation); !met {
			continue
		}
		if before { // it was worked off once, and that was not written down in time
			return false, errIdle
		}
		run, err := c.BeginRun(ctx, rule.ID, r.cause)
		if err != nil {
			return false, err
		}
		if run == 0 {
			continue
		}
		acted = true
		if often++; often > mostRuns {
			return true, c.KeepRun(ctx, run, []desk.Done{{Problem: fmt.Sprintf("rules have acted on this ticket %d times within an hour: something goes round in a circle", mostRuns)}})
		}
		c.automation = rule.ID
		c.event("automation", "", rule.Name)
		did, err := s.attempt(ctx, c, rule)
		if err != nil {
			return false, err
		}
		if err := c.KeepRun(ctx, run, did); err != nil {
			return false, err
		}
		if rule.Stop {
			return true, nil
		}
	}
	if !acted {
		return false, errIdle
	}
	return false, nil
}

// situation gathers what the rules look at, and no more: the original is opened only where one of them asks for a header.
func (s *Service) situation(ctx context.Context, r ruling) (desk.Situation, error) {
	now := s.now()
	situation := desk.Situation{When: r.cause.Trigger, Now: now}
	var err error
	if situation.Ticket, err = s.store.Ticket(ctx, store.AllSeeing(), r.cause.Ticket); err != nil {
		return situation, err
	}
	if err := s.readMessage(ctx, r, &situation); err != nil {
		return situation, err
	}
	if asks(r.rules, desk.OfSinceCustomer, desk.OfSinceReply) {
		moments, err := s.store.Moments(ctx, r.cause.Ticket)
		if err != nil {
			return situation, err
		}
		situation.LastCustomer, situation.LastReply = moments.Customer, moments.Reply
	}
	if asks(r.rules, desk.OfHours) {
		situation.Open, err = s.openAt(ctx, situation.Ticket, now)
	}
	return situation, err
}

// openAt says whether the team of a ticket is at work.
func (s *Service) openAt(ctx context.Context, ticket desk.Ticket, at time.Time) (bool, error) {
	hours, err := s.store.HoursOf(ctx, idOf(ticket.TeamID))
	return err == nil && hours.Open(at), err
}

// readMessage reads what was written, or the customer's last mail where nothing was.
func (s *Service) readMessage(ctx context.Context, r ruling, situation *desk.Situation) error {
	id := r.message
	if id == 0 {
		newest, err := s.store.NewestInbound(ctx, r.cause.Ticket)
		if err != nil || newest == 0 {
			return err
		}
		id = newest
	}
	message, err := s.store.Message(ctx, store.AllSeeing(), id)
	if isFault(err, desk.NotFound) { // an answer that was taken back
		return nil
	}
	if err != nil {
		return err
	}
	if situation.Facts, err = message.Decode(); err != nil {
		return fmt.Errorf("tickets: facts of message %d: %w", id, err)
	}
	situation.Message = &message
	if asks(r.rules, desk.OfHeader) && message.HasOriginal {
		situation.Header, err = s.headerOf(ctx, id)
	}
	return err
}

// headerOf is the header of a message as it came.
func (s *Service) headerOf(ctx context.Context, message int64) (map[string][]string, error) {
	original, err := s.store.OriginalOf(ctx, store.AllSeeing(), message)
	if err != nil {
		return nil, err
	}
	reader, _, err := s.openOriginal(ctx, original)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	raw, err := io.ReadAll(io.LimitReader(reader, mailtext.HeaderBytes))
	if err != nil {
		return nil, fmt.Errorf("tickets: header of message %d: %w", message, err)
	}
	return mailtext.Header(raw), nil
}

// asks says whether one of the rules looks at one of the subjects.
func asks(rules []desk.Automation, subjects ...desk.Subject) bool {
	return slices.ContainsFunc(rules, func(rule desk.Automation) bool {
		return slices.ContainsFunc(rule.If, func(one desk.Condition) bool { return slices.Contains(subjects, one.Of) })
	})
}

func anyMet(rules []desk.Automation, situation desk.Situation) bool {
	return slices.ContainsFunc(rules, func(rule desk.Automation) bool {
		met, _ := rule.Judge(situation)
		return met
	})
}
