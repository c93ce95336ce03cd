package store

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
)

// FileLink is a tokenized way to an attachment for somebody without an account.
type FileLink struct {
	TokenHash  []byte
	Attachment int64
	Recipient  string
	ExpiresAt  time.Time
}

// AddFileLink keeps a link.
func (tx *Tx) AddFileLink(ctx context.Context, l FileLink) error {
	const sql = `
		insert into attachment_link (token_hash, attachment, recipient, expires_at)
		values ($1, $2, $3, $4)`
	if _, err := tx.tx.Exec(ctx, sql, l.TokenHash, l.Attachment, l.Recipient, l.ExpiresAt); err != nil {
		return fmt.Errorf("store: add link: %w", err)
	}
	return nil
}

// RevokeFileLinks ends every link to an attachment and returns how many there were.
func (tx *Tx) RevokeFileLinks(ctx context.Context, attachment int64) (int64, error) {
	tag, err := tx.tx.Exec(ctx, `
		update attachment_link
		set revoked_at = now()
		where attachment = $1 and revoked_at is null and expires_at > now()`, attachment)
	if err != nil {
		return 0, fmt.Errorf("store: revoke links: %w", err)
	}
	return tag.RowsAffected(), nil
}

// Linked is the file behind a link that holds at the given time. A wrong, expired or revoked token gives the same fault.
func (r Reader) Linked(ctx context.Context, tokenHash []byte, now time.Time) (File, error) {
	row, err := rowOf[fileRow](ctx, r.q, selectFile+`
		join attachment_link l on l.attachment = a.id
		where l.token_hash = $1 and l.revoked_at is null and l.expires_at > $2`, tokenHash, now)
	if none(err) {
		return File{}, desk.Faultf(desk.NotFound, "this link does not exist, or no longer")
	}
	if err != nil {
		return File{}, fmt.Errorf("store: linked attachment: %w", err)
	}
	return row.file(), nil
}

// Access is one look at an attachment.
type Access struct {
	Attachment int64
	TokenHash  []byte // nil: by a signed-in person
	User       int64  // 0: by link
	IP         string
	UserAgent  string
}

// LogAccess records who opened an attachment.
func (tx *Tx) LogAccess(ctx context.Context, a Access) error {
	const sql = `
		insert into attachment_access (attachment, token_hash, user_id, ip, user_agent)
		values ($1, $2, nullif($3, 0), $4, left($5, 500))`
	if _, err := tx.tx.Exec(ctx, sql, a.Attachment, a.TokenHash, a.User, a.IP, a.UserAgent); err != nil {
		return fmt.Errorf("store: log access: %w", err)
	}
	return nil
}

// DropFileLinks removes links that ended before the given time.
func (tx *Tx) DropFileLinks(ctx context.Context, before time.Time) (int64, error) {
	tag, err := tx.tx.Exec(ctx, `delete from attachment_link where expires_at < $1`, before)
	if err != nil {
		return 0, fmt.Errorf("store: drop links: %w", err)
	}
	return tag.RowsAffected(), nil
}
