package store

import (
	"context"
	"encoding/json"

	"postern/desk"
)

// MostHours is how many business hours there may be: one a team and place.
const MostHours = 200

const selectHours = `
		select h.id, h.name, h.zone, h.week, h.holidays, h.is_default, h.created_at
		from hours h`

// AllHours lists the business hours by name, MostHours at most.
func (r Reader) AllHours(ctx context.Context) ([]desk.Hours, error) {
	all, err := rowsOf[desk.Hours](ctx, r.q, selectHours+`
		order by lower(h.name), h.id
		limit $1`, MostHours)
	return all, wrap(err, "business hours")
}

// Hours is the business hours of that number.
func (r Reader) Hours(ctx context.Context, id int64) (desk.Hours, error) {
	hours, err := rowOf[desk.Hours](ctx, r.q, selectHours+`
		where h.id = $1`, id)
	if err != nil {
		return hours, missing(err, "business hours %d", id)
	}
	return hours, nil
}

// selectHoursOf is the hours by which targets of a ticket run: its team's, else the default.
const selectHoursOf = selectHours + `
		where h.is_default or h.id = (select t.hours_id from team t where t.id = $1)
		order by h.id = (select t.hours_id from team t where t.id = $1) desc nulls last
		limit 1`

// HoursOf is the business hours of a team, or the default; day and night where nobody has set any.
func (r Reader) HoursOf(ctx context.Context, team int64) (desk.Hours, error) {
	list, err := rowsOf[desk.Hours](ctx, r.q, selectHoursOf, team)
	if err != nil || len(list) == 0 {
		return desk.Always, wrap(err, "business hours of a team")
	}
	return list[0], nil
}

// SetHours adds business hours (id 0) or replaces them, and returns them. More than MostHours are a desk.TooLarge, a name that is taken a desk.Conflict.
func (tx *Tx) SetHours(ctx context.Context, h desk.Hours) (desk.Hours, error) {
	week, err := json.Marshal(h.Week)
	if err != nil {
		return h, wrap(err, "set business hours")
	}
	holidays, err := json.Marshal(orEmpty(h.Holidays))
	if err != nil {
		return h, wrap(err, "set business hours")
	}
	if h.Default { // there is one at most
		if _, err := tx.tx.Exec(ctx, `update hours set is_default = false where is_default and id <> $1`, h.ID); err != nil {
			return h, wrap(err, "default business hours")
		}
	}
	sql, args := `
		insert into hours (name, zone, week, holidays, is_default)
		select $1, $2, $3, $4, $5
		where (select count(*) from hours) < $6
		returning id, name, zone, week, holidays, is_default, created_at`, []any{h.Name, h.Zone, string(week), string(holidays), h.Default, MostHours}
	if h.ID != 0 {
		sql, args[5] = `
		update hours
		set name = $1, zone = $2, week = $3, holidays = $4, is_default = $5
		where id = $6
		returning id, name, zone, week, holidays, is_default, created_at`, h.ID
	}
	set, found, err := perhapsOne[desk.Hours](ctx, tx.tx, sql, args...)
	switch {
	case violates(err, "hours_name_key"):
		return h, &desk.Fault{Kind: desk.Conflict, Reason: "there are business hours of that name already", Field: "name"}
	case err != nil:
		return h, wrap(err, "set business hours")
	case !found && h.ID != 0:
		return h, desk.Faultf(desk.NotFound, "these business hours do not exist any more")
	case !found:
		return h, desk.Faultf(desk.TooLarge, "there are %d business hours, which is the most", MostHours)
	}
	return set, nil
}

// DropHours removes business hours; teams that had them run by the default.
func (tx *Tx) DropHours(ctx context.Context, id int64) (desk.Hours, error) {
	dropped, found, err := perhapsOne[desk.Hours](ctx, tx.tx, `
		delete from hours
		where id = $1
		returning id, name, zone, week, holidays, is_default, created_at`, id)
	if err == nil && !found {
		return dropped, desk.Faultf(desk.NotFound, "these business hours do not exist any more")
	}
	return dropped, wrap(err, "drop business hours")
}
