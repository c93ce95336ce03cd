package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"postern/desk"
)

// Bearer is whom a token speaks for, and how far.
type Bearer struct {
	desk.User
	TokenID    int64
	TokenName  string
	Kind       desk.TokenKind
	Scopes     []desk.Scope
	Networks   []string
	LastUsedAt *time.Time
	LastIP     string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	OffAt      *time.Time // switched off, since nobody used it
	ClientID   int64      // of the client that got it by OAuth; 0: it was made by hand
	GrantID    int64      // of what a person allowed the client; 0: the client acts by itself
}

// Bearer finds a token that is neither revoked nor expired and belongs to somebody who may come in. None is no error: found is false. One that was switched off is found: OffAt says so.
func (r Reader) Bearer(ctx context.Context, hash []byte, now time.Time) (bearer Bearer, found bool, err error) {
	bearer, found, err = perhapsOne[Bearer](ctx, r.q, `
		select u.id, u.email, u.name, u.role, t.id as token_id, t.name as token_name, t.kind, t.scopes, t.networks, t.last_used_at, t.last_ip, t.created_at, t.expires_at, t.disabled_at as off_at,
			coalesce(t.client_id, 0) as client_id, coalesce(t.grant_id, 0) as grant_id
		from api_token t
		join "user" u on u.id = t.user_id
		left join oauth_client c on c.id = t.client_id
		where t.token_hash = $1 and t.revoked_at is null and t.expires_at > $2 and u.disabled_at is null and (u.ends_at is null or u.ends_at > $2) and c.disabled_at is null`, hash, now)
	if err != nil {
		return bearer, found, wrap(err, "token")
	}
	return bearer, found, r.grant(ctx, &bearer.User)
}

// TokenKeeper is who is told about a token: the person whom it speaks for or, for that of a program, who made it or its client; 0: nobody who is here.
func (r Reader) TokenKeeper(ctx context.Context, token int64) (user int64, err error) {
	err = r.q.QueryRow(ctx, `
		select coalesce(case when u.service then coalesce(t.made_by, c.made_by) else u.id end, 0)
		from api_token t
		join "user" u on u.id = t.user_id
		left join oauth_client c on c.id = t.client_id
		where t.id = $1`, token).Scan(&user)
	return user, wrap(err, "keeper of a token")
}

// TokenFilter says which tokens are listed.
type TokenFilter struct {
	User   int64 // 0: of everybody
	Manual bool  // only those that were made by hand, not the hourly ones of clients
	Cursor string
	Limit  int
}

// tokenColumns are those of a desk.Token, from api_token t and "user" u.
const tokenColumns = `t.id, t.kind, t.user_id, u.email as user_email, t.name, t.scopes, t.networks, t.created_at, t.expires_at, t.last_used_at, t.last_ip, t.disabled_at, t.revoked_at`

// Tokens lists tokens, newest first.
func (r Reader) Tokens(ctx context.Context, f TokenFilter) (desk.Page[desk.Token], error) {
	before, err := parsePlace(f.Cursor)
	if err != nil {
		return desk.Page[desk.Token]{}, err
	}
	limit := bounded(f.Limit, largestPage)
	tokens, err := rowsOf[desk.Token](ctx, r.q, `
		select `+tokenColumns+`
		from api_token t
		join "user" u on u.id = t.user_id
		where ($1::bigint = 0 or t.user_id = $1) and ($2::bigint = 0 or t.id < $2) and (not $3 or t.kind <> 'oauth')
		order by t.id desc
		limit $4`, f.User, before.id(), f.Manual, limit+1)
	return pageOf(tokens, limit, func(t desk.Token) place { return place{ID: t.ID} }), wrap(err, "tokens")
}

// Token is one token.
func (r Reader) Token(ctx context.Context, id int64) (desk.Token, error) {
	tokens, err := rowsOf[desk.Token](ctx, r.q, `
		select `+tokenColumns+`
		from api_token t
		join "user" u on u.id = t.user_id
		where t.id = $1`, id)
	if err == nil && len(tokens) == 0 {
		err = desk.Faultf(desk.NotFound, "there is no token %s", strconv.FormatInt(id, 10))
	}
	if err != nil {
		return desk.Token{}, wrap(err, "token")
	}
	return tokens[0], nil
}

// TokenOwner is a token with the role of the person it speaks for.
type TokenOwner struct {
	ID        int64
	Name      string
	UserID    int64
	UserEmail string
	Role      desk.Role
	OffAt     *time.Time
	ExpiresAt *time.Time
}

// TokensCalled finds the unrevoked tokens with that id or, where there is none, with that name, of one person or of all (0). More than a few of one name nobody needs to see.
func (r Reader) TokensCalled(ctx context.Context, user, id int64, name string) ([]TokenOwner, error) {
	tokens, err := rowsOf[TokenOwner](ctx, r.q, `
		select t.id, t.name, t.user_id, u.email as user_email, u.role, t.disabled_at as off_at, t.expires_at
		from api_token t
		join "user" u on u.id = t.user_id
		where ($1::bigint = 0 or t.user_id = $1) and t.revoked_at is null and (t.id = $2 or t.name = $3)
		order by t.id = $2 desc, t.id
		limit 10`, user, id, name)
	return tokens, wrap(err, "tokens")
}

// LiveTokens counts a person's tokens that still open something, but those that clients got.
func (r Reader) LiveTokens(ctx context.Context, user int64, now time.Time) (count int, err error) {
	err = r.q.QueryRow(ctx, `
		select count(*)
		from api_token
		where user_id = $1 and revoked_at is null and expires_at > $2 and kind <> 'oauth'`, user, now).Scan(&count)
	return count, wrap(err, "count tokens")
}

// NewToken is a token about to be kept.
type NewToken struct {
	desk.Token
	Hash   []byte
	MadeBy int64 // who made it; 0: nobody who has an account
	Client int64 // of OAuth; 0: none
	Grant  int64
}

// AddToken keeps a token under its hash and fills in its id.
func (tx *Tx) AddToken(ctx context.Context, token NewToken) (desk.Token, error) {
	made := token.Token
	if made.Networks == nil {
		made.Networks = []string{}
	}
	err := tx.tx.QueryRow(ctx, `
		insert into api_token (user_id, kind, name, token_hash, scopes, networks, created_at, expires_at, made_by, client_id, grant_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9, 0), nullif($10, 0), nullif($11, 0))
		returning id`, made.UserID, made.Kind, made.Name, token.Hash, made.Scopes, made.Networks, made.CreatedAt, made.ExpiresAt, token.MadeBy, token.Client, token.Grant).Scan(&made.ID)
	return made, wrap(err, "add token")
}

// TouchToken notes that a token was used, and from where.
func (tx *Tx) TouchToken(ctx context.Context, bearer Bearer, ip string, now time.Time) error {
	if _, err := tx.tx.Exec(ctx, `update api_token set last_used_at = greatest(last_used_at, $2), last_ip = $3 where id = $1`, bearer.TokenID, now, ip); err != nil {
		return wrap(err, "touch token")
	}
	if bearer.GrantID != 0 {
		if _, err := tx.tx.Exec(ctx, `update oauth_grant set last_used_at = greatest(last_used_at, $2) where id = $1`, bearer.GrantID, now); err != nil {
			return wrap(err, "touch grant")
		}
	}
	return tx.seen(ctx, bearer.ID, now)
}

// RevokeToken ends a token.
func (tx *Tx) RevokeToken(ctx context.Context, id int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update api_token set revoked_at = $2 where id = $1 and revoked_at is null`, id, now)
	return wrap(err, "revoke token")
}

// RevokeTokensOf ends every token of a person and all that they have allowed clients, and says how many tokens that were.
func (tx *Tx) RevokeTokensOf(ctx context.Context, user int64, now time.Time) (count int64, err error) {
	done, err := tx.tx.Exec(ctx, `update api_token set revoked_at = $2 where user_id = $1 and revoked_at is null and expires_at > $2`, user, now)
	if err != nil {
		return 0, wrap(err, "revoke tokens")
	}
	_, err = tx.tx.Exec(ctx, `update oauth_grant set revoked_at = $2, revoked_for = 'person' where user_id = $1 and revoked_at is null`, user, now)
	return done.RowsAffected(), wrap(err, "revoke grants")
}

// SetTokenOff switches a token off (at) or on again (nil) at the given time.
func (tx *Tx) SetTokenOff(ctx context.Context, id int64, at *time.Time, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update api_token
		set disabled_at = $2, enabled_at = case when $2::timestamptz is null then $3 else enabled_at end
		where id = $1 and revoked_at is null`, id, at, now)
	return wrap(err, "switch token")
}

// IdleTokens lists tokens made by hand that work and were not used since the given time; at most a few hundred, since the rest comes the next time.
func (tx *Tx) IdleTokens(ctx context.Context, since, now time.Time) ([]desk.Token, error) {
	tokens, err := rowsOf[desk.Token](ctx, tx.tx, `
		select `+tokenColumns+`
		from api_token t
		join "user" u on u.id = t.user_id
		where t.revoked_at is null and t.disabled_at is null and t.kind <> 'oauth' and t.expires_at > $2 and greatest(t.created_at, t.enabled_at, t.last_used_at) < $1
		order by t.id
		limit 200
		for update of t skip locked`, since, now)
	return tokens, wrap(err, "idle tokens")
}

// OffTokens lists tokens that were switched off before the given time and end for good now.
func (tx *Tx) OffTokens(ctx context.Context, before time.Time) ([]desk.Token, error) {
	tokens, err := rowsOf[desk.Token](ctx, tx.tx, `
		select `+tokenColumns+`
		from api_token t
		join "user" u on u.id = t.user_id
		where t.revoked_at is null and t.disabled_at < $1
		order by t.id
		limit 200
		for update of t skip locked`, before)
	return tokens, wrap(err, "tokens that are off")
}

// EndingToken is a token that ends soon, and who is to be told of it.
type EndingToken struct {
	desk.Token
	Tell int64 // the person who made it, or whom it speaks for; 0: nobody
}

// EndingTokens lists tokens made by hand that end within so many days, and of which nobody was told so close to it, and notes that they are told of now.
func (tx *Tx) EndingTokens(ctx context.Context, days int, now time.Time) ([]EndingToken, error) {
	tokens, err := rowsOf[EndingToken](ctx, tx.tx, `
		with due as (
			select id
			from api_token
			where revoked_at is null and disabled_at is null and kind <> 'oauth' and expires_at > $2 and expires_at <= $2 + make_interval(days => $1)
				and (warned_days = 0 or warned_days > $1)
			order by id
			limit 200
			for update skip locked
		)
		update api_token t
		set warned_days = $1
		from due, "user" u
		where t.id = due.id and u.id = t.user_id and u.disabled_at is null
		returning `+tokenColumns+`, coalesce(case when u.service then t.made_by else t.user_id end, 0) as tell`, days, now)
	return tokens, wrap(err, "tokens that end")
}

// SeeNetwork notes from which network a token, or what follows it, was used. It says whether the network is new, and whether it is the first of all.
func (tx *Tx) SeeNetwork(ctx context.Context, subject, network string, now time.Time) (fresh, first bool, err error) {
	err = tx.tx.QueryRow(ctx, `
		with known as (
			select count(*) as count
			from network_seen
			where subject = $1
		), seen as (
			insert into network_seen as n (subject, network, first_at, last_at)
			values ($1, $2, $3, $3)
			on conflict (subject, network) do update
			set last_at = greatest(n.last_at, excluded.last_at)
			returning n.first_at = n.last_at and n.first_at = $3 as fresh
		)
		select seen.fresh, known.count = 0
		from seen, known`, subject, network, now).Scan(&fresh, &first)
	return fresh, first, wrap(err, "network of a token")
}

// SweepTokens removes the tokens of clients that ended before the given time, grants that were never used or have ended, and networks that nobody came from for long.
func (tx *Tx) SweepTokens(ctx context.Context, ended, unused, unseen time.Time) error {
	for _, one := range []struct {
		sql    string
		before time.Time
	}{
		{`delete from api_token where kind = 'oauth' and (expires_at < $1 or revoked_at < $1)`, ended},
		{`delete from oauth_refresh where expires_at < $1`, ended},
		{`delete from oauth_grant g where g.revoked_at < $1 or (g.used_at < $1 and not exists (select from oauth_refresh r where r.grant_id = g.id) and not exists (select from api_token t where t.grant_id = g.id))`, ended},
		{`delete from oauth_grant where used_at is null and created_at < $1`, unused},
		{`delete from network_seen where last_at < $1`, unseen},
	} {
		if _, err := tx.tx.Exec(ctx, one.sql, one.before); err != nil {
			return wrap(err, "sweep tokens")
		}
	}
	return nil
}

// Subject is under what name it is kept from where the token was used: tokens of one grant follow each other every hour, and so do those of a client that acts by itself.
func (b Bearer) Subject() string {
	switch {
	case b.GrantID != 0:
		return fmt.Sprintf("grant/%d", b.GrantID)
	case b.ClientID != 0:
		return fmt.Sprintf("client/%d", b.ClientID)
	}
	return fmt.Sprintf("token/%d", b.TokenID)
}
