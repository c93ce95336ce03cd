package store

import (
	"context"
	"encoding/json"
	"time"

	"postern/desk"
)

// lockProviders is the advisory lock of changes of providers, beside those of login.go.
const lockProviders = 0x7076

// Providers lists whose word is taken about who a person is, by name: desk.MostProviders at most.
func (r Reader) Providers(ctx context.Context) ([]desk.Provider, error) {
	providers, err := rowsOf[desk.Provider](ctx, r.q, `
		select id, kind, name, population, settings, enabled, secret is not null as has_secret, tested_at, created_at, updated_at
		from provider
		order by lower(name)
		limit $1`, desk.MostProviders)
	return providers, wrap(err, "providers")
}

// Provider is one of them.
func (r Reader) Provider(ctx context.Context, id int64) (desk.Provider, error) {
	found, err := rowOf[desk.Provider](ctx, r.q, `
		select id, kind, name, population, settings, enabled, secret is not null as has_secret, tested_at, created_at, updated_at
		from provider
		where id = $1`, id)
	if err != nil {
		return found, missing(err, "provider %d", id)
	}
	return found, nil
}

// ProviderSecret is the sealed secret of a provider; nil: it has none.
func (r Reader) ProviderSecret(ctx context.Context, id int64) ([]byte, error) {
	var sealed []byte
	err := r.q.QueryRow(ctx, `select secret from provider where id = $1`, id).Scan(&sealed)
	if err != nil {
		return nil, missing(err, "provider %d", id)
	}
	return sealed, nil
}

// LockProviders keeps every other change of providers waiting until the transaction ends, so that two admins cannot each take away what the other counts on.
func (tx *Tx) LockProviders(ctx context.Context) error {
	_, err := tx.tx.Exec(ctx, `select pg_advisory_xact_lock($1, 0)`, lockProviders)
	return wrap(err, "lock providers")
}

// AddProvider keeps a provider, switched off. More than desk.MostProviders are a desk.TooLarge, a name that is taken a desk.Conflict.
func (tx *Tx) AddProvider(ctx context.Context, add desk.Provider) (desk.Provider, error) {
	var count int
	if err := tx.tx.QueryRow(ctx, `select count(*) from provider`).Scan(&count); err != nil {
		return add, wrap(err, "providers")
	}
	if count >= desk.MostProviders {
		return add, desk.Faultf(desk.TooLarge, "there are %d providers, which is the most: remove one first", count)
	}
	settings, err := json.Marshal(add.Settings)
	if err != nil {
		return add, wrap(err, "add provider")
	}
	made, err := rowOf[desk.Provider](ctx, tx.tx, `
		insert into provider (kind, name, population, settings)
		values ($1, $2, $3, $4)
		returning id, kind, name, population, settings, enabled, secret is not null as has_secret, tested_at, created_at, updated_at`,
		add.Kind, add.Name, add.Population, settings)
	return made, providerError(err, add.Name)
}

// SetProvider writes what can be changed about a provider: name, population, settings, whether it is on, and when it was tested.
func (tx *Tx) SetProvider(ctx context.Context, changed desk.Provider) (desk.Provider, error) {
	settings, err := json.Marshal(changed.Settings)
	if err != nil {
		return changed, wrap(err, "change provider")
	}
	made, err := rowOf[desk.Provider](ctx, tx.tx, `
		update provider
		set name = $2, population = $3, settings = $4, enabled = $5, tested_at = $6, updated_at = now()
		where id = $1
		returning id, kind, name, population, settings, enabled, secret is not null as has_secret, tested_at, created_at, updated_at`,
		changed.ID, changed.Name, changed.Population, settings, changed.Enabled, changed.TestedAt)
	return made, providerError(err, changed.Name)
}

func providerError(err error, name string) error {
	if violates(err, "provider_name") {
		return &desk.Fault{Kind: desk.Conflict, Reason: "there is a provider named " + name + " already", Field: "name"}
	}
	return wrap(err, "provider")
}

// SetProviderSecret keeps the sealed secret of a provider; nil takes it away. The settings count as changed.
func (tx *Tx) SetProviderSecret(ctx context.Context, id int64, sealed []byte) error {
	_, err := tx.tx.Exec(ctx, `update provider set secret = $2, tested_at = null, updated_at = now() where id = $1`, id, sealed)
	return wrap(err, "set secret of provider")
}

// SetProviderTested notes that a trial sign-in worked, unless the settings were changed since it began.
func (tx *Tx) SetProviderTested(ctx context.Context, id int64, version, now time.Time) (noted bool, err error) {
	tag, err := tx.tx.Exec(ctx, `update provider set tested_at = $3 where id = $1 and updated_at = $2`, id, version, now)
	return tag.RowsAffected() == 1, wrap(err, "note trial of provider")
}

// DropProvider removes a provider, and with it whose its accounts were.
func (tx *Tx) DropProvider(ctx context.Context, id int64) error {
	_, err := tx.tx.Exec(ctx, `delete from provider where id = $1`, id)
	return wrap(err, "drop provider")
}

// SignOn is a dance that has begun.
type SignOn struct {
	ProviderID  int64
	BrowserHash []byte
	Purpose     string
	UserID      *int64
	Sealed      []byte
	Place       string
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// CountSignOns says how many dances that place has begun since then, and how many everybody has.
func (r Reader) CountSignOns(ctx context.Context, place string, since time.Time) (here, all int, err error) {
	err = r.q.QueryRow(ctx, `
		select count(*) filter (where place = $1), count(*)
		from (select place from sign_on where created_at > $2 limit 20000) recent`, place, since).Scan(&here, &all)
	return here, all, wrap(err, "count sign-ons")
}

// BeginSignOn keeps a dance under the hash of its state.
func (tx *Tx) BeginSignOn(ctx context.Context, state []byte, begun SignOn) error {
	_, err := tx.tx.Exec(ctx, `
		insert into sign_on (state_hash, provider_id, browser_hash, purpose, user_id, sealed, place, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		state, begun.ProviderID, begun.BrowserHash, begun.Purpose, begun.UserID, begun.Sealed, begun.Place, begun.CreatedAt, begun.ExpiresAt)
	return wrap(err, "begin sign-on")
}

// TakeSignOn ends a dance and returns it: the second who comes with the same state finds none.
func (tx *Tx) TakeSignOn(ctx context.Context, state []byte, now time.Time) (begun SignOn, found bool, err error) {
	begun, found, err = perhapsOne[SignOn](ctx, tx.tx, `
		delete from sign_on
		where state_hash = $1 and expires_at > $2
		returning provider_id, browser_hash, purpose, user_id, sealed, place, created_at, expires_at`, state, now)
	return begun, found, wrap(err, "take sign-on")
}

// UseAssertion notes that something which may be presented once was presented; fresh is false when it was before.
func (tx *Tx) UseAssertion(ctx context.Context, provider int64, id []byte, until time.Time) (fresh bool, err error) {
	tag, err := tx.tx.Exec(ctx, `
		insert into used_assertion (provider_id, id_hash, expires_at)
		values ($1, $2, $3)
		on conflict do nothing`, provider, id, until)
	return tag.RowsAffected() == 1, wrap(err, "use assertion")
}

// SweepSignOns removes what can matter no more.
func (tx *Tx) SweepSignOns(ctx context.Context, now time.Time) error {
	for _, sql := range []string{
		`delete from sign_on where expires_at <= $1`,
		`delete from identity_claim where expires_at <= $1`,
		`delete from used_assertion where expires_at <= $1`,
		`delete from bypass where expires_at <= $1::timestamptz - interval '1 day'`,
	} {
		if _, err := tx.tx.Exec(ctx, sql, now); err != nil {
			return wrap(err, "sweep sign-ons")
		}
	}
	return nil
}
