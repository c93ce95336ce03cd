package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

const selectTargets = `
		select t.id, t.mailbox_id, coalesce(nullif(b.name, ''), b.address, '') as mailbox_name, t.priority, t.answer_minutes, t.solve_minutes
		from target t
		left join mailbox b on b.id = t.mailbox_id
		order by t.mailbox_id is not null, lower(coalesce(nullif(b.name, ''), b.address)), array_position(array['urgent', 'high', 'normal', 'low'], t.priority) nulls first, t.id
		limit $1`

// Targets lists every target, the most general first: desk.MostTargets at most.
func (r Reader) Targets(ctx context.Context) ([]desk.Target, error) {
	targets, err := rowsOf[desk.Target](ctx, r.q, selectTargets, desk.MostTargets)
	return targets, wrap(err, "targets")
}

// SetTarget adds a target or replaces the one for the same mailbox and priority. More than desk.MostTargets are a desk.TooLarge.
func (tx *Tx) SetTarget(ctx context.Context, t desk.Target) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		insert into target (mailbox_id, priority, answer_minutes, solve_minutes)
		select $1, $2, $3, $4
		where (select count(*) from target) < $5
		on conflict (mailbox_id, priority) do update
		set answer_minutes = excluded.answer_minutes, solve_minutes = excluded.solve_minutes
		returning id`, t.MailboxID, t.Priority, t.AnswerMinutes, t.SolveMinutes, desk.MostTargets).Scan(&id)
	switch {
	case violates(err, "target_mailbox_id_fkey"):
		return 0, desk.Wrong("mailbox", "there is no such mailbox")
	case none(err):
		return 0, desk.Faultf(desk.TooLarge, "there are %d targets, which is the most", desk.MostTargets)
	}
	return id, wrap(err, "set target")
}

// DropTarget removes a target.
func (tx *Tx) DropTarget(ctx context.Context, id int64) error {
	tag, err := tx.tx.Exec(ctx, `delete from target where id = $1`, id)
	if err == nil && tag.RowsAffected() == 0 {
		return desk.Faultf(desk.NotFound, "this target does not exist any more")
	}
	return wrap(err, "drop target")
}

// Timing is what the clocks of a ticket are set by.
type Timing struct {
	Targets []desk.Target
	Clocks  []desk.Clock // one for each kind that ever had a target
	Hours   desk.Hours   // of the ticket's team
}

// Timing asks for all of it in one round trip.
func (tx *Tx) Timing(ctx context.Context, ticket, team int64) (timing Timing, err error) {
	batch := &pgx.Batch{}
	batch.Queue(selectTargets, desk.MostTargets)
	batch.Queue(`
		select ticket_id, kind, allowed, spent, since, due_at, reached_at, missed_at
		from target_clock
		where ticket_id = $1`, ticket)
	batch.Queue(selectHoursOf, team)
	results := tx.tx.SendBatch(ctx, batch)
	defer results.Close()
	if timing.Targets, err = nextRows[desk.Target](results); err != nil {
		return timing, wrap(err, "targets")
	}
	if timing.Clocks, err = nextRows[desk.Clock](results); err != nil {
		return timing, wrap(err, "clocks of targets")
	}
	hours, err := nextRows[desk.Hours](results)
	if err != nil {
		return timing, wrap(err, "business hours of a team")
	}
	if timing.Hours = desk.Always; len(hours) > 0 {
		timing.Hours = hours[0]
	}
	return timing, nil
}

// nextRows collects the rows of the next answer of a batch.
func nextRows[T any](results pgx.BatchResults) ([]T, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// AnyTargets says whether there is a target at all, or a clock that runs for one that there was.
func (r Reader) AnyTargets(ctx context.Context) (any bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from target) or exists (select from target_clock where due_at is not null)`).Scan(&any)
	return any, wrap(err, "targets")
}

// SaveClocks writes clocks of tickets.
func (tx *Tx) SaveClocks(ctx context.Context, clocks []desk.Clock) error {
	if len(clocks) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for _, c := range clocks {
		batch.Queue(`
		insert into target_clock (ticket_id, kind, allowed, spent, since, due_at, reached_at, missed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (ticket_id, kind) do update
		set allowed = excluded.allowed, spent = excluded.spent, since = excluded.since, due_at = excluded.due_at, reached_at = excluded.reached_at, missed_at = excluded.missed_at,
		    warned_at = case when excluded.due_at > target_clock.due_at then null else target_clock.warned_at end,
		    told_at = case when excluded.missed_at is null then null else target_clock.told_at end`,
			c.TicketID, c.Kind, c.Allowed, c.Spent, c.Since, c.DueAt, c.ReachedAt, c.MissedAt)
	}
	return wrap(tx.tx.SendBatch(ctx, batch).Close(), "save clocks of targets")
}

// SetDue writes by when a ticket is due. It does not count as changed.
func (tx *Tx) SetDue(ctx context.Context, ticket int64, answer, solve *time.Time) error {
	_, err := tx.tx.Exec(ctx, `update ticket set answer_due_at = $2, solve_due_at = $3 where id = $1`, ticket, answer, solve)
	return wrap(err, "set due times")
}

// DueClock is a clock whose time is over, or nearly so, of which nobody was told.
type DueClock struct {
	TicketID int64           `db:"ticket_id"`
	Kind     desk.TargetKind `db:"kind"`
	DueAt    time.Time       `db:"due_at"`
	Missed   bool            `db:"missed"` // else it is due soon
}

// DueClocks lists what was missed by now, and what will be due before soon: 500 at most, the longest due first.
func (r Reader) DueClocks(ctx context.Context, now, soon time.Time) ([]DueClock, error) {
	due, err := rowsOf[DueClock](ctx, r.q, `
		select k.ticket_id, k.kind, k.due_at, k.due_at <= $1 as missed
		from target_clock k
		join ticket t on t.id = k.ticket_id
		where k.due_at is not null and k.told_at is null and k.due_at < $2 and (k.due_at <= $1 or k.warned_at is null) and t.merged_into is null
		order by k.due_at
		limit 500`, now, soon)
	return due, wrap(err, "due targets")
}

// ToldClock writes down that a clock was missed, or that it is due soon. It is false when somebody did so before, or when it is not due any more.
func (tx *Tx) ToldClock(ctx context.Context, due DueClock, now time.Time) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `
		update target_clock
		set missed_at = case when $4 then coalesce(missed_at, due_at) else missed_at end, told_at = case when $4 then $5::timestamptz end, warned_at = coalesce(warned_at, $5)
		where ticket_id = $1 and kind = $2 and due_at = $3 and told_at is null and ($4 or warned_at is null)`, due.TicketID, due.Kind, due.DueAt, due.Missed, now)
	return err == nil && tag.RowsAffected() == 1, wrap(err, "tell of a target")
}

// Unclocked lists tickets after the given number that are not solved, for targets that have just changed: 500 at most.
func (r Reader) Unclocked(ctx context.Context, after int64) ([]int64, error) {
	rows, err := r.q.Query(ctx, `
		select id
		from ticket
		where id > $1 and status in ('new', 'open', 'pending', 'hold') and merged_into is null
		order by id
		limit 500`, after)
	if err != nil {
		return nil, wrap(err, "tickets with targets")
	}
	return collectIDs(rows, "tickets with targets")
}
