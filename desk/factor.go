package desk

import "time"

// FactorKind is a way to prove who one is, besides a password. The words are part of the API and stand in the audit log.
type FactorKind string

// The kinds, from the strongest to the weakest.
const (
	FactorPasskey  FactorKind = "passkey"  // WebAuthn: bound to our address, so that no other page can ask for it
	FactorTOTP     FactorKind = "totp"     // a code from an app (RFC 6238)
	FactorRecovery FactorKind = "recovery" // a code that was written down, or that an admin has made
	FactorSMS      FactorKind = "sms"      // a code by text message, where an admin has allowed it
	FactorMail     FactorKind = "mail"     // a code by mail, for a device that nobody knows and people without a factor
)

// Factor is one that a person has added.
type Factor struct {
	ID         int64      `json:"id"`
	Kind       FactorKind `json:"kind"`
	Name       string     `json:"name"`
	Verifies   bool       `json:"signs_in_alone"` // a passkey that asks for PIN, finger or face
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// FactorHolder is a person and what they have, for the report.
type FactorHolder struct {
	User
	Passkeys   int        `json:"passkeys"`
	TOTP       bool       `json:"totp"`
	SMS        bool       `json:"sms"`
	Codes      int        `json:"recovery_codes"` // that still work
	LastUsedAt *time.Time `json:"last_used_at"`   // of any of them
	AskedAt    *time.Time `json:"asked_at"`       // when they were first asked to add one; null: they are not
	Required   bool       `json:"required" db:"-"`
}

// Protected says whether signing in as this person takes more than a password.
func (h FactorHolder) Protected() bool { return h.Passkeys > 0 || h.TOTP || h.SMS }

// SendFactorCode sends a code by text message.
type SendFactorCode struct {
	Code int64 `json:"code"`
}

// Kind is the job's name in the queue.
func (SendFactorCode) Kind() string { return "send_factor_code" }
