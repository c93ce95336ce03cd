package store

import (
	"context"
	"fmt"

	"postern/desk"
)

// AuditLog is one page of the log, the newest first.
func (r Reader) AuditLog(ctx context.Context, cursor string, limit int) (desk.Page[desk.AuditEntry], error) {
	var none desk.Page[desk.AuditEntry]
	limit = bounded(limit, largestPage)
	from, err := parsePlace(cursor)
	if err != nil {
		return none, err
	}
	var c conditions
	if from != nil {
		c.and("a.id < " + c.arg(from.ID))
	}
	entries, err := rowsOf[desk.AuditEntry](ctx, r.q, `
		select a.id, a.at, a.actor, a.actor_id, a.via, a.ip, a.action, a.subject, a.detail
		from audit a
		where `+c.where()+`
		order by a.id desc
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return none, fmt.Errorf("store: audit: %w", err)
	}
	return pageOf(entries, limit, func(e desk.AuditEntry) place { return place{ID: e.ID} }), nil
}
