package jobs

import (
	"context"
	"errors"
	"time"

	"postern/audit"
	"postern/desk"
)

const (
	watchLogEvery = time.Second
	tellSinks     = time.Minute
	// keepEvery is how often the whole chain is computed anew, and what has had its time goes.
	keepEvery = 24 * time.Hour
)

// watchLog raises alerts until ctx ends, and does about people what the settings say.
func (c *chainer) watchLog(ctx context.Context) {
	watcher := c.audit.Watcher()
	tick := time.NewTicker(watchLogEvery)
	defer tick.Stop()
	looked, kept := time.Now(), time.Now().Add(-keepEvery+10*time.Minute) // first ten minutes after the start
	for {
		for ctx.Err() == nil && c.watchRound(ctx, watcher) == more {
			continue
		}
		if time.Since(looked) > tellSinks {
			looked = time.Now()
			c.tellOfSinks(ctx)
		}
		if time.Since(kept) > keepEvery {
			kept = time.Now()
			c.keepLog(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *chainer) watchRound(ctx context.Context, watcher *audit.Watcher) outlook {
	values, err := c.identity.Settings(ctx)
	if err == nil {
		var raised []desk.Alert
		var left bool
		if raised, left, err = watcher.Round(ctx, values); err == nil {
			for _, one := range raised {
				c.log.WarnContext(ctx, "alert", "detector", one.Detector, "about", one.About, "alert", one.ID, "done", one.Done)
			}
			if left {
				return more
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		c.log.ErrorContext(ctx, "the audit log could not be looked through for alerts", "error", err)
	}
	return enough
}

func (c *chainer) tellOfSinks(ctx context.Context) {
	values, err := c.identity.Settings(ctx)
	if err == nil {
		err = c.audit.TellOfSinks(ctx, values)
	}
	if err != nil && ctx.Err() == nil {
		c.log.ErrorContext(ctx, "sinks that fail could not be told of", "error", err)
	}
}

// keepLog verifies the chain, and lets go what has had its time. A chain that is broken is an alarm, and keeps everything.
func (c *chainer) keepLog(ctx context.Context) {
	values, err := c.identity.Settings(ctx)
	if err == nil {
		err = errors.Join(c.verify(ctx, values), c.audit.SweepReadings(ctx, values))
	}
	if err != nil && ctx.Err() == nil {
		c.log.ErrorContext(ctx, "the audit log could not be looked after", "error", err)
	}
}

func (c *chainer) verify(ctx context.Context, values desk.Values) error {
	report, err := c.audit.Verify(ctx)
	if err != nil {
		return err
	}
	if report.Sound() {
		_, err = c.audit.Purge(ctx, values)
		return err
	}
	first := report.Breaks[0]
	c.log.ErrorContext(ctx, "the audit log is not what was recorded: run postern audit verify", "link", first.Seq, "record", first.Record, "reason", first.Reason)
	return c.audit.Alarm(ctx, values, "audit", map[string]any{"link": first.Seq, "record": first.Record, "reason": first.Reason})
}
