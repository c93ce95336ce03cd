package store

import (
	"context"
	"strings"

	"postern/desk"
)

// mostSuggested is how many people are suggested while somebody types.
const mostSuggested = 8

// nearEnough is how many people one branch of the suggestions looks at, before those are taken whom the viewer sees.
const nearEnough = 200

// SuggestContacts lists people whose address or name begins with the text and of whom the viewer sees a ticket, those first who are on the given one (0: on none). Each branch walks a stretch of an
// index, whatever the number of contacts.
func (r Reader) SuggestContacts(ctx context.Context, viewer Viewer, number int64, text string) ([]desk.Contact, error) {
	var c conditions
	begin := c.arg(likeEscape.Replace(strings.ToLower(strings.TrimSpace(text))) + "%")
	on, most, look := c.arg(number), c.arg(mostSuggested), mostSuggested
	if viewer.Sight != desk.SightAll {
		look = nearEnough
	}
	stretch := c.arg(look)
	c.and("true")
	c.contactsOf(viewer)
	contacts, err := rowsOf[desk.Contact](ctx, r.q, `
		with near as (
		    select t.requester_id as id from ticket t where t.id = `+on+`
		    union all
		    select p.contact_id from participant p where p.ticket_id = `+on+` and not p.pending
		), found as (
		    (select c.id, 0 as place from contact c where c.id in (select id from near) and (c.address like `+begin+` or lower(c.name) like `+begin+` or lower(c.name) like '% ' || `+begin+`) limit 100)
		    union all
		    (select c.id, 1 from contact c where c.address like `+begin+` order by c.address limit `+stretch+`)
		    union all
		    (select c.id, 2 from contact c where lower(c.name) like `+begin+` order by lower(c.name) limit `+stretch+`)
		)
		select c.id, c.address, c.name, c.created_at
		from (select id, min(place) as place from found group by id) as found
		join contact c on c.id = found.id
		where `+c.where()+`
		order by found.place, c.address
		limit `+most, c.args...)
	return orEmpty(contacts), wrap(err, "suggestions")
}

// WrittenTo keeps of canonical addresses those to whom a mail of ours has been written.
func (r Reader) WrittenTo(ctx context.Context, addresses []string) ([]string, error) {
	var known []string
	err := r.q.QueryRow(ctx, `
		select array(
		    select a
		    from unnest($1::text[]) as a
		    where exists (select from delivery d where lower(d.recipient) = a))`, orEmpty(addresses)).Scan(&known)
	return known, wrap(err, "people written to")
}

// NamedOn keeps of canonical addresses those that stand in From, To or Cc of the customer's own mails on a ticket; its last hundred are looked at.
func (r Reader) NamedOn(ctx context.Context, number int64, addresses []string) ([]string, error) {
	var known []string
	err := r.q.QueryRow(ctx, `
		with recent as (
		    select m.from_address, m."to", m.cc
		    from message m
		    where m.ticket_id = $1 and m.kind = 'inbound' and m.side is null
		    order by m.at desc
		    limit 100
		), named as (
		    select lower(from_address) as address from recent
		    union
		    select lower(person ->> 'address') from recent, lateral (select json_array_elements(recent."to") union all select json_array_elements(recent.cc)) as people (person)
		)
		select array(select address from named where address = any($2))`, number, orEmpty(addresses)).Scan(&known)
	return known, wrap(err, "people named on a ticket")
}

// NewestNotes is the text of the newest notes on a ticket; twenty at most.
func (r Reader) NewestNotes(ctx context.Context, number int64) ([]string, error) {
	var texts []string
	err := r.q.QueryRow(ctx, `
		select array(
		    select m.text
		    from message m
		    where m.ticket_id = $1 and m.kind = 'note'
		    order by m.at desc, m.id desc
		    limit 20)`, number).Scan(&texts)
	return texts, wrap(err, "notes of a ticket")
}
