package store

import (
	"context"
	"time"
)

// CommandProof is a person who has shown a code at the command line of a machine.
type CommandProof struct {
	UserID   int64
	ProvedAt time.Time
}

// CommandProof is who has shown a code last for that account of that machine. None is no error: found is false.
func (r Reader) CommandProof(ctx context.Context, operator, host string) (proof CommandProof, found bool, err error) {
	proof, found, err = perhapsOne[CommandProof](ctx, r.q, `
		select user_id, proved_at
		from command_proof
		where operator = $1 and host = $2`, operator, host)
	return proof, found, wrap(err, "proof at the command line")
}

// ProveCommand notes that a person has shown a code for that account of that machine.
func (tx *Tx) ProveCommand(ctx context.Context, operator, host string, user int64, at time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		insert into command_proof (operator, host, user_id, proved_at)
		values ($1, $2, $3, $4)
		on conflict (operator, host) do update
		set user_id = excluded.user_id, proved_at = excluded.proved_at`, operator, host, user, at)
	return wrap(err, "note proof at the command line")
}

// AppHolderAmong says whether somebody who has one of these roles, and is not disabled, has an authenticator app.
func (r Reader) AppHolderAmong(ctx context.Context, roles []string) (bool, error) {
	var there bool
	err := r.q.QueryRow(ctx, `
		select exists (
			select
			from factor f
			join "user" u on u.id = f.user_id
			where f.kind = 'totp' and f.ready and u.disabled_at is null and u.role = any($1))`, roles).Scan(&there)
	return there, wrap(err, "owners with an app")
}
