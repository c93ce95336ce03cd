package store

import (
	"context"
	"time"
)

// DueSnoozes lists the tickets whose time to come back has come, the longest overdue first.
func (r Reader) DueSnoozes(ctx context.Context, now time.Time, limit int) ([]int64, error) {
	rows, err := r.q.Query(ctx, `
		select id
		from ticket
		where snoozed_until <= $1
		order by snoozed_until, id
		limit $2`, now, limit)
	if err != nil {
		return nil, wrap(err, "snoozed tickets")
	}
	return collectIDs(rows, "snoozed tickets")
}
