package store

import (
	"context"

	"postern/desk"
)

// Customer is a contact with what colleagues noted about them.
type Customer struct {
	desk.Contact
	Note      string   `json:"note" db:"note"`
	Addresses []string `json:"addresses" db:"addresses"` // further ones of the same person; 100 at most
	Tickets   int64    `json:"tickets" db:"tickets"`     // of theirs, counted to 1,000
}

// Customer is one person with what is known about them, if the viewer sees a ticket of theirs, or one that they take part in. Tickets out of sight are not counted.
func (r Reader) Customer(ctx context.Context, viewer Viewer, id int64) (Customer, error) {
	var c conditions
	count := c.countSeen(viewer, "t.requester_id = c.id and t.merged_into is null", "1000")
	c.and("c.id = " + c.arg(id))
	c.contactsOf(viewer)
	customer, err := rowOf[Customer](ctx, r.q, `
		select c.id, c.address, c.name, c.created_at, c.note,
		       array(select a.address from contact_address a where a.contact_id = c.id order by a.address limit 100) as addresses,
		       `+count+` as tickets
		from contact c
		where `+c.where(), c.args...)
	if err != nil {
		return customer, missing(err, "contact %d", id)
	}
	return customer, nil
}

// SetCustomer changes a contact's name and note.
func (tx *Tx) SetCustomer(ctx context.Context, id int64, name, note string) error {
	_, err := tx.tx.Exec(ctx, `update contact set name = $2, note = $3 where id = $1`, id, name, note)
	return wrap(err, "change contact")
}

// NewestTicketsOf lists the newest tickets of a contact: a hundred at most.
func (r Reader) NewestTicketsOf(ctx context.Context, contact int64) ([]int64, error) {
	rows, err := r.q.Query(ctx, `select id from ticket where requester_id = $1 order by id desc limit 100`, contact)
	if err != nil {
		return nil, wrap(err, "tickets of a contact")
	}
	return collectIDs(rows, "tickets of a contact")
}
