package jobs

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/desk"
	"postern/mailout"
	"postern/store"
)

const (
	tlsWriteEvery = 30 * time.Second
	mostCounts    = 5000 // kept between two writings; what is beyond that is counted without its details
	reasonRunes   = 200  // of a server's words in a report
)

// TLSCounter counts how TLS went on the way to other domains, for the reports that they want (RFC 8460). It writes what it counted down twice a minute: a process that is killed loses that much of a statistic.
type TLSCounter struct {
	store *store.Store
	log   *slog.Logger

	mu     sync.Mutex
	counts map[tlsKey]*store.TLSSessions

	running sync.WaitGroup
	end     context.CancelFunc
}

// tlsKey tells sessions apart that are not counted together.
type tlsKey struct {
	day                                               time.Time
	domain, kind, owner, lines, mx, at, result, words string
}

// NewTLSCounter makes a counter; its Note belongs into mailout.Sender.Results.
func NewTLSCounter(s *store.Store, log *slog.Logger) *TLSCounter {
	return &TLSCounter{store: s, log: log, counts: map[tlsKey]*store.TLSSessions{}, end: func() {}}
}

// start writes down what is counted, now and then, until stop.
func (c *TLSCounter) start(ctx context.Context) {
	ctx, c.end = context.WithCancel(ctx)
	c.running.Go(func() { c.run(ctx) })
}

// stop writes down what was counted last.
func (c *TLSCounter) stop() {
	c.end()
	c.running.Wait()
}

// Note counts one result. It does not wait for anything.
func (c *TLSCounter) Note(r mailout.TLSResult) {
	words := r.Reason
	if runes := []rune(words); len(runes) > reasonRunes {
		words = string(runes[:reasonRunes])
	}
	addr := ""
	if r.Addr.IsValid() {
		addr = r.Addr.Unmap().String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.counts) >= mostCounts {
		words, addr = "", ""
	}
	key := tlsKey{
		day: r.At.UTC().Truncate(24 * time.Hour), domain: r.Recipient, kind: string(r.Policy.Type), owner: r.Policy.Domain,
		lines: strings.Join(slices.Concat(r.Policy.Lines, r.Policy.MX), "\n"), mx: r.Host, at: addr, result: r.Type, words: words,
	}
	if row := c.counts[key]; row != nil {
		row.Sessions++
		return
	}
	if len(c.counts) >= 2*mostCounts {
		return // strangers' servers decide how many kinds there are, not how much memory they take
	}
	c.counts[key] = &store.TLSSessions{
		Day: key.day, Domain: key.domain, MX: key.mx, ReceivingIP: addr, Result: r.Type, Reason: words, Sessions: 1,
		Policy: desk.TLSPolicy{Type: key.kind, Domain: key.owner, Lines: r.Policy.Lines, MXHosts: r.Policy.MX},
	}
}

// run writes down what was counted until ctx ends, and then once more.
func (c *TLSCounter) run(ctx context.Context) {
	tick := time.NewTicker(tlsWriteEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
		if err := c.write(last); err != nil {
			c.log.WarnContext(ctx, "TLS sessions could not be counted; they are counted later", "error", err)
		}
		cancel()
	}
}

// write moves the counts into the database. What cannot be written stays for the next time.
func (c *TLSCounter) write(ctx context.Context) error {
	c.mu.Lock()
	taken := c.counts
	c.counts = map[tlsKey]*store.TLSSessions{}
	c.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	rows := make([]store.TLSSessions, 0, len(taken))
	for _, row := range taken {
		rows = append(rows, *row)
	}
	err := c.store.Write(ctx, func(tx *store.Tx) error { return tx.AddTLSSessions(ctx, rows) })
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, row := range taken {
		if known := c.counts[key]; known != nil {
			known.Sessions += row.Sessions
		} else if len(c.counts) < 2*mostCounts {
			c.counts[key] = row
		}
	}
	return err
}
