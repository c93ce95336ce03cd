package store

import (
	"context"
	"fmt"
	"time"
)

// SystemSender is the address in whose name mail leaves when the mailbox's own domain may not be used as From: the oldest mailbox on an active domain;
// else postern@ the active domain of the given host, or the oldest active one. It is empty when no domain is active.
func (r Reader) SystemSender(ctx context.Context, hostname string) (string, error) {
	const sql = `
		select coalesce(
		    (select b.address
		     from mailbox b
		     join domain d on d.name = split_part(b.address, '@', 2)
		     where d.state = 'active' and b.removed_at is null
		     order by b.id
		     limit 1),
		    (select 'postern@' || d.name
		     from domain d
		     where d.state = 'active'
		     order by $1 = d.name or $1 like '%.' || d.name desc, d.id
		     limit 1),
		    '')`
	var address string
	if err := r.q.QueryRow(ctx, sql, hostname).Scan(&address); err != nil {
		return "", fmt.Errorf("store: system sender: %w", err)
	}
	return address, nil
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
