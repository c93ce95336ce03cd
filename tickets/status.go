package tickets

import (
	"time"

	"postern/desk"
)

// become sets a ticket's status with the times that belong to it: somebody waits for us while it is new or open, and for nobody else.
func become(t *desk.Ticket, status desk.Status, at time.Time) {
	if status.Waiting() {
		if t.WaitingSince == nil {
			t.WaitingSince = &at
		}
	} else {
		t.WaitingSince = nil
	}
	if status.Ended() {
		t.SnoozedUntil = nil
	}
	switch {
	case !status.Ended():
		t.SolvedAt = nil
	case t.SolvedAt == nil:
		t.SolvedAt = &at
	}
	switch {
	case status != desk.StatusClosed:
		t.ClosedAt = nil
	case t.ClosedAt == nil:
		t.ClosedAt = &at
	}
	t.Status = status
}
