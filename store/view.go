package store

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postern/desk"
)

const selectView = `
		select v.id, v.name, v.audience, v.team_id, coalesce(g.name, '') as team_name, v.owner_id, u.name as owner_name, v.filter, v.updated_at
		from view v
		join "user" u on u.id = v.owner_id
		left join team g on g.id = v.team_id`

// seenBy is which views a person sees: their own, those of their teams, and those for everybody.
const seenBy = `(v.owner_id = $1 or v.audience = 'all' or v.team_id in (select m.team_id from team_member m where m.user_id = $1))`

// Views lists the views that a person sees, in the order in which they want them; those that they have not placed come last, the oldest first.
func (r Reader) Views(ctx context.Context, user int64, limit int) ([]desk.View, error) {
	views, err := rowsOf[desk.View](ctx, r.q, selectView+`
		left join view_place p on p.view_id = v.id and p.user_id = $1
		where `+seenBy+`
		order by p.place nulls last, v.id
		limit $2`, user, limit)
	return views, wrap(err, "views")
}

// View is one view, if the person sees it; else the fault is the same as if there were none.
func (r Reader) View(ctx context.Context, user, id int64) (desk.View, error) {
	view, err := rowOf[desk.View](ctx, r.q, selectView+`
		where v.id = $2 and `+seenBy, user, id)
	if err != nil {
		return view, missing(err, "view %d", id)
	}
	return view, nil
}

// AddView keeps a new view and returns its id. More than desk.MostViews of one person are a desk.TooLarge.
func (tx *Tx) AddView(ctx context.Context, v desk.View) (int64, error) {
	var count, id int64
	if err := tx.tx.QueryRow(ctx, `select count(*) from view where owner_id = $1`, v.OwnerID).Scan(&count); err != nil {
		return 0, wrap(err, "views")
	}
	if count >= desk.MostViews {
		return 0, desk.Faultf(desk.TooLarge, "you have made %d views, which is the most: delete some first", desk.MostViews)
	}
	filter, err := json.Marshal(v.Filter)
	if err != nil {
		return 0, wrap(err, "add view")
	}
	err = tx.tx.QueryRow(ctx, `
		insert into view (name, owner_id, audience, team_id, filter)
		values ($1, $2, $3, $4, $5)
		returning id`, v.Name, v.OwnerID, v.Audience, v.TeamID, filter).Scan(&id)
	if violates(err, "view_team_id_fkey") {
		return 0, desk.Wrong("team", "there is no such team")
	}
	return id, wrap(err, "add view")
}

// SaveView writes what may change of a view.
func (tx *Tx) SaveView(ctx context.Context, v desk.View) error {
	filter, err := json.Marshal(v.Filter)
	if err != nil {
		return wrap(err, "save view")
	}
	_, err = tx.tx.Exec(ctx, `
		update view
		set name = $2, audience = $3, team_id = $4, filter = $5, updated_at = now()
		where id = $1`, v.ID, v.Name, v.Audience, v.TeamID, filter)
	if violates(err, "view_team_id_fkey") {
		return desk.Wrong("team", "there is no such team")
	}
	return wrap(err, "save view")
}

// DropView deletes a view, from everybody's list.
func (tx *Tx) DropView(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `delete from view where id = $1`, id)
	return wrap(err, "drop view")
}

// PlaceViews puts the views of one person's list into this order.
func (tx *Tx) PlaceViews(ctx context.Context, user int64, views []int64) error {
	batch := &pgx.Batch{}
	batch.Queue(`delete from view_place where user_id = $1`, user)
	batch.Queue(`
		insert into view_place (user_id, view_id, place)
		select $1, one.id, one.place
		from unnest($2::bigint[]) with ordinality as one (id, place)
		join view v on v.id = one.id`, user, views)
	return wrap(tx.tx.SendBatch(ctx, batch).Close(), "place views")
}

// TeamInbox is a team and how many tickets of it wait.
type TeamInbox struct {
	ID    int64  `db:"id"`
	Name  string `db:"name"`
	Count int64  `db:"count"` // new and open, not snoozed; to 1,000 at most
}

// TeamInboxes lists the teams of the viewer, by name, each with the tickets of it that are in their sight.
func (r Reader) TeamInboxes(ctx context.Context, viewer Viewer) ([]TeamInbox, error) {
	var c conditions
	c.and("t.team_id = g.id and t.status in ('new', 'open') and t.merged_into is null and t.snoozed_until is null")
	c.ticketsOf(viewer)
	teams, err := rowsOf[TeamInbox](ctx, r.q, `
		select g.id, g.name, (select count(*) from (select from ticket t where `+c.where()+` limit `+c.arg(countedTo)+`) as counted) as count
		from team g
		join team_member m on m.team_id = g.id and m.user_id = `+c.arg(viewer.User)+`
		where g.removed_at is null
		order by lower(g.name), g.id
		limit 100`, c.args...)
	return teams, wrap(err, "team inboxes")
}

const (
	// mostCounted is as far as a saved view is counted.
	mostCounted = 1000
	// Uncounted stands for the number of a list that takes longer to count than its share of time.
	Uncounted = -1
	// Untried stands for the number of a list that was not counted, since others took the time.
	Untried = -2
	// shares is how many lists may take the whole of their share before the rest is not tried.
	shares = 4
	// canceled is PostgreSQL's code for a statement that ran into its timeout.
	canceled = "57014"
)

// Count says how many tickets each filter finds, to 1,000 at most. One that takes longer than share is Uncounted, and after four shares the others are Untried: a number beside a name is worth no more.
func (s *Store) Count(ctx context.Context, viewer Viewer, filters []TicketFilter, share time.Duration) ([]int64, error) {
	counts := make([]int64, len(filters))
	begun := time.Now()
	for i, f := range filters {
		if time.Since(begun) > shares*share {
			counts[i] = Untried
			continue
		}
		var c conditions
		c.filter(viewer, f)
		only, err := s.fewer(ctx, viewer, f, nil)
		if err != nil {
			return nil, err
		}
		if only != nil {
			c.and("t.id = any(" + c.arg(only) + ")")
		}
		limit := c.arg(mostCounted)
		batch := &pgx.Batch{} // one round trip, and one transaction: the timeout ends with it
		batch.Queue(`select set_config('statement_timeout', $1, true)`, strconv.FormatInt(share.Milliseconds(), 10))
		batch.Queue("select count(*) from (select from ticket t where "+c.where()+" limit "+limit+") as counted", c.args...).QueryRow(func(row pgx.Row) error {
			return row.Scan(&counts[i])
		})
		err = s.pool.SendBatch(ctx, batch).Close()
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && pg.Code == canceled:
			counts[i] = Uncounted
		case err != nil:
			return nil, wrap(err, "count views")
		}
	}
	return counts, nil
}
