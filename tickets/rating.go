package tickets

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// Customers are asked whether they were helped, where their mailbox wants that: once a ticket, some time after it was solved, by a mail to the requester.

const (
	askRarely  = 7 * 24 * time.Hour // an address is asked once in this time, however many of its tickets are solved
	mostAsking = 4                  // attempts at sending one question
)

// anyoneAsks says whether any mailbox asks its customers.
func (s *Service) anyoneAsks(ctx context.Context) (bool, error) { return s.store.AnyoneAsks(ctx) }

// wantRating notes that the customer of a ticket that was solved shall be asked later.
func (s *Service) wantRating(ctx context.Context, h desk.Happening) error {
	if h.Kind != desk.HappenedChanged && h.Kind != desk.HappenedReplied {
		return nil
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.WantQuestion(ctx, h.Ticket) })
}

// Question is a mail to a customer whose ticket was solved.
type Question struct {
	Ticket    int64
	To        string       // the requester's bare address
	From      desk.Address // the mailbox
	System    string       // the address in whose name it leaves when the mailbox's domain may not be From; empty while no domain is verified
	ReplyTo   string       // an answer by mail joins the ticket
	URL       string       // of the page that takes the answer
	MessageID string
	Loop      string
	Language  string
	At        time.Time
}

// DueQuestions takes questions whose time has come in hand, at most so many. Those that may not be asked are ended, with the reason.
func (s *Service) DueQuestions(ctx context.Context, limit int) (list []Question, err error) {
	now := s.now()
	var due []store.DueQuestion
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		found, err := tx.DueQuestions(ctx, now, now.Add(-askRarely), limit)
		if err != nil {
			return err
		}
		asked := map[string]bool{} // by this transaction
		for _, one := range found {
			reason := unasked(one, now)
			if reason == "" && asked[one.Address] {
				reason = askedLately
			}
			if reason != "" {
				err = tx.EndQuestion(ctx, one.Ticket, reason)
			} else {
				asked[one.Address] = true
				due = append(due, one)
				err = tx.ClaimQuestion(ctx, one.Ticket, one.Address, now)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	system, err := s.store.SystemSender(ctx, s.cfg.Hostname)
	if err != nil {
		return nil, err
	}
	policy, err := policyOf(ctx, s.store.Reader)
	if err != nil {
		return nil, err
	}
	for _, one := range due {
		one.Language = cmp.Or(one.Language, policy.Language)
		from := desk.Address{Name: one.MailboxName, Addr: one.MailboxAddress}
		list = append(list, Question{
			Ticket: one.Ticket, To: one.Address, From: from, System: system, ReplyTo: s.codec.ReplyAddress(from.Addr, one.Message), Language: one.Language, At: now,
			URL: s.cfg.PublicURL + "/rate/" + s.codec.RatingToken(one.Ticket), MessageID: fmt.Sprintf("rating.%d@%s", one.Ticket, s.cfg.Hostname), Loop: s.codec.Hostname(),
		})
	}
	return list, nil
}

const askedLately = "the address was asked lately"

// unasked says why a customer is not asked; empty: they are. One whom none of our people has answered is not: a mail of ours may go only to whom somebody meant to write (T-02).
func unasked(q store.DueQuestion, now time.Time) string {
	switch {
	case !q.Asks:
		return "the mailbox asks nobody any more"
	case q.Spam:
		return "the ticket is spam"
	case q.SolvedAt == nil || now.Sub(*q.SolvedAt) > desk.RateFor:
		return "it is not solved any more, or too long ago"
	case q.Rated:
		return "the customer has said so already"
	case q.Message == 0:
		return "nobody has answered the customer"
	case q.Ours:
		return "the address is ours"
	case q.Suppressed:
		return "the address gets no mail, since it bounces"
	case q.Lately:
		return askedLately
	default:
		return desk.NoAnswer(q.Address)
	}
}

// Reply is what became of a question on its way.
type Reply struct {
	Words string // of the remote
	Sent  bool
	Again time.Duration // it is tried again after this; 0: it is over
}

// Asked writes down what became of a question; that it was sent stands in the conversation.
func (s *Service) Asked(ctx context.Context, q Question, reply Reply) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		var due time.Time
		if reply.Again > 0 {
			due = s.now().Add(reply.Again)
		}
		if err := tx.KeepQuestion(ctx, q.Ticket, store.QuestionOutcome{Words: reply.Words, Due: due, Attempts: mostAsking}); err != nil || !reply.Sent {
			return err
		}
		if err := tx.AddEvents(ctx, 0, s.now(), store.Happened{Ticket: q.Ticket, Event: desk.Event{Verb: "asked", To: q.To}}); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Tickets: []int64{q.Ticket}})
	})
}

// Rateable is a ticket as the page shows it that asks whether its customer was helped.
type Rateable struct {
	Ticket  int64
	Mailbox int64
	Rating  *desk.Rating // what was said so far; nil: nothing
	Open    bool         // it can be said, or changed
	Until   time.Time    // while that is so
}

func rateable(t desk.Ticket, now time.Time) Rateable {
	r := Rateable{Ticket: t.ID, Mailbox: t.MailboxID}
	if t.Rating != nil {
		r.Rating = &desk.Rating{Value: *t.Rating, Note: t.RatingNote}
	}
	if t.Status.Ended() && t.SolvedAt != nil && t.MergedInto == nil {
		r.Until = t.SolvedAt.Add(desk.RateFor)
		r.Open = now.Before(r.Until)
	}
	return r
}

// Rateable says whether the customer of a ticket of theirs can say that they were helped: it is solved, and the mailbox asks.
func (s *Service) Rateable(ctx context.Context, ticket desk.Ticket) (Rateable, error) {
	r := rateable(ticket, s.now())
	if !r.Open || r.Rating != nil {
		return r, nil
	}
	box, err := s.store.CustomerMailbox(ctx, ticket.MailboxID)
	r.Open = box.Ask
	return r, err
}

// RateableBy reads the ticket of a link in the mail that asks. Whoever has the link has the mail: it allows to answer the question and nothing else.
func (s *Service) RateableBy(ctx context.Context, token string) (Rateable, error) {
	number, ok := s.codec.ParseRatingToken(token)
	if !ok {
		return Rateable{}, errRating
	}
	ticket, err := s.store.Ticket(ctx, store.AllSeeing(), number)
	if isFault(err, desk.NotFound) {
		return Rateable{}, errRating
	}
	return rateable(ticket, s.now()), err
}

var errRating = desk.Faultf(desk.NotFound, "This link is not whole. Copy all of it from the mail.")

// RateBy takes the answer of whoever has the link of the mail that asks.
func (s *Service) RateBy(ctx context.Context, token string, rating desk.Rating, ip string) error {
	number, ok := s.codec.ParseRatingToken(token)
	if !ok {
		return errRating
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, store.AllSeeing(), number)
		if err != nil {
			return err
		}
		c := &change{Tx: tx, actor: desk.Actor{Via: "portal", IP: ip}, at: s.now(), ticket: locked[number]}
		if err := c.rate(rating, c.ticket.RequesterAddress); err != nil {
			return err
		}
		return c.finish(ctx)
	})
}

// CustomerRate takes the answer of a customer on their own ticket.
func (s *Service) CustomerRate(ctx context.Context, actor desk.Actor, number int64, rating desk.Rating) error {
	return s.own(ctx, actor, number, func(c *change) error { return c.rate(rating, actor.User.Email) })
}

// rate writes the answer onto the locked ticket: one a ticket, the newest counts.
func (c *change) rate(rating desk.Rating, by string) error {
	rating.Note = strings.TrimSpace(storable(rating.Note))
	if err := rating.Check(); err != nil {
		return err
	}
	if !rateable(c.ticket, c.at).Open {
		return desk.Faultf(desk.Conflict, "This conversation goes on, or was solved too long ago, so it cannot be rated. Answer any of our mails if something is open.")
	}
	if c.ticket.Rating != nil && *c.ticket.Rating == rating.Value && c.ticket.RatingNote == rating.Note {
		return nil
	}
	c.ticket.Rating, c.ticket.RatingNote = &rating.Value, rating.Note
	verb := "rated-good"
	if rating.Value == desk.RatedBad {
		verb = "rated-bad"
	}
	c.event(verb, by, rating.Note)
	return nil
}

// Marks is the host name in which Message-IDs of our own letters end, and by which our automatic mail is known when it comes back.
func (s *Service) Marks() string { return s.codec.Hostname() }
