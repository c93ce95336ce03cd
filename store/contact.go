package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/desk"
)

// ContactsOf lists the contacts that stand for an address: the contact of that name, and the one to whom an agent gave the address (T-ALT-ADDR).
func (r Reader) ContactsOf(ctx context.Context, address string) ([]int64, error) {
	const sql = `
		select array(
		    select c.id from contact c where c.address = $1
		    union
		    select a.contact_id from contact_address a where a.address = $1
		    limit 100)`
	var ids []int64
	if err := r.q.QueryRow(ctx, sql, desk.Canonical(address)).Scan(&ids); err != nil {
		return nil, fmt.Errorf("store: contacts of an address: %w", err)
	}
	return ids, nil
}

// Contact is one person.
func (r Reader) Contact(ctx context.Context, id int64) (desk.Contact, error) {
	contact, err := rowOf[desk.Contact](ctx, r.q, `select id, address, name, created_at from contact where id = $1`, id)
	if err != nil {
		return contact, missing(err, "contact %d", id)
	}
	return contact, nil
}

// SeenContact is one person, if the viewer sees a ticket of theirs, or one that they take part in; else the fault is the same as if there were nobody.
func (r Reader) SeenContact(ctx context.Context, viewer Viewer, id int64) (desk.Contact, error) {
	var c conditions
	c.and("c.id = " + c.arg(id))
	c.contactsOf(viewer)
	contact, err := rowOf[desk.Contact](ctx, r.q, "select c.id, c.address, c.name, c.created_at from contact c where "+c.where(), c.args...)
	if err != nil {
		return contact, missing(err, "contact %d", id)
	}
	return contact, nil
}

// KnowContacts finds or makes the contacts of addresses and returns their ids in the same order. A name that nobody knew is kept; a known one stays.
func (tx *Tx) KnowContacts(ctx context.Context, people []desk.Address) ([]int64, error) {
	sorted := make([]desk.Address, len(people)) // in one order always, so that two transactions never wait for each other
	for i, person := range people {
		sorted[i] = desk.Address{Name: person.Name, Addr: desk.Canonical(person.Addr)}
	}
	slices.SortFunc(sorted, func(a, b desk.Address) int { return strings.Compare(a.Addr, b.Addr) })
	sorted = slices.CompactFunc(sorted, func(a, b desk.Address) bool { return a.Addr == b.Addr })
	const sql = `
		with new as (
		    select address, name from unnest($1::text[], $2::text[]) as new (address, name)
		), made as (
		    insert into contact (address, name)
		    select address, name from new
		    on conflict (address) do update set name = case when contact.name = '' then excluded.name else contact.name end
		    returning id, address
		)
		select made.address, coalesce(a.contact_id, made.id) as id
		from made
		left join contact_address a on a.address = made.address`
	type row struct {
		Address string `db:"address"`
		ID      int64  `db:"id"`
	}
	rows, err := rowsOf[row](ctx, tx.q, sql,
		column(sorted, func(a *desk.Address) string { return a.Addr }), column(sorted, func(a *desk.Address) string { return a.Name }))
	if err != nil {
		return nil, fmt.Errorf("store: contacts: %w", err)
	}
	byAddress := make(map[string]int64, len(rows))
	for _, one := range rows {
		byAddress[one.Address] = one.ID
	}
	ids := make([]int64, len(people))
	for i, person := range people {
		ids[i] = byAddress[desk.Canonical(person.Addr)]
	}
	return ids, nil
}

// GiveAddress makes an address one of a contact's own. On tickets where that person stands anyway, the address no longer stands as somebody else; those tickets come back.
// Nothing else of the address's own contact changes: what it wrote stays under its name.
func (tx *Tx) GiveAddress(ctx context.Context, contact int64, address string) ([]int64, error) {
	tag, err := tx.tx.Exec(ctx, `
		insert into contact_address (address, contact_id)
		values ($1, $2)
		on conflict (address) do update set address = excluded.address where contact_address.contact_id = excluded.contact_id`, address, contact)
	if err != nil {
		return nil, fmt.Errorf("store: give address: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil, desk.Faultf(desk.Conflict, "%s belongs to another contact already", address)
	}
	const sql = `
		delete from participant p
		using contact other
		where other.address = $1 and other.id <> $2 and p.contact_id = other.id
		  and exists (select from ticket t where t.id = p.ticket_id and t.requester_id = $2
		              union all
		              select from participant q where q.ticket_id = p.ticket_id and q.contact_id = $2 and not q.pending)
		returning p.ticket_id`
	rows, err := tx.tx.Query(ctx, sql, address, contact)
	if err != nil {
		return nil, fmt.Errorf("store: give address: %w", err)
	}
	return collectIDs(rows, "give address")
}
