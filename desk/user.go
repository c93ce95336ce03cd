package desk

// Role is what a user may do, in broad strokes. The words are part of the API.
type Role string

const (
	RoleOwner    Role = "owner"    // everything, and cannot be locked out by an admin
	RoleAdmin    Role = "admin"    // domains, mailboxes, people, settings, and all that an agent may
	RoleAgent    Role = "agent"    // tickets
	RoleCustomer Role = "customer" // their own tickets
)

// Valid says whether r is a role.
func (r Role) Valid() bool {
	return r == RoleOwner || r == RoleAdmin || r == RoleAgent || r == RoleCustomer
}

// Staff says whether the role works on tickets of others.
func (r Role) Staff() bool { return r == RoleOwner || r == RoleAdmin || r == RoleAgent }

// Right is one thing that may be allowed. Every route, command and service method names the right that it needs.
type Right string

const (
	MayRead       Right = "tickets:read"      // see tickets, messages, attachments, originals
	MayWrite      Right = "tickets:write"     // answer, note, change and move tickets
	MayAdminister Right = "admin"             // domains, mailboxes, people, tokens of others, deliveries, audit
	MayOwnRead    Right = "own-tickets:read"  // a customer reads their own tickets
	MayOwnWrite   Right = "own-tickets:write" // a customer answers and closes their own tickets
	Public        Right = "public"            // no sign-in needed; the route itself checks what it needs
	SignedIn      Right = "signed-in"         // any signed-in person
)

// Scope narrows what a token may do, never widens it. The words are part of the API.
type Scope string

const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
	ScopeAdmin Scope = "admin"
)

// Scopes lists every scope.
var Scopes = []Scope{ScopeRead, ScopeWrite, ScopeAdmin}

// User is a person who can sign in.
type User struct {
	ID    int64  `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  Role   `json:"role"`
}

// Can says whether the user's role holds the right. The zero User (nobody signed in) can only what is public.
func (u User) Can(right Right) bool {
	if right == Public {
		return true
	}
	switch u.Role {
	case RoleOwner, RoleAdmin:
		return true
	case RoleAgent:
		return right != MayAdminister
	case RoleCustomer:
		return right == MayOwnRead || right == MayOwnWrite || right == SignedIn
	default:
		return false
	}
}

// Allows says whether a token with these scopes lets its bearer use the right; an empty list means all that the user may.
func Allows(scopes []Scope, right Right) bool {
	if len(scopes) == 0 || right == Public || right == SignedIn {
		return true
	}
	var need Scope
	switch right {
	case MayRead, MayOwnRead:
		need = ScopeRead
	case MayWrite, MayOwnWrite:
		need = ScopeWrite
	default:
		need = ScopeAdmin
	}
	for _, scope := range scopes {
		if scope == need {
			return true
		}
	}
	return false
}

// Actor is who does something: a user, the system, or the sender of a mail. It goes into the audit log with every change.
type Actor struct {
	User   User    // zero for the system and for senders of mail
	Scopes []Scope // of the token in use; empty: all that the user may
	Via    string  // portal, api, cli, mail, job
	IP     string  // where the request came from, if from a network
}

// System is the actor of what Postern does by itself.
func System(via string) Actor { return Actor{Via: via} }

// IsSystem says whether nobody but Postern itself, or whoever holds its machine, does it: a job, or a command on the command line.
func (a Actor) IsSystem() bool { return a.User == User{} && (a.Via == "job" || a.Via == "cli") }

// Can says whether the actor holds the right, by role and by the scopes of the token in use. The system may do everything.
func (a Actor) Can(right Right) bool {
	return a.IsSystem() || a.User.Can(right) && Allows(a.Scopes, right)
}
