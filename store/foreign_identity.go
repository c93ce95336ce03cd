package store

import (
	"context"
	"time"

	"postern/desk"
)

// ForeignIdentity is whose an account at a provider is; found is false when it is nobody's.
func (r Reader) ForeignIdentity(ctx context.Context, provider int64, issuer, subject string) (one desk.ForeignIdentity, found bool, err error) {
	one, found, err = perhapsOne[desk.ForeignIdentity](ctx, r.q, `
		select i.id, i.provider_id, p.name as provider, i.issuer, i.subject, i.user_id, i.email, i.created_at, i.last_used_at
		from identity i
		join provider p on p.id = i.provider_id
		where i.provider_id = $1 and i.issuer = $2 and i.subject = $3`, provider, issuer, subject)
	return one, found, wrap(err, "foreign identity")
}

// ForeignIdentities lists the accounts elsewhere of a person: one a provider at most.
func (r Reader) ForeignIdentities(ctx context.Context, user int64) ([]desk.ForeignIdentity, error) {
	list, err := rowsOf[desk.ForeignIdentity](ctx, r.q, `
		select i.id, i.provider_id, p.name as provider, i.issuer, i.subject, i.user_id, i.email, i.created_at, i.last_used_at
		from identity i
		join provider p on p.id = i.provider_id
		where i.user_id = $1
		order by i.id
		limit $2`, user, desk.MostProviders)
	return list, wrap(err, "foreign identities")
}

// HasForeignIdentity says whether a person has an account at a provider.
func (r Reader) HasForeignIdentity(ctx context.Context, provider, user int64) (bool, error) {
	var has bool
	err := r.q.QueryRow(ctx, `select exists (select from identity where provider_id = $1 and user_id = $2)`, provider, user).Scan(&has)
	return has, wrap(err, "foreign identity")
}

// AddForeignIdentity says that an account at a provider belongs to a person. One that belongs to somebody, or a second one of the person there, is a desk.Conflict.
func (tx *Tx) AddForeignIdentity(ctx context.Context, add desk.ForeignIdentity, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		insert into identity (provider_id, issuer, subject, user_id, email, created_at)
		values ($1, $2, $3, $4, $5, $6)`, add.ProviderID, add.Issuer, add.Subject, add.UserID, add.Email, now)
	if violates(err, "identity_provider_id_issuer_subject_key") {
		return desk.Faultf(desk.Conflict, "this account is connected to somebody here already")
	}
	if violates(err, "identity_one") {
		return desk.Faultf(desk.Conflict, "another account of this provider is connected already: disconnect it first")
	}
	return wrap(err, "add foreign identity")
}

// TouchForeignIdentity notes that an account elsewhere was used, and what the provider calls its address now.
func (tx *Tx) TouchForeignIdentity(ctx context.Context, id int64, email string, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update identity set last_used_at = $2, email = $3 where id = $1`, id, now, email)
	return wrap(err, "touch foreign identity")
}

// DropForeignIdentity disconnects an account elsewhere from this person.
func (tx *Tx) DropForeignIdentity(ctx context.Context, id, user int64) (gone desk.ForeignIdentity, err error) {
	gone, found, err := perhapsOne[desk.ForeignIdentity](ctx, tx.tx, `
		delete from identity i
		using provider p
		where i.id = $1 and i.user_id = $2 and p.id = i.provider_id
		returning i.id, i.provider_id, p.name as provider, i.issuer, i.subject, i.user_id, i.email, i.created_at, i.last_used_at`, id, user)
	if err == nil && !found {
		return gone, desk.Faultf(desk.NotFound, "there is no such connected account")
	}
	return gone, wrap(err, "drop foreign identity")
}

// IdentityClaim is an account elsewhere that waits for the proof of its address.
type IdentityClaim struct {
	BrowserHash []byte
	ProviderID  int64
	Asserted    []byte // sealed
	Email       string
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// CountIdentityClaims says how many proofs of an address were asked for since then.
func (r Reader) CountIdentityClaims(ctx context.Context, email string, since time.Time) (count int, err error) {
	err = r.q.QueryRow(ctx, `select count(*) from identity_claim where email = $1 and created_at > $2`, email, since).Scan(&count)
	return count, wrap(err, "count claims")
}

// AddIdentityClaim keeps a claim under the hash of the token that is mailed.
func (tx *Tx) AddIdentityClaim(ctx context.Context, token []byte, claim IdentityClaim) error {
	_, err := tx.tx.Exec(ctx, `
		insert into identity_claim (token_hash, browser_hash, provider_id, asserted, email, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7)`,
		token, claim.BrowserHash, claim.ProviderID, claim.Asserted, claim.Email, claim.CreatedAt, claim.ExpiresAt)
	return wrap(err, "add claim")
}

// IdentityClaim finds a claim without using it.
func (r Reader) IdentityClaim(ctx context.Context, token []byte, now time.Time) (claim IdentityClaim, found bool, err error) {
	claim, found, err = perhapsOne[IdentityClaim](ctx, r.q, `
		select browser_hash, provider_id, asserted, email, created_at, expires_at
		from identity_claim
		where token_hash = $1 and expires_at > $2`, token, now)
	return claim, found, wrap(err, "claim")
}

// TakeIdentityClaim uses a claim up, in the browser that made it.
func (tx *Tx) TakeIdentityClaim(ctx context.Context, token, browser []byte, now time.Time) (claim IdentityClaim, found bool, err error) {
	claim, found, err = perhapsOne[IdentityClaim](ctx, tx.tx, `
		delete from identity_claim
		where token_hash = $1 and browser_hash = $2 and expires_at > $3
		returning browser_hash, provider_id, asserted, email, created_at, expires_at`, token, browser, now)
	return claim, found, wrap(err, "take claim")
}

// AddressReader is an address as a letter to it needs it.
type AddressReader struct {
	Ours       bool   `db:"ours"`       // it is a mailbox of ours, with or without a detail
	Suppressed bool   `db:"suppressed"` // it gets no mail, since it bounces
	From       string `db:"from_addr"`  // the oldest mailbox; empty: there is none
}

// AddressReader reads what a letter to an address needs, whoever has it.
func (r Reader) AddressReader(ctx context.Context, address string) (AddressReader, error) {
	reader, err := rowOf[AddressReader](ctx, r.q, `
		select exists (
		           select from mailbox own
		           where own.address = $1
		              or split_part($1, '@', 2) = split_part(own.address, '@', 2) and starts_with($1, split_part(own.address, '@', 1) || '+')) as ours,
		       exists (select from suppression s where s.address = $1) as suppressed,
		       coalesce((select address from mailbox where removed_at is null order by id limit 1), '') as from_addr`, address)
	return reader, wrap(err, "reader of a letter")
}

// SetLanguage keeps the language of somebody who has been made just now.
func (tx *Tx) SetLanguage(ctx context.Context, user int64, code string) error {
	_, err := tx.tx.Exec(ctx, `update "user" set language = $2 where id = $1`, user, code)
	return wrap(err, "set language")
}
