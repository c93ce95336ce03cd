package store

import (
	"context"
	"time"
)

// RecoveryCode is one by which a person gets in without their factor.
type RecoveryCode struct {
	ID      int64 `db:"id"`
	ByAdmin bool  `db:"by_admin"`
}

// SetRecoveryCodes replaces a person's own codes.
func (tx *Tx) SetRecoveryCodes(ctx context.Context, user int64, hashes [][]byte, now time.Time) error {
	if _, err := tx.tx.Exec(ctx, `delete from recovery_code where user_id = $1 and not by_admin`, user); err != nil {
		return wrap(err, "replace recovery codes")
	}
	_, err := tx.tx.Exec(ctx, `
		insert into recovery_code (user_id, hash, created_at)
		select $1, unnest($2::bytea[]), $3`, user, hashes, now)
	return wrap(err, "add recovery codes")
}

// AddRecoveryCode keeps a code that an admin has made; the one before is worth nothing from now on.
func (tx *Tx) AddRecoveryCode(ctx context.Context, user int64, hash []byte, now, expires time.Time) error {
	if _, err := tx.tx.Exec(ctx, `delete from recovery_code where user_id = $1 and by_admin and used_at is null`, user); err != nil {
		return wrap(err, "replace recovery code")
	}
	_, err := tx.tx.Exec(ctx, `
		insert into recovery_code (user_id, hash, by_admin, created_at, expires_at)
		values ($1, $2, true, $3, $4)`, user, hash, now, expires)
	return wrap(err, "add recovery code")
}

// UseRecoveryCode spends a code. None is no error: found is false. Of two who use it at the same moment, one wins.
func (tx *Tx) UseRecoveryCode(ctx context.Context, user int64, hash []byte, now time.Time) (used RecoveryCode, found bool, err error) {
	used, found, err = perhapsOne[RecoveryCode](ctx, tx.tx, `
		update recovery_code
		set used_at = $3
		where user_id = $1 and hash = $2 and used_at is null and (expires_at is null or expires_at > $3)
		returning id, by_admin`, user, hash, now)
	return used, found, wrap(err, "use recovery code")
}

// RecoveryCodesLeft is how many codes of their own a person still has.
func (r Reader) RecoveryCodesLeft(ctx context.Context, user int64) (left int, err error) {
	err = r.q.QueryRow(ctx, `select count(*) from recovery_code where user_id = $1 and used_at is null and not by_admin`, user).Scan(&left)
	return left, wrap(err, "recovery codes")
}

// AdminCodeWaits says whether an admin has made a code for the person that still works.
func (r Reader) AdminCodeWaits(ctx context.Context, user int64, now time.Time) (waits bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from recovery_code where user_id = $1 and used_at is null and by_admin and expires_at > $2)`, user, now).Scan(&waits)
	return waits, wrap(err, "recovery code of an admin")
}

// DropRecoveryCodes takes back all codes of a person.
func (tx *Tx) DropRecoveryCodes(ctx context.Context, user int64) error {
	_, err := tx.tx.Exec(ctx, `delete from recovery_code where user_id = $1 and used_at is null`, user)
	return wrap(err, "take back recovery codes")
}
