package desk

import "time"

// DomainState is how far a mail domain has come. The words are part of the API.
type DomainState string

const (
	DomainAdded    DomainState = "added"    // keys are made; nothing proves yet that the domain is its admin's
	DomainOwned    DomainState = "owned"    // the challenge was found; records that signing needs are missing
	DomainReady    DomainState = "ready"    // every record was found; no mail signed by its keys was verified yet
	DomainActive   DomainState = "active"   // proved by a signed and verified mail: used as From
	DomainDegraded DomainState = "degraded" // it was active, and a record has gone or changed: mail is held or falls back, see OnBroken
	DomainPaused   DomainState = "paused"   // an admin wants it not to be used
	DomainRemoved  DomainState = "removed"  // its keys are destroyed; dangling records are looked for a while longer
)

// Publication is how the keys of a domain get into the DNS.
type Publication string

const (
	PublishTXT       Publication = "txt"       // its owner publishes each key
	PublishDelegated Publication = "delegated" // its owner publishes CNAMEs into the operator's zone once, and keys change there
)

// OnBroken is what happens to mail of a domain whose records broke.
type OnBroken string

const (
	BrokenHold     OnBroken = "hold"     // it waits until the domain is mended
	BrokenFallback OnBroken = "fallback" // after four hours it leaves in the name of the system's domain, answers still going to the mailbox
)

// STSMode is what the MTA-STS policy that we serve for a domain asks of senders (RFC 8461 §5).
type STSMode string

const (
	STSOff     STSMode = "off"     // whoever asks is told that there is none (§8.3)
	STSTesting STSMode = "testing" // senders report, and deliver all the same
	STSEnforce STSMode = "enforce" // senders deliver over proved TLS, or not at all
)

// Domain is a mail domain that an admin owns.
type Domain struct {
	ID          int64       `json:"id"`
	Name        string      `json:"name"`
	State       DomainState `json:"state"`
	Publication Publication `json:"publication"`
	OnBroken    OnBroken    `json:"on_broken"`
	RotateDays  int         `json:"rotate_days"` // 30 to 365; 0: only by hand
	STS         STSMode     `json:"sts"`
	Challenge   string      `json:"-"`                  // 128 bits: what its owner publishes to prove that it is theirs
	ProvenAt    time.Time   `json:"proven_at,omitzero"` // when the challenge was found for the first time
	CheckedAt   time.Time   `json:"checked_at,omitzero"`
	BrokenSince time.Time   `json:"broken_since,omitzero"`
	BrokenWhy   string      `json:"broken_why,omitempty"`
	TestedAt    time.Time   `json:"tested_at,omitzero"`     // when a mail signed by its keys was last verified
	TestProblem string      `json:"test_problem,omitempty"` // why the last such mail was not
	CreatedAt   time.Time   `json:"created_at"`
	RemovedAt   time.Time   `json:"removed_at,omitzero"`
}

// KeyRole is what a DKIM key of a domain is for.
type KeyRole string

const (
	KeyNext    KeyRole = "next"    // its record is published, so that it can take over
	KeySigning KeyRole = "signing" // signs
	KeyRetired KeyRole = "retired" // signs no more, but what it signed is still under way: its record stays
	KeyRevoked KeyRole = "revoked" // what it signed is no longer to be believed: its record says so, or goes
)

// Record is one DNS record of a domain: what is wanted, and what was found.
type Record struct {
	Purpose   string    `json:"purpose"` // challenge, dkim-rsa, dkim-ed25519, spf, dmarc, mx, mta-sts, mta-sts-host, tls-rpt
	Type      string    `json:"type"`    // TXT, MX, CNAME
	Name      string    `json:"name"`    // owner name, without the final dot
	Wanted    string    `json:"wanted"`
	Found     []string  `json:"found"`
	OK        bool      `json:"ok"`
	Required  bool      `json:"required"` // without it the domain is not used as From
	Problem   string    `json:"problem,omitempty"`
	Warning   string    `json:"warning,omitempty"` // right, and yet something about it wants attention
	Danger    bool      `json:"danger,omitempty"`  // strangers can make use of what is wrong with it (T-31, T-32)
	Servers   []string  `json:"servers,omitempty"` // the authoritative name servers that were asked; empty: only the resolver was
	Since     time.Time `json:"since,omitzero"`    // since when it has been found as it is now
	CheckedAt time.Time `json:"checked_at,omitzero"`
}

// Mailbox is an address that takes mail.
type Mailbox struct {
	ID              int64      `json:"id" db:"id"`
	Address         string     `json:"address" db:"address"`
	Name            string     `json:"name" db:"name"`
	DMARC           DMARCLevel `json:"dmarc" db:"dmarc"`
	Acknowledge     bool       `json:"acknowledge" db:"acknowledge"`           // new tickets are acknowledged by mail, within the limits of T-LOOP
	AcknowledgeText string     `json:"acknowledge_text" db:"acknowledge_text"` // empty: DefaultAcknowledgement
	CreatedAt       time.Time  `json:"created_at" db:"created_at"`
}

// MailboxChange is what shall be different about a mailbox; nil fields stay.
type MailboxChange struct {
	Name            *string
	DMARC           *DMARCLevel
	Acknowledge     *bool
	AcknowledgeText *string
}
