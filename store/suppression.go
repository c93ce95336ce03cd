package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

const selectSuppressions = `
		select s.address, s.since, s.created_by, s.note, s.reason, s.words, coalesce(s.message_id, 0) as message_id, coalesce(m.ticket_id, 0) as ticket_id, s.bounces
		from suppression s
		left join message m on m.id = s.message_id`

// suppressionOf is, as JSON, why the recipient of delivery d gets no mail; null: they get it. Statements that take deliveries in hand return it, so that nobody is tried who was put on the list meanwhile.
const suppressionOf = `(
		       select json_build_object('address', s.address, 'since', s.since, 'created_by', s.created_by, 'note', s.note, 'reason', s.reason, 'words', s.words, 'bounces', s.bounces)
		       from suppression s
		       where s.address = lower(d.recipient))`

// Suppressions is one page of the addresses that get no mail, the newest first.
func (r Reader) Suppressions(ctx context.Context, q desk.SuppressionQuery) (desk.Page[desk.Suppression], error) {
	var none desk.Page[desk.Suppression]
	limit := bounded(q.Limit, largestPage)
	from, err := parsePlace(q.Cursor)
	if err != nil {
		return none, err
	}
	var c conditions
	if q.Text != "" {
		c.and(c.contains("s.address", q.Text))
	}
	if from != nil {
		c.and("(s.since < " + c.arg(from.At) + "::timestamptz or s.since = " + c.arg(from.At) + "::timestamptz and s.address > " + c.arg(from.Name) + "::text)")
	}
	list, err := rowsOf[desk.Suppression](ctx, r.q, selectSuppressions+`
		where `+c.where()+`
		order by s.since desc, s.address
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return none, wrap(err, "suppressions")
	}
	return pageOf(list, limit, func(s desk.Suppression) place { return place{At: s.Since, Name: s.Address} }), nil
}

// SuppressedAmong are those of the addresses, which are canonical, that get no mail; 1,000 at most.
func (r Reader) SuppressedAmong(ctx context.Context, addresses []string) ([]desk.Suppression, error) {
	list, err := rowsOf[desk.Suppression](ctx, r.q, selectSuppressions+`
		where s.address = any($1)
		order by s.address
		limit 1000`, orEmpty(addresses))
	return list, wrap(err, "suppressed addresses")
}

// CountSuppressions is how many addresses get no mail.
func (r Reader) CountSuppressions(ctx context.Context) (count int64, err error) {
	err = r.q.QueryRow(ctx, `select count(*) from suppression`).Scan(&count)
	return count, wrap(err, "count suppressions")
}

// HardBounces is the evidence about an address, the newest first; 20 at most.
func (r Reader) HardBounces(ctx context.Context, address string) ([]desk.HardBounce, error) {
	list, err := rowsOf[desk.HardBounce](ctx, r.q, `
		select h.address, h.message_id, coalesce(m.ticket_id, 0) as ticket_id, h.at, h.proof, h.reason, h.words
		from hard_bounce h
		left join message m on m.id = h.message_id
		where h.address = $1
		order by h.at desc, h.message_id desc
		limit 20`, address)
	return list, wrap(err, "hard bounces")
}

// Suppress puts an address on the list by somebody's word. One that is there already is a desk.Conflict.
func (tx *Tx) Suppress(ctx context.Context, s desk.Suppression) error {
	tag, err := tx.tx.Exec(ctx, `
		insert into suppression (address, since, created_by, note)
		values ($1, $2, $3, $4)
		on conflict (address) do nothing`, s.Address, s.Since, s.CreatedBy, s.Note)
	if err == nil && tag.RowsAffected() == 0 {
		return desk.Faultf(desk.Conflict, "%s is suppressed already", s.Address)
	}
	return wrap(err, "suppress an address")
}

// Unsuppress takes an address off the list, together with the evidence against it, so that it takes as many new bounces to come back.
func (tx *Tx) Unsuppress(ctx context.Context, address string) error {
	tag, err := tx.tx.Exec(ctx, `delete from suppression where address = $1`, address)
	if err != nil {
		return wrap(err, "lift a suppression")
	}
	if tag.RowsAffected() == 0 {
		return desk.Faultf(desk.NotFound, "%s is not suppressed", address)
	}
	_, err = tx.tx.Exec(ctx, `delete from hard_bounce where address = $1`, address)
	return wrap(err, "lift a suppression")
}

// addHardBounces keeps evidence; of one mail once.
const addHardBounces = `
		insert into hard_bounce (address, message_id, at, proof, reason, words)
		select address, message_id, at, proof, reason, words
		from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[]) as new (address, message_id, at, proof, reason, words)
		on conflict (address, message_id) do nothing`

// suppressByEvidence puts addresses on the list against which there is enough, and writes it into the audit log. What a server said to ourselves counts no more once it has taken a later mail:
// then it was mistaken. What reports say stays, since a server that bounces later takes everything first.
const suppressByEvidence = `
		with judged as (
		    select h.address, count(*) as bounces, (array_agg(h.message_id order by h.at desc))[1] as message_id,
		           (array_agg(h.reason order by h.at desc))[1] as reason, (array_agg(h.words order by h.at desc))[1] as words
		    from hard_bounce h
		    where h.address = any($1) and h.at > $2::timestamptz
		      and (h.proof = 'report' or not exists (
		          select from delivery d
		          where lower(d.recipient) = h.address and d.state = 'sent' and d.updated_at > h.at and d.message_id <> h.message_id))
		    group by h.address
		    having count(*) >= $3),
		added as (
		    insert into suppression (address, since, reason, words, message_id, bounces)
		    select address, $4, reason, words, message_id, bounces
		    from judged
		    on conflict (address) do nothing
		    returning address, reason, words, bounces)
		insert into audit (actor, via, action, subject, detail)
		select 'system', $5, 'suppression.add', 'address/' || address, json_build_object('bounces', bounces, 'reason', reason, 'reply', words)
		from added`

// queueBounces adds to a batch what keeps evidence and judges by it. via is where it comes from: job, mail.
func queueBounces(batch *pgx.Batch, bounces []desk.HardBounce, via string) {
	if len(bounces) == 0 {
		return
	}
	addresses := column(bounces, func(b *desk.HardBounce) string { return b.Address })
	last := bounces[0].At
	for _, one := range bounces {
		if one.At.After(last) {
			last = one.At
		}
	}
	batch.Queue(addHardBounces, addresses,
		column(bounces, func(b *desk.HardBounce) int64 { return b.Message }),
		column(bounces, func(b *desk.HardBounce) time.Time { return b.At }),
		column(bounces, func(b *desk.HardBounce) string { return string(b.Proof) }),
		column(bounces, func(b *desk.HardBounce) string { return string(b.Reason) }),
		column(bounces, func(b *desk.HardBounce) string { return b.Words }))
	batch.Queue(suppressByEvidence, addresses, last.Add(-desk.SuppressWithin), desk.SuppressAfter, last, via)
}

// NoteBounces keeps hard bounces and suppresses the addresses against which there is enough evidence now.
func (tx *Tx) NoteBounces(ctx context.Context, bounces []desk.HardBounce) error {
	if len(bounces) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	queueBounces(batch, bounces, "job")
	return wrap(tx.tx.SendBatch(ctx, batch).Close(), "note hard bounces")
}

// SweepBounces forgets evidence that is too old to count.
func (tx *Tx) SweepBounces(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from hard_bounce where at < $1`, before)
	return wrap(err, "sweep hard bounces")
}
