package desk

import (
	"slices"
	"strings"
	"time"
)

// Role names what a user may do: a built-in role, or the name of one that somebody made here. The words are part of the API.
type Role string

// The built-in roles. Nobody can change them: a custom role begins as a copy of one.
const (
	RoleOwner    Role = "owner"       // everything, and cannot be locked out by an admin
	RoleAdmin    Role = "admin"       // everything but what owners alone may
	RoleAgent    Role = "agent"       // works on the conversations of their teams and on those that no team has
	RoleLight    Role = "light_agent" // reads the same and writes private notes; never a mail to a customer
	RoleAuditor  Role = "auditor"     // reads the configuration and the audit log, no conversation
	RoleCustomer Role = "customer"    // their own tickets
)

// BuiltIn lists the built-in roles, the most powerful first.
var BuiltIn = []Role{RoleOwner, RoleAdmin, RoleAgent, RoleLight, RoleAuditor, RoleCustomer}

// IsBuiltIn says whether everybody has the role, since it came with the program.
func (r Role) IsBuiltIn() bool { return slices.Contains(BuiltIn, r) }

// Valid says whether r can be the name of a role; whether there is a custom one of that name only the database knows.
func (r Role) Valid() bool { return r.IsBuiltIn() || CheckRoleName(string(r)) == nil }

// Staff says whether people with the role belong to the desk, and are not its customers.
func (r Role) Staff() bool { return r != RoleCustomer && r != "" }

// Mask is something about customers that a role does not show. The words are part of the API.
type Mask string

const (
	MaskEmail Mask = "email"
	MaskPhone Mask = "phone"
	MaskName  Mask = "name"
)

// Masks lists every mask.
var Masks = []Mask{MaskEmail, MaskPhone, MaskName}

// Grant is what a role gives.
type Grant struct {
	Rights []Right
	Sight  Sight
	Masks  []Mask // what of customers it hides
}

// Has says whether the grant holds the right.
func (g Grant) Has(right Right) bool { return slices.Contains(g.Rights, right) }

// Covers says whether g is at least what other is: every right, the sight, and no mask more. Who holds g can give other away without giving what they do not hold.
func (g Grant) Covers(other Grant) bool {
	for _, right := range other.Rights {
		if !g.Has(right) {
			return false
		}
	}
	for _, mask := range g.Masks {
		if !slices.Contains(other.Masks, mask) {
			return false
		}
	}
	return g.Sight.Covers(other.Sight)
}

// Above says whether g is more than other: it covers it, and not the other way round.
func (g Grant) Above(other Grant) bool { return g.Covers(other) && !other.Covers(g) }

// sights are what the built-in roles show (row 36).
var sights = map[Role]Sight{
	RoleOwner: SightAll, RoleAdmin: SightAll, RoleAgent: SightTeams, RoleLight: SightTeams, RoleAuditor: SightNone, RoleCustomer: SightOwn,
}

// masks are what the built-in roles hide.
var masks = map[Role][]Mask{RoleAuditor: Masks}

// builtIn is what the built-in roles give, as the table of rights says it.
var builtIn = func() map[Role]Grant {
	grants := make(map[Role]Grant, len(BuiltIn))
	for _, role := range BuiltIn {
		grant := Grant{Sight: sights[role], Masks: masks[role]}
		for _, row := range Rights {
			if slices.Contains(row.Held, role) {
				grant.Rights = append(grant.Rights, row.Right)
			}
		}
		grants[role] = grant
	}
	return grants
}()

// Grant is what a built-in role gives; false for any other.
func (r Role) Grant() (Grant, bool) {
	grant, known := builtIn[r]
	return grant, known
}

// Holds is what the user's role gives. A custom role that nobody has looked up gives nothing.
func (u User) Holds() Grant {
	if grant, known := u.Role.Grant(); known {
		return grant
	}
	if u.Grant != nil {
		return *u.Grant
	}
	return Grant{Sight: SightNone}
}

// Can says whether the user's role gives the right. The zero User (nobody signed in) can only what is public.
func (u User) Can(right Right) bool {
	switch right {
	case Public:
		return true
	case SignedIn, Proved, Arriving:
		return u.Role.IsBuiltIn() || u.Grant != nil
	}
	if grant, known := builtIn[u.Role]; known { // without copying: this is asked often
		return slices.Contains(grant.Rights, right)
	}
	return u.Grant != nil && u.Grant.Has(right)
}

// Sight is which tickets the user's role shows.
func (u User) Sight() Sight { return u.Holds().Sight }

// Masks is what the user's role hides of customers.
func (u User) Masks() []Mask { return u.Holds().Masks }

// Outranks says whether somebody who holds g may handle a person whose role gives other: owners may handle everybody, and others only those below themselves.
// Customers are below everybody.
func (u User) Outranks(role Role, other Grant) bool {
	if u.Role == RoleOwner || role == RoleCustomer {
		return true
	}
	return role != RoleOwner && u.Holds().Above(other)
}

// CustomRole is a role that somebody made here.
type CustomRole struct {
	Name      Role      `json:"name"`
	Says      string    `json:"description"` // what it is for
	Rights    []Right   `json:"rights"`
	Sight     Sight     `json:"sight"`
	Masks     []Mask    `json:"masks"`
	People    int       `json:"people"` // who have it
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by"`
}

// Grant is what the role gives. Who works here may also be somebody's customer, of whom only staff that see no conversation are kept from it.
func (r CustomRole) Grant() Grant {
	rights := slices.Clone(r.Rights)
	if slices.Contains(rights, MayRead) {
		rights = append(rights, MayOwnRead, MayOwnWrite)
	}
	return Grant{Rights: rights, Sight: r.Sight, Masks: r.Masks}
}

const (
	// MostRoles bounds the roles that are made.
	MostRoles = 200
	// LongestRoleName bounds a role's name, in bytes.
	LongestRoleName = 60
	longestRoleSays = 500
)

// CheckRoleName says what is wrong with the name of a role.
func CheckRoleName(name string) error {
	if name == "" || len(name) > LongestRoleName || name != strings.Join(strings.Fields(name), " ") || CheckName(name) != nil {
		return Wrong("name", "the name of a role stands on one line of 1 to %d bytes", LongestRoleName)
	}
	return nil
}

// implied are the rights without which another is worth nothing, or worse: shows what the one beside it hides.
var implied = []struct{ right, needs Right }{
	{MayReadOriginals, MayRead}, {MayNote, MayRead}, {MayReply, MayRead}, {MayWrite, MayRead}, {MayMerge, MayWrite}, {MayManageCopied, MayWrite}, {MayAssignAny, MayWrite},
	{MayManageHeld, MayReadHeld}, {MayReadCodes, MayReadHeld}, {MayManageRules, MayRead}, {MayManageRules, MayReadConfig}, {MayManageSenders, MayReadHeld}, {MayEditCustomers, MayReadCustomers}, {MayShelveTeam, MayReply}, {MayShelveAll, MayShelveTeam},
	{MayReadAllReports, MayReadReports}, {MayImpersonate, MayRead}, {MayImpersonate, MayReadCustomers}, {MayManagePeople, MayReadPeople}, {MayManageRoles, MayReadPeople}, {MayManageSecurity, MayReadSecurity}, {MayExportAudit, MayReadAudit},
}

// Check says what is wrong with a role, as far as that can be seen without looking anything up.
func (r CustomRole) Check() error {
	if err := CheckRoleName(string(r.Name)); err != nil {
		return err
	}
	switch {
	case len(r.Says) > longestRoleSays:
		return Wrong("description", "a description has at most %d bytes", longestRoleSays)
	case !r.Sight.Valid() || r.Sight == SightOwn:
		return Wrong("sight", "choose which conversations the role shows")
	}
	for _, right := range r.Rights {
		if row, known := right.Row(); !known || !row.Grantable() {
			return Wrong("rights", "no role that is made here can give the right %q", right)
		}
	}
	for _, mask := range r.Masks {
		if !slices.Contains(Masks, mask) {
			return Wrong("masks", "a role hides the email, phone or name of customers, not %q", mask)
		}
	}
	for _, one := range implied {
		if slices.Contains(r.Rights, one.right) && !slices.Contains(r.Rights, one.needs) {
			return Wrong("rights", "%q is worth nothing without %q", one.right, one.needs)
		}
	}
	if slices.Contains(r.Rights, MayManageRules) && r.Sight != SightAll {
		return Wrong("sight", "who writes automations sees every conversation, as automations do")
	}
	if slices.Contains(r.Rights, MayImpersonate) && r.Sight != SightAll {
		return Wrong("sight", "who looks in the place of any customer sees every conversation")
	}
	if len(r.Masks) > 0 {
		for _, right := range []Right{MayReadOriginals, MayExport, MayReadHeld, MayImpersonate} {
			if slices.Contains(r.Rights, right) {
				return Wrong("masks", "%q shows what this role is to hide", right)
			}
		}
	}
	return nil
}
