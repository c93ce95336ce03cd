package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"postern/store"
	"postern/tickets"
)

const (
	beatEvery = 5 * time.Second
	// deadAfter is how long a process may be unheard of before others take up what it had in hand.
	deadAfter = 30 * time.Second
	// doubtAfter is when a process that could not say that it lives begins nothing more: others may soon take it for dead. What lies between is for clocks and slow statements.
	doubtAfter = deadAfter - 2*beatEvery
	// strayAfter is how long a delivery may be due without a job before it gets one, and lookForStrays how often that is looked at: something that should not happen.
	strayAfter    = 5 * time.Minute
	lookForStrays = time.Minute
)

// errLost is why a mail does not leave that could.
var errLost = errors.New("this process has lost touch with the database, and another may have taken up its work")

// heart says every few seconds that this process lives, notices who has died, and makes what they had in hand be taken up. Death is told by this process's own clock: a beat that does not change for
// half a minute while the database answers. So neither clocks that differ nor a database that was away make anybody look dead.
type heart struct {
	id      string
	host    string
	store   *store.Store
	tickets *tickets.Service
	log     *slog.Logger
	every   time.Duration
	dead    time.Duration
	doubt   time.Duration

	mu   sync.Mutex
	last time.Time // of the last beat that the database has

	heard   map[string]heard // of the loop only
	strays  time.Time        // likewise: when they are looked for next
	stop    context.CancelFunc
	stopped chan struct{}
}

// heard is the last beat of another process, and since when it is the last.
type heard struct {
	beat  time.Time
	since time.Time
}

func newHeart(cfg Config) *heart {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &heart{
		id: fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:8]), host: host, store: cfg.Store, tickets: cfg.Tickets, log: cfg.Log,
		every: beatEvery, dead: deadAfter, doubt: doubtAfter, heard: map[string]heard{}, stop: func() {},
	}
}

// start makes the process known before it takes anything in hand, and goes on until leave.
func (h *heart) start(ctx context.Context) error {
	if err := h.beat(ctx); err != nil {
		return fmt.Errorf("jobs: make this process known: %w", err)
	}
	ctx, h.stop = context.WithCancel(ctx)
	h.stopped = make(chan struct{})
	go func() {
		defer close(h.stopped)
		tick := time.NewTicker(h.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := h.round(ctx); err != nil && ctx.Err() == nil {
					h.log.WarnContext(ctx, "the beat of this process was not written down", "error", err)
				}
			}
		}
	}()
	return nil
}

// leave ends it. What this process still has in hand others may take up at once.
func (h *heart) leave(ctx context.Context) error {
	h.stop()
	if h.stopped == nil {
		return nil
	}
	<-h.stopped
	return h.store.Write(ctx, func(tx *store.Tx) error { return tx.Leave(ctx, h.id) })
}

// beat says that this process lives.
func (h *heart) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.doubt)
	defer cancel()
	began := time.Now()
	if err := h.store.Write(ctx, func(tx *store.Tx) error { return tx.Beat(ctx, h.id, h.host) }); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = began
	return nil
}

// sure says whether nobody can have taken this process for dead.
func (h *heart) sure() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.last) < h.doubt
}

func (h *heart) round(ctx context.Context) error {
	before := h.sure()
	if err := h.beat(ctx); err != nil {
		clear(h.heard) // while the database was away nobody could be heard
		return err
	}
	if !before {
		clear(h.heard)
	}
	all, err := h.store.Workers(ctx)
	if err != nil {
		return err
	}
	for _, dead := range h.silent(all, time.Now()) {
		h.bury(ctx, dead)
	}
	if now := time.Now(); now.After(h.strays) {
		h.strays = now.Add(lookForStrays)
		return h.tickets.Requeue(ctx, strayAfter)
	}
	return nil
}

// silent are those of the processes who have not been heard of for too long.
func (h *heart) silent(all []store.Worker, now time.Time) []store.Worker {
	var silent []store.Worker
	known := map[string]heard{}
	for _, one := range all {
		last, ok := h.heard[one.ID]
		if !ok || !last.beat.Equal(one.BeatAt) {
			last = heard{one.BeatAt, now}
		}
		known[one.ID] = last
		if one.ID != h.id && now.Sub(last.since) >= h.dead {
			silent = append(silent, one)
		}
	}
	h.heard = known
	return silent
}

// bury frees what a dead process had in hand, unless another has done so just before.
func (h *heart) bury(ctx context.Context, dead store.Worker) {
	var left store.Buried
	var done bool
	err := h.store.Write(ctx, func(tx *store.Tx) (err error) {
		left, done, err = tx.Bury(ctx, dead)
		return err
	})
	switch {
	case err != nil:
		h.log.WarnContext(ctx, "what a dead process had in hand could not be taken up", "process", dead.ID, "error", err)
	case done:
		h.log.WarnContext(ctx, "a process has died; what it had in hand is taken up", "process", dead.ID, "jobs", left.Jobs, "deliveries", left.Deliveries)
	}
}
