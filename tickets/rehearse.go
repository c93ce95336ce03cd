package tickets

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	// rehearsedAtOnce is how many messages or tickets one step of a rehearsal looks at: it takes well under a second.
	rehearsedAtOnce = 200
	// MostRehearsed is how many days back a rehearsal looks at most.
	MostRehearsed = 90
)

// Rehearsal asks what a rule would have done.
type Rehearsal struct {
	Rule  desk.Automation
	Since time.Time
	Until time.Time // when the rehearsal began: by it the progress is told
	From  string    // where the step before ended; empty: the first step
	eyes  store.Viewer
}

// Rehearsed is one step of a rehearsal. It changed nothing.
type Rehearsed struct {
	Looked int // at so many messages or tickets
	Hits   []RehearsedHit
	Next   string // empty: it is at its end
	Share  int    // how much of the whole is done, of 100
}

// RehearsedHit is a ticket on which the rule would have acted.
type RehearsedHit struct {
	Ticket  int64
	Subject string
	From    string // who wrote what it would have acted on; empty: nobody
	When    desk.Trigger
	At      time.Time
	Would   []desk.Done // with what would have kept an action from changing anything
}

// Rehearse looks at past mail and past changes, the newest first, as if the rule had been there, and changes nothing. Tickets count as they are now, but for a mail that opened one: there the ticket
// counts as new.
func (s *Service) Rehearse(ctx context.Context, actor desk.Actor, r Rehearsal) (Rehearsed, error) {
	if err := need(actor, desk.MayManageRules); err != nil {
		return Rehearsed{}, err
	}
	r.Rule = tidied(r.Rule)
	if err := r.Rule.Check(); err != nil {
		return Rehearsed{}, err
	}
	if s.now().Sub(r.Since) > (MostRehearsed+1)*24*time.Hour {
		return Rehearsed{}, desk.Wrong("days", "a rehearsal looks %d days back at most", MostRehearsed)
	}
	var err error
	if r.eyes, err = s.eyes(ctx, actor); err != nil {
		return Rehearsed{}, err
	}
	part, from := partMail, int64(0)
	if r.From != "" {
		name, id, _ := strings.Cut(r.From, ".")
		if from, err = strconv.ParseInt(id, 10, 64); err != nil || name != partMail && name != partTime {
			return Rehearsed{}, desk.Wrong("cursor", "this cursor is none that was given out: begin again with the first page")
		}
		part = name
	}
	if part == partMail {
		if kinds := kindsOf(r.Rule); len(kinds) > 0 {
			return s.rehearseMail(ctx, r, store.Past{Kinds: kinds, Since: r.Since, Before: from, Width: rehearsedAtOnce})
		}
		from = 0
	}
	return s.rehearseTime(ctx, r, from)
}

// The parts of a rehearsal.
const (
	partMail = "mail"
	partTime = "time"
)

// kindsOf are the kinds of messages that a rule can look at.
func kindsOf(rule desk.Automation) []desk.MessageKind {
	var kinds []desk.MessageKind
	for _, when := range rule.When {
		kind := map[desk.Trigger]desk.MessageKind{desk.WhenOpened: desk.KindInbound, desk.WhenAnswered: desk.KindInbound, desk.WhenBounced: desk.KindInbound,
			desk.WhenReplied: desk.KindReply, desk.WhenNoted: desk.KindNote, desk.WhenChanged: desk.KindEvent}[when]
		if kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (s *Service) rehearseMail(ctx context.Context, r Rehearsal, past store.Past) (step Rehearsed, err error) {
	found, err := s.store.Past(ctx, past)
	if err != nil {
		return step, err
	}
	numbers := make([]int64, len(found))
	for i, one := range found {
		numbers[i] = one.TicketID
	}
	tickets, err := s.store.TicketsOf(ctx, r.eyes, numbers)
	if err != nil {
		return step, err
	}
	step.Looked, step.Share, step.Next = len(found), 100, partTime+".0"
	for _, one := range found {
		ticket, seen := tickets[one.TicketID]
		if !seen {
			continue
		}
		hit, met, err := s.rehearseOne(ctx, r.Rule, one, ticket)
		if err != nil {
			return step, err
		}
		if met {
			step.Hits = append(step.Hits, hit)
		}
	}
	if len(found) == past.Width {
		last := found[len(found)-1]
		step.Next = fmt.Sprintf("%s.%d", partMail, last.ID)
		step.Share = min(99, int(100*r.Until.Sub(last.At)/max(r.Until.Sub(r.Since), 1)))
	} else if !r.Rule.Looks(desk.WhenTime) {
		step.Next = ""
	}
	return step, nil
}

// rehearseOne looks at one message with the eyes of the rule.
func (s *Service) rehearseOne(ctx context.Context, rule desk.Automation, m store.PastMessage, ticket desk.Ticket) (hit RehearsedHit, met bool, err error) {
	facts, err := m.Decode()
	if err != nil {
		return hit, false, fmt.Errorf("tickets: facts of message %d: %w", m.ID, err)
	}
	when := triggerOf(m, facts)
	if !rule.Looks(when) {
		return hit, false, nil
	}
	situation := desk.Situation{When: when, Ticket: ticket, Message: &m.Message, Facts: facts, Now: m.At}
	if when == desk.WhenOpened {
		situation.Ticket = asOpened(ticket)
	}
	rules := []desk.Automation{rule}
	if asks(rules, desk.OfHeader) && m.HasOriginal {
		if situation.Header, err = s.headerOf(ctx, m.ID); err != nil {
			return hit, false, err
		}
	}
	if asks(rules, desk.OfHours) {
		if situation.Open, err = s.openAt(ctx, ticket, m.At); err != nil {
			return hit, false, err
		}
	}
	if met, _ = rule.Judge(situation); !met {
		return hit, false, nil
	}
	return RehearsedHit{Ticket: ticket.ID, Subject: ticket.Subject, From: m.FromAddress, When: when, At: m.At, Would: wouldDo(rule.Then, situation)}, true, nil
}

// triggerOf says at which moment a message was written.
func triggerOf(m store.PastMessage, facts desk.MessageFacts) desk.Trigger {
	switch {
	case m.Kind == desk.KindReply && facts.Automatic == "":
		return desk.WhenReplied
	case m.Kind == desk.KindNote && m.AuthorID != nil:
		return desk.WhenNoted
	case m.Kind == desk.KindEvent && m.AuthorID != nil:
		return desk.WhenChanged
	case m.Kind != desk.KindInbound:
		return ""
	case facts.Returned != nil && facts.Returned.Kind == "failed":
		return desk.WhenBounced
	case m.First:
		return desk.WhenOpened
	}
	return desk.WhenAnswered
}

// asOpened is a ticket as a mail opens it.
func asOpened(t desk.Ticket) desk.Ticket {
	t.Status, t.Priority, t.AssigneeID, t.AssigneeName, t.Tags = desk.StatusNew, desk.PriorityNormal, nil, "", []string{}
	t.SolvedAt, t.ClosedAt, t.Fields, t.WaitingSince = nil, nil, nil, &t.CreatedAt
	return t
}

// wouldDo says what actions would change, and what not.
func wouldDo(actions []desk.Action, situation desk.Situation) []desk.Done {
	would := make([]desk.Done, len(actions))
	for i, one := range actions {
		would[i].Action = one
		switch {
		case one.Do == desk.ActReply && situation.Message != nil:
			asked := answering{Message: *situation.Message, Facts: situation.Facts, Ours: func(string) bool { return false }}
			if _, reason := asked.automaticTo(); reason != "" {
				would[i].Problem = unsendable(reason).Error()
			}
		case one.Idle(situation.Ticket):
			would[i].Problem = "it is so already"
		}
	}
	return would
}

// rehearseTime looks at the tickets as they are now.
func (s *Service) rehearseTime(ctx context.Context, r Rehearsal, from int64) (step Rehearsed, err error) {
	step.Share = 100
	passed, ok := r.Rule.Span()
	if !ok || !r.Rule.Looks(desk.WhenTime) {
		return step, nil
	}
	before := s.now().Add(-passed.Span)
	found, next, err := s.store.Elapsed(ctx, store.Elapsing{Since: passed.Since, Before: before, After: before.Add(-elapsedWithin), Statuses: statusesOf(r.Rule, passed.Since), From: from, Width: rehearsedAtOnce})
	if err != nil {
		return step, err
	}
	step.Looked = len(found)
	rules := []desk.Automation{r.Rule}
	for _, one := range found {
		err := s.store.See(ctx, r.eyes, one.Ticket)
		var situation desk.Situation
		if err == nil {
			situation, err = s.situation(ctx, ruling{cause: store.Cause{Ticket: one.Ticket, Trigger: desk.WhenTime}, rules: rules})
		}
		if isFault(err, desk.NotFound) {
			continue
		}
		if err != nil {
			return step, err
		}
		if met, _ := r.Rule.Judge(situation); met {
			step.Hits = append(step.Hits, RehearsedHit{Ticket: one.Ticket, Subject: situation.Ticket.Subject, From: situation.Ticket.RequesterAddress, When: desk.WhenTime,
				At: one.Since.Add(passed.Span), Would: wouldDo(r.Rule.Then, situation)})
		}
	}
	if next != 0 {
		step.Next, step.Share = fmt.Sprintf("%s.%d", partTime, next), 99
	}
	return step, nil
}

// Explain looks at one ticket as it is now with the eyes of a rule, whatever has happened to it: whether it would act, and what became of each condition.
func (s *Service) Explain(ctx context.Context, actor desk.Actor, rule desk.Automation, number int64) (met bool, findings []desk.Finding, err error) {
	if err := need(actor, desk.MayRead); err != nil {
		return false, nil, err
	}
	rule = tidied(rule)
	if err := rule.Check(); err != nil {
		return false, nil, err
	}
	if err := s.see(ctx, actor, number); err != nil {
		return false, nil, err
	}
	situation, err := s.situation(ctx, ruling{cause: store.Cause{Ticket: number, Trigger: rule.When[0]}, rules: []desk.Automation{rule}})
	if err != nil {
		return false, nil, err
	}
	met, findings = rule.Judge(situation)
	return met, findings, nil
}
