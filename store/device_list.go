package store

import (
	"context"
	"time"

	"postern/desk"
)

// DeviceRow is a browser of a person as they see it, and a session in it; a browser without a session has one row, without one.
type DeviceRow struct {
	ID           int64
	Name         string // that the person gave it; empty: none
	UserAgent    string
	IP           string
	FirstSeenAt  time.Time
	LastSeenAt   time.Time
	TrustedUntil *time.Time
	Answer       string

	SessionID   *int64
	Method      *string
	Provider    *string
	SessionIP   *string
	CreatedAt   *time.Time
	SessionSeen *time.Time
	ExpiresAt   *time.Time
}

// Devices lists a person's browsers, the last used first, with the sessions that have not expired in each. There are at most devicesMost of them, and sessionsMost sessions.
func (r Reader) Devices(ctx context.Context, user int64, now time.Time) ([]DeviceRow, error) {
	rows, err := rowsOf[DeviceRow](ctx, r.q, `
		select d.id, d.name, d.user_agent, d.ip, d.first_seen_at, greatest(d.last_seen_at, max(s.last_seen_at) over (partition by d.id)) as last_seen_at, d.trusted_until, d.answer,
		       s.id as session_id, s.method, s.provider, s.ip as session_ip, s.created_at, s.last_seen_at as session_seen, s.expires_at
		from device d
		left join session s on s.device_id = d.id and s.expires_at > $2
		where d.user_id = $1
		order by 6 desc, d.id desc, s.last_seen_at desc
		limit $3`, user, now, devicesMost+sessionsMost)
	return rows, wrap(err, "devices")
}

// DevicesNewAt counts the browsers in which a person has signed in, and of those the ones with an alarm that were first seen from an address since then.
func (tx *Tx) DevicesNewAt(ctx context.Context, user int64, ip string, since time.Time) (all, alarmed int, err error) {
	err = tx.tx.QueryRow(ctx, `
		select count(*), count(*) filter (where ip = $2 and first_seen_at > $3 and alarm_hash is not null)
		from device
		where user_id = $1`, user, ip, since).Scan(&all, &alarmed)
	return all, alarmed, wrap(err, "new devices")
}

// SetAlarm keeps what the mail about a new browser is answered with.
func (tx *Tx) SetAlarm(ctx context.Context, device int64, hash []byte, until time.Time) error {
	_, err := tx.tx.Exec(ctx, `update device set alarm_hash = $2, alarm_until = $3 where id = $1`, device, hash, until)
	return wrap(err, "set alarm")
}

// Alarm is a browser that somebody is asked about.
type Alarm struct {
	desk.User
	DeviceID    int64
	UserAgent   string
	IP          string
	FirstSeenAt time.Time
	TimeZone    string
}

// Alarm finds the browser that a mail asks about, while it can be answered. None is no error: found is false.
func (r Reader) Alarm(ctx context.Context, hash []byte, now time.Time) (alarm Alarm, found bool, err error) {
	alarm, found, err = perhapsOne[Alarm](ctx, r.q, `
		select u.id, u.email, u.name, u.role, d.id as device_id, d.user_agent, d.ip, d.first_seen_at, u.time_zone
		from device d
		join "user" u on u.id = d.user_id
		where d.alarm_hash = $1 and d.alarm_until > $2 and d.answer = ''`, hash, now)
	return alarm, found, wrap(err, "alarm")
}

// AnswerAlarm notes that a browser is the person's own.
func (tx *Tx) AnswerAlarm(ctx context.Context, device int64) error {
	_, err := tx.tx.Exec(ctx, `update device set answer = 'mine' where id = $1`, device)
	return wrap(err, "answer alarm")
}

// RenameDevice gives a browser of a person a name; false: it is none of theirs.
func (tx *Tx) RenameDevice(ctx context.Context, user, device int64, name string) (bool, error) {
	done, err := tx.tx.Exec(ctx, `update device set name = $3 where id = $2 and user_id = $1`, user, device, name)
	return done.RowsAffected() == 1, wrap(err, "rename device")
}

// ForgetDevice forgets a browser of a person and ends the sessions in it; false: it is none of theirs.
func (tx *Tx) ForgetDevice(ctx context.Context, user, device int64) (bool, error) {
	done, err := tx.tx.Exec(ctx, `delete from device where id = $2 and user_id = $1`, user, device)
	return done.RowsAffected() == 1, wrap(err, "forget device")
}

// ForgetDevices forgets all browsers of a person.
func (tx *Tx) ForgetDevices(ctx context.Context, user int64) error {
	_, err := tx.tx.Exec(ctx, `delete from device where user_id = $1`, user)
	return wrap(err, "forget devices")
}

// EndSession ends one session of a person by its number; false: it is none of theirs.
func (tx *Tx) EndSession(ctx context.Context, user, session int64) (bool, error) {
	done, err := tx.tx.Exec(ctx, `delete from session where id = $2 and user_id = $1`, user, session)
	return done.RowsAffected() == 1, wrap(err, "end session")
}

// EndOtherSessions ends all sessions of a person but one (0: all) and says how many they were.
func (tx *Tx) EndOtherSessions(ctx context.Context, user, keep int64) (int, error) {
	done, err := tx.tx.Exec(ctx, `delete from session where user_id = $1 and id <> $2`, user, keep)
	return int(done.RowsAffected()), wrap(err, "end sessions")
}

// MoveSession notes that a session is used from elsewhere now, and that its person has to prove again who they are.
func (tx *Tx) MoveSession(ctx context.Context, session int64, ip, userAgent string) error {
	_, err := tx.tx.Exec(ctx, `update session set ip = $2, user_agent = $3, proved_at = created_at - interval '1 day' where id = $1`, session, ip, userAgent)
	return wrap(err, "move session")
}
