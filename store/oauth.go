package store

import (
	"context"
	"time"

	"postern/desk"
)

// clientColumns are those of a desk.OAuthClient, from oauth_client c and the service account u.
const clientColumns = `c.id, c.key, c.name, c.about, c.secret_hash is not null as confidential, c.redirects, c.scopes, c.service_id, coalesce(u.email, '') as service_email,
	c.access_minutes, c.created_at, c.disabled_at, c.old_until`

// OAuthSecrets is a client with the hashes of its secrets, which go no further than the room that checks them.
type OAuthSecrets struct {
	desk.OAuthClient
	SecretHash    []byte
	OldSecretHash []byte
}

// OAuthClient is the client with that client_id. None is no error: found is false.
func (r Reader) OAuthClient(ctx context.Context, key string) (client OAuthSecrets, found bool, err error) {
	client, found, err = perhapsOne[OAuthSecrets](ctx, r.q, `
		select `+clientColumns+`, c.secret_hash, c.old_secret_hash
		from oauth_client c
		left join "user" u on u.id = c.service_id
		where c.key = $1`, key)
	return client, found, wrap(err, "client")
}

// OAuthClientOf is the client with that id.
func (r Reader) OAuthClientOf(ctx context.Context, id int64) (desk.OAuthClient, error) {
	client, err := rowOf[desk.OAuthClient](ctx, r.q, `
		select `+clientColumns+`
		from oauth_client c
		left join "user" u on u.id = c.service_id
		where c.id = $1`, id)
	if err != nil {
		return desk.OAuthClient{}, missing(err, "client %d", id)
	}
	return client, nil
}

// OAuthClients lists clients, newest first.
func (r Reader) OAuthClients(ctx context.Context, cursor string, limit int) (desk.Page[desk.OAuthClient], error) {
	before, err := parsePlace(cursor)
	if err != nil {
		return desk.Page[desk.OAuthClient]{}, err
	}
	limit = bounded(limit, largestPage)
	clients, err := rowsOf[desk.OAuthClient](ctx, r.q, `
		select `+clientColumns+`
		from oauth_client c
		left join "user" u on u.id = c.service_id
		where $1::bigint = 0 or c.id < $1
		order by c.id desc
		limit $2`, before.id(), limit+1)
	return pageOf(clients, limit, func(c desk.OAuthClient) place { return place{ID: c.ID} }), wrap(err, "clients")
}

// CountOAuthClients counts all of them.
func (r Reader) CountOAuthClients(ctx context.Context) (count int, err error) {
	err = r.q.QueryRow(ctx, `select count(*) from oauth_client`).Scan(&count)
	return count, wrap(err, "count clients")
}

// AddOAuthClient keeps a client and fills in its id.
func (tx *Tx) AddOAuthClient(ctx context.Context, client desk.OAuthClient, secretHash []byte, by int64) (desk.OAuthClient, error) {
	err := tx.tx.QueryRow(ctx, `
		insert into oauth_client (key, name, about, secret_hash, redirects, scopes, service_id, access_minutes, created_at, made_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($10, 0))
		returning id`, client.Key, client.Name, client.About, secretHash, client.Redirects, client.Scopes, client.ServiceID, client.AccessMinutes, client.CreatedAt, by).Scan(&client.ID)
	return client, wrap(err, "add client")
}

// UpdateOAuthClient changes what may change of a client: all but its key and its secrets.
func (tx *Tx) UpdateOAuthClient(ctx context.Context, client desk.OAuthClient) error {
	_, err := tx.tx.Exec(ctx, `
		update oauth_client
		set name = $2, about = $3, redirects = $4, scopes = $5, service_id = $6, access_minutes = $7, disabled_at = $8
		where id = $1`, client.ID, client.Name, client.About, client.Redirects, client.Scopes, client.ServiceID, client.AccessMinutes, client.DisabledAt)
	return wrap(err, "change client")
}

// SetOAuthSecret gives a client a new secret; the present one is taken until the given time as well. nil: not any more.
func (tx *Tx) SetOAuthSecret(ctx context.Context, id int64, hash []byte, until *time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update oauth_client
		set old_secret_hash = case when $3::timestamptz is null then null else secret_hash end, old_until = $3, secret_hash = $2
		where id = $1`, id, hash, until)
	return wrap(err, "new secret of a client")
}

// RemoveOAuthClient removes a client with all that it was allowed.
func (tx *Tx) RemoveOAuthClient(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `delete from oauth_client where id = $1`, id)
	return wrap(err, "remove client")
}

// EndOAuthClient ends every token and grant of a client.
func (tx *Tx) EndOAuthClient(ctx context.Context, id int64, why string, now time.Time) error {
	if _, err := tx.tx.Exec(ctx, `update api_token set revoked_at = $2 where client_id = $1 and revoked_at is null`, id, now); err != nil {
		return wrap(err, "end tokens of a client")
	}
	_, err := tx.tx.Exec(ctx, `update oauth_grant set revoked_at = $3, revoked_for = $2 where client_id = $1 and revoked_at is null`, id, why, now)
	return wrap(err, "end grants of a client")
}

// OAuthCode is a code about to be kept.
type OAuthCode struct {
	Hash      []byte
	Redirect  string
	Challenge string
	ExpiresAt time.Time
}

// AddOAuthGrant keeps what a person has allowed, with the code that the client gets for it.
func (tx *Tx) AddOAuthGrant(ctx context.Context, grant desk.OAuthGrant, code OAuthCode) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		with made as (
			insert into oauth_grant (client_id, user_id, scopes, created_at)
			values ($1, $2, $3, $4)
			returning id
		)
		insert into oauth_code (code_hash, grant_id, redirect_uri, challenge, expires_at)
		select $5, made.id, $6, $7, $8
		from made
		returning grant_id`, grant.ClientID, grant.UserID, grant.Scopes, grant.CreatedAt, code.Hash, code.Redirect, code.Challenge, code.ExpiresAt).Scan(&id)
	return id, wrap(err, "add grant")
}

// GrantState is what a code or a refresh token leads to.
type GrantState struct {
	GrantID   int64
	ClientID  int64
	UserID    int64
	UserEmail string
	Role      desk.Role
	Scopes    []desk.Scope
	CreatedAt time.Time  // of the grant
	Dead      bool       // the grant was revoked, or its person may not come in
	ExpiresAt time.Time  // of the code or token
	UsedAt    *time.Time // of the code or token: it was used before
	Redirect  string     // of a code
	Challenge string     // of a code
}

// SpendOAuthCode finds a code and marks it as used; of two who bring it at once, the second sees that it was. None is no error: found is false.
func (tx *Tx) SpendOAuthCode(ctx context.Context, hash []byte, now time.Time) (state GrantState, found bool, err error) {
	state, found, err = perhapsOne[GrantState](ctx, tx.tx, `
		select g.id as grant_id, g.client_id, g.user_id, u.email as user_email, u.role, g.scopes, g.created_at, g.revoked_at is not null or u.disabled_at is not null as dead,
			c.expires_at, c.used_at, c.redirect_uri as redirect, c.challenge
		from oauth_code c
		join oauth_grant g on g.id = c.grant_id
		join "user" u on u.id = g.user_id
		where c.code_hash = $1
		for update of c, g`, hash)
	if err == nil && found {
		_, err = tx.tx.Exec(ctx, `update oauth_code set used_at = coalesce(used_at, $2) where code_hash = $1`, hash, now)
	}
	return state, found, wrap(err, "code")
}

// SpendRefresh finds a refresh token and marks it as used, as SpendOAuthCode does.
func (tx *Tx) SpendRefresh(ctx context.Context, hash []byte, now time.Time) (state GrantState, found bool, err error) {
	state, found, err = tx.refresh(ctx, hash)
	if err == nil && found {
		_, err = tx.tx.Exec(ctx, `update oauth_refresh set used_at = coalesce(used_at, $2) where token_hash = $1`, hash, now)
	}
	return state, found, wrap(err, "refresh token")
}

// refresh finds a refresh token and keeps others from using it until the transaction ends.
func (tx *Tx) refresh(ctx context.Context, hash []byte) (state GrantState, found bool, err error) {
	return perhapsOne[GrantState](ctx, tx.tx, `
		select g.id as grant_id, g.client_id, g.user_id, u.email as user_email, u.role, g.scopes, g.created_at, g.revoked_at is not null or u.disabled_at is not null as dead,
			r.expires_at, r.used_at, '' as redirect, '' as challenge
		from oauth_refresh r
		join oauth_grant g on g.id = r.grant_id
		join "user" u on u.id = g.user_id
		where r.token_hash = $1
		for update of r, g`, hash)
}

// Refresh finds a refresh token without using it, and keeps others from doing so until the transaction ends.
func (tx *Tx) Refresh(ctx context.Context, hash []byte) (state GrantState, found bool, err error) {
	state, found, err = tx.refresh(ctx, hash)
	return state, found, wrap(err, "refresh token")
}

// UseGrant notes that the code of a grant was redeemed: from now on it is a connected app.
func (tx *Tx) UseGrant(ctx context.Context, id int64, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update oauth_grant set used_at = coalesce(used_at, $2), last_used_at = $2 where id = $1`, id, now)
	return wrap(err, "use grant")
}

// AddRefresh keeps a refresh token.
func (tx *Tx) AddRefresh(ctx context.Context, hash []byte, grant int64, now, until time.Time) error {
	_, err := tx.tx.Exec(ctx, `insert into oauth_refresh (token_hash, grant_id, created_at, expires_at) values ($1, $2, $3, $4)`, hash, grant, now, until)
	return wrap(err, "add refresh token")
}

// RevokeGrant ends what a person has allowed, with every token that came from it.
func (tx *Tx) RevokeGrant(ctx context.Context, id int64, why string, now time.Time) error {
	if _, err := tx.tx.Exec(ctx, `update oauth_grant set revoked_at = $2, revoked_for = $3 where id = $1 and revoked_at is null`, id, now, why); err != nil {
		return wrap(err, "revoke grant")
	}
	_, err := tx.tx.Exec(ctx, `update api_token set revoked_at = $2 where grant_id = $1 and revoked_at is null`, id, now)
	return wrap(err, "revoke tokens of a grant")
}

// grantColumns are those of a desk.OAuthGrant.
const grantColumns = `g.id, g.client_id, c.name as client_name, c.about, g.user_id, u.email as user_email, g.scopes, g.created_at, g.last_used_at, g.revoked_at`

// Grants lists what was allowed and used and still holds, newest first, by one person (0: by all) to one client (0: to all).
func (r Reader) Grants(ctx context.Context, user, client int64, cursor string, limit int) (desk.Page[desk.OAuthGrant], error) {
	before, err := parsePlace(cursor)
	if err != nil {
		return desk.Page[desk.OAuthGrant]{}, err
	}
	limit = bounded(limit, largestPage)
	grants, err := rowsOf[desk.OAuthGrant](ctx, r.q, `
		select `+grantColumns+`
		from oauth_grant g
		join oauth_client c on c.id = g.client_id
		join "user" u on u.id = g.user_id
		where ($1::bigint = 0 or g.user_id = $1) and ($2::bigint = 0 or g.client_id = $2) and ($3::bigint = 0 or g.id < $3) and g.used_at is not null and g.revoked_at is null
		order by g.id desc
		limit $4`, user, client, before.id(), limit+1)
	return pageOf(grants, limit, func(g desk.OAuthGrant) place { return place{ID: g.ID} }), wrap(err, "grants")
}

// Grant is one grant that still holds. None is no error: found is false.
func (r Reader) Grant(ctx context.Context, id int64) (grant desk.OAuthGrant, found bool, err error) {
	grant, found, err = perhapsOne[desk.OAuthGrant](ctx, r.q, `
		select `+grantColumns+`
		from oauth_grant g
		join oauth_client c on c.id = g.client_id
		join "user" u on u.id = g.user_id
		where g.id = $1 and g.revoked_at is null`, id)
	return grant, found, wrap(err, "grant")
}

// Services lists the accounts of programs, by name: there are few of them.
func (r Reader) Services(ctx context.Context) ([]Person, error) {
	people, err := rowsOf[Person](ctx, r.q, `
		select id, email, name, role, created_at, last_seen_at, disabled_at
		from "user"
		where service
		order by lower(name), id
		limit 200`)
	return people, wrap(err, "service accounts")
}

// IsService says whether the person is a program.
func (r Reader) IsService(ctx context.Context, user int64) (is bool, err error) {
	err = r.q.QueryRow(ctx, `select exists (select from "user" where id = $1 and service)`, user).Scan(&is)
	return is, wrap(err, "service account")
}

// MakeService makes a person an account of a program.
func (tx *Tx) MakeService(ctx context.Context, user int64) error {
	_, err := tx.tx.Exec(ctx, `update "user" set service = true where id = $1`, user)
	return wrap(err, "make a service account")
}

// OAuthClientBySecret is the client with that secret, the one before included. None is no error: found is false.
func (r Reader) OAuthClientBySecret(ctx context.Context, hash []byte, now time.Time) (client desk.OAuthClient, found bool, err error) {
	client, found, err = perhapsOne[desk.OAuthClient](ctx, r.q, `
		select `+clientColumns+`
		from oauth_client c
		left join "user" u on u.id = c.service_id
		where c.secret_hash = $1 or (c.old_secret_hash = $1 and c.old_until > $2)
		limit 1`, hash, now)
	return client, found, wrap(err, "client by secret")
}
