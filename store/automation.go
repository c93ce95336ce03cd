package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

const selectAutomation = `
		select id, name, position, active, triggers, match, conditions, actions, stop, created_at, updated_at, updated_by, author_id
		from automation`

// Automations lists the rules in the order in which they look at a ticket: desk.MostAutomations at most.
func (r Reader) Automations(ctx context.Context) ([]desk.Automation, error) {
	list, err := rowsOf[desk.Automation](ctx, r.q, selectAutomation+`
		order by position, id
		limit $1`, desk.MostAutomations)
	return list, wrap(err, "automations")
}

// ActiveAutomations lists the rules that are on and look at tickets at that moment, in order.
func (r Reader) ActiveAutomations(ctx context.Context, when desk.Trigger) ([]desk.Automation, error) {
	list, err := rowsOf[desk.Automation](ctx, r.q, selectAutomation+`
		where active and $1 = any(triggers)
		order by position, id
		limit $2`, string(when), desk.MostAutomations)
	return list, wrap(err, "active automations")
}

// AutomationsLook says whether any rule that is on looks at what happens to tickets.
func (r Reader) AutomationsLook(ctx context.Context) (looks bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from automation where active and triggers <> '{time}')`).Scan(&looks)
	return looks, wrap(err, "whether automations look")
}

// Automation is one rule.
func (r Reader) Automation(ctx context.Context, id int64) (desk.Automation, error) {
	one, err := rowOf[desk.Automation](ctx, r.q, selectAutomation+`
		where id = $1`, id)
	if err != nil {
		return one, missing(err, "automation %d", id)
	}
	return one, nil
}

// LockAutomations keeps others from adding rules or changing their order until the transaction ends.
func (tx *Tx) LockAutomations(ctx context.Context) error {
	_, err := tx.tx.Exec(ctx, `lock table automation in share row exclusive mode`)
	return wrap(err, "lock automations")
}

// SaveAutomation adds a rule (id 0) at the end or changes it where it stands, and returns its id. More than desk.MostAutomations are a desk.TooLarge.
func (tx *Tx) SaveAutomation(ctx context.Context, a desk.Automation) (int64, error) {
	sql := `
		update automation
		set name = $2, active = $3, triggers = $4, match = $5, conditions = $6, actions = $7, stop = $8, updated_at = $9, updated_by = $10, author_id = $11, looked_to = 0
		where id = $1
		returning id`
	if a.ID == 0 {
		var count int
		if err := tx.q.QueryRow(ctx, `select count(*) from automation`).Scan(&count); err != nil {
			return 0, wrap(err, "count automations")
		}
		if count >= desk.MostAutomations {
			return 0, desk.Faultf(desk.TooLarge, "there are %d rules, which is the most: remove some", desk.MostAutomations)
		}
		sql = `
		insert into automation (name, position, active, triggers, match, conditions, actions, stop, updated_at, updated_by, author_id)
		values ($2, (select coalesce(max(position), 0) + 1 from automation), $3, $4, $5, $6, $7, $8, $9, $10, $11)
		returning id + $1`
	}
	var id int64
	err := tx.tx.QueryRow(ctx, sql, a.ID, a.Name, a.On, column(a.When, func(t *desk.Trigger) string { return string(*t) }), a.Match, orEmpty(a.If), orEmpty(a.Then), a.Stop,
		a.UpdatedAt, a.UpdatedBy, a.AuthorID).Scan(&id)
	if none(err) {
		return 0, desk.Faultf(desk.NotFound, "automation %d does not exist", a.ID)
	}
	return id, wrap(err, "save automation")
}

// SwitchAutomation turns a rule on or off.
func (tx *Tx) SwitchAutomation(ctx context.Context, id int64, on desk.Switch) error {
	_, err := tx.tx.Exec(ctx, `update automation set active = $2, looked_to = 0 where id = $1`, id, on == desk.On)
	return wrap(err, "switch automation")
}

// OrderAutomations gives the rules the order of the list.
func (tx *Tx) OrderAutomations(ctx context.Context, ids []int64) error {
	const sql = `
		update automation a
		set position = new.place
		from unnest($1::bigint[]) with ordinality as new (id, place)
		where a.id = new.id and a.position <> new.place`
	_, err := tx.tx.Exec(ctx, sql, ids)
	return wrap(err, "order automations")
}

// DropAutomation removes a rule and its history.
func (tx *Tx) DropAutomation(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `delete from automation where id = $1`, id)
	return wrap(err, "drop automation")
}

// Cause is what a rule acts on: the same rule acts on the same cause of the same ticket once.
type Cause struct {
	Ticket  int64
	Trigger desk.Trigger
	Name    string // a happening, or the moment from which time passed
	At      time.Time
}

// BeginRun writes down that a rule acts, and returns the run's id; 0: it has acted on this before.
func (tx *Tx) BeginRun(ctx context.Context, automation int64, c Cause) (int64, error) {
	const sql = `
		insert into automation_run (automation_id, ticket_id, cause, trigger, at)
		values ($1, $2, $3, $4, $5)
		on conflict (automation_id, ticket_id, cause) do nothing
		returning id`
	var id int64
	err := tx.tx.QueryRow(ctx, sql, automation, c.Ticket, c.Name, c.Trigger, c.At).Scan(&id)
	if none(err) {
		return 0, nil
	}
	return id, wrap(err, "begin run")
}

// KeepRun writes down what became of a run's actions.
func (tx *Tx) KeepRun(ctx context.Context, id int64, did []desk.Done) error {
	_, err := tx.tx.Exec(ctx, `update automation_run set did = $2 where id = $1`, id, orEmpty(did))
	return wrap(err, "keep run")
}

// Acted says how often rules have acted on a ticket since a time, and whether one has acted on this cause.
func (r Reader) Acted(ctx context.Context, c Cause, since time.Time) (often int, before bool, err error) {
	const sql = `
		select (select count(*) from automation_run where ticket_id = $1 and at > $3),
		       exists (select from automation_run where ticket_id = $1 and cause = $2)`
	err = r.q.QueryRow(ctx, sql, c.Ticket, c.Name, since).Scan(&often, &before)
	return often, before, wrap(err, "what rules did")
}

// Runs is one page of what a rule did (0: every rule), the newest first.
func (r Reader) Runs(ctx context.Context, viewer Viewer, automation int64, cursor string, limit int) (desk.Page[desk.Run], error) {
	var none desk.Page[desk.Run]
	limit = bounded(limit, largestPage)
	from, err := parsePlace(cursor)
	if err != nil {
		return none, err
	}
	before := int64(1<<63 - 1)
	if from != nil {
		before = from.ID
	}
	var c conditions
	rule := c.arg(automation)
	c.and("(" + rule + " = 0 or r.automation_id = " + rule + ") and r.id < " + c.arg(before))
	c.ticketsOf(viewer)
	runs, err := rowsOf[desk.Run](ctx, r.q, `
		select r.id, r.automation_id, a.name as automation_name, r.ticket_id, coalesce(t.subject, '') as subject, r.trigger, r.did, r.at
		from automation_run r
		join automation a on a.id = r.automation_id
		left join ticket t on t.id = r.ticket_id
		where `+c.where()+`
		order by r.id desc
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return none, wrap(err, "runs")
	}
	return pageOf(runs, limit, func(run desk.Run) place { return place{ID: run.ID} }), nil
}

// RunCount is how often a rule acted.
type RunCount struct {
	Automation int64      `db:"automation_id"`
	Count      int64      `db:"count"` // to 1,000 at most
	Last       *time.Time `db:"last"`
}

// CountRuns says how often each rule acted since a time.
func (r Reader) CountRuns(ctx context.Context, since time.Time) ([]RunCount, error) {
	const sql = `
		select a.id as automation_id,
		       (select count(*) from (select from automation_run r where r.automation_id = a.id and r.at > $1 order by r.id desc limit 1000) as counted) as count,
		       (select r.at from automation_run r where r.automation_id = a.id order by r.id desc limit 1) as last
		from automation a
		limit $2`
	list, err := rowsOf[RunCount](ctx, r.q, sql, since, desk.MostAutomations)
	return list, wrap(err, "count runs")
}

// SweepRuns forgets what rules did before the given time.
func (tx *Tx) SweepRuns(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from automation_run where at < $1`, before)
	return wrap(err, "sweep runs")
}

// Elapsing asks for the tickets of a rule for time that has passed.
type Elapsing struct {
	Automation int64
	Since      desk.Subject // from what time counts
	Before     time.Time    // that moment has to lie before this one
	After      time.Time    // and after this one
	Statuses   []desk.Status
	From       int64 // the number of the last ticket that was looked at
	Width      int   // how many tickets of those statuses are looked at
}

// Elapsed is a ticket of which the time has come, and that moment.
type Elapsed struct {
	Ticket int64     `db:"id"`
	Since  time.Time `db:"since"`
}

// sinceSQL is the moment from which time passes, of a ticket t. An answer that no person wrote begins nothing anew, nor does mail by machines.
var sinceSQL = map[desk.Subject]string{
	desk.OfAge:         "t.created_at",
	desk.OfWaiting:     "t.waiting_since",
	desk.OfSinceSolved: "t.solved_at",
	desk.OfSinceCustomer: `(select max(m.at) from message m
		           where m.ticket_id = t.id and m.kind = 'inbound' and m.facts ->> 'automatic' is null)`,
	desk.OfSinceReply: `(select max(m.at) from message m
		           where m.ticket_id = t.id and m.kind = 'reply' and m.facts ->> 'automatic' is null)`,
}

// ElapsedCause is the cause of a run that is due to time: the moment from which it passed.
func ElapsedCause(since time.Time) string {
	return "since " + since.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// Elapsed walks over Width tickets after From in the order of their numbers and returns those of which the time has come. next is where to go on; 0: it was the end.
func (r Reader) Elapsed(ctx context.Context, e Elapsing) (found []Elapsed, next int64, err error) {
	since, known := sinceSQL[e.Since]
	if !known {
		return nil, 0, desk.Wrong("since", "no time counts from %q", e.Since)
	}
	sql := `
		with walked as (
		    select t.id, ` + since + ` as since
		    from ticket t
		    where t.merged_into is null and t.status <> 'closed' and t.status = any($1) and t.id > $2
		    order by t.id
		    limit $3
		)
		select id, since, (select count(*) from walked) as walked, (select max(id) from walked) as last
		from walked
		where since < $4 and since > $5
		  and not exists (select from automation_run r
		                  where r.automation_id = $6 and r.ticket_id = walked.id
		                    and r.cause = 'since ' || to_char(walked.since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
		union all
		select 0, now(), (select count(*) from walked), coalesce((select max(id) from walked), 0)
		order by id`
	rows, err := r.q.Query(ctx, sql, e.Statuses, e.From, e.Width, e.Before, e.After, e.Automation)
	if err != nil {
		return nil, 0, wrap(err, "tickets of which the time has come")
	}
	var one Elapsed
	var walked int
	var last int64
	_, err = pgx.ForEachRow(rows, []any{&one.Ticket, &one.Since, &walked, &last}, func() error {
		if one.Ticket != 0 {
			found = append(found, one)
		}
		return nil
	})
	if err != nil {
		return nil, 0, wrap(err, "tickets of which the time has come")
	}
	if walked < e.Width {
		last = 0
	}
	return found, last, nil
}

// LookedTo is the ticket at which the last look of a rule for time ended.
func (r Reader) LookedTo(ctx context.Context, automation int64) (int64, error) {
	var to int64
	err := r.q.QueryRow(ctx, `select looked_to from automation where id = $1`, automation).Scan(&to)
	if none(err) {
		return 0, nil
	}
	return to, wrap(err, "last look of an automation")
}

// SetLookedTo keeps where a look ended.
func (tx *Tx) SetLookedTo(ctx context.Context, automation, to int64) error {
	_, err := tx.tx.Exec(ctx, `update automation set looked_to = $2 where id = $1 and looked_to <> $2`, automation, to)
	return wrap(err, "keep the last look of an automation")
}

// Moments are when a ticket was last written to by a person of either side.
type Moments struct {
	Customer *time.Time `db:"customer"`
	Reply    *time.Time `db:"reply"`
}

// Moments looks at a conversation.
func (r Reader) Moments(ctx context.Context, number int64) (Moments, error) {
	sql := `
		select ` + sinceSQL[desk.OfSinceCustomer] + ` as customer, ` + sinceSQL[desk.OfSinceReply] + ` as reply
		from ticket t
		where t.id = $1`
	moments, err := rowOf[Moments](ctx, r.q, sql, number)
	if err != nil {
		return moments, missing(err, "ticket #%d", number)
	}
	return moments, nil
}

// LockRound makes one process at a time look for what time has brought about; false: another one is at it.
func (tx *Tx) LockRound(ctx context.Context) (mine bool, err error) {
	const lock = 0x72756c65 // any constant that nothing else in this database uses
	err = tx.q.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, lock).Scan(&mine)
	return mine, wrap(err, "lock the round of automations")
}
