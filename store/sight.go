package store

import (
	"context"
	"strings"

	"postern/desk"
)

// Viewer is whose eyes a question is asked with. The zero Viewer sees nothing.
type Viewer struct {
	Staff    bool        // reads what is ours alone: notes, events, evidence, what can still be undone
	Sight    desk.Sight  // which tickets
	User     int64       // who looks; for SightTeams, SightMembers and SightAssigned
	Teams    []int64     // of that person; for SightTeams and SightMembers
	Contacts []int64     // that stand for that person; for SightOwn, and where Copied is true
	Copied   bool        // what the person is in copy of, or watches, is in sight as well; for SightTeams, SightMembers and SightAssigned
	Masks    []desk.Mask // what of customers is hidden from them, by whoever shows what was read
}

// AllSeeing are the eyes of Postern itself: what it does by itself, and what it reads after somebody's right and sight were looked at.
func AllSeeing() Viewer { return Viewer{Staff: true, Sight: desk.SightAll} }

// narrowed says whether the tickets of the viewer have to be told from others by their team and assignee.
func (v Viewer) narrowed() bool {
	return v.Sight == desk.SightTeams || v.Sight == desk.SightMembers || v.Sight == desk.SightAssigned
}

// Saw says whether a ticket was in sight of the viewer before somebody gave it to others.
func (v Viewer) Saw(m Moved) bool {
	var was desk.SeenTicket
	if m.Team != 0 {
		was.TeamID = &m.Team
	}
	if m.Assignee != 0 {
		was.AssigneeID = &m.Assignee
	}
	return v.Sight.Shows(was, v.User, v.Teams)
}

// copiedRead says whether being in copy of a ticket, or watching it, shows it: desk.CopiedRead.
const copiedRead = `coalesce((select x.value = 'true'::jsonb from setting x where x.key = 'sight.cc_grants_read'), false)`

// contactsOfUser are the contacts that stand for the person u of ours.
const contactsOfUser = `select cu.id from contact cu where cu.address = u.email union select au.contact_id from contact_address au where au.address = u.email`

// copiedTo says whether the person u of ours sees a ticket since they are in copy of it or watch it.
func copiedTo(ticket string) string {
	return `(` + copiedRead + ` and (exists (select from watcher wu where wu.ticket_id = ` + ticket + ` and wu.user_id = u.id)
		        or exists (select from participant pu where pu.ticket_id = ` + ticket + ` and not pu.pending and pu.contact_id in (` + contactsOfUser + `))))`
}

// Teamed fills in the teams of a viewer who sees by them, and what they are in copy of where that shows it. By SightTeams those count that are no more, since their tickets are nobody else's; and one who is in every team that there is, or where there is
// none, sees every ticket, and is asked for nothing from then on.
func (r Reader) Teamed(ctx context.Context, v Viewer) (Viewer, error) {
	if !v.narrowed() {
		return v, nil
	}
	var every bool
	err := r.q.QueryRow(ctx, `
		select array(select m.team_id from team_member m where m.user_id = $1
		             union
		             select g.id from team g where $2 and g.removed_at is not null
		             order by 1),
		       not exists (select from team g where g.removed_at is null and not exists (select from team_member m where m.team_id = g.id and m.user_id = $1)),
		       `+copiedRead+`,
		       array(select mine.id from "user" u cross join lateral (`+contactsOfUser+`) as mine where u.id = $1 and `+copiedRead+` limit 100)`,
		v.User, v.Sight == desk.SightTeams).Scan(&v.Teams, &every, &v.Copied, &v.Contacts)
	if every && v.Sight == desk.SightTeams {
		v.Sight = desk.SightAll
	}
	return v, wrap(err, "teams of a viewer")
}

// ours says which contacts' tickets are somebody's own.
func (c *conditions) ours(column string, viewer Viewer) string {
	contacts := c.arg(orEmpty(viewer.Contacts))
	return column + ` in (
		      select own.id from ticket own where own.requester_id = any(` + contacts + `)
		      union all
		      select p.ticket_id from participant p where p.contact_id = any(` + contacts + `) and not p.pending)`
}

// sight is the one predicate that says whether a ticket is in sight of a viewer, by the name that the question has given the ticket; desk.Sight.Shows says the same in Go. It is empty where every
// ticket is in sight: those who see all pay nothing. A customer's tickets are found from their contacts, so that no index of all tickets is walked.
func (c *conditions) sight(t string, viewer Viewer) string {
	switch viewer.Sight {
	case desk.SightAll:
		return ""
	case desk.SightOwn:
		return c.ours(t+".id", viewer)
	case desk.SightTeams, desk.SightMembers, desk.SightAssigned:
		return "(" + strings.Join(c.ways(t, viewer), " or ") + ")"
	default:
		return "false"
	}
}

// ways are the ways by which a ticket is in sight of who sees by team and assignee. Each has an index, and no two of them lead to the same ticket.
func (c *conditions) ways(t string, viewer Viewer) (ways []string) {
	given := t + ".assignee_id = " + c.arg(viewer.User)
	if viewer.Sight == desk.SightAssigned {
		return c.copied(t, viewer, []string{given})
	}
	if viewer.Sight == desk.SightTeams {
		ways = append(ways, t+".team_id is null")
	}
	teams := c.arg(orEmpty(viewer.Teams))
	other := t + ".team_id <> all(" + teams + ")"
	if viewer.Sight == desk.SightMembers {
		other = "(" + t + ".team_id is null or " + other + ")"
	}
	return c.copied(t, viewer, append(ways, t+".team_id = any("+teams+")", "("+given+" and "+other+")"))
}

// copied adds what the viewer is in copy of or watches, and sees in none of those ways, where that shows it.
func (c *conditions) copied(t string, viewer Viewer, ways []string) []string {
	if !viewer.Copied {
		return ways
	}
	return append(ways, "("+t+`.id in (
		      select p.ticket_id from participant p where p.contact_id = any(`+c.arg(orEmpty(viewer.Contacts))+`) and not p.pending
		      union all
		      select w.ticket_id from watcher w where w.user_id = `+c.arg(viewer.User)+`)
		      and (`+strings.Join(ways, " or ")+") is not true)")
}

// ticketsOf keeps the tickets t that are in sight of the viewer.
func (c *conditions) ticketsOf(viewer Viewer) {
	if sight := c.sight("t", viewer); sight != "" {
		c.and(sight)
	}
}

// messagesOf narrows messages m to what the viewer may see of them.
func (c *conditions) messagesOf(viewer Viewer) {
	if !viewer.Staff {
		c.and(public)
	}
	c.messagesIn(viewer)
}

// messagesIn keeps the messages m whose tickets are in sight of the viewer.
func (c *conditions) messagesIn(viewer Viewer) {
	switch viewer.Sight {
	case desk.SightAll:
	case desk.SightOwn:
		c.and(c.ours("m.ticket_id", viewer))
	case desk.SightTeams, desk.SightMembers, desk.SightAssigned:
		c.and("exists (select from ticket seen where seen.id = m.ticket_id and " + c.sight("seen", viewer) + ")")
	default:
		c.and("false")
	}
}

// contactsOf keeps the contacts c on a ticket of whom the viewer's eyes rest. Who sees every ticket sees everybody, also those who have none yet.
func (c *conditions) contactsOf(viewer Viewer) {
	if viewer.Sight == desk.SightAll {
		return
	}
	sight := c.sight("seen", viewer)
	c.and(`(exists (select from ticket seen where seen.requester_id = c.id and ` + sight + `)
		       or exists (select from participant p join ticket seen on seen.id = p.ticket_id where p.contact_id = c.id and ` + sight + `))`)
}

// countSeen counts tickets t as the other conditions ask, to limit at most. Who sees by team and assignee is led to theirs by one index for each way, and not along the tickets of all others.
func (c *conditions) countSeen(viewer Viewer, only, limit string) string {
	each := []string{"true"}
	if viewer.narrowed() {
		each = c.ways("t", viewer)
	} else if sight := c.sight("t", viewer); sight != "" {
		each[0] = sight
	}
	for i, way := range each {
		each[i] = "select 1 from ticket t where " + only + " and " + way
	}
	return "(select count(*) from (" + strings.Join(each, " union all ") + " limit " + limit + ") as counted)"
}

// InSight keeps of tickets those that are in sight of the viewer, in the order in which they were given.
func (r Reader) InSight(ctx context.Context, viewer Viewer, numbers []int64) ([]int64, error) {
	if viewer.Sight == desk.SightAll || len(numbers) == 0 {
		return numbers, nil
	}
	var c conditions
	list := c.arg(numbers)
	c.and("t.id = any(" + list + ")")
	c.ticketsOf(viewer)
	seen := []int64{}
	err := r.q.QueryRow(ctx, "select array(select t.id from ticket t where "+c.where()+" order by array_position("+list+", t.id))", c.args...).Scan(&seen)
	return seen, wrap(err, "tickets in sight")
}

// See is nil if the ticket is in sight of the viewer; else the fault is the same as if there were none.
func (r Reader) See(ctx context.Context, viewer Viewer, number int64) error {
	var c conditions
	c.and("t.id = " + c.arg(number))
	c.ticketsOf(viewer)
	var found int64
	if err := r.q.QueryRow(ctx, "select t.id from ticket t where "+c.where(), c.args...).Scan(&found); err != nil {
		return missing(err, "ticket #%d", number)
	}
	return nil
}

// grantsOf is what roles give.
func (r Reader) grantsOf(ctx context.Context, roles []desk.Role) (map[desk.Role]desk.Grant, error) {
	people := make([]*desk.User, len(roles))
	for i, role := range roles {
		people[i] = &desk.User{ID: -1, Role: role}
	}
	err := r.grant(ctx, people...)
	grants := map[desk.Role]desk.Grant{}
	for _, one := range people {
		grants[one.Role] = one.Holds()
	}
	return grants, err
}
