package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/mailout"
	"postern/store"
	"postern/tickets"
)

const (
	lookEvery   = 2 * time.Second         // for new wishes
	lookAt      = 100                     // wishes that are decided in one transaction
	hands       = 8                       // acknowledgements on their way at the same time
	handTime    = 2 * time.Minute         // for one attempt: a slow server must not hold a hand for longer
	lastAttempt = 4                       // within the hour; enough for greylisting
	letterSize  = 8 << 10                 // about what one takes, for its sheet
	pauseAction = "acknowledgement.pause" // in the audit log
)

// acknowledger tells customers that their mail has come. Wishes stand in a table, written with the mails themselves; one process at a time decides about them within the limits, and claims what it grants
// before it sends, so that nobody gets two.
type acknowledger struct {
	store   *store.Store
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	random  func() float64
	now     func() time.Time
	log     *slog.Logger

	busy    chan struct{} // one for each acknowledgement on its way
	running sync.WaitGroup
	rest    context.CancelFunc // takes up nothing more
	abandon context.CancelFunc // lets go of what is on its way
}

func newAcknowledger(cfg Config) *acknowledger {
	nothing := func() {}
	return &acknowledger{
		store: cfg.Store, tickets: cfg.Tickets, domains: cfg.Domains, sender: cfg.Sender, random: cfg.Random, now: cfg.Now, log: cfg.Log,
		busy: make(chan struct{}, hands), rest: nothing, abandon: nothing,
	}
}

// start looks for wishes until rest or stop. Those on their way when ctx ends are deferred.
func (a *acknowledger) start(ctx context.Context) {
	ctx, a.abandon = context.WithCancel(ctx)
	looking, rest := context.WithCancel(ctx)
	a.rest = rest
	a.running.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			for looking.Err() == nil && a.round(ctx) == more {
				continue
			}
			select {
			case <-looking.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// stop waits for what is on its way until ctx ends, then lets go of it and waits until that is written down.
func (a *acknowledger) stop(ctx context.Context) {
	a.rest()
	release := context.AfterFunc(ctx, a.abandon)
	a.running.Wait()
	release()
	a.abandon()
}

// outlook says whether there may be more to do at once.
type outlook int

const (
	enough outlook = iota
	more
)

// round decides about the wishes whose time has come, as many as there are free hands for, and sends what it grants.
func (a *acknowledger) round(ctx context.Context) outlook {
	free := cap(a.busy) - len(a.busy)
	if free == 0 {
		return enough
	}
	granted, looked, err := a.decide(ctx, free)
	if err != nil {
		if ctx.Err() == nil {
			a.log.ErrorContext(ctx, "acknowledgements could not be decided", "error", err)
		}
		return enough
	}
	for _, wish := range granted {
		a.busy <- struct{}{}
		a.running.Go(func() {
			defer func() { <-a.busy }()
			a.send(ctx, wish)
		})
	}
	if looked == lookAt {
		return more
	}
	return enough
}

// decide grants at most so many wishes and refuses those that the limits forbid. looked is how many it came to.
func (a *acknowledger) decide(ctx context.Context, free int) (granted []store.Acknowledgement, looked int, err error) {
	var paused []string
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		due, err := tx.DueAcknowledgements(ctx, a.now(), lookAt)
		if err != nil {
			return err
		}
		closed := map[string]bool{} // by this transaction: the list does not know of it
		for _, wish := range due {
			if len(granted) == free {
				return nil
			}
			looked++
			wish.Paused = wish.Paused || closed[wish.Domain]
			reason, hit, err := a.judge(ctx, tx, wish)
			if err != nil {
				return err
			}
			if reason == "" {
				granted = append(granted, wish)
				err = tx.ClaimAcknowledgement(ctx, wish.ID, a.now())
			} else {
				err = tx.RefuseAcknowledgement(ctx, wish.ID, reason)
			}
			if err != nil {
				return err
			}
			who, err := a.pause(ctx, tx, wish, hit)
			if err != nil {
				return err
			}
			closed[wish.Domain] = closed[wish.Domain] || hit == desk.DomainLimit
			if who != "" {
				paused = append(paused, who)
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for _, who := range paused {
		a.log.WarnContext(ctx, "acknowledgements to "+who+" paused", "for", pauseFor)
	}
	return granted, looked, nil
}

// judge says why a wish is refused. One that was granted before and deferred is not judged again.
func (a *acknowledger) judge(ctx context.Context, tx *store.Tx, wish store.Acknowledgement) (reason string, hit desk.AutomaticLimit, err error) {
	if wish.Attempts > 0 {
		return "", desk.NoLimit, nil
	}
	if reason := unwanted(wish, a.sender.Hostname, a.now()); reason != "" {
		return reason, desk.NoLimit, nil
	}
	sent, err := tx.CountAcknowledgements(ctx, wish, a.now())
	if err != nil {
		return "", desk.NoLimit, err
	}
	reason, hit = desk.AutomaticCounts(sent).Beyond()
	return reason, hit, nil
}

// pause acts on a limit that is reached: a domain's circuit breaker opens for an hour; of the limit on all together only the admin hears. who is empty where that was so already.
func (a *acknowledger) pause(ctx context.Context, tx *store.Tx, wish store.Acknowledgement, hit desk.AutomaticLimit) (who string, err error) {
	domain := ""
	switch hit {
	case desk.NoLimit:
		return "", nil
	case desk.DomainLimit:
		who, domain = wish.Domain, wish.Domain
	case desk.TotalLimit:
		who = "everybody"
	}
	now := a.now()
	began, err := tx.PauseAcknowledgements(ctx, domain, now, now.Add(pauseFor))
	if err != nil || !began {
		return "", err
	}
	detail := map[string]any{"domain": domain, "until": now.Add(pauseFor), "message": "acknowledgements to " + who + " paused"}
	return who, tx.Audit(ctx, desk.System("job"), pauseAction, "domain/"+domain, detail)
}

// send makes one attempt and writes down what became of it, even when it was told to stop.
func (a *acknowledger) send(ctx context.Context, wish store.Acknowledgement) {
	outcome, err := a.attempt(ctx, wish)
	if err != nil {
		outcome = desk.Delivery{State: desk.DeliveryDeferred, Reply: "451 4.3.0 not sent: " + err.Error()}
	}
	a.log.InfoContext(ctx, "acknowledgement", "ticket", wish.Ticket, "message", wish.Message, "domain", wish.Domain, "state", outcome.State, "host", outcome.Host, "tls", outcome.TLS, "reply", outcome.Reply)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	var due time.Time
	if outcome.State == desk.DeliveryDeferred && wish.Attempts+1 < lastAttempt && !mailout.PerhapsTaken(outcome) {
		due = a.now().Add(mailout.NextAttempt(wish.Attempts+1, a.random))
	}
	if mailout.Waiting(outcome) && a.now().Sub(wish.WantedAt) < tooLate {
		due = outcome.NextAt
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error { return tx.KeepAcknowledgement(ctx, wish.ID, outcome.Reply, due) })
	if outcome.State == desk.DeliverySent {
		err = errors.Join(err, a.tickets.Acknowledged(ctx, wish))
	}
	if err != nil {
		a.log.ErrorContext(ctx, "an acknowledgement's fate could not be written down", "message", wish.Message, "error", err)
	}
}

// attempt composes, signs and delivers. The same wish always gives the same mail.
func (a *acknowledger) attempt(ctx context.Context, wish store.Acknowledgement) (desk.Delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, handTime)
	defer cancel()
	parts, err := a.tickets.Acknowledging(ctx, wish)
	if err != nil {
		return desk.Delivery{}, err
	}
	from, err := authorOf(ctx, a.domains, parts.From, parts.System)
	if err != nil {
		return desk.Delivery{}, err
	}
	letter, err := write(mailout.Acknowledgement{
		From: from.from, ReplyTo: desk.Address{Name: parts.From.Name, Addr: parts.ReplyTo}, To: wish.Address, Ticket: wish.Ticket, MessageID: parts.MessageID,
		Answers: parts.Answers, Date: wish.WantedAt, Text: parts.Text, Language: parts.Language, Link: parts.Link, Loop: parts.Loop,
	}.Draft(), from.keys, letterSize, time.Time{})
	if err != nil {
		return desk.Delivery{}, err
	}
	defer letter.close()
	outcome := a.sender.Deliver(ctx, mailout.Outgoing{ // without a return path: the null sender
		ID: parts.MessageID, Recipients: []string{wish.Address}, Size: letter.size,
		Open: func() (io.ReadCloser, error) {
			reader, err := letter.reader()
			if err != nil {
				return nil, fmt.Errorf("jobs: acknowledgement: %w", err)
			}
			return io.NopCloser(reader), nil
		},
	})
	return outcome[0], nil
}
