package store

import (
	"context"
	"encoding/json"
	"time"

	"postern/desk"
)

// AddProvisionToken keeps the hash of a token of a provider's program.
func (tx *Tx) AddProvisionToken(ctx context.Context, hash []byte, add desk.ProvisionToken) (id int64, err error) {
	err = tx.tx.QueryRow(ctx, `
		insert into scim_token (provider_id, hash, created_by, created_at, expires_at)
		values ($1, $2, $3, $4, $5)
		returning id`, add.ProviderID, hash, add.CreatedBy, add.CreatedAt, add.ExpiresAt).Scan(&id)
	return id, wrap(err, "add provisioning token")
}

// ProvisionTokens lists the tokens of a provider that open something, the newest first: 100 at most.
func (r Reader) ProvisionTokens(ctx context.Context, provider int64, now time.Time) ([]desk.ProvisionToken, error) {
	tokens, err := rowsOf[desk.ProvisionToken](ctx, r.q, `
		select id, provider_id, created_by, created_at, expires_at, last_used_at, last_ip
		from scim_token
		where provider_id = $1 and revoked_at is null and expires_at > $2
		order by id desc
		limit 100`, provider, now)
	return tokens, wrap(err, "provisioning tokens")
}

// ProvisionBearer is the token with this hash, if it opens something.
func (r Reader) ProvisionBearer(ctx context.Context, hash []byte, now time.Time) (token desk.ProvisionToken, found bool, err error) {
	token, found, err = perhapsOne[desk.ProvisionToken](ctx, r.q, `
		select id, provider_id, created_by, created_at, expires_at, last_used_at, last_ip
		from scim_token
		where hash = $1 and revoked_at is null and expires_at > $2`, hash, now)
	return token, found, wrap(err, "provisioning token")
}

// TouchProvisionToken notes that a token was used, and from where.
func (tx *Tx) TouchProvisionToken(ctx context.Context, id int64, ip string, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `update scim_token set last_used_at = $2, last_ip = $3 where id = $1`, id, now, ip)
	return wrap(err, "note use of provisioning token")
}

// RevokeProvisionToken ends a token of a provider; done is false where it had ended already.
func (tx *Tx) RevokeProvisionToken(ctx context.Context, provider, id int64, now time.Time) (done bool, err error) {
	tag, err := tx.tx.Exec(ctx, `update scim_token set revoked_at = $3 where id = $2 and provider_id = $1 and revoked_at is null`, provider, id, now)
	return tag.RowsAffected() == 1, wrap(err, "revoke provisioning token")
}

// provisioned is a row of scim_user with its person.
type provisioned struct {
	UserID     int64            `db:"user_id"`
	ProviderID int64            `db:"provider_id"`
	Said       desk.Provisioned `db:"said"`
	Disabled   bool             `db:"disabled"`
	GoneAt     *time.Time       `db:"gone_at"`
	CreatedAt  time.Time        `db:"created_at"`
	UpdatedAt  time.Time        `db:"updated_at"`
	Email      string           `db:"email"`
	Name       string           `db:"name"`
	Role       desk.Role        `db:"role"`
	Out        bool             `db:"out"`
}

const provisionColumns = `
	select s.user_id, s.provider_id, s.said, s.disabled, s.gone_at, s.created_at, s.updated_at, u.email, u.name, u.role, u.disabled_at is not null as out
	from scim_user s
	join "user" u on u.id = s.user_id`

func (p provisioned) provision() desk.Provision {
	return desk.Provision{
		UserID: p.UserID, ProviderID: p.ProviderID, Said: p.Said, Disabled: p.Disabled, GoneAt: p.GoneAt, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		Person: desk.User{ID: p.UserID, Email: p.Email, Name: p.Name, Role: p.Role}, Out: p.Out,
	}
}

// Provision is who keeps a person, also one whom a provider has let go of; found is false where nobody does.
func (r Reader) Provision(ctx context.Context, user int64) (kept desk.Provision, found bool, err error) {
	row, found, err := perhapsOne[provisioned](ctx, r.q, provisionColumns+`
		where s.user_id = $1`, user)
	return row.provision(), found, wrap(err, "provisioned person")
}

// Provisions lists people whom a provider keeps, in the order in which they were added, and how many match in all.
func (r Reader) Provisions(ctx context.Context, q desk.ProvisionQuery) (people []desk.Provision, all int, err error) {
	var c conditions
	c.and("s.gone_at is null and s.provider_id = " + c.arg(q.Provider))
	if q.UserName != "" {
		c.and("lower(s.user_name) = lower(" + c.arg(q.UserName) + ")")
	}
	if q.ExternalID != "" {
		c.and("s.external_id = " + c.arg(q.ExternalID))
	}
	if q.Email != "" {
		c.and("u.email = " + c.arg(desk.Canonical(q.Email)))
	}
	if q.ID != 0 {
		c.and("s.user_id = " + c.arg(q.ID))
	}
	err = r.q.QueryRow(ctx, `select count(*) from scim_user s join "user" u on u.id = s.user_id where `+c.where(), c.args...).Scan(&all)
	if err != nil || q.Limit == 0 || all == 0 {
		return nil, all, wrap(err, "provisioned people")
	}
	if q.After != 0 {
		c.and("s.user_id > " + c.arg(q.After))
	}
	rows, err := rowsOf[provisioned](ctx, r.q, provisionColumns+" where "+c.where()+" order by s.user_id limit "+c.arg(bounded(q.Limit, largestPage))+" offset "+c.arg(q.Skip), c.args...)
	for _, row := range rows {
		people = append(people, row.provision())
	}
	return people, all, wrap(err, "provisioned people")
}

// SetProvision writes whom a provider keeps, and what it says about them. A name that another of its people has is a desk.Conflict.
func (tx *Tx) SetProvision(ctx context.Context, kept desk.Provision) error {
	said, err := json.Marshal(kept.Said)
	if err != nil {
		return wrap(err, "provision")
	}
	_, err = tx.tx.Exec(ctx, `
		insert into scim_user (user_id, provider_id, user_name, external_id, said, disabled, gone_at, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (user_id) do update
		set provider_id = excluded.provider_id, user_name = excluded.user_name, external_id = excluded.external_id, said = excluded.said, disabled = excluded.disabled,
		    gone_at = excluded.gone_at, updated_at = excluded.updated_at`,
		kept.UserID, kept.ProviderID, kept.Said.UserName, kept.Said.ExternalID, said, kept.Disabled, kept.GoneAt, kept.CreatedAt, kept.UpdatedAt)
	if violates(err, "scim_user_name") {
		return &desk.Fault{Kind: desk.Conflict, Reason: "the provider keeps somebody of this user name already", Field: "userName"}
	}
	return wrap(err, "provision")
}

// OwnDisabled notes that a person's word and no longer a provider's says whether somebody is disabled.
func (tx *Tx) OwnDisabled(ctx context.Context, user int64) error {
	_, err := tx.tx.Exec(ctx, `update scim_user set disabled = false where user_id = $1`, user)
	return wrap(err, "disable user")
}
