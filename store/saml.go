package store

import (
	"context"
	"time"

	"postern/desk"
)

// SAMLKey is one of our keys for an identity provider, sealed.
type SAMLKey struct {
	desk.SAMLKey
	Sealed []byte `db:"sealed"`
}

// mostSAMLKeys are kept for a provider: the next, the current, and old ones whose mail may still be on its way.
const mostSAMLKeys = 8

// SAMLKeys lists our keys for a provider, the current one first, then the next, then the old ones.
func (r Reader) SAMLKeys(ctx context.Context, provider int64) ([]SAMLKey, error) {
	keys, err := rowsOf[SAMLKey](ctx, r.q, `
		select id, state, certificate, sealed, created_at
		from saml_key
		where provider_id = $1
		order by array_position(array['current', 'next', 'old'], state), id desc
		limit $2`, provider, mostSAMLKeys)
	return keys, wrap(err, "SAML keys")
}

// AddSAMLKey keeps a key. A second current or next one is a desk.Conflict.
func (tx *Tx) AddSAMLKey(ctx context.Context, provider int64, add SAMLKey) error {
	_, err := tx.tx.Exec(ctx, `
		insert into saml_key (provider_id, state, certificate, sealed, created_at)
		values ($1, $2, $3, $4, $5)`, provider, add.State, add.Certificate, add.Sealed, add.CreatedAt)
	if violates(err, "saml_key_current") || violates(err, "saml_key_next") {
		return desk.Faultf(desk.Conflict, "there is such a key already")
	}
	return wrap(err, "add SAML key")
}

// UseSAMLKey makes the next key the current one, and the current one old. Without a next one it is a desk.Conflict.
func (tx *Tx) UseSAMLKey(ctx context.Context, provider int64) error {
	if _, err := tx.tx.Exec(ctx, `
		update saml_key
		set state = 'old'
		where provider_id = $1 and state = 'current' and exists (select from saml_key n where n.provider_id = $1 and n.state = 'next')`, provider); err != nil {
		return wrap(err, "use SAML key")
	}
	tag, err := tx.tx.Exec(ctx, `update saml_key set state = 'current' where provider_id = $1 and state = 'next'`, provider)
	if err == nil && tag.RowsAffected() == 0 {
		return desk.Faultf(desk.Conflict, "there is no next key: make one, and give the provider time to read our metadata")
	}
	return wrap(err, "use SAML key")
}

// DropSAMLKey removes an old key, or a next one that is not wanted. The current one is a desk.Conflict.
func (tx *Tx) DropSAMLKey(ctx context.Context, provider, id int64) error {
	tag, err := tx.tx.Exec(ctx, `delete from saml_key where provider_id = $1 and id = $2 and state <> 'current'`, provider, id)
	if err == nil && tag.RowsAffected() == 0 {
		return desk.Faultf(desk.Conflict, "this key is in use, or gone already")
	}
	return wrap(err, "drop SAML key")
}

// SAMLAnswer is an answer of a provider that has been checked and waits for its browser.
type SAMLAnswer struct {
	ProviderID int64
	Sealed     []byte
	ExpiresAt  time.Time
}

// KeepSAMLAnswer keeps one under the hash of its handle.
func (tx *Tx) KeepSAMLAnswer(ctx context.Context, handle []byte, keep SAMLAnswer) error {
	_, err := tx.tx.Exec(ctx, `
		insert into saml_answer (handle_hash, provider_id, sealed, expires_at)
		values ($1, $2, $3, $4)`, handle, keep.ProviderID, keep.Sealed, keep.ExpiresAt)
	return wrap(err, "keep SAML answer")
}

// SAMLAnswer finds one without using it.
func (r Reader) SAMLAnswer(ctx context.Context, handle []byte, now time.Time) (answer SAMLAnswer, found bool, err error) {
	answer, found, err = perhapsOne[SAMLAnswer](ctx, r.q, `
		select provider_id, sealed, expires_at
		from saml_answer
		where handle_hash = $1 and expires_at > $2`, handle, now)
	return answer, found, wrap(err, "SAML answer")
}

// TakeSAMLAnswer uses one up: the second who comes with the handle finds none.
func (tx *Tx) TakeSAMLAnswer(ctx context.Context, handle []byte, now time.Time) (answer SAMLAnswer, found bool, err error) {
	answer, found, err = perhapsOne[SAMLAnswer](ctx, tx.tx, `
		delete from saml_answer
		where handle_hash = $1 and expires_at > $2
		returning provider_id, sealed, expires_at`, handle, now)
	return answer, found, wrap(err, "take SAML answer")
}

// SweepSAML removes answers that nobody came for.
func (tx *Tx) SweepSAML(ctx context.Context, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `delete from saml_answer where expires_at <= $1`, now)
	return wrap(err, "sweep SAML answers")
}

// SAMLSession is whom a provider knows a session by.
type SAMLSession struct {
	SessionID  int64
	ProviderID int64
	NameHash   []byte
	IndexHash  []byte
	Sealed     []byte
}

// KeepSAMLSession notes whom the provider knows the session with this token by.
func (tx *Tx) KeepSAMLSession(ctx context.Context, token []byte, keep SAMLSession) error {
	_, err := tx.tx.Exec(ctx, `
		insert into saml_session (session_id, provider_id, name_hash, index_hash, sealed)
		select id, $2, $3, $4, $5
		from session
		where token_hash = $1`, token, keep.ProviderID, keep.NameHash, keep.IndexHash, keep.Sealed)
	return wrap(err, "keep SAML session")
}

// SAMLSession is whom the provider knows the session with this token by; found is false when it was opened in another way.
func (r Reader) SAMLSession(ctx context.Context, token []byte) (one SAMLSession, found bool, err error) {
	one, found, err = perhapsOne[SAMLSession](ctx, r.q, `
		select m.session_id, m.provider_id, m.name_hash, m.index_hash, m.sealed
		from saml_session m
		join session s on s.id = m.session_id
		where s.token_hash = $1`, token)
	return one, found, wrap(err, "SAML session")
}

// EndSAMLSessions ends the sessions of that subject: those with the indexes, or all when there are none. It returns whose they were.
func (tx *Tx) EndSAMLSessions(ctx context.Context, provider int64, name []byte, indexes [][]byte) (users []int64, err error) {
	rows, err := tx.tx.Query(ctx, `
		delete from session
		where id in (
		    select session_id
		    from saml_session
		    where provider_id = $1 and name_hash = $2 and (cardinality($3::bytea[]) = 0 or index_hash = any ($3)))
		returning user_id`, provider, name, indexes)
	if err != nil {
		return nil, wrap(err, "end SAML sessions")
	}
	defer rows.Close()
	for rows.Next() {
		var user int64
		if err := rows.Scan(&user); err != nil {
			return nil, wrap(err, "end SAML sessions")
		}
		users = append(users, user)
	}
	return users, wrap(rows.Err(), "end SAML sessions")
}

// SAMLMetadata says when a provider's metadata was read.
type SAMLMetadata struct {
	ReadAt   *time.Time
	FailedAt *time.Time
	Failure  string
}

// SAMLMetadata says when a provider's metadata was read; nothing, when it never was.
func (r Reader) SAMLMetadata(ctx context.Context, provider int64) (SAMLMetadata, error) {
	one, _, err := perhapsOne[SAMLMetadata](ctx, r.q, `select read_at, failed_at, failure from saml_metadata where provider_id = $1`, provider)
	return one, wrap(err, "SAML metadata")
}

// NoteSAMLMetadata notes that a provider's metadata was read, or why it was not: then failure is a sentence.
func (tx *Tx) NoteSAMLMetadata(ctx context.Context, provider int64, at time.Time, failure string) error {
	_, err := tx.tx.Exec(ctx, `
		insert into saml_metadata (provider_id, read_at, failed_at, failure)
		values ($1, case when $3 = '' then $2::timestamptz end, case when $3 <> '' then $2::timestamptz end, $3)
		on conflict (provider_id) do update
		set read_at = coalesce(excluded.read_at, saml_metadata.read_at), failed_at = excluded.failed_at, failure = excluded.failure`, provider, at, failure)
	return wrap(err, "note SAML metadata")
}
