package store

import (
	"context"
	"encoding/json"
	"time"

	"postern/desk"
)

// Profile is what is known of a person beside name and address; empty where nothing is.
func (r Reader) Profile(ctx context.Context, user int64) (desk.Profile, error) {
	found, _, err := perhapsOne[desk.Profile](ctx, r.q, `
		select organization, department, title, phone, tags, fields
		from profile
		where user_id = $1`, user)
	return found, wrap(err, "profile")
}

// SetProfile writes what is known of a person.
func (tx *Tx) SetProfile(ctx context.Context, user int64, profile desk.Profile, now time.Time) error {
	fields, err := json.Marshal(profile.Fields)
	if err != nil {
		return wrap(err, "set profile")
	}
	if profile.Fields == nil {
		fields = []byte("{}")
	}
	tags := profile.Tags
	if tags == nil {
		tags = []string{}
	}
	_, err = tx.tx.Exec(ctx, `
		insert into profile (user_id, organization, department, title, phone, tags, fields, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (user_id) do update
		set organization = excluded.organization, department = excluded.department, title = excluded.title, phone = excluded.phone, tags = excluded.tags, fields = excluded.fields, updated_at = excluded.updated_at`,
		user, profile.Organization, profile.Department, profile.Title, profile.Phone, tags, fields, now)
	return wrap(err, "set profile")
}
