package desk

import "time"

// LetterKind is what one of our people is told by mail. Its words stand in one table, in jobs/letters.go.
type LetterKind string

// Letters about passwords, and to owners about their rules.
const (
	LetterPasswordChanged   LetterKind = "password-changed"    // by themselves
	LetterPasswordSet       LetterKind = "password-set"        // by an owner or admin; they choose another at their next sign-in
	LetterPasswordReset     LetterKind = "password-reset"      // the link by which a forgotten one is replaced; Link holds it
	LetterResetByAdmin      LetterKind = "reset-by-admin"      // the same, started by Who
	LetterAddressChanged    LetterKind = "address-changed"     // goes to the address so far
	LetterPasswordMust      LetterKind = "password-must"       // the rules have become stricter: a new one at the next sign-in
	LetterPasswordLoosened  LetterKind = "password-loosened"   // to owners: the rules have become weaker, by Who
	LetterAdminsSetPassword LetterKind = "admins-set-password" // to owners: admins may choose passwords of others now, or no more
)

// Letters about tokens and connected apps.
const (
	LetterTokenExposed LetterKind = "token-exposed" // it was revoked, since others may have it; Facts: token, how, where
	LetterTokenNetwork LetterKind = "token-network" // it was used from a new network; Facts: token
	LetterTokenOff     LetterKind = "token-off"     // it was switched off, since nobody used it; Facts: token
	LetterTokenEnds    LetterKind = "token-ends"    // it ends at Until; Facts: token
	LetterAppReuse     LetterKind = "app-reuse"     // a connected app was disconnected, since something of it was used twice; Facts: app
)

// Letters to owners and admins about what a detector found.
const (
	LetterAlert LetterKind = "alert" // Facts: detector, about, done
)

// Letters about devices.
const (
	LetterNewDevice LetterKind = "new-device" // a browser that was not seen before; Secret is the link by which it is answered
	LetterNotMe     LetterKind = "not-me"     // to owners: Who says that a sign-in as them was somebody else's
)

// TellPerson mails one of our people, staff or customer with an account, what has happened to that account. It is written into the queue by the change itself, leaves in the person's language,
// as automatic mail that nothing answers, is tried again until it would come too late, and is in the audit log if it could not be brought.
type TellPerson struct {
	User   int64             `json:"user"`
	About  LetterKind        `json:"about"`
	To     string            `json:"to,omitempty"`     // another address than the person's: the one they had so far
	At     time.Time         `json:"at"`               // when it happened
	Until  time.Time         `json:"until,omitzero"`   // when the letter would come too late; zero: three days after At
	IP     string            `json:"ip,omitempty"`     // where it was done
	Device string            `json:"device,omitempty"` // with what, as the list of devices names it
	Who    string            `json:"who,omitempty"`    // name of who did it, where it was somebody else of ours
	Facts  map[string]string `json:"facts,omitempty"`  // what else the letter says, by names of its own; nothing that a stranger wrote
	Sealed []byte            `json:"sealed,omitempty"` // what stands in the mail only, a link for example: see identity.tell
}

// Kind is the job's name in the queue.
func (TellPerson) Kind() string { return "tell_person" }

// letterLife is how long a letter is tried: after that it would frighten more than it helps.
const letterLife = 3 * 24 * time.Hour

// Late is when the letter would come too late.
func (t TellPerson) Late() time.Time {
	if t.Until.IsZero() {
		return t.At.Add(letterLife)
	}
	return t.Until
}
