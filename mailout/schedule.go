package mailout

import (
	"fmt"
	"time"

	"postern/desk"
)

// delays are the waits between attempts (RFC 5321 §4.5.4.1 asks for half an hour in the long run, and sooner at first where that helps: greylisting wants minutes). The last one repeats.
var delays = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour}

const (
	jitter = 0.2                // a wait is up to this much shorter or longer, so that what failed together does not come back together
	giveUp = 5 * 24 * time.Hour // RFC 5321 §4.5.4.1: at least four to five days
)

// NextAttempt is how long to wait after the given number of failed attempts, counted from one. random gives numbers in [0,1), such as rand.Float64.
func NextAttempt(attempts int, random func() float64) time.Duration {
	base := delays[min(max(attempts, 1), len(delays))-1]
	return time.Duration(float64(base) * (1 - jitter + 2*jitter*random()))
}

// Expired says whether a mail has been tried for long enough.
func Expired(queuedAt, now time.Time) bool { return now.Sub(queuedAt) >= giveUp }

// After joins the outcome of an attempt to what was known before: it counts the attempt, says when a deferred recipient is tried next, and gives up on one that has waited for five days.
// For one who was not tried (see Waiting) nothing changes but NextAt, which is the outcome's.
func After(before, outcome desk.Delivery, queuedAt time.Time, random func() float64) desk.Delivery {
	if Waiting(outcome) && !Expired(queuedAt, outcome.NextAt) {
		before.Recipient, before.NextAt, before.UpdatedAt, before.Story = outcome.Recipient, outcome.NextAt, outcome.UpdatedAt, outcome.Story
		before.State = desk.DeliveryQueued
		if before.Attempts > 0 {
			before.State = desk.DeliveryDeferred
		}
		return before
	}
	if Waiting(outcome) {
		outcome.State, outcome.Attempts, outcome.NextAt = desk.DeliveryBounced, before.Attempts, time.Time{}
		outcome.Reply = fmt.Sprintf("550 5.4.7 gave up after five days of waiting for a turn and %d attempts", before.Attempts)
		return outcome
	}
	outcome.Attempts = before.Attempts + 1
	if outcome.State != desk.DeliveryDeferred {
		return outcome
	}
	next := outcome.UpdatedAt.Add(NextAttempt(outcome.Attempts, random))
	if Expired(queuedAt, next) {
		outcome.State = desk.DeliveryBounced
		outcome.Reply = fmt.Sprintf("550 5.4.7 gave up after %d attempts in five days; the last answer was: %s", outcome.Attempts, outcome.Reply) // RFC 3463 §3.5: delivery time expired
		return outcome
	}
	outcome.NextAt = next
	return outcome
}
