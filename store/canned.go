package store

import (
	"context"

	"postern/desk"
)

// The shelf of a canned reply or macro x: who may use it.
const (
	shelfColumns = `x.owner_id, coalesce(o.name, '') as owner_name, x.team_id, coalesce(g.name, '') as team_name,
		       x.mailbox_id, coalesce(nullif(b.name, ''), b.address, '') as mailbox_name`
	shelfJoins = `
		left join "user" o on o.id = x.owner_id
		left join team g on g.id = x.team_id
		left join mailbox b on b.id = x.mailbox_id`
	// shelfOf keeps what a user may use: their own, their teams', and everybody's.
	shelfOf = `(x.owner_id = $1
		       or x.owner_id is null and x.team_id is null
		       or x.team_id in (select m.team_id from team_member m where m.user_id = $1))`
	selectCanned = `
		select x.id, x.name, x.shortcut, x.text, x.updated_at, ` + shelfColumns + `
		from canned x` + shelfJoins
	selectMacro = `
		select x.id, x.name, x.actions, x.text, x.updated_at, x.author_id, ` + shelfColumns + `
		from macro x` + shelfJoins
)

// Shelved says whose canned replies or macros are asked for.
type Shelved struct {
	User    int64
	Mailbox int64  // only those that are for its tickets; 0: for any
	Text    string // in the name, the shortcut or the text; empty: whatever they say
	Shared  Sharing
}

// Sharing says whether those of teams that the user is no member of count, too: whoever looks after them sees them all.
type Sharing int

const (
	TheirTeams Sharing = iota
	EveryTeam
)

// Canned lists the canned replies that a user may use, by name: desk.MostCanned at most.
func (r Reader) Canned(ctx context.Context, q Shelved) ([]desk.Canned, error) {
	const sql = selectCanned + `
		where (` + shelfOf + ` or $4 and x.owner_id is null)
		  and ($2 = 0 or x.mailbox_id is null or x.mailbox_id = $2)
		  and ($3 = '' or x.name ilike $3 or x.shortcut ilike $3 or x.text ilike $3)
		order by lower(x.name), x.id
		limit $5`
	list, err := rowsOf[desk.Canned](ctx, r.q, sql, q.User, q.Mailbox, partly(q.Text), q.Shared == EveryTeam, desk.MostCanned)
	return list, wrap(err, "canned replies")
}

// CannedReply is one canned reply, whoever may use it.
func (r Reader) CannedReply(ctx context.Context, id int64) (desk.Canned, error) {
	one, err := rowOf[desk.Canned](ctx, r.q, selectCanned+`
		where x.id = $1`, id)
	if err != nil {
		return one, missing(err, "canned reply %d", id)
	}
	return one, nil
}

// SaveCanned adds a canned reply (id 0) or changes it, and returns its id. A shortcut that is taken among those who share it is a Conflict.
func (tx *Tx) SaveCanned(ctx context.Context, c desk.Canned) (int64, error) {
	sql := `
		insert into canned (name, shortcut, text, owner_id, team_id, mailbox_id, updated_at)
		values ($2, $3, $4, $5, $6, $7, $8)
		returning id + $1`
	if c.ID != 0 {
		sql = `
		update canned
		set name = $2, shortcut = $3, text = $4, owner_id = $5, team_id = $6, mailbox_id = $7, updated_at = $8
		where id = $1
		returning id`
	}
	var id int64
	err := tx.tx.QueryRow(ctx, sql, c.ID, c.Name, c.Shortcut, c.Text, c.OwnerID, c.TeamID, c.MailboxID, c.UpdatedAt).Scan(&id)
	switch {
	case violates(err, "canned_shortcut"):
		return 0, desk.Faultf(desk.Conflict, "another canned reply has the shortcut /%s already", c.Shortcut)
	case none(err):
		return 0, desk.Faultf(desk.NotFound, "canned reply %d does not exist", c.ID)
	}
	return id, wrap(shelfFault(err), "save canned reply")
}

// shelfFault names what of a shelf does not exist.
func shelfFault(err error) error {
	for constraint, fault := range map[string]*desk.Fault{
		"canned_team_id_fkey": desk.Wrong("team", "there is no such team"), "macro_team_id_fkey": desk.Wrong("team", "there is no such team"),
		"canned_mailbox_id_fkey": desk.Wrong("mailbox", "there is no such mailbox"), "macro_mailbox_id_fkey": desk.Wrong("mailbox", "there is no such mailbox"),
	} {
		if violates(err, constraint) {
			return fault
		}
	}
	return err
}

// DropCanned removes a canned reply.
func (tx *Tx) DropCanned(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `delete from canned where id = $1`, id)
	return wrap(err, "drop canned reply")
}

// SendsCanned names a rule that sends a canned reply; empty: none does.
func (r Reader) SendsCanned(ctx context.Context, id int64) (string, error) {
	const sql = `
		select coalesce((select name from automation
		                 where actions @> jsonb_build_array(jsonb_build_object('do', 'reply', 'id', $1::bigint)) order by position limit 1), '')`
	var name string
	err := r.q.QueryRow(ctx, sql, id).Scan(&name)
	return name, wrap(err, "rules that send a canned reply")
}

// Macros lists the macros that a user may use, by name: desk.MostCanned at most.
func (r Reader) Macros(ctx context.Context, q Shelved) ([]desk.Macro, error) {
	const sql = selectMacro + `
		where (` + shelfOf + ` or $4 and x.owner_id is null)
		  and ($2 = 0 or x.mailbox_id is null or x.mailbox_id = $2)
		  and ($3 = '' or x.name ilike $3 or x.text ilike $3)
		order by lower(x.name), x.id
		limit $5`
	list, err := rowsOf[desk.Macro](ctx, r.q, sql, q.User, q.Mailbox, partly(q.Text), q.Shared == EveryTeam, desk.MostCanned)
	return list, wrap(err, "macros")
}

// Macro is one macro, whoever may use it.
func (r Reader) Macro(ctx context.Context, id int64) (desk.Macro, error) {
	one, err := rowOf[desk.Macro](ctx, r.q, selectMacro+`
		where x.id = $1`, id)
	if err != nil {
		return one, missing(err, "macro %d", id)
	}
	return one, nil
}

// SaveMacro adds a macro (id 0) or changes it, and returns its id.
func (tx *Tx) SaveMacro(ctx context.Context, m desk.Macro) (int64, error) {
	sql := `
		insert into macro (name, actions, text, owner_id, team_id, mailbox_id, updated_at, author_id)
		values ($2, $3, $4, $5, $6, $7, $8, $9)
		returning id + $1`
	if m.ID != 0 {
		sql = `
		update macro
		set name = $2, actions = $3, text = $4, owner_id = $5, team_id = $6, mailbox_id = $7, updated_at = $8, author_id = $9
		where id = $1
		returning id`
	}
	var id int64
	err := tx.tx.QueryRow(ctx, sql, m.ID, m.Name, orEmpty(m.Actions), m.Text, m.OwnerID, m.TeamID, m.MailboxID, m.UpdatedAt, m.AuthorID).Scan(&id)
	if none(err) {
		return 0, desk.Faultf(desk.NotFound, "macro %d does not exist", m.ID)
	}
	return id, wrap(shelfFault(err), "save macro")
}

// DropMacro removes a macro.
func (tx *Tx) DropMacro(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `delete from macro where id = $1`, id)
	return wrap(err, "drop macro")
}

// TeamExists says whether a team is there and was not removed.
func (r Reader) TeamExists(ctx context.Context, team int64) (bool, error) {
	var exists bool
	err := r.q.QueryRow(ctx, `select exists (select from team where id = $1 and removed_at is null)`, team).Scan(&exists)
	return exists, wrap(err, "team")
}

// MemberOf says whether a user is a member of a team.
func (r Reader) MemberOf(ctx context.Context, team, user int64) (bool, error) {
	var member bool
	err := r.q.QueryRow(ctx, `select exists (select from team_member where team_id = $1 and user_id = $2)`, team, user).Scan(&member)
	return member, wrap(err, "member of a team")
}

// partly is a pattern for ilike that finds a part; empty finds everything.
func partly(text string) string {
	if text == "" {
		return ""
	}
	return "%" + likeEscape.Replace(text) + "%"
}
