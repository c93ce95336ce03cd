package store

import (
	"context"
	"time"

	"postern/desk"
)

// Worker is a process that delivers.
type Worker struct {
	ID     string    `db:"id"`
	BeatAt time.Time `db:"beat_at"` // by the database's clock, which is one for all
}

// Beat says that a process is alive. One that was taken for dead is among the living again.
func (tx *Tx) Beat(ctx context.Context, id, host string) error {
	const sql = `
		insert into worker (id, host, beat_at)
		values ($1, $2, clock_timestamp())
		on conflict (id) do update set beat_at = clock_timestamp()`
	_, err := tx.tx.Exec(ctx, sql, id, host)
	return wrap(err, "beat of a worker")
}

// Workers lists the processes that deliver, the dead among them until they are buried.
func (r Reader) Workers(ctx context.Context) ([]Worker, error) {
	list, err := rowsOf[Worker](ctx, r.q, `
		select id, beat_at
		from worker
		order by id
		limit 1000`)
	return list, wrap(err, "workers")
}

// Buried is what a dead process left behind.
type Buried struct{ Jobs, Deliveries int64 }

// Bury takes a process for dead that has not been heard of since the given beat, and lets others take up what it had in hand. false: it has been heard of, or somebody else buried it.
func (tx *Tx) Bury(ctx context.Context, dead Worker) (left Buried, done bool, err error) {
	tag, err := tx.tx.Exec(ctx, `delete from worker where id = $1 and beat_at = $2`, dead.ID, dead.BeatAt)
	if err != nil || tag.RowsAffected() == 0 {
		return left, false, wrap(err, "bury a worker")
	}
	left, err = tx.inherit(ctx, dead.ID)
	return left, true, err
}

// Leave is the end of a process that has nothing in hand any more, or lets it go.
func (tx *Tx) Leave(ctx context.Context, id string) error {
	if _, err := tx.tx.Exec(ctx, `delete from worker where id = $1`, id); err != nil {
		return wrap(err, "leave")
	}
	_, err := tx.inherit(ctx, id)
	return err
}

// inherit frees what a process had in hand.
func (tx *Tx) inherit(ctx context.Context, id string) (left Buried, err error) {
	const jobs = `
		update river_job
		set state = 'available', scheduled_at = now()
		where state = 'running' and attempted_by[array_length(attempted_by, 1)] = $1`
	tag, err := tx.tx.Exec(ctx, jobs, id)
	if err != nil {
		return left, wrap(err, "take up jobs")
	}
	left.Jobs = tag.RowsAffected()
	tag, err = tx.tx.Exec(ctx, letGo+` and worker = $1`, id)
	left.Deliveries = tag.RowsAffected()
	return left, wrap(err, "take up deliveries")
}

// letGo frees deliveries that were in hand. Those that somebody wants stopped are.
const letGo = `
		update delivery
		set worker = null, state = case when stop then 'cancelled' else state end, next_at = case when stop then null else next_at end
		where state in ('queued', 'deferred')`

// LetGo gives up what a process has in hand of a message for one destination, without an outcome.
func (tx *Tx) LetGo(ctx context.Context, worker string, errand desk.SendReply) error {
	_, err := tx.tx.Exec(ctx, letGo+` and message_id = $1 and destination = $2 and worker = $3`, errand.Message, errand.Destination, worker)
	return wrap(err, "let deliveries go")
}

// PostponeDeliveries gives up recipients whom a process has in hand until their NextAt.
func (tx *Tx) PostponeDeliveries(ctx context.Context, worker string, message int64, waiting []desk.Delivery) error {
	const sql = `
		update delivery d
		set worker = null, state = case when stop then 'cancelled' else state end, next_at = case when stop then null else new.next_at end
		from unnest($3::text[], $4::timestamptz[]) as new (recipient, next_at)
		where d.message_id = $1 and d.recipient = new.recipient and d.worker = $2 and d.state in ('queued', 'deferred')`
	_, err := tx.tx.Exec(ctx, sql, message, worker,
		column(waiting, func(d *desk.Delivery) string { return d.Recipient }), column(waiting, func(d *desk.Delivery) time.Time { return d.NextAt }))
	return wrap(err, "postpone deliveries")
}

// ResumeSending takes up what processes were sending when they died. It is right only where no other process works on this database: otherwise what is under way elsewhere would begin a second time.
func (tx *Tx) ResumeSending(ctx context.Context) error {
	if _, err := tx.tx.Exec(ctx, `delete from worker`); err != nil {
		return wrap(err, "forget workers")
	}
	const jobs = `
		update river_job
		set state = 'available', scheduled_at = now()
		where state = 'running'`
	if _, err := tx.tx.Exec(ctx, jobs); err != nil {
		return wrap(err, "resume jobs")
	}
	_, err := tx.tx.Exec(ctx, letGo+` and worker is not null`)
	return wrap(err, "resume deliveries")
}

// Stranded lists errands whose delivery was due before the given time and has not happened, and for which there is no job: it was lost. At most 1,000.
func (r Reader) Stranded(ctx context.Context, before time.Time) ([]desk.SendReply, error) {
	const sql = `
		select distinct d.message_id as message, d.destination
		from delivery d
		join message m on m.id = d.message_id
		where d.state in ('queued', 'deferred') and greatest(d.next_at, d.queued_at, m.send_at) < $1
		  and not exists (select from river_job j
		                  where j.kind = $2 and (j.args ->> 'message')::bigint = d.message_id and coalesce(j.args ->> 'destination', d.destination) = d.destination
		                    and j.state in ('available', 'pending', 'retryable', 'running', 'scheduled'))
		limit 1000`
	list, err := rowsOf[desk.SendReply](ctx, r.q, sql, before, desk.SendReply{}.Kind())
	return list, wrap(err, "stranded deliveries")
}
