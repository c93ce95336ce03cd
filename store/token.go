package store

import (
	"context"
	"time"

	"postern/desk"
)

// Bearer is whom a token speaks for, and how far.
type Bearer struct {
	desk.User
	TokenID    int64
	Scopes     []desk.Scope
	LastUsedAt *time.Time
}

// Bearer finds a token that is neither revoked nor expired and belongs to somebody who may sign in. None is no error: found is false.
func (r Reader) Bearer(ctx context.Context, hash []byte, now time.Time) (bearer Bearer, found bool, err error) {
	bearer, found, err = perhapsOne[Bearer](ctx, r.q, `
		select u.id, u.email, u.name, u.role, t.id as token_id, t.scopes, t.last_used_at
		from api_token t
		join "user" u on u.id = t.user_id
		where t.token_hash = $1 and t.revoked_at is null and t.expires_at > $2 and u.disabled_at is null`, hash, now)
	if err != nil {
		return bearer, found, wrap(err, "token")
	}
	return bearer, found, r.grant(ctx, &bearer.User)
}

// Tokens lists tokens, newest first, of one person or of all (0).
func (r Reader) Tokens(ctx context.Context, user int64, cursor string, limit int) (desk.Page[desk.Token], error) {
	before, err := parsePlace(cursor)
	if err != nil {
		return desk.Page[desk.Token]{}, err
	}
	limit = bounded(limit, largestPage)
	tokens, err := rowsOf[desk.Token](ctx, r.q, `
		select t.id, t.user_id, u.email as user_email, t.name, t.scopes, t.created_at, t.expires_at, t.last_used_at, t.revoked_at
		from api_token t
		join "user" u on u.id = t.user_id
		where ($1::bigint = 0 or t.user_id = $1) and ($2::bigint = 0 or t.id < $2)
		order by t.id desc
		limit $3`, user, before.id(), limit+1)
	return pageOf(tokens, limit, func(t desk.Token) place { return place{ID: t.ID} }), wrap(err, "tokens")
}

// TokenOwner is a token with the role of the person it speaks for.
type TokenOwner struct {
	ID        int64
	Name      string
	UserID    int64
	UserEmail string
	Role      desk.Role
}

// TokensCalled finds the unrevoked tokens with that id or, where there is none, with that name, of one person or of all (0). More than a few of one name nobody needs to see.
func (r Reader) TokensCalled(ctx context.Context, user, id int64, name string) ([]TokenOwner, error) {
	tokens, err := rowsOf[TokenOwner](ctx, r.q, `
		select t.id, t.name, t.user_id, u.email as user_email, u.role
		from api_token t
		join "user" u on u.id = t.user_id
		where ($1::bigint = 0 or t.user_id = $1) and t.revoked_at is null and (t.id = $2 or t.name = $3)
		order by t.id = $2 desc, t.id
		limit 10`, user, id, name)
	return tokens, wrap(err, "tokens")
}

// LiveTokens counts a person's tokens that still open something.
func (r Reader) LiveTokens(ctx context.Context, user int64, now time.Time) (count int, err error) {
	err = r.q.QueryRow(ctx, `
		select count(*)
		from api_token
		where user_id = $1 and revoked_at is null and expires_at > $2`, user, now).Scan(&count)
	return count, wrap(err, "count tokens")
}

// AddToken keeps a token under its hash and fills in its id.
func (tx *Tx) AddToken(ctx context.Context, token desk.Token, hash []byte) (desk.Token, error) {
	err := tx.tx.QueryRow(ctx, `
		insert into api_token (user_id, name, token_hash, scopes, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6)
		returning id`, token.UserID, token.Name, hash, token.Scopes, token.CreatedAt, token.ExpiresAt).Scan(&token.ID)
	return token, wrap(err, "add token")
}

// TouchToken notes that a token was used.
func (tx *Tx) TouchToken(ctx context.Context, id, user int64, now time.Time) error {
	if _, err := tx.tx.Exec(ctx, `update api_token set last_used_at = greatest(last_used_at, $2) where id = $1`, id, now); err != nil {
		return wrap(err, "touch token")
	}
	return tx.seen(ctx, user, now)
}

// RevokeToken ends a token.
func (tx *Tx) RevokeToken(ctx context.Context, id int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update api_token set revoked_at = $2 where id = $1 and revoked_at is null`, id, now)
	return wrap(err, "revoke token")
}
