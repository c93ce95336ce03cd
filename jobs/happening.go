package jobs

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
	"postern/tickets"
)

const (
	reactEvery   = 500 * time.Millisecond // how often one looks whether anything has happened
	reactAt      = 100                    // happenings that are taken in hand together
	reactTime    = 2 * time.Minute        // for those: after it another process takes them up, so that a dead one holds nothing for longer
	mostReacting = 8                      // attempts before a happening is given up, so that one that always fails does not stand before all later ones of its ticket
)

// reactor tells those who react to what happens to tickets: targets, automations, teams, notifications. What happened stands in a table, written with the change itself, and is worked off in order for each ticket.
type reactor struct {
	store   *store.Store
	tickets *tickets.Service
	now     func() time.Time
	log     *slog.Logger
	running sync.WaitGroup
	rest    context.CancelFunc
}

func newReactor(cfg Config) *reactor {
	return &reactor{store: cfg.Store, tickets: cfg.Tickets, now: cfg.Now, log: cfg.Log, rest: func() {}}
}

// start looks for happenings until stop.
func (r *reactor) start(ctx context.Context) {
	ctx, r.rest = context.WithCancel(ctx)
	r.running.Go(func() {
		tick := time.NewTicker(reactEvery)
		defer tick.Stop()
		for {
			for ctx.Err() == nil && r.round(ctx) == more {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// stop lets go: what was taken in hand and not reacted to, another process takes up.
func (r *reactor) stop() {
	r.rest()
	r.running.Wait()
}

// round reacts to a handful.
func (r *reactor) round(ctx context.Context) outlook {
	var taken []desk.Happening
	now := r.now()
	err := r.store.Write(ctx, func(tx *store.Tx) (err error) {
		taken, err = tx.TakeHappenings(ctx, now, now.Add(reactTime), reactAt)
		return err
	})
	if err == nil && len(taken) > 0 {
		err = r.react(ctx, taken)
	}
	if err != nil {
		if ctx.Err() == nil {
			r.log.ErrorContext(ctx, "what happened to tickets could not be reacted to", "error", err)
		}
		return enough
	}
	if len(taken) == 0 {
		return enough
	}
	return more // the next of the same tickets may stand behind these
}

// react works off what was taken, and removes what is done.
func (r *reactor) react(ctx context.Context, taken []desk.Happening) error {
	slices.SortFunc(taken, func(a, b desk.Happening) int { return int(a.ID - b.ID) })
	who, err := r.tickets.Reactor(ctx)
	if err != nil {
		return err
	}
	done := make([]int64, 0, len(taken))
	for _, one := range taken {
		err := who.React(ctx, one)
		switch {
		case ctx.Err() != nil:
			return r.end(context.WithoutCancel(ctx), done)
		case err == nil:
			done = append(done, one.ID)
		case one.Attempts+1 >= mostReacting:
			r.log.ErrorContext(ctx, "given up reacting to what happened to a ticket", "happening", one.ID, "ticket", one.Ticket, "kind", one.Kind, "error", err)
			done = append(done, one.ID)
		default:
			r.log.WarnContext(ctx, "could not react to what happened to a ticket; tried again", "happening", one.ID, "ticket", one.Ticket, "kind", one.Kind, "error", err)
			if err := r.postpone(ctx, one); err != nil {
				return err
			}
		}
	}
	return r.end(ctx, done)
}

// postpone waits longer with every attempt: 2 s, 4 s, … 4 min.
func (r *reactor) postpone(ctx context.Context, one desk.Happening) error {
	return r.store.Write(ctx, func(tx *store.Tx) error {
		return tx.PostponeHappening(ctx, one.ID, r.now().Add(time.Second<<(one.Attempts+1)))
	})
}

func (r *reactor) end(ctx context.Context, done []int64) error {
	return r.store.Write(ctx, func(tx *store.Tx) error { return tx.EndHappenings(ctx, done) })
}
