package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// auditColumns are those of an entry, as every question names them.
const auditColumns = `a.id, a.at, a.actor, a.actor_id, a.via, a.ip, a.action, a.subject, a.detail, a.outcome, a.session_id, a.token_id, a.device_id, a.on_behalf, a.request`

// unveiled says that an entry is about neither conversations nor customers, whose words and addresses stand in its detail and at times in its subject.
const unveiled = `split_part(a.action, '.', 1) <> all(array['ticket', 'attachment', 'contact', 'delivery', 'suspended', 'sender', 'suppression', 'acknowledgement', 'visitor', 'access', 'bulk', 'impersonation'])`

// numbered says that the subject of an entry is a kind and a number, and so tells nothing.
const numbered = `a.subject ~ '^[a-z]+/[0-9]+$'`

// stranger says that the actor of an entry is a customer without an account, whose name is their address.
const stranger = `(a.actor_id is null and position('@' in a.actor) > 0)`

// veiledColumns are auditColumns for who does not see every conversation.
var veiledColumns = strings.NewReplacer(
	"a.subject", "case when "+unveiled+" or "+numbered+" then a.subject else '' end as subject",
	"a.detail", "case when "+unveiled+" then a.detail else '{}'::json end as detail",
	"a.actor,", "case when "+stranger+" then 'customer' else a.actor end as actor,",
	"a.on_behalf", "'' as on_behalf").Replace(auditColumns)

// actorName is who acts, as an entry names them: the address of a person, be it one of our own or a customer who has proved it; 'nobody' for a request of somebody who is not signed in.
func actorName(actor desk.Actor) string {
	switch {
	case actor.Person().Email != "": // also a customer's without an account
		return actor.Person().Email
	case actor.Operator != "":
		return "system (" + actor.Operator + ")"
	case actor.Via == "portal" || actor.Via == "api" || actor.Via == "web":
		return "nobody"
	}
	return "system"
}

// queueAudit adds an entry to what is sent to the database together.
func queueAudit(batch *pgx.Batch, actor desk.Actor, row AuditRow) error {
	name, id, behalf := actorName(actor), (*int64)(nil), ""
	if actor.Behind != nil {
		behalf = actor.User.Email
	}
	if who := actor.Person(); who.ID != 0 {
		id = &who.ID
	}
	text, err := json.Marshal(row.Detail)
	if err != nil {
		return fmt.Errorf("store: audit %s: %w", row.Action, err)
	}
	batch.Queue(`
		insert into audit (actor, actor_id, via, ip, action, subject, detail, outcome, session_id, token_id, device_id, request, on_behalf)
		values ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9::bigint, 0), nullif($10::bigint, 0), (select device_id from session where id = $9), $11, $12)`,
		name, id, actor.Via, actor.IP, row.Action, row.Subject, text, desk.Acts[row.Action].Ended(), actor.Session, actor.Token, actor.Request, behalf)
	return nil
}

// largestRun is how many entries are read at a time by what goes through the whole log.
const largestRun = 1000

// AuditLog is one page of the log: 1000 entries at most.
func (r Reader) AuditLog(ctx context.Context, q desk.AuditQuery) (desk.Page[desk.AuditEntry], error) {
	var none desk.Page[desk.AuditEntry]
	limit := bounded(q.Limit, largestRun)
	from, err := parsePlace(q.Cursor)
	if err != nil {
		return none, err
	}
	var c conditions
	if err := c.audited(q); err != nil {
		return none, err
	}
	order, beyond := "desc", "a.id < "
	if q.Oldest {
		order, beyond = "asc", "a.id > "
	}
	if from != nil {
		c.and(beyond + c.arg(from.ID))
	}
	columns := auditColumns
	if q.Veiled {
		columns = veiledColumns
		if q.Text != "" {
			c.and(unveiled)
		}
		if q.Subject != "" {
			c.and("(" + unveiled + " or " + numbered + ")")
		}
	}
	entries, err := rowsOf[desk.AuditEntry](ctx, r.q, `
		select `+columns+`
		from audit a
		where `+c.where()+`
		order by a.id `+order+`
		limit `+c.arg(limit+1), c.args...)
	if err != nil {
		return none, fmt.Errorf("store: audit: %w", err)
	}
	return pageOf(entries, limit, func(e desk.AuditEntry) place { return place{ID: e.ID} }), nil
}

// audited adds what is asked of the log.
func (c *conditions) audited(q desk.AuditQuery) error {
	if q.Actor != "" {
		by := c.contains("a.actor", q.Actor)
		if q.Veiled {
			c.and(by + " and not " + stranger)
		} else {
			c.and("(" + by + " or " + c.contains("a.on_behalf", q.Actor) + ")")
		}
	}
	if noun, all := strings.CutSuffix(q.Action, "."); all {
		c.and("starts_with(a.action, " + c.arg(noun+".") + ")")
	} else if q.Action != "" {
		c.and("a.action = " + c.arg(q.Action))
	}
	if strings.HasSuffix(q.Subject, "/") {
		c.and("starts_with(a.subject, " + c.arg(q.Subject) + ")")
	} else if q.Subject != "" {
		c.and("a.subject = " + c.arg(q.Subject))
	}
	if q.Outcome != "" {
		c.and("a.outcome = " + c.arg(q.Outcome))
	}
	c.within("a.at", q.From, q.Until)
	if q.Text != "" {
		c.and("a.id > (select coalesce(max(last.id), 0) from audit last) - " + c.arg(desk.AuditTextReach))
		part := c.arg("%" + likeEscape.Replace(q.Text) + "%")
		c.and("(a.subject ilike " + part + " or a.detail::text ilike " + part + ")")
	}
	return c.fromAddress("a.ip", q.IP)
}

// within keeps a span of time.
func (c *conditions) within(column string, from, until time.Time) {
	if !from.IsZero() {
		c.and(column + " >= " + c.arg(from))
	}
	if !until.IsZero() {
		c.and(column + " < " + c.arg(until))
	}
}

// fromAddress keeps what came from an address or a range of them.
func (c *conditions) fromAddress(column, asked string) error {
	if asked == "" {
		return nil
	}
	if !strings.Contains(asked, "/") {
		c.and(column + " = " + c.arg(asked))
		return nil
	}
	within, err := netip.ParsePrefix(asked)
	if err != nil {
		return desk.Wrong("ip", "%q is no address and no range such as 192.0.2.0/24", asked)
	}
	// Addresses are kept as text, and some entries have none: only what can be read as an address is compared.
	c.and("case when " + column + ` ~ '^[0-9a-fA-F.:]+$' then ` + column + "::inet <<= " + c.arg(within.Masked().String()) + "::inet else false end")
	return nil
}

// audit writes what mails of a group caused.
func (f *Filing) audit(batch *pgx.Batch) error {
	rows := f.Audit
	if len(rows) == 0 {
		return nil
	}
	details := make([]string, len(rows))
	for i := range rows {
		text, err := document(rows[i].Detail)
		if err != nil {
			return err
		}
		details[i] = text
	}
	batch.Queue(`
		insert into audit (actor, via, ip, action, subject, detail, outcome)
		select 'mail', 'mail', ip, action, subject, detail::json, outcome
		from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as new (action, subject, detail, outcome, ip)`,
		column(rows, func(r *AuditRow) string { return r.Action }),
		column(rows, func(r *AuditRow) string { return r.Subject }),
		details,
		column(rows, func(r *AuditRow) string { return string(desk.Acts[r.Action].Ended()) }),
		column(rows, func(r *AuditRow) string { return r.IP }))
	return nil
}
