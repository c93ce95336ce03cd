package api

import (
	"time"
)

// unlessZero is the time as it is sent, or null for one that never was.
func unlessZero(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return utc(&at)
}
