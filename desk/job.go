package desk

import "time"

// Jobs are work that happens after a commit. Each is a value with a Kind, which is its name in the queue; jobs run at least once.

// SendReply delivers the message to its recipients at one destination.
type SendReply struct {
	Message     int64  `json:"message" db:"message"`
	Destination string `json:"destination,omitempty" db:"destination"` // domain of the recipients, in lower case; empty, as jobs had it once: every destination gets a job of its own
}

// Kind is the job's name in the queue.
func (SendReply) Kind() string { return "send_reply" }

// VerifyDomains does what the time has come for in the life of mail domains: their records are looked up, their keys change, managers are told.
type VerifyDomains struct{}

// Kind is the job's name in the queue.
func (VerifyDomains) Kind() string { return "verify_domains" }

// Sweep removes what nobody will ask for again: stored objects without a row, uploads never attached, expired links, sessions and idempotency keys.
type Sweep struct{}

// Kind is the job's name in the queue.
func (Sweep) Kind() string { return "sweep" }

// ReadMetadata reads the metadata of SAML identity providers again, for which it is time.
type ReadMetadata struct{}

// Kind is the job's name in the queue.
func (ReadMetadata) Kind() string { return "read_metadata" }

// SumUp sums up what happened to tickets on the days that are over.
type SumUp struct{}

// Kind is the job's name in the queue.
func (SumUp) Kind() string { return "sum_up" }

// TellManagers mails owners and admins what is held back, as often as the policy says.
type TellManagers struct{}

// Kind is the job's name in the queue.
func (TellManagers) Kind() string { return "tell_managers" }

// ReportTLS sends domains their reports about TLS (RFC 8460).
type ReportTLS struct{}

// Kind is the job's name in the queue.
func (ReportTLS) Kind() string { return "report_tls" }

// RenewPolicies fetches the MTA-STS policies again that mail goes by (RFC 8461 §10.2).
type RenewPolicies struct{}

// Kind is the job's name in the queue.
func (RenewPolicies) Kind() string { return "renew_policies" }

// Elapse lets automations look for tickets on which enough time has passed.
type Elapse struct{}

// Kind is the job's name in the queue.
func (Elapse) Kind() string { return "elapse" }

// TellDelays shows on tickets that a reply still waits after hours.
type TellDelays struct{}

// Kind is the job's name in the queue.
func (TellDelays) Kind() string { return "tell_delays" }

// WatchClocks does what only time brings about on tickets: snoozed ones come back, targets are missed, turns are taken by who has come back.
type WatchClocks struct{}

// Kind is the job's name in the queue.
func (WatchClocks) Kind() string { return "watch_clocks" }

// ReckonTargets sets what is due on tickets anew, after targets or business hours have changed.
type ReckonTargets struct{}

// Kind is the job's name in the queue.
func (ReckonTargets) Kind() string { return "reckon_targets" }

// RevertAddresses takes back rules of addresses that nobody has confirmed in time.
type RevertAddresses struct{}

// Kind is the job's name in the queue.
func (RevertAddresses) Kind() string { return "revert_addresses" }

// TendTokens does what time brings about for API tokens: those that nobody uses are switched off, and who keeps one that ends soon is told.
type TendTokens struct{}

// Kind is the job's name in the queue.
func (TendTokens) Kind() string { return "tend_tokens" }

// ResetPassword looks whether somebody is here who asked for a new password, and mails them the link.
type ResetPassword struct {
	Request int64  `json:"request"`
	ByAdmin bool   `json:"by_admin,omitempty"`
	Admin   string `json:"admin,omitempty"` // who asked for it, by name
}

// Kind is the job's name in the queue.
func (ResetPassword) Kind() string { return "reset_password" }

// TellStricter tells people that the rules for their passwords have become stricter, some hundred at a time.
type TellStricter struct {
	Population string    `json:"population"` // staff or customers
	At         time.Time `json:"at"`
	After      int64     `json:"after,omitempty"` // those up to this id were told
}

// Kind is the job's name in the queue.
func (TellStricter) Kind() string { return "tell_stricter" }

// ActOnAlert does about a person, or a network, what an alert says that is done.
type ActOnAlert struct {
	Alert   int64  `json:"alert"`
	User    int64  `json:"user,omitempty"`
	Network string `json:"network,omitempty"`
	Do      string `json:"do"` // a word of the settings: throttle, sign-out, suspend
}

// Kind is the job's name in the queue.
func (ActOnAlert) Kind() string { return "act_on_alert" }
