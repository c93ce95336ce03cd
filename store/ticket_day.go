package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// EachFact hands on what happened to tickets in a time, in order: mails, answers, and the events that figures count. Notes are nobody's figure.
func (r Reader) EachFact(ctx context.Context, from, to time.Time, take func(desk.TicketFact)) error {
	rows, err := r.q.Query(ctx, `
		select m.ticket_id, m.kind, m.author_id, m.at, coalesce(e.verb, '') as verb, coalesce(e."from", '') as before, coalesce(e."to", '') as after,
		       t.mailbox_id, t.team_id, t.assignee_id, t.tags, t.created_at, t.first_answered_at, t.merged_into is not null as merged,
		       case when a.allowed > interval '0' then a.missed_at is not null end as answer_missed, case when s.allowed > interval '0' then s.missed_at is not null end as solve_missed
		from message m
		join ticket t on t.id = m.ticket_id
		left join target_clock a on a.ticket_id = t.id and a.kind = 'answer'
		left join target_clock s on s.ticket_id = t.id and s.kind = 'solve'
		left join lateral json_to_record(case when m.kind = 'event' then m.facts -> 'event' end) as e (verb text, "from" text, "to" text) on true
		where m.at >= $1 and m.at < $2 and m.kind <> 'note'
		  and (m.kind <> 'event' or e.verb in ('status', 'reopened', 'rated-good', 'rated-bad'))
		order by m.at, m.id`, from, to)
	if err != nil {
		return wrap(err, "facts about tickets")
	}
	facts, err := pgx.CollectRows(rows, pgx.RowToStructByName[desk.TicketFact])
	for _, fact := range facts {
		take(fact)
	}
	return wrap(err, "facts about tickets")
}

// Unsolved is a ticket that was not solved at some moment of a time.
type Unsolved struct {
	Mailbox   int64      `db:"mailbox_id"`
	Team      *int64     `db:"team_id"`
	Assignee  *int64     `db:"assignee_id"`
	Tags      []string   `db:"tags"`
	CreatedAt time.Time  `db:"created_at"`
	SolvedAt  *time.Time `db:"solved_at"` // nil: it is not solved yet
}

// EachUnsolved hands on the tickets that were not solved at some moment from one time to another, as far as is known now: one that was solved and opened again counts as not solved in between.
// Within a day that costs as much as there is backlog; over years it reads every ticket of them.
func (r Reader) EachUnsolved(ctx context.Context, from, to time.Time, take func(Unsolved)) error {
	rows, err := r.q.Query(ctx, `
		select t.mailbox_id, t.team_id, t.assignee_id, t.tags, t.created_at, case when t.status in ('solved', 'closed') then t.solved_at end as solved_at
		from ticket t
		where t.status in ('new', 'open', 'pending', 'hold') and t.merged_into is null and t.created_at < $2
		union all
		select t.mailbox_id, t.team_id, t.assignee_id, t.tags, t.created_at, t.solved_at
		from ticket t
		where t.solved_at >= $1 and t.status in ('solved', 'closed') and t.merged_into is null and t.created_at < $2`, from, to)
	if err != nil {
		return wrap(err, "unsolved tickets")
	}
	defer rows.Close()
	for rows.Next() {
		var one Unsolved
		if err := rows.Scan(&one.Mailbox, &one.Team, &one.Assignee, &one.Tags, &one.CreatedAt, &one.SolvedAt); err != nil {
			return wrap(err, "unsolved tickets")
		}
		take(one)
	}
	return wrap(rows.Err(), "unsolved tickets")
}

// FirstMessage is when the first message was written; zero: there is none.
func (r Reader) FirstMessage(ctx context.Context) (time.Time, error) {
	var at *time.Time
	if err := r.q.QueryRow(ctx, `select min(at) from (select at from message order by id limit 1000) as first`).Scan(&at); err != nil || at == nil {
		return time.Time{}, wrap(err, "first message")
	}
	return *at, nil
}

// TallyRow is what happened on one day to a part of the tickets.
type TallyRow struct {
	Day   desk.Day       `db:"day"`
	Part  desk.TallyPart `db:"part"`
	Key   string         `db:"key"`
	Tally desk.Tally     `db:"tally"`
}

// SetTallies writes the figures of one day anew.
func (tx *Tx) SetTallies(ctx context.Context, day desk.Day, rows []TallyRow) error {
	if _, err := tx.tx.Exec(ctx, `delete from ticket_day where day = $1`, day); err != nil {
		return wrap(err, "figures of a day")
	}
	_, err := tx.tx.CopyFrom(ctx, pgx.Identifier{"ticket_day"}, []string{"day", "part", "key", "tally"}, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		return []any{rows[i].Day, rows[i].Part, rows[i].Key, rows[i].Tally}, nil
	}))
	return wrap(err, "figures of a day")
}

// DropTallies forgets all figures: they are made anew, in another zone.
func (tx *Tx) DropTallies(ctx context.Context) error {
	_, err := tx.tx.Exec(ctx, `delete from ticket_day`)
	return wrap(err, "drop figures")
}

// TallyDays are the figures of one mailbox, team, agent, tag or all, day by day; 1,100 days at most.
func (r Reader) TallyDays(ctx context.Context, q desk.TallyQuery) ([]TallyRow, error) {
	rows, err := rowsOf[TallyRow](ctx, r.q, `
		select day, part, key, tally
		from ticket_day
		where part = $1 and key = $2 and day >= $3 and day <= $4
		order by day
		limit 1100`, q.Part, q.Key, q.First, q.Last)
	return rows, wrap(err, "figures by day")
}

// BusiestKeys are the mailboxes, teams, agents or tags with most that happened in a time.
func (r Reader) BusiestKeys(ctx context.Context, q desk.TallyQuery, most int) ([]string, error) {
	rows, err := r.q.Query(ctx, `
		select key
		from ticket_day
		where part = $1 and day >= $2 and day <= $3
		group by key
		order by sum(coalesce((tally ->> 'created')::bigint, 0) + coalesce((tally ->> 'solved')::bigint, 0) + coalesce((tally ->> 'out')::bigint, 0)) desc, key
		limit $4`, q.Part, q.First, q.Last, most)
	if err != nil {
		return nil, wrap(err, "busiest")
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return keys, wrap(err, "busiest")
}

// TalliesOf are the figures of some keys of a part in a time, in the order of the days.
func (r Reader) TalliesOf(ctx context.Context, q desk.TallyQuery, keys []string) ([]TallyRow, error) {
	rows, err := rowsOf[TallyRow](ctx, r.q, `
		select day, part, key, tally
		from ticket_day
		where part = $1 and key = any($2) and day >= $3 and day <= $4
		order by day
		limit 60000`, q.Part, keys, q.First, q.Last)
	return rows, wrap(err, "figures by "+string(q.Part))
}

// TallyNames are the names behind keys of a part. What is gone keeps its name as long as its row is there.
func (r Reader) TallyNames(ctx context.Context, part desk.TallyPart, keys []string) (map[string]string, error) {
	sql, known := map[desk.TallyPart]string{
		desk.PartMailbox: `select id::text as key, case when name = '' then address else name end as name from mailbox where id::text = any($1) limit 1000`,
		desk.PartTeam:    `select id::text as key, name from team where id::text = any($1) limit 1000`,
		desk.PartAgent:   `select id::text as key, name from "user" where id::text = any($1) limit 1000`,
	}[part]
	names := map[string]string{}
	if !known {
		for _, key := range keys {
			names[key] = key
		}
		return names, nil
	}
	rows, err := r.q.Query(ctx, sql, keys)
	if err != nil {
		return nil, wrap(err, "names of figures")
	}
	var key, name string
	_, err = pgx.ForEachRow(rows, []any{&key, &name}, func() error {
		names[key] = name
		return nil
	})
	return names, wrap(err, "names of figures")
}

// HoursOfTeams are the business hours of the teams that have some of their own, by team.
func (r Reader) HoursOfTeams(ctx context.Context) (map[int64]int64, error) {
	rows, err := r.q.Query(ctx, `select id, hours_id from team where hours_id is not null order by id limit 1000`)
	if err != nil {
		return nil, wrap(err, "hours of teams")
	}
	hours := map[int64]int64{}
	var team, id int64
	_, err = pgx.ForEachRow(rows, []any{&team, &id}, func() error {
		hours[team] = id
		return nil
	})
	return hours, wrap(err, "hours of teams")
}
