package identity

import (
	"time"

	"postern/desk"
)

// Asserted is what a provider says about whoever signs in, after its signature, its age and whom it was meant for have been checked. Who that is here is for admitFederated to say.
type Asserted struct {
	Provider      desk.Provider
	Issuer        string // who said it, as the protocol names them
	Subject       string // what they call the account, for ever; empty where a JWT names none
	Email         string
	EmailVerified bool // they say that the address is the account's
	Name          string
	Role          string    // that they want the person to have; empty: they say nothing
	MFA           []string  // words of amr, acr or AuthnContextClassRef
	Until         time.Time // their own session ends then; zero: they do not say
	Profile       Profile
}

// Profile is what else a provider may say about a person. The language is taken when an account is made, the rest at each sign-in.
type Profile struct {
	Language string            `json:"language,omitempty"`
	Company  string            `json:"company,omitempty"`
	Phone    string            `json:"phone,omitempty"`
	Tags     []string          `json:"tags,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
}

// RefusalCode says why an assertion opens nothing. The words stand in the audit log, and in the address of a company's own page after a JWT; they say nothing about the person.
type RefusalCode string

const (
	BadSignature  RefusalCode = "bad_signature"  // not signed by the provider, or not in the way that was agreed
	Expired       RefusalCode = "expired"        // too old, or from the future
	Replayed      RefusalCode = "replayed"       // presented before
	BadClaims     RefusalCode = "bad_claims"     // something is missing or malformed, or was meant for somebody else
	UserSuspended RefusalCode = "user_suspended" // the person is disabled here
	ScopeDenied   RefusalCode = "scope_denied"   // the provider is not for people like this one
	IPDenied      RefusalCode = "ip_denied"      // not from this network
	MFARequired   RefusalCode = "mfa_required"   // a second factor has to have been asked for
	NotConnected  RefusalCode = "not_connected"  // the account is nobody's here, and nothing lets it become somebody's
	BadState      RefusalCode = "bad_state"      // the answer belongs to no question of this browser
	ProviderError RefusalCode = "provider_error" // the provider said no, or could not be asked
)

// Refused is an assertion that opens nothing. Outwards all of them read alike; the code is for the audit log.
type Refused struct {
	Code   RefusalCode
	Detail string // what exactly was wrong, for the audit log: words of ours, never of the token
}

// Error names the code.
func (r *Refused) Error() string { return "sign-in by provider refused: " + string(r.Code) }

// Unwrap is what whoever signs in reads: nothing that tells one refusal from another.
func (r *Refused) Unwrap() error { return errRefused }

// errRefused is the answer to every assertion that opens nothing.
var errRefused = &desk.Fault{Kind: desk.Unsigned, Reason: "This sign-in did not work. Try again, or ask an admin of your desk: they find the reason in the audit log."}

func refused(code RefusalCode, detail string) error { return &Refused{Code: code, Detail: detail} }

// step is what follows from an assertion.
type step string

const (
	stepEnter  step = "enter"  // the account is connected: come in
	stepLink   step = "link"   // connect the account to the person with this address, and come in
	stepCreate step = "create" // make a person, connect, and come in
	stepProve  step = "prove"  // the address has to be proved by a mail first
	stepRefuse step = "refuse"
)

// facts are what is known when an assertion comes in.
type facts struct {
	From       string  // network address of the browser
	Owner      *Person // whose account it is; nil: nobody's
	Holder     *Person // who has the address here; nil: nobody
	HolderHas  bool    // the holder has another account at this provider
	Proved     bool    // the address was proved by mail, in this browser, for this account
	MayProve   bool    // a mail can be sent: the browser is here and waits
	SaysNoName bool    // there is no lasting name of the account (a JWT without external_id)
}

// verdict is what follows, and why.
type verdict struct {
	Step   step
	Person *Person   // who comes in, or is connected
	Role   desk.Role // of a person to be made, or that an existing one gets; empty: no change
	Code   RefusalCode
	Detail string
}

func no(code RefusalCode, detail string) verdict {
	return verdict{Step: stepRefuse, Code: code, Detail: detail}
}

// decide says who an asserted account is here. It is the one place where that is decided, for every protocol (security rows 30 and 31):
//
// An account that is connected is its person, whatever address the provider says today. One that is not connected is connected by address only where the provider's word about
// that address is enough (it runs the domain, and says that the address is verified) or the address was proved by mail in the same browser; and never to an owner, nor to
// somebody who has another account there already: a changed subject under the same address is somebody else who was given it (OpenID Connect Core §5.7). A provider for customers never opens a session of staff.
func decide(a Asserted, f facts) verdict {
	settings := a.Provider.Settings
	switch {
	case !settings.From(f.From):
		return no(IPDenied, "the browser's address is in none of the provider's networks")
	case settings.RequireMFA && !settings.SaysMFA(a.MFA):
		return no(MFARequired, "the provider did not say that a second factor was asked for")
	}
	wished, fault := roleWished(a)
	if fault != nil {
		return *fault
	}
	if f.Owner != nil {
		return enter(a, *f.Owner, wished)
	}
	address := desk.Canonical(a.Email)
	if !desk.ValidAddress(address) {
		return no(NotConnected, "the account is not connected and has no address")
	}
	sure := f.Proved || a.EmailVerified && settings.Authoritative(address)
	switch {
	case f.Holder == nil && !settings.Create:
		if !sure && f.MayProve {
			return verdict{Step: stepProve} // the same as for an address that somebody has: which it is must not be told
		}
		return no(NotConnected, "nobody has the address, and the provider makes no accounts")
	case !sure && f.MayProve:
		return verdict{Step: stepProve}
	case !sure:
		return no(NotConnected, "the provider's word about this address is not enough")
	case f.Holder == nil:
		return create(a, wished)
	}
	return connect(a, f, wished)
}

// enter lets the person in whose account it is.
func enter(a Asserted, person Person, wished desk.Role) verdict {
	if !a.Provider.Population.Covers(person.Role) {
		return no(ScopeDenied, "the provider is not for people of this role")
	}
	if person.DisabledAt != nil {
		return no(UserSuspended, "the person is disabled")
	}
	return verdict{Step: stepEnter, Person: &person, Role: newRole(person.Role, wished)}
}

// connect lets the person in who has the address, and says that the account is theirs from now on.
func connect(a Asserted, f facts, wished desk.Role) verdict {
	in := enter(a, *f.Holder, wished)
	switch {
	case in.Step == stepRefuse:
		return in
	case f.Holder.Role == desk.RoleOwner:
		return no(NotConnected, "owners connect accounts themselves, when they are signed in")
	case f.SaysNoName:
		return in // there is nothing to connect: the address was proved this time, and will have to be the next time
	case f.HolderHas:
		return no(NotConnected, "the person has another account at this provider: the subject has changed")
	}
	in.Step = stepLink
	return in
}

// create makes a person.
func create(a Asserted, wished desk.Role) verdict {
	role := a.Provider.Settings.CreateRole
	if wished != "" {
		role = wished
	}
	if role == "" {
		role = desk.RoleCustomer
	}
	if role == desk.RoleOwner || !a.Provider.Population.Covers(role) {
		return no(ScopeDenied, "the provider may not make people of this role")
	}
	return verdict{Step: stepCreate, Role: role}
}

// assertable are the roles that a provider may say, by its word for them. Owner is none of them.
var assertable = map[string]desk.Role{
	"user": desk.RoleCustomer, "end-user": desk.RoleCustomer, "customer": desk.RoleCustomer,
	"light_agent": desk.RoleLight, "agent": desk.RoleAgent, "admin": desk.RoleAdmin,
}

// roleWished is the role that the provider says, if it may say one.
func roleWished(a Asserted) (desk.Role, *verdict) {
	if a.Role == "" || !a.Provider.Settings.AllowRole {
		return "", nil
	}
	role, known := assertable[a.Role]
	if !known {
		wrong := no(BadClaims, "the role is none that a provider may say")
		return "", &wrong
	}
	if !a.Provider.Population.Covers(role) {
		wrong := no(ScopeDenied, "the provider is not for people of the role that it says")
		return "", &wrong
	}
	return role, nil
}

// newRole is the role that an existing person gets: none where nothing changes, and never another for an owner.
func newRole(has, wished desk.Role) desk.Role {
	if wished == "" || wished == has || has == desk.RoleOwner {
		return ""
	}
	return wished
}

// longestForeign is how long a session opened by a provider lasts at most: that is how soon whoever leaves the company is out here too (security row 31).
const longestForeign = 12 * time.Hour

// until is when such a session ends: with the provider's own, within the bound.
func (a Asserted) until(now time.Time) time.Time {
	latest := now.Add(longestForeign)
	if !a.Until.IsZero() && a.Until.Before(latest) {
		return a.Until
	}
	return latest
}
