package store

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
)

// roleRow is a role that somebody made, as the table has it.
type roleRow struct {
	Name      desk.Role
	Says      string
	Rights    []desk.Right
	Sight     desk.Sight
	Masks     []desk.Mask
	People    int
	CreatedAt time.Time
	UpdatedAt time.Time
	UpdatedBy string
}

// role is the row as the rest of the house knows it.
func (r roleRow) role() desk.CustomRole { return desk.CustomRole(r) }

const selectRole = `
		select r.name, r.says, r.rights, r.sight, r.masks, r.created_at, r.updated_at, r.updated_by,
		       (select count(*) from "user" u where u.role = r.name)::int as people
		from role r`

// Roles lists the roles that people made, by name: desk.MostRoles at most.
func (r Reader) Roles(ctx context.Context) ([]desk.CustomRole, error) {
	rows, err := rowsOf[roleRow](ctx, r.q, selectRole+`
		where not r.built_in
		order by lower(r.name), r.name
		limit $1`, desk.MostRoles)
	roles := make([]desk.CustomRole, len(rows))
	for i, row := range rows {
		roles[i] = row.role()
	}
	return roles, wrap(err, "roles")
}

// Role is the role of that name which somebody made.
func (r Reader) Role(ctx context.Context, name desk.Role) (desk.CustomRole, error) {
	row, err := rowOf[roleRow](ctx, r.q, selectRole+`
		where not r.built_in and r.name = $1`, name)
	if err != nil {
		return desk.CustomRole{}, missing(err, "role %q", name)
	}
	return row.role(), nil
}

// CountByRole says how many people have each role, disabled ones among them.
func (r Reader) CountByRole(ctx context.Context) (map[desk.Role]int, error) {
	type counted struct {
		Role   desk.Role
		People int
	}
	rows, err := rowsOf[counted](ctx, r.q, `select role, count(*)::int as people from "user" group by role limit 1000`)
	counts := make(map[desk.Role]int, len(rows))
	for _, row := range rows {
		counts[row.Role] = row.People
	}
	return counts, wrap(err, "people by role")
}

// grant looks up what the role of each of the people gives, as it is now. Of a role that is gone nothing is known, and so it gives nothing.
func (r Reader) grant(ctx context.Context, people ...*desk.User) error {
	grants := map[desk.Role]*desk.Grant{}
	for _, one := range people {
		if one.ID == 0 || one.Role.IsBuiltIn() {
			continue
		}
		grant, looked := grants[one.Role]
		if !looked {
			role, found, err := perhapsOne[roleRow](ctx, r.q, selectRole+`
		where not r.built_in and r.name = $1`, one.Role)
			if err != nil {
				return wrap(err, "role of a person")
			}
			if found {
				given := role.role().Grant()
				grant = &given
			}
			grants[one.Role] = grant
		}
		one.Grant = grant
	}
	return nil
}

// NewRole is a role as it is written: with what tells it from others that look alike, and what queries ask of it.
type NewRole struct {
	desk.CustomRole
	Skeleton string
	Reads    bool // its people can be named in notes and told of things
	Works    bool // its people can be given conversations
}

// AddRole adds a role. A name that is taken, or can be taken for another, is a desk.Conflict; more than desk.MostRoles are a desk.TooLarge.
func (tx *Tx) AddRole(ctx context.Context, n NewRole) error {
	tag, err := tx.tx.Exec(ctx, `
		insert into role (name, skeleton, says, rights, sight, masks, reads, works, created_at, updated_at, updated_by)
		select $1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10
		where (select count(*) from role where not built_in) < $11`,
		n.Name, n.Skeleton, n.Says, orEmpty(n.Rights), n.Sight, orEmpty(n.Masks), n.Reads, n.Works, n.UpdatedAt, n.UpdatedBy, desk.MostRoles)
	if err == nil && tag.RowsAffected() == 0 {
		return desk.Faultf(desk.TooLarge, "there are %d roles, which is the most: remove some", desk.MostRoles)
	}
	return roleTaken(err, n.Name, "add role")
}

// SaveRole changes the role of that name, its name too.
func (tx *Tx) SaveRole(ctx context.Context, name desk.Role, n NewRole) error {
	_, err := tx.tx.Exec(ctx, `
		update role
		set name = $2, skeleton = $3, says = $4, rights = $5, sight = $6, masks = $7, reads = $8, works = $9, updated_at = $10, updated_by = $11
		where name = $1 and not built_in`,
		name, n.Name, n.Skeleton, n.Says, orEmpty(n.Rights), n.Sight, orEmpty(n.Masks), n.Reads, n.Works, n.UpdatedAt, n.UpdatedBy)
	return roleTaken(err, n.Name, "change role")
}

func roleTaken(err error, name desk.Role, doing string) error {
	if violates(err, "role_pkey") || violates(err, "role_skeleton_key") {
		return &desk.Fault{Kind: desk.Conflict, Reason: fmt.Sprintf("there is a role already whose name looks like %s", name), Field: "name"}
	}
	return wrap(err, doing)
}

// DropRole removes a role that nobody has; somebody has it: a desk.Conflict.
func (tx *Tx) DropRole(ctx context.Context, name desk.Role) error {
	_, err := tx.tx.Exec(ctx, `delete from role where name = $1 and not built_in`, name)
	if violates(err, "user_role") {
		return desk.Faultf(desk.Conflict, "people have this role: give them another first")
	}
	return wrap(err, "remove role")
}

// LockRoles keeps every other change of people and roles waiting until the transaction ends: what somebody is given is compared with what the giver holds then.
func (tx *Tx) LockRoles(ctx context.Context) error {
	_, err := tx.LockOwners(ctx)
	return err
}

// Offer is the installation as it is being handed over.
type Offer struct {
	FromUser  int64
	FromEmail string
	FromName  string
	ToUser    int64
	ToEmail   string
	ToName    string
	Becomes   desk.Role // what the owner who offers is afterwards: still owner, or admin
	CreatedAt time.Time
	ExpiresAt time.Time
}

const selectOffer = `
		select o.from_user, f.email as from_email, f.name as from_name, o.to_user, t.email as to_email, t.name as to_name, o.becomes, o.created_at, o.expires_at
		from ownership_offer o
		join "user" f on f.id = o.from_user
		join "user" t on t.id = o.to_user`

// Offers lists the hand-overs that can be accepted, the oldest first: the first hundred. Each owner has one at most.
func (r Reader) Offers(ctx context.Context, now time.Time) ([]Offer, error) {
	offers, err := rowsOf[Offer](ctx, r.q, selectOffer+`
		where o.expires_at > $1
		order by o.created_at, o.from_user
		limit 100`, now)
	return offers, wrap(err, "hand-overs")
}

// OffersTo lists those that a person can accept.
func (r Reader) OffersTo(ctx context.Context, user int64, now time.Time) ([]Offer, error) {
	offers, err := rowsOf[Offer](ctx, r.q, selectOffer+`
		where o.to_user = $1 and o.expires_at > $2
		order by o.created_at, o.from_user
		limit 100`, user, now)
	return offers, wrap(err, "hand-overs to a person")
}

// OfferOf is what an owner offers and can be accepted. None is no error: found is false.
func (r Reader) OfferOf(ctx context.Context, from int64, now time.Time) (offer Offer, found bool, err error) {
	offer, found, err = perhapsOne[Offer](ctx, r.q, selectOffer+`
		where o.from_user = $1 and o.expires_at > $2`, from, now)
	return offer, found, wrap(err, "hand-over")
}

// SetOffer notes that an owner hands the installation over; it replaces what they offered before.
func (tx *Tx) SetOffer(ctx context.Context, o Offer) error {
	_, err := tx.tx.Exec(ctx, `
		insert into ownership_offer (from_user, to_user, becomes, created_at, expires_at)
		values ($1, $2, $3, $4, $5)
		on conflict (from_user) do update
		set to_user = excluded.to_user, becomes = excluded.becomes, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		o.FromUser, o.ToUser, o.Becomes, o.CreatedAt, o.ExpiresAt)
	return wrap(err, "offer ownership")
}

// DropOffer ends what an owner offered.
func (tx *Tx) DropOffer(ctx context.Context, from int64) error {
	_, err := tx.tx.Exec(ctx, `delete from ownership_offer where from_user = $1`, from)
	return wrap(err, "end the offer of ownership")
}

// SetRole gives a person a role.
func (tx *Tx) SetRole(ctx context.Context, user int64, role desk.Role) error {
	_, err := tx.tx.Exec(ctx, `update "user" set role = $2 where id = $1`, user, role)
	if violates(err, "user_role") {
		return noRole(role)
	}
	return wrap(err, "give a role")
}

func noRole(role desk.Role) error { return desk.Wrong("role", "there is no role %q", role) }

// Near says whether two people share a team, or the other is in none.
func (r Reader) Near(ctx context.Context, user, other int64) (near bool, err error) {
	err = r.q.QueryRow(ctx, `
		select not exists (select from team_member o join team g on g.id = o.team_id where o.user_id = $2 and g.removed_at is null)
		       or exists (select from team_member m join team_member o on o.team_id = m.team_id join team g on g.id = m.team_id where m.user_id = $1 and o.user_id = $2 and g.removed_at is null)`,
		user, other).Scan(&near)
	return near, wrap(err, "people of a team")
}

// PersonByID is the person of that number, with what their role gives.
func (r Reader) PersonByID(ctx context.Context, id int64) (Person, error) {
	found, err := r.CredentialsOf(ctx, id)
	return found.Person, err
}

// mostHolders is how many of those who have a role a page shows.
const mostHolders = 200

// HeldBy lists people who have a role, by name: the first of them.
func (r Reader) HeldBy(ctx context.Context, role desk.Role) ([]Person, error) {
	people, err := rowsOf[Person](ctx, r.q, `
		select id, email, name, role, created_at, last_seen_at, disabled_at
		from "user"
		where role = $1
		order by lower(name), id
		limit $2`, role, mostHolders)
	return people, wrap(err, "who has a role")
}
