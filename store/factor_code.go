package store

import (
	"context"
	"time"

	"postern/desk"
)

// FactorCode is a code that is sent to a telephone or an address.
type FactorCode struct {
	ID        int64           `db:"id"`
	UserID    int64           `db:"user_id"`
	SessionID int64           `db:"session_id"`
	Kind      desk.FactorKind `db:"kind"`
	Sealed    []byte          `db:"sealed"`
	Tries     int             `db:"tries"`
	CreatedAt time.Time       `db:"created_at"`
	ExpiresAt time.Time       `db:"expires_at"`
	Outcome   string          `db:"outcome"`
}

const factorCodeColumns = `id, user_id, coalesce(session_id, 0) as session_id, kind, sealed, tries, created_at, expires_at, outcome`

// NextFactorCode takes the id of a code, since it is sealed for it.
func (tx *Tx) NextFactorCode(ctx context.Context) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `select nextval(pg_get_serial_sequence('factor_code', 'id'))`).Scan(&id)
	return id, wrap(err, "next code")
}

// AddFactorCode keeps a code. Those of its kind that were sent for the same session before are worth nothing from now on.
func (tx *Tx) AddFactorCode(ctx context.Context, c FactorCode) error {
	_, err := tx.tx.Exec(ctx, `update factor_code set used_at = $4 where user_id = $1 and session_id = $2 and kind = $3 and used_at is null`, c.UserID, c.SessionID, c.Kind, c.CreatedAt)
	if err != nil {
		return wrap(err, "replace code")
	}
	_, err = tx.tx.Exec(ctx, `
		insert into factor_code (id, user_id, session_id, kind, sealed, created_at, expires_at)
		overriding system value
		values ($1, $2, $3, $4, $5, $6, $7)`, c.ID, c.UserID, c.SessionID, c.Kind, c.Sealed, c.CreatedAt, c.ExpiresAt)
	return wrap(err, "add code")
}

// CountFactorCodes counts the codes of a kind that were sent to a person since then.
func (tx *Tx) CountFactorCodes(ctx context.Context, user int64, kind desk.FactorKind, since time.Time) (count int, err error) {
	err = tx.tx.QueryRow(ctx, `select count(*) from factor_code where user_id = $1 and kind = $2 and created_at > $3`, user, kind, since).Scan(&count)
	return count, wrap(err, "count codes")
}

// SentFactorCode locks the code that was sent for a session and can still be used. None is no error: found is false.
func (tx *Tx) SentFactorCode(ctx context.Context, session int64, kind desk.FactorKind, now time.Time, tries int) (code FactorCode, found bool, err error) {
	code, found, err = perhapsOne[FactorCode](ctx, tx.tx, `
		select `+factorCodeColumns+`
		from factor_code
		where session_id = $1 and kind = $2 and used_at is null and expires_at > $3 and tries < $4
		order by id desc
		limit 1
		for update`, session, kind, now, tries)
	return code, found, wrap(err, "code that was sent")
}

// FactorCodeSent says whether a code of the kind was sent for the session and can still be used.
func (r Reader) FactorCodeSent(ctx context.Context, session int64, kind desk.FactorKind, now time.Time, tries int) (sent bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from factor_code where session_id = $1 and kind = $2 and used_at is null and expires_at > $3 and tries < $4)`, session, kind, now, tries).Scan(&sent)
	return sent, wrap(err, "code that was sent")
}

// FactorCode reads a code that is to be sent. None is no error: found is false.
func (r Reader) FactorCode(ctx context.Context, id int64) (code FactorCode, found bool, err error) {
	code, found, err = perhapsOne[FactorCode](ctx, r.q, `
		select `+factorCodeColumns+`
		from factor_code
		where id = $1 and used_at is null`, id)
	return code, found, wrap(err, "code to send")
}

// MissFactorCode counts a wrong try.
func (tx *Tx) MissFactorCode(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `update factor_code set tries = tries + 1 where id = $1`, id)
	return wrap(err, "count wrong code")
}

// UseFactorCode spends a code.
func (tx *Tx) UseFactorCode(ctx context.Context, id int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update factor_code set used_at = $2 where id = $1`, id, now)
	return wrap(err, "use code")
}

// KeepFactorCode writes down what became of sending a code.
func (tx *Tx) KeepFactorCode(ctx context.Context, id int64, outcome string) error {
	_, err := tx.tx.Exec(ctx, `update factor_code set outcome = $2 where id = $1`, id, outcome)
	return wrap(err, "outcome of a code")
}

// SMSGateway is who carries text messages for us.
type SMSGateway struct {
	URL    string `db:"url"`
	Secret []byte `db:"secret"` // sealed
}

// SMSGateway reads the gateway. None is no error: found is false.
func (r Reader) SMSGateway(ctx context.Context) (gateway SMSGateway, found bool, err error) {
	gateway, found, err = perhapsOne[SMSGateway](ctx, r.q, `select url, secret from sms_gateway`)
	return gateway, found, wrap(err, "gateway of text messages")
}

// SetSMSGateway keeps the gateway.
func (tx *Tx) SetSMSGateway(ctx context.Context, gateway SMSGateway) error {
	_, err := tx.tx.Exec(ctx, `
		insert into sms_gateway (url, secret)
		values ($1, $2)
		on conflict (one) do update set url = excluded.url, secret = excluded.secret`, gateway.URL, gateway.Secret)
	return wrap(err, "gateway of text messages")
}

// RemoveSMSGateway forgets the gateway.
func (tx *Tx) RemoveSMSGateway(ctx context.Context) error {
	_, err := tx.tx.Exec(ctx, `delete from sms_gateway`)
	return wrap(err, "gateway of text messages")
}
