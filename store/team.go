package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

const selectTeams = `
		select g.id, g.name, g.turns, g.most_open, g.hours_id, coalesce(h.name, '') as hours_name, g.created_at,
		       array(select m.user_id from team_member m join "user" u on u.id = m.user_id where m.team_id = g.id and u.disabled_at is null order by m.user_id) as members,
		       array(select b.id from mailbox b where b.team_id = g.id and b.removed_at is null order by b.id) as mailboxes
		from team g
		left join hours h on h.id = g.hours_id`

// Teams lists the teams by name: desk.MostTeams at most.
func (r Reader) Teams(ctx context.Context) ([]desk.Team, error) {
	teams, err := rowsOf[desk.Team](ctx, r.q, selectTeams+`
		where g.removed_at is null
		order by lower(g.name)
		limit $1`, desk.MostTeams)
	return teams, wrap(err, "teams")
}

// Team is the team of that number, if it was not removed.
func (r Reader) Team(ctx context.Context, id int64) (desk.Team, error) {
	team, err := rowOf[desk.Team](ctx, r.q, selectTeams+`
		where g.id = $1 and g.removed_at is null`, id)
	if err != nil {
		return team, missing(err, "team %d", id)
	}
	return team, nil
}

// SetTeam adds a team (id 0) or changes it, with its members and mailboxes, which leave the team that they were with. A name that is taken is a desk.Conflict.
func (tx *Tx) SetTeam(ctx context.Context, t desk.Team) (id int64, err error) {
	if t.ID == 0 {
		err = tx.tx.QueryRow(ctx, `
		insert into team (name, turns, most_open, hours_id)
		select $1, $2, $3, $4
		where (select count(*) from team where removed_at is null) < $5
		returning id`, t.Name, t.Turns, t.MostOpen, t.HoursID, desk.MostTeams).Scan(&id)
		if none(err) {
			return 0, desk.Faultf(desk.TooLarge, "there are %d teams, which is the most", desk.MostTeams)
		}
	} else {
		err = tx.tx.QueryRow(ctx, `
		update team
		set name = $2, turns = $3, most_open = $4, hours_id = $5
		where id = $1 and removed_at is null
		returning id`, t.ID, t.Name, t.Turns, t.MostOpen, t.HoursID).Scan(&id)
		if none(err) {
			return 0, desk.Faultf(desk.NotFound, "this team does not exist any more")
		}
	}
	switch {
	case violates(err, "team_name"):
		return 0, &desk.Fault{Kind: desk.Conflict, Reason: "there is a team of that name already", Field: "name"}
	case violates(err, "team_hours_id_fkey"):
		return 0, desk.Wrong("hours", "there are no such business hours")
	case err != nil:
		return 0, wrap(err, "set team")
	}
	batch := &pgx.Batch{}
	batch.Queue(`delete from team_member where team_id = $1 and user_id <> all($2::bigint[])`, id, orEmpty(t.Members))
	batch.Queue(`
		insert into team_member (team_id, user_id)
		select $1, u.id
		from "user" u
		where u.id = any($2::bigint[]) and u.role <> 'customer'
		order by u.id
		on conflict (team_id, user_id) do nothing`, id, orEmpty(t.Members))
	batch.Queue(`update mailbox set team_id = null where team_id = $1 and id <> all($2::bigint[])`, id, orEmpty(t.Mailboxes))
	batch.Queue(`update mailbox set team_id = $1 where id = any($2::bigint[])`, id, orEmpty(t.Mailboxes))
	return id, wrap(tx.tx.SendBatch(ctx, batch).Close(), "members of a team")
}

// DropTeam removes a team. Its tickets stay where they are; its mailboxes have no team then.
func (tx *Tx) DropTeam(ctx context.Context, id int64, now time.Time) (name string, err error) {
	err = tx.tx.QueryRow(ctx, `
		update team
		set removed_at = $2
		where id = $1 and removed_at is null
		returning name`, id, now).Scan(&name)
	if none(err) {
		return "", desk.Faultf(desk.NotFound, "this team does not exist any more")
	}
	if err != nil {
		return "", wrap(err, "drop team")
	}
	batch := &pgx.Batch{}
	batch.Queue(`delete from team_member where team_id = $1`, id)
	batch.Queue(`update mailbox set team_id = null where team_id = $1`, id)
	return name, wrap(tx.tx.SendBatch(ctx, batch).Close(), "drop team")
}

// TeamName is the name of a team to which tickets can be given; empty for any other.
func (r Reader) TeamName(ctx context.Context, id int64) (name string, err error) {
	err = r.q.QueryRow(ctx, `select coalesce((select name from team where id = $1 and removed_at is null), '')`, id).Scan(&name)
	return name, wrap(err, "team")
}

// Turn is a team whose turn is taken, locked: two tickets at the same moment do not go to the same person.
type Turn struct {
	Last     int64 // who got the last ticket; 0: nobody yet
	MostOpen int   // 0: no limit
	Members  []desk.TurnTaker
}

// LockTurn locks a team that takes turns; found is false for any other.
func (tx *Tx) LockTurn(ctx context.Context, team int64) (turn Turn, found bool, err error) {
	type row struct {
		Last     int64 `db:"last"`
		MostOpen int   `db:"most_open"`
	}
	one, found, err := perhapsOne[row](ctx, tx.q, `
		select coalesce(turn_user_id, 0) as last, coalesce(most_open, 0) as most_open
		from team
		where id = $1 and turns and removed_at is null
		for no key update`, team)
	if err != nil || !found {
		return turn, false, wrap(err, "lock turn")
	}
	members, err := rowsOf[desk.TurnTaker](ctx, tx.q, `
		select m.user_id, u.away_at is not null as away,
		       (select count(*) from (select from ticket t where t.assignee_id = m.user_id and t.status in ('new', 'open') and t.merged_into is null limit 1000) as counted)::int as open
		from team_member m
		join "user" u on u.id = m.user_id
		where m.team_id = $1 and u.disabled_at is null and u.role in (select r.name from role r where r.works)
		order by m.user_id
		limit $2`, team, desk.MostMembers)
	return Turn{one.Last, one.MostOpen, members}, true, wrap(err, "members whose turn it may be")
}

// SaveTurn writes down who got the last ticket.
func (tx *Tx) SaveTurn(ctx context.Context, team, user int64) error {
	_, err := tx.tx.Exec(ctx, `update team set turn_user_id = $2 where id = $1`, team, user)
	return wrap(err, "save turn")
}

// AwaitTurn lets a ticket wait until somebody of its team is there.
func (tx *Tx) AwaitTurn(ctx context.Context, ticket int64) error {
	_, err := tx.tx.Exec(ctx, `insert into turn_waiting (ticket_id) values ($1) on conflict (ticket_id) do nothing`, ticket)
	return wrap(err, "wait for a turn")
}

// EndTurn lets a ticket wait no more.
func (tx *Tx) EndTurn(ctx context.Context, ticket int64) error {
	_, err := tx.tx.Exec(ctx, `delete from turn_waiting where ticket_id = $1`, ticket)
	return wrap(err, "end of a turn")
}

// AwaitingTurn lists tickets that wait for somebody of their team, the longest waiting first: limit at most, and of each team only where somebody is there.
func (r Reader) AwaitingTurn(ctx context.Context, limit int) ([]int64, error) {
	rows, err := r.q.Query(ctx, `
		select w.ticket_id
		from turn_waiting w
		join ticket t on t.id = w.ticket_id
		where t.assignee_id is not null or t.team_id is null or exists (
		    select from team_member m join "user" u on u.id = m.user_id
		    where m.team_id = t.team_id and u.away_at is null and u.disabled_at is null)
		order by w.since, w.ticket_id
		limit $1`, limit)
	if err != nil {
		return nil, wrap(err, "tickets that wait for a turn")
	}
	return collectIDs(rows, "tickets that wait for a turn")
}

// AnyTurns says whether any team takes turns.
func (r Reader) AnyTurns(ctx context.Context) (any bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from team where turns and removed_at is null)`).Scan(&any)
	return any, wrap(err, "teams that take turns")
}

// SetAway says that a person gets no tickets by turn from now on, or with nil that they do again. It is false when it was so before.
func (tx *Tx) SetAway(ctx context.Context, user int64, at *time.Time) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `update "user" set away_at = $2 where id = $1 and (away_at is null) <> ($2::timestamptz is null)`, user, at)
	return err == nil && tag.RowsAffected() == 1, wrap(err, "set away")
}

// Away lists who is away: a thousand at most.
func (r Reader) Away(ctx context.Context) ([]int64, error) {
	rows, err := r.q.Query(ctx, `select id from "user" where away_at is not null and disabled_at is null order by id limit 1000`)
	if err != nil {
		return nil, wrap(err, "who is away")
	}
	return collectIDs(rows, "who is away")
}
