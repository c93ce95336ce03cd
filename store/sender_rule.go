package store

import (
	"context"
	"time"

	"postern/desk"
)

const selectRules = `
		select id, pattern, action, note, created_by, created_at, expires_at
		from sender_rule`

// SenderRules is one page of the block and allow lists, by pattern.
func (r Reader) SenderRules(ctx context.Context, cursor string, limit int) (desk.Page[desk.SenderRule], error) {
	var none desk.Page[desk.SenderRule]
	limit = bounded(limit, largestPage)
	from, err := parsePlace(cursor)
	if err != nil {
		return none, err
	}
	after := ""
	if from != nil {
		after = from.Name
	}
	rules, err := rowsOf[desk.SenderRule](ctx, r.q, selectRules+`
		where pattern > $1
		order by pattern
		limit $2`, after, limit+1)
	if err != nil {
		return none, wrap(err, "sender rules")
	}
	return pageOf(rules, limit, func(rule desk.SenderRule) place { return place{Name: rule.Pattern} }), nil
}

// AllRules is the whole of both lists: desk.MostRules at most.
func (r Reader) AllRules(ctx context.Context) ([]desk.SenderRule, error) {
	rules, err := rowsOf[desk.SenderRule](ctx, r.q, selectRules+`
		where expires_at is null or expires_at > now()
		order by pattern
		limit $1`, desk.MostRules)
	return rules, wrap(err, "sender rules")
}

// SetSenderRule adds a rule, or replaces the one with the same pattern. More than desk.MostRules are a desk.TooLarge.
func (tx *Tx) SetSenderRule(ctx context.Context, rule desk.SenderRule) (desk.SenderRule, error) {
	var count int64
	if err := tx.tx.QueryRow(ctx, `select count(*) from sender_rule where pattern <> $1`, rule.Pattern).Scan(&count); err != nil {
		return rule, wrap(err, "sender rules")
	}
	if count >= desk.MostRules {
		return rule, desk.Faultf(desk.TooLarge, "the lists hold %d rules, which is the most: remove some, or write one rule for a whole domain", desk.MostRules)
	}
	set, err := rowOf[desk.SenderRule](ctx, tx.tx, `
		insert into sender_rule (pattern, action, note, created_by, expires_at)
		values ($1, $2, $3, $4, $5)
		on conflict (pattern) do update
		set action = excluded.action, note = excluded.note, created_by = excluded.created_by, created_at = now(), expires_at = excluded.expires_at
		returning id, pattern, action, note, created_by, created_at, expires_at`,
		rule.Pattern, rule.Action, rule.Note, rule.CreatedBy, rule.ExpiresAt)
	return set, wrap(err, "set sender rule")
}

// DropSenderRule removes the rule with this pattern and returns it.
func (tx *Tx) DropSenderRule(ctx context.Context, pattern string) (desk.SenderRule, error) {
	rule, found, err := perhapsOne[desk.SenderRule](ctx, tx.tx, `
		delete from sender_rule
		where pattern = $1
		returning id, pattern, action, note, created_by, created_at, expires_at`, pattern)
	if err == nil && !found {
		return rule, desk.Faultf(desk.NotFound, "there is no rule for %s", pattern)
	}
	return rule, wrap(err, "drop sender rule")
}

// SweepSenderRules removes rules that ended before the given time.
func (tx *Tx) SweepSenderRules(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from sender_rule where expires_at < $1`, before)
	return wrap(err, "sweep sender rules")
}
