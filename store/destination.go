package store

import (
	"context"

	"postern/desk"
)

const selectDestinations = `
		select pattern, tls, connections, per_minute, note, created_by, created_at
		from destination`

// Destinations is the rules for all destinations, by pattern: desk.MostDestinations at most.
func (r Reader) Destinations(ctx context.Context) ([]desk.Destination, error) {
	rules, err := rowsOf[desk.Destination](ctx, r.q, selectDestinations+`
		order by pattern
		limit $1`, desk.MostDestinations)
	return rules, wrap(err, "destinations")
}

// SetDestination adds a rule, or replaces the one with the same pattern. More than desk.MostDestinations are a desk.TooLarge.
func (tx *Tx) SetDestination(ctx context.Context, rule desk.Destination) (desk.Destination, error) {
	var count int64
	if err := tx.tx.QueryRow(ctx, `select count(*) from destination where pattern <> $1`, rule.Pattern).Scan(&count); err != nil {
		return rule, wrap(err, "destinations")
	}
	if count >= desk.MostDestinations {
		return rule, desk.Faultf(desk.TooLarge, "there are %d rules for destinations, which is the most: remove some, or write one rule for a whole domain", desk.MostDestinations)
	}
	set, err := rowOf[desk.Destination](ctx, tx.tx, `
		insert into destination (pattern, tls, connections, per_minute, note, created_by)
		values ($1, $2, $3, $4, $5, $6)
		on conflict (pattern) do update
		set tls = excluded.tls, connections = excluded.connections, per_minute = excluded.per_minute, note = excluded.note, created_by = excluded.created_by, created_at = now()
		returning pattern, tls, connections, per_minute, note, created_by, created_at`,
		rule.Pattern, rule.TLS, rule.Connections, rule.PerMinute, rule.Note, rule.CreatedBy)
	return set, wrap(err, "set destination")
}

// DropDestination removes the rule with this pattern and returns it.
func (tx *Tx) DropDestination(ctx context.Context, pattern string) (desk.Destination, error) {
	rule, found, err := perhapsOne[desk.Destination](ctx, tx.tx, `
		delete from destination
		where pattern = $1
		returning pattern, tls, connections, per_minute, note, created_by, created_at`, pattern)
	if err == nil && !found {
		return rule, desk.Faultf(desk.NotFound, "there is no rule for %s", pattern)
	}
	return rule, wrap(err, "drop destination")
}
