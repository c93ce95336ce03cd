package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"postern/audit"
	"postern/identity"
)

// linkEvery is how long a record of the audit log waits for its link at most, but for the time that linking takes.
const linkEvery = 500 * time.Millisecond

// chainer links what is recorded, in one of all processes at a time, and sends it to where it is wanted.
type chainer struct {
	audit    *audit.Service
	identity *identity.Service
	log      *slog.Logger
	running  sync.WaitGroup
	rest     context.CancelFunc
}

func newChainer(cfg Config) *chainer {
	return &chainer{audit: cfg.Audit, identity: cfg.Identity, log: cfg.Log, rest: func() {}}
}

// start links and sends until stop.
func (c *chainer) start(ctx context.Context) {
	ctx, c.rest = context.WithCancel(ctx)
	c.running.Go(func() { c.audit.Stream(ctx) })
	c.running.Go(func() { c.watchLog(ctx) })
	c.running.Go(func() {
		tick := time.NewTicker(linkEvery)
		defer tick.Stop()
		for {
			for ctx.Err() == nil && c.round(ctx) == more {
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

// stop ends it. What waits is linked by the next process.
func (c *chainer) stop() {
	c.rest()
	c.running.Wait()
}

func (c *chainer) round(ctx context.Context) outlook {
	linked, err := c.audit.Link(ctx)
	if err != nil && ctx.Err() == nil {
		c.log.ErrorContext(ctx, "the audit log could not be linked", "error", err)
	}
	if err != nil || linked == 0 {
		return enough
	}
	return more
}
