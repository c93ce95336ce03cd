package store

import (
	"context"
	"time"

	"postern/desk"
)

// mostTied is how many people of ours hear of one thing at most.
const mostTied = 500

// Ties are the people of ours to whom something on a ticket matters: its assignee, its team, those who watch it, those whom the message names and who wrote it.
func (r Reader) Ties(ctx context.Context, ticket int64, message *int64) ([]desk.Tie, error) {
	sql := `
		with tied as (
		    select t.assignee_id as id from ticket t where t.id = $1
		    union
		    select m.user_id from ticket t join team_member m on m.team_id = t.team_id where t.id = $1
		    union
		    select w.user_id from watcher w where w.ticket_id = $1
		    union
		    select n.user_id from mention n where n.message_id = $2
		    union
		    select m.author_id from message m where m.id = $2)
		select u.id, u.name, u.role, u.notify, u.time_zone, (select g.id from ticket t join team g on g.id = t.team_id and g.removed_at is null where t.id = $1) as team_id,
		       exists (select from ticket t where t.id = $1 and t.assignee_id = u.id) as assignee,
		       exists (select from ticket t join team_member m on m.team_id = t.team_id where t.id = $1 and m.user_id = u.id) as member,
		       exists (select from watcher w where w.ticket_id = $1 and w.user_id = u.id) as watcher,
		       exists (select from mention n where n.message_id = $2 and n.user_id = u.id) as mentioned,
		       exists (select from message m where m.id = $2 and m.author_id = u.id) as author,
		       ` + copiedTo("$1") + ` as copied
		from tied
		join "user" u on u.id = tied.id
		where u.role in (select r.name from role r where r.reads) and u.disabled_at is null
		order by u.id
		limit $3`
	ties, err := rowsOf[desk.Tie](ctx, r.q, sql, ticket, message, mostTied)
	if err != nil {
		return nil, wrap(err, "people of a ticket")
	}
	grants, err := r.grantsOf(ctx, column(ties, func(t *desk.Tie) desk.Role { return t.Role }))
	for i := range ties {
		ties[i].Sight = grants[ties[i].Role].Sight
	}
	return ties, err
}

// NotifyActor is the name of who did something: one of our people, else the sender of the mail; empty: Postern itself.
func (r Reader) NotifyActor(ctx context.Context, user *int64, message *int64) (name string, err error) {
	const sql = `
		select coalesce((select u.name from "user" u where u.id = $1),
		                (select coalesce(nullif(m.from_name, ''), m.from_address) from message m where m.id = $2 and m.kind = 'inbound'), '')`
	return name, wrap(r.q.QueryRow(ctx, sql, user, message).Scan(&name), "who did it")
}

// NotificationRow is a notification to be written.
type NotificationRow struct {
	User      int64
	Ticket    int64
	Message   *int64
	Happening int64
	Kind      desk.NotificationKind
	Actor     string
	Detail    string
	At        time.Time
	MailAt    *time.Time // nil: not by mail
}

// AddNotifications tells people something, and says who had not been told before.
func (tx *Tx) AddNotifications(ctx context.Context, rows []NotificationRow) ([]int64, error) {
	const sql = `
		insert into notification (user_id, ticket_id, message_id, happening_id, kind, actor, detail, at, mail_at)
		select user_id, ticket_id, (select m.id from message m where m.id = new.message_id), nullif(happening_id, 0), kind, actor, detail, at, mail_at
		from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])
		     as new (user_id, ticket_id, message_id, happening_id, kind, actor, detail, at, mail_at)
		on conflict (user_id, happening_id) where happening_id is not null do nothing
		returning user_id`
	found, err := tx.tx.Query(ctx, sql,
		column(rows, func(r *NotificationRow) int64 { return r.User }), column(rows, func(r *NotificationRow) int64 { return r.Ticket }),
		column(rows, func(r *NotificationRow) *int64 { return r.Message }), column(rows, func(r *NotificationRow) int64 { return r.Happening }),
		column(rows, func(r *NotificationRow) string { return string(r.Kind) }), column(rows, func(r *NotificationRow) string { return r.Actor }),
		column(rows, func(r *NotificationRow) string { return r.Detail }), column(rows, func(r *NotificationRow) time.Time { return r.At }),
		column(rows, func(r *NotificationRow) *time.Time { return r.MailAt }))
	if err != nil {
		return nil, wrap(err, "notify")
	}
	return collectIDs(found, "notify")
}

const selectNotification = `
		select n.id, n.ticket_id, t.subject, coalesce(nullif(c.name, ''), c.address) as customer, n.message_id, n.kind, n.actor, n.detail, n.at, n.read_at
		from notification n
		join ticket t on t.id = n.ticket_id
		join contact c on c.id = t.requester_id`

// notifications narrows to what a person was told of tickets that they see. What they were told of one that they see no more is kept, and shown again when they see it again.
func (c *conditions) notifications(viewer Viewer) {
	c.and("n.user_id = " + c.arg(viewer.User))
	c.ticketsOf(viewer)
}

// Notifications is one page of what the viewer was told, the newest first.
func (r Reader) Notifications(ctx context.Context, viewer Viewer, cursor string, limit int) (desk.Page[desk.Notification], error) {
	before, err := parsePlace(cursor)
	if err != nil {
		return desk.Page[desk.Notification]{}, err
	}
	limit = bounded(limit, largestPage)
	var c conditions
	c.notifications(viewer)
	if id := before.id(); id != 0 {
		c.and("n.id < " + c.arg(id))
	}
	list, err := rowsOf[desk.Notification](ctx, r.q, selectNotification+"\n\t\twhere "+c.where()+"\n\t\torder by n.id desc\n\t\tlimit "+c.arg(limit+1), c.args...)
	return pageOf(list, limit, func(n desk.Notification) place { return place{ID: n.ID} }), wrap(err, "notifications")
}

// UnreadSince lists what the viewer was told after a notification and has not read, the newest first.
func (r Reader) UnreadSince(ctx context.Context, viewer Viewer, after int64, limit int) ([]desk.Notification, error) {
	var c conditions
	c.notifications(viewer)
	c.and("n.read_at is null and n.id > " + c.arg(after))
	list, err := rowsOf[desk.Notification](ctx, r.q, selectNotification+"\n\t\twhere "+c.where()+"\n\t\torder by n.id desc\n\t\tlimit "+c.arg(limit), c.args...)
	return list, wrap(err, "unread notifications")
}

// Bell is what a person's bell shows.
type Bell struct {
	Unread int64 `db:"unread"` // counted to 100
	Newest int64 `db:"newest"` // id of the newest notification; 0: there is none
}

// Bell counts what the viewer has not read.
func (r Reader) Bell(ctx context.Context, viewer Viewer) (Bell, error) {
	var c conditions
	c.notifications(viewer)
	from := "from notification n"
	if viewer.Sight != desk.SightAll {
		from += " join ticket t on t.id = n.ticket_id"
	}
	bell, err := rowOf[Bell](ctx, r.q, `
		select (select count(*) from (select `+from+` where `+c.where()+` and n.read_at is null limit 100) as counted) as unread,
		       coalesce((select n.id `+from+` where `+c.where()+` order by n.id desc limit 1), 0) as newest`, c.args...)
	return bell, wrap(err, "bell")
}

// UnreadOn says whether a person has anything unread about a ticket.
func (r Reader) UnreadOn(ctx context.Context, user, ticket int64) (unread bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from notification where user_id = $1 and ticket_id = $2 and read_at is null)`, user, ticket).Scan(&unread)
	return unread, wrap(err, "unread about a ticket")
}

// ReadNotifications marks what a person was told as read: one notification, those of one ticket, or with both 0 everything up to now.
func (tx *Tx) ReadNotifications(ctx context.Context, user, one, ticket int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update notification
		set read_at = $4, mail_at = null
		where user_id = $1 and read_at is null and ($2 = 0 or id = $2) and ($3 = 0 or ticket_id = $3)`, user, one, ticket, now)
	return wrap(err, "read notifications")
}

// SweepNotifications removes what people were told before a time.
func (tx *Tx) SweepNotifications(ctx context.Context, before time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from notification where id in (select id from notification where at < $1 limit 10000)`, before)
	return wrap(err, "sweep notifications")
}

// Wishes are how a person wants to be told.
func (r Reader) Wishes(ctx context.Context, user int64) (wishes desk.Wishes, err error) {
	err = r.q.QueryRow(ctx, `select notify from "user" where id = $1`, user).Scan(&wishes)
	if err != nil {
		return wishes, missing(err, "user %d", user)
	}
	return wishes, nil
}

// SetWishes writes how a person wants to be told.
func (tx *Tx) SetWishes(ctx context.Context, user int64, wishes desk.Wishes) error {
	_, err := tx.tx.Exec(ctx, `update "user" set notify = $2 where id = $1`, user, wishes)
	return wrap(err, "set wishes")
}

// DueMail is a notification whose mail is due, with what its letter says.
type DueMail struct {
	desk.Notification
	User        int64            `db:"user_id"`
	Email       string           `db:"email"`
	Name        string           `db:"name"`
	Language    string           `db:"language"`
	Wishes      desk.Wishes      `db:"notify"`
	Author      string           `db:"author"` // of the message: who wrote it, as it says
	Text        string           `db:"text"`   // its new part
	TimeZone    string           `db:"time_zone"`
	Role        desk.Role        `db:"role"`
	MessageKind desk.MessageKind `db:"message_kind"`
	TeamID      *int64           `db:"team_id"` // of the ticket
	AssigneeID  *int64           `db:"assignee_id"`
	Member      bool             `db:"member"` // the person is in its team
	Copied      bool             `db:"copied"` // is in copy or watches, and that shows the ticket
	Sight       desk.Sight       `db:"-"`      // of their role
	Masks       []desk.Mask      `db:"-"`      // of their role
}

// Tie is how the person belongs to the ticket.
func (d DueMail) Tie() desk.Tie {
	return desk.Tie{User: d.User, Role: d.Role, Sight: d.Sight, TeamID: d.TeamID, Member: d.Member, Copied: d.Copied, Assignee: d.AssigneeID != nil && *d.AssigneeID == d.User}
}

// TakeDueMail takes notifications in hand whose mail is due, all of a few people, and marks them as mailed: a letter is rather lost than sent twice. What the person has read needs none.
func (tx *Tx) TakeDueMail(ctx context.Context, now time.Time, people, each int) ([]DueMail, error) {
	sql := `
		with someone as (
		    select distinct user_id
		    from (select user_id from notification where mail_at <= $1 order by mail_at limit 1000) as due
		    limit $2),
		due as (
		    select n.id
		    from notification n
		    join someone s on s.user_id = n.user_id
		    where n.mail_at <= $1
		    order by n.id
		    limit $3
		    for update of n skip locked),
		taken as (
		    update notification n
		    set mail_at = null, mailed_at = $1
		    from due
		    where n.id = due.id
		    returning n.*)
		select n.id, n.ticket_id, t.subject, coalesce(nullif(c.name, ''), c.address) as customer, n.message_id, n.kind, n.actor, n.detail, n.at, n.read_at,
		       n.user_id, u.email, u.name, u.role, u.language, u.time_zone, u.notify,
		       coalesce(m.from_name, '') as author, coalesce(left(m.text, 4000), '') as text, coalesce(m.kind, '') as message_kind,
		       (select g.id from team g where g.id = t.team_id and g.removed_at is null) as team_id, t.assignee_id, exists (select from team_member tm where tm.team_id = t.team_id and tm.user_id = u.id) as member,
		       ` + copiedTo("n.ticket_id") + ` as copied
		from taken n
		join "user" u on u.id = n.user_id
		join ticket t on t.id = n.ticket_id
		join contact c on c.id = t.requester_id
		left join message m on m.id = n.message_id
		where u.disabled_at is null and u.role in (select r.name from role r where r.reads) and n.read_at is null
		order by n.user_id, n.ticket_id, n.id`
	list, err := rowsOf[DueMail](ctx, tx.q, sql, now, people, each)
	if err != nil {
		return nil, wrap(err, "take due notifications")
	}
	grants, err := tx.grantsOf(ctx, column(list, func(d *DueMail) desk.Role { return d.Role }))
	for i := range list {
		list[i].Sight, list[i].Masks = grants[list[i].Role].Sight, grants[list[i].Role].Masks
	}
	return list, err
}

// Watch makes a person hear of a ticket. false: they did before.
func (tx *Tx) Watch(ctx context.Context, ticket, user int64) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `insert into watcher (ticket_id, user_id) values ($1, $2) on conflict do nothing`, ticket, user)
	return tag.RowsAffected() > 0, wrap(err, "watch")
}

// Unwatch ends it. false: they did not.
func (tx *Tx) Unwatch(ctx context.Context, ticket, user int64) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `delete from watcher where ticket_id = $1 and user_id = $2`, ticket, user)
	return tag.RowsAffected() > 0, wrap(err, "unwatch")
}

// Watchers lists who watches a ticket, by name.
func (r Reader) Watchers(ctx context.Context, ticket int64) ([]desk.User, error) {
	people, err := rowsOf[desk.User](ctx, r.q, `
		select u.id, u.email, u.name, u.role
		from watcher w
		join "user" u on u.id = w.user_id
		where w.ticket_id = $1 and u.disabled_at is null and u.role in (select r.name from role r where r.reads)
		order by lower(u.name), u.id
		limit 100`, ticket)
	return people, wrap(err, "watchers")
}
