package store

import (
	"context"
	"time"

	"postern/desk"
)

// sinkColumns are those of a sink, with how many records have not certainly arrived.
const sinkColumns = `s.id, s.name, s.kind, s.address, s.secret, s.authority, s.enabled, s.place, s.delivered_at, s.failing_since, s.problem, s.told_at,
		       greatest(coalesce((select max(seq) from audit_link), 0) - s.place, 0) as behind`

// MostSinks is how many sinks there may be.
const MostSinks = 20

// Sinks lists where the log is sent, by name.
func (r Reader) Sinks(ctx context.Context) ([]desk.Sink, error) {
	sinks, err := rowsOf[desk.Sink](ctx, r.q, `
		select `+sinkColumns+`
		from audit_sink s
		order by s.name
		limit $1`, MostSinks)
	return sinks, wrap(err, "sinks of the audit log")
}

// Sink is one of them.
func (r Reader) Sink(ctx context.Context, id int64) (desk.Sink, error) {
	sink, err := rowOf[desk.Sink](ctx, r.q, `
		select `+sinkColumns+`
		from audit_sink s
		where s.id = $1`, id)
	if err != nil {
		return sink, missing(err, "sink %d", id)
	}
	return sink, nil
}

// AddSink makes a sink that gets what is recorded from the given link on, and returns its number.
func (tx *Tx) AddSink(ctx context.Context, s desk.Sink) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		insert into audit_sink (name, kind, address, authority, enabled, place)
		values ($1, $2, $3, $4, $5, $6)
		returning id`, s.Name, s.Kind, s.Address, s.Authority, s.Enabled, s.Place).Scan(&id)
	if violates(err, "audit_sink_name_key") {
		return 0, desk.Wrong("name", "there is a sink named %q already", s.Name)
	}
	return id, wrap(err, "add a sink")
}

// ChangeSink writes where a sink is and whether it is used. Where it stood in the chain stays.
func (tx *Tx) ChangeSink(ctx context.Context, s desk.Sink) error {
	_, err := tx.tx.Exec(ctx, `
		update audit_sink
		set address = $2, authority = $3, enabled = $4, failing_since = null, problem = '', told_at = null, held_until = '-infinity'
		where id = $1`, s.ID, s.Address, s.Authority, s.Enabled)
	return wrap(err, "change a sink")
}

// SetSinkSecret keeps the sealed secret of a webhook.
func (tx *Tx) SetSinkSecret(ctx context.Context, id int64, sealed []byte) error {
	_, err := tx.tx.Exec(ctx, `update audit_sink set secret = $2 where id = $1`, id, sealed)
	return wrap(err, "keep the secret of a sink")
}

// RemoveSink takes a sink away.
func (tx *Tx) RemoveSink(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `delete from audit_sink where id = $1`, id)
	return wrap(err, "remove a sink")
}

// HoldSink says whether this process sends to the sink for as long as given: another may hold it.
func (tx *Tx) HoldSink(ctx context.Context, id int64, process string, during time.Duration) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `
		update audit_sink
		set held_by = $2, held_until = now() + make_interval(secs => $3)
		where id = $1 and enabled and (held_by = $2 or held_until < now())`, id, process, during.Seconds())
	return err == nil && tag.RowsAffected() == 1, wrap(err, "hold a sink")
}

// SinkArrived writes down how far records have certainly arrived. A sink fails no more once that is further than before, or all there is: one that takes connections and nothing else goes on failing.
func (tx *Tx) SinkArrived(ctx context.Context, id, place int64, at time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update audit_sink
		set place = greatest(place, $2),
		    delivered_at = case when $2 > place then $3::timestamptz else delivered_at end,
		    failing_since = case when $2 > place or $2 >= (select coalesce(max(seq), 0) from audit_link) then null else failing_since end,
		    problem = case when $2 > place or $2 >= (select coalesce(max(seq), 0) from audit_link) then '' else problem end,
		    told_at = case when $2 > place or $2 >= (select coalesce(max(seq), 0) from audit_link) then null else told_at end
		where id = $1`, id, place, at)
	return wrap(err, "write down what has arrived")
}

// SinkFailed writes down that a sink does not take the log, and since when.
func (tx *Tx) SinkFailed(ctx context.Context, id int64, problem string, at time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update audit_sink
		set failing_since = coalesce(failing_since, $3), problem = $2
		where id = $1`, id, problem, at)
	return wrap(err, "write down that a sink fails")
}

// TellOfSinks takes the sinks that have failed since before the given time and of which nobody was told.
func (tx *Tx) TellOfSinks(ctx context.Context, before, now time.Time) ([]desk.Sink, error) {
	sinks, err := rowsOf[desk.Sink](ctx, tx.q, `
		with told as (
		    update audit_sink set told_at = $2
		    where enabled and failing_since < $1 and told_at is null
		    returning id)
		select `+sinkColumns+`
		from audit_sink s
		where s.id in (select id from told)`, before, now)
	return sinks, wrap(err, "sinks that fail")
}
