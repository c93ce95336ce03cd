package store

import (
	"context"
	"encoding/json"
	"time"

	"postern/desk"
)

const profileColumns = `
	select p.organization, p.department, p.title, p.phone, p.tags, p.fields, p.photo_url
	from profile p`

// Profile is what is known of a person beside name and address; empty where nothing is.
func (r Reader) Profile(ctx context.Context, user int64) (desk.Profile, error) {
	found, _, err := perhapsOne[desk.Profile](ctx, r.q, profileColumns+`
		where p.user_id = $1`, user)
	return found, wrap(err, "profile")
}

// ProfileOf is what is known of whoever has an account of this canonical address, with the account's number; 0: there is none, or nothing is known.
func (r Reader) ProfileOf(ctx context.Context, address string) (profile desk.Profile, user int64, hasPhoto bool, err error) {
	type row struct {
		desk.Profile
		UserID int64 `db:"user_id"`
		Photo  bool  `db:"photo"`
	}
	found, _, err := perhapsOne[row](ctx, r.q, `
		select p.user_id, p.organization, p.department, p.title, p.phone, p.tags, p.fields, p.photo_url, p.photo is not null as photo
		from profile p
		join "user" u on u.id = p.user_id
		where u.email = $1`, address)
	return found.Profile, found.UserID, found.Photo, wrap(err, "profile")
}

// SetProfile writes what is known of a person. A photo of another address is forgotten.
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
		insert into profile (user_id, organization, department, title, phone, tags, fields, photo_url, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (user_id) do update
		set organization = excluded.organization, department = excluded.department, title = excluded.title, phone = excluded.phone, tags = excluded.tags, fields = excluded.fields,
		    photo_url = excluded.photo_url, photo = case when profile.photo_url = excluded.photo_url then profile.photo end, updated_at = excluded.updated_at`,
		user, profile.Organization, profile.Department, profile.Title, profile.Phone, tags, fields, profile.PhotoURL, now)
	return wrap(err, "set profile")
}

// SetPhoto keeps the photo that was fetched from an address, if that is still where it is.
func (tx *Tx) SetPhoto(ctx context.Context, user int64, url string, photo []byte) error {
	_, err := tx.tx.Exec(ctx, `update profile set photo = $3 where user_id = $1 and photo_url = $2`, user, url, photo)
	return wrap(err, "set photo")
}

// Photo is that of a person, as PNG; nil: there is none.
func (r Reader) Photo(ctx context.Context, user int64) (photo []byte, err error) {
	type row struct {
		Photo []byte `db:"photo"`
	}
	found, _, err := perhapsOne[row](ctx, r.q, `select photo from profile where user_id = $1`, user)
	return found.Photo, wrap(err, "photo")
}
