package desk

import "time"

// DMARCLevel is what a mailbox does about mail whose From domain says that it is not its own (T-DMARC). The words are part of the API.
type DMARCLevel string

const (
	DMARCOff     DMARCLevel = "off"     // the result is not even shown as a warning
	DMARCMonitor DMARCLevel = "monitor" // shown; nothing is held back
	DMARCSuspend DMARCLevel = "suspend" // failures under quarantine or reject are suspended
	DMARCReject  DMARCLevel = "reject"  // failures under reject are refused at SMTP with 550, those under quarantine suspended
)

// DMARCLevels lists every level, the mildest first.
var DMARCLevels = []DMARCLevel{DMARCOff, DMARCMonitor, DMARCSuspend, DMARCReject}

// FilterDown is what happens to a mail while a filter that is configured does not answer. The words are part of the API.
type FilterDown string

const (
	FilterDownAccept FilterDown = "accept" // the mail goes on without that filter's word, and a metric counts it
	FilterDownDefer  FilterDown = "defer"  // 451: its sender tries again later
)

// Digest is how often managers are told by mail what is held back. The words are part of the API.
type Digest string

const (
	DigestOff    Digest = "off"
	DigestHourly Digest = "hourly"
	DigestDaily  Digest = "daily"
)

// AgentsByMail says whether our people may answer tickets by mail, each to a personal address (security T-07). The words are part of the API.
type AgentsByMail string

const (
	AgentsByMailOff AgentsByMail = "off" // unless set otherwise: such an address is nobody's
	AgentsByMailOn  AgentsByMail = "on"
)

// Policy is how mail is judged: one set of rules for the installation. A mailbox adds its DMARC level, and the sender rules their exceptions.
type Policy struct {
	ARCSealers         []string   `json:"arc_sealers"`         // domains whose ARC seals are believed (RFC 8617 §5.2); empty: nobody's
	SpamSuspend        float64    `json:"spam_suspend"`        // rspamd's score from which a mail is suspended
	SpamReject         float64    `json:"spam_reject"`         // and from which it is refused with 550; 0: never
	FilterDown         FilterDown `json:"filter_down"`         // while rspamd, clamd or a milter does not answer
	SuspendedDays      int        `json:"suspended_days"`      // how long suspended mail is kept; 1 to 90
	Digest             Digest     `json:"digest"`              // mail to owners and admins about what is held back
	PerSender          int        `json:"per_sender"`          // mails from one address in an hour; more are suspended as 'rate-limit'; 0: no limit
	PerAutomatic       int        `json:"per_automatic"`       // the same for automatic mail, which is how loops show (T-03)
	StrangerRecipients int        `json:"stranger_recipients"` // people in To and Cc of a stranger's mail; more are suspended
	Language           string     `json:"language"`            // of what Postern writes to customers by itself: a code that the room language knows
	VerificationCodes  bool       `json:"verification_codes"`  // hold back other services' sign-in codes and confirmation links (T-11)
}

// DefaultPolicy is the policy of an installation that has set nothing.
func DefaultPolicy() Policy {
	return Policy{
		ARCSealers: []string{}, SpamSuspend: 6, FilterDown: FilterDownAccept, SuspendedDays: 14, Digest: DigestOff,
		PerSender: 200, PerAutomatic: 20, StrangerRecipients: 48, VerificationCodes: true, Language: "en",
	}
}

// Keep is how long suspended mail stays.
func (p Policy) Keep() time.Duration { return time.Duration(p.SuspendedDays) * 24 * time.Hour }

// Check says what is wrong with a policy; nil if nothing is.
func (p Policy) Check() error {
	switch {
	case p.SuspendedDays < 1 || p.SuspendedDays > 90:
		return Wrong("suspended_days", "suspended mail is kept for 1 to 90 days")
	case p.FilterDown != FilterDownAccept && p.FilterDown != FilterDownDefer:
		return Wrong("filter_down", "filter_down is accept or defer")
	case p.Digest != DigestOff && p.Digest != DigestHourly && p.Digest != DigestDaily:
		return Wrong("digest", "digest is off, hourly or daily")
	case !(p.SpamSuspend > 0 && p.SpamSuspend <= 1000): // so written, NaN is wrong too
		return Wrong("spam_suspend", "the score from which mail is suspended is more than 0 and at most 1000")
	case p.SpamReject != 0 && !(p.SpamReject >= p.SpamSuspend && p.SpamReject <= 1_000_000):
		return Wrong("spam_reject", "the score from which mail is refused is 0 (never) or at least the one from which it is suspended")
	case p.PerSender < 0 || p.PerAutomatic < 0 || p.PerSender > 1_000_000 || p.PerAutomatic > 1_000_000:
		return Wrong("per_sender", "a limit of mails in an hour is between 0 (none) and 1,000,000")
	case p.StrangerRecipients < 1 || p.StrangerRecipients > 10_000:
		return Wrong("stranger_recipients", "a stranger's mail may go to between 1 and 10,000 people")
	case len(p.ARCSealers) > 100:
		return Wrong("arc_sealers", "at most 100 sealers are trusted")
	}
	for _, sealer := range p.ARCSealers {
		if !ValidAddress("seal@" + sealer) {
			return Wrong("arc_sealers", "%q is not a domain", sealer)
		}
	}
	return nil
}
