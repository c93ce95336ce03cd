package desk

import "time"

// Letters to owners about guests. Facts: email, name, role, reason, ends (as RFC 3339 has it) and, when one has gone, how.
const (
	LetterGuestComes LetterKind = "guest-comes" // Who lets one in
	LetterGuestGone  LetterKind = "guest-gone"  // one has ended
)

// TellImpersonated mails a customer that one of our people has looked at their pages in their place.
type TellImpersonated struct {
	Impersonation int64     `json:"impersonation"`
	Address       string    `json:"address"`
	At            time.Time `json:"at"`
	Until         time.Time `json:"until"` // when it ends at the latest
}

// Kind is the job's name in the queue.
func (TellImpersonated) Kind() string { return "tell_impersonated" }
