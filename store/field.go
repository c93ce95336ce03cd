package store

import (
	"context"

	"postern/desk"
)

const selectFields = `
		select f.id, f.key, f.name, f.kind, f.choices, f.required, f.mailbox_id, coalesce(nullif(b.name, ''), b.address, '') as mailbox_name, f.position
		from field f
		left join mailbox b on b.id = f.mailbox_id`

// Fields lists the custom fields in their order: desk.MostFields at most.
func (r Reader) Fields(ctx context.Context) ([]desk.Field, error) {
	fields, err := rowsOf[desk.Field](ctx, r.q, selectFields+`
		where f.removed_at is null
		order by f.position, f.id
		limit $1`, desk.MostFields)
	return fields, wrap(err, "fields")
}

// SetField adds a field (id 0), or changes all of it but its key and kind. A key that was removed comes back with its values. A key that is taken is a desk.Conflict.
func (tx *Tx) SetField(ctx context.Context, f desk.Field) (id int64, err error) {
	if f.ID != 0 {
		err = tx.tx.QueryRow(ctx, `
		update field
		set name = $2, choices = $3, required = $4, mailbox_id = $5, position = $6
		where id = $1 and removed_at is null
		returning id`, f.ID, f.Name, orEmpty(f.Choices), f.Required, f.MailboxID, f.Position).Scan(&id)
		if none(err) {
			return 0, desk.Faultf(desk.NotFound, "this field does not exist any more")
		}
	} else {
		var count int
		if err := tx.tx.QueryRow(ctx, `select count(*) from field where removed_at is null`).Scan(&count); err != nil {
			return 0, wrap(err, "fields")
		}
		if count >= desk.MostFields {
			return 0, desk.Faultf(desk.TooLarge, "there are %d fields, which is the most", desk.MostFields)
		}
		err = tx.tx.QueryRow(ctx, `
		insert into field (key, name, kind, choices, required, mailbox_id, position)
		values ($1, $2, $3, $4, $5, $6, (select coalesce(max(position), 0) + 1 from field where removed_at is null))
		on conflict (key) do update
		set name = excluded.name, kind = excluded.kind, choices = excluded.choices, required = excluded.required, mailbox_id = excluded.mailbox_id, position = excluded.position, removed_at = null
		where field.removed_at is not null
		returning id`, f.Key, f.Name, f.Kind, orEmpty(f.Choices), f.Required, f.MailboxID).Scan(&id)
		if none(err) {
			return 0, &desk.Fault{Kind: desk.Conflict, Reason: "there is a field with the key " + f.Key + " already", Field: "key"}
		}
	}
	if violates(err, "field_mailbox_id_fkey") {
		return 0, desk.Wrong("mailbox", "there is no such mailbox")
	}
	return id, wrap(err, "set field")
}

// DropField removes a field: it is asked for no more, and its values stay on the tickets.
func (tx *Tx) DropField(ctx context.Context, id int64) (key string, err error) {
	err = tx.tx.QueryRow(ctx, `
		update field
		set removed_at = now()
		where id = $1 and removed_at is null
		returning key`, id).Scan(&key)
	if none(err) {
		return "", desk.Faultf(desk.NotFound, "this field does not exist any more")
	}
	return key, wrap(err, "drop field")
}
