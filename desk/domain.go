package desk

import "time"

// DomainState is how far a mail domain has come.
type DomainState string

const (
	DomainAdded    DomainState = "added"    // keys are made; the records are not in the DNS yet
	DomainActive   DomainState = "active"   // every record that signing needs was found: used as From
	DomainDegraded DomainState = "degraded" // it was active, and a record has gone or changed
)

// Domain is a mail domain that an admin owns.
type Domain struct {
	ID        int64       `json:"id"`
	Name      string      `json:"name"`
	State     DomainState `json:"state"`
	CheckedAt time.Time   `json:"checked_at,omitzero"`
	CreatedAt time.Time   `json:"created_at"`
}

// Record is one DNS record of a domain: what is wanted, and what was found.
type Record struct {
	Purpose   string    `json:"purpose"` // dkim-rsa, dkim-ed25519, spf, dmarc, mx
	Type      string    `json:"type"`    // TXT, MX
	Name      string    `json:"name"`    // owner name, without the final dot
	Wanted    string    `json:"wanted"`
	Found     []string  `json:"found"`
	OK        bool      `json:"ok"`
	Required  bool      `json:"required"` // without it the domain is not used as From
	Problem   string    `json:"problem,omitempty"`
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
