// Package tickets is the one door through which a ticket changes: each change is one transaction of right, change, audit entry, event in the conversation, jobs and news, or it did not happen.
//
// Reading goes through here as well, since what a person may see is decided here: staff see every ticket, customers their own and of those what is public.
// It speaks neither HTTP nor mail formats; mail that comes in is filed by intake, and mail that goes out is composed and brought to its servers by jobs.
package tickets

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/attachments"
	"postern/desk"
	"postern/secret"
	"postern/store"
	"postern/threading"
)

// Releaser is what this package asks of whoever takes mail in: intake, which stands above it.
type Releaser interface {
	// Release lets a suspended mail in as if it had just arrived, or onto the given ticket (0: by its evidence), removes its entry and records who did so.
	Release(ctx context.Context, actor desk.Actor, suspended, ticket int64) (desk.Outcome, error)
	// Condemn teaches the spam filter a suspended mail, removes its entry and records who did so.
	Condemn(ctx context.Context, actor desk.Actor, suspended int64) error
	// Learn teaches the spam filter that the mail of a message is spam. A filter that does not listen is no error; an original that cannot be read is.
	Learn(ctx context.Context, message int64) error
	// Would says what would happen to a mail like this one.
	Would(ctx context.Context, mail desk.Supposed) (desk.Ruling, error)
}

// Config is what a Service is made of.
type Config struct {
	Store     *store.Store
	Keys      *secret.Keyset
	Bucket    *attachments.Bucket
	Releaser  Releaser            // nil: suspended mail cannot be released by this process
	Hostname  string              // in which our Message-IDs end
	PublicURL string              // where links to attachments begin, without a final slash
	Undo      time.Duration       // how long the first message of a new conversation waits
	Delivered func(desk.Delivery) // hears of every outcome that was written down; nil: nobody does
	Now       func() time.Time
}

// Service is safe for concurrent use.
type Service struct {
	cfg    Config
	store  *store.Store
	codec  *threading.Codec
	counts viewCounts
}

// New makes a service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Delivered == nil {
		cfg.Delivered = func(desk.Delivery) {}
	}
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	return &Service{cfg: cfg, store: cfg.Store, codec: threading.NewCodec(cfg.Keys, cfg.Hostname)}
}

// now is the time as PostgreSQL keeps it: a time that was written comes back the same.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// need says whether the actor holds the right.
func need(actor desk.Actor, right desk.Right) error {
	switch {
	case actor.Can(right):
		return nil
	case actor.User.ID == 0:
		return desk.Faultf(desk.Unsigned, "sign in first")
	default:
		return desk.Faultf(desk.Forbidden, "you may not do this: it takes the right %q", right)
	}
}

// needs says whether the actor holds one of the rights.
func needs(actor desk.Actor, rights ...desk.Right) error {
	for _, right := range rights[1:] {
		if actor.Can(right) {
			return nil
		}
	}
	return need(actor, rights[0])
}

// change is a transaction on one locked ticket. What there is to tell of it is gathered on the way and written at its end.
type change struct {
	*store.Tx
	actor      desk.Actor
	at         time.Time
	ticket     desk.Ticket
	was        desk.Ticket // as it stood when it was locked; zero: unknown
	events     []store.Happened
	audits     []store.AuditRow
	heard      []store.HappeningRow
	also       []int64 // other tickets that have changed
	automation int64   // the rule that does it; 0: a person, or Postern itself
}

// values is the detail of an audit entry about a field that changed.
type values struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// permitted is an actor with the right that they use.
type permitted struct {
	desk.Actor
	by desk.Right
}

// change is changeBy with the right to change tickets.
func (s *Service) change(ctx context.Context, actor desk.Actor, number int64, do func(*change) error) error {
	return s.changeBy(ctx, permitted{actor, desk.MayWrite}, number, do)
}

// changeBy checks the right and that the ticket is in sight, locks it, lets do work on it, and writes what has become of it.
func (s *Service) changeBy(ctx context.Context, p permitted, number int64, do func(*change) error) error {
	actor := p.Actor
	if err := need(actor, p.by); err != nil {
		return err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, eyes, number)
		if err != nil {
			return err
		}
		c := &change{Tx: tx, actor: actor, at: s.now(), ticket: locked[number], was: locked[number]}
		if into := c.ticket.MergedInto; into != nil {
			return desk.Faultf(desk.Conflict, "ticket #%d was merged into #%d: work there, or undo the merge", number, *into)
		}
		if err := do(c); err != nil {
			return err
		}
		return c.finish(ctx)
	})
}

// finish writes the ticket, the events, the audit entries and the news.
func (c *change) finish(ctx context.Context) error {
	c.ticket.UpdatedAt = c.at
	if moves(c.was, c.ticket) {
		if _, err := c.clockwork(ctx, c.at); err != nil {
			return err
		}
	}
	if err := c.SaveTicket(ctx, c.ticket); err != nil {
		return err
	}
	return c.tell(ctx)
}

// tell writes what happened, for callers whose ticket is written already.
func (c *change) tell(ctx context.Context) error {
	if err := c.AddEvents(ctx, c.actor.User.ID, c.at, c.events...); err != nil {
		return err
	}
	return c.Record(ctx, store.Record{Actor: c.actor, Audits: c.audits, Happenings: c.happenings(), News: store.News{Tickets: append(c.also, c.ticket.ID), Moved: c.moved()}})
}

// moved is whose the ticket was, where it is somebody else's now.
func (c *change) moved() []store.Moved {
	if c.was.ID == 0 || idOf(c.was.TeamID) == idOf(c.ticket.TeamID) && idOf(c.was.AssigneeID) == idOf(c.ticket.AssigneeID) {
		return nil
	}
	return []store.Moved{{Ticket: c.was.ID, Team: idOf(c.was.TeamID), Assignee: idOf(c.was.AssigneeID)}}
}

// happen notes what those hear of who react to it.
func (c *change) happen(kind desk.HappeningKind, message int64) {
	c.heard = append(c.heard, store.HappeningRow{Ticket: c.ticket.ID, Message: message, Kind: kind, Actor: c.actor.User.ID, At: c.at})
}

// happenings is what happened, with the events of the ticket on the first of them; events alone are a change.
func (c *change) happenings() []store.HappeningRow {
	var own []desk.Event
	for _, one := range c.events {
		if one.Ticket == c.ticket.ID {
			own = append(own, one.Event)
		}
	}
	if len(own) > 0 && len(c.heard) == 0 {
		c.happen(desk.HappenedChanged, 0)
	}
	if len(c.heard) > 0 {
		c.heard[0].Detail.Events, c.heard[0].Detail.Automation = own, c.automation
	}
	return c.heard
}

// event puts a line into the ticket's conversation and an entry of the same name into the audit log.
func (c *change) event(verb, from, to string) {
	c.events = append(c.events, store.Happened{Ticket: c.ticket.ID, Event: desk.Event{Verb: verb, From: from, To: to}})
	c.audit("ticket."+verb, ticketName(c.ticket.ID), values{from, to})
}

// audit adds an entry to the audit log.
func (c *change) audit(action, subject string, detail any) {
	c.audits = append(c.audits, store.AuditRow{Action: action, Subject: subject, Detail: detail})
}

// The names of things in the audit log.
func ticketName(number int64) string { return fmt.Sprintf("ticket/%d", number) }
func messageName(id int64) string    { return fmt.Sprintf("message/%d", id) }
func attachmentName(id int64) string { return fmt.Sprintf("attachment/%d", id) }
func hash(number int64) string       { return fmt.Sprintf("#%d", number) }
