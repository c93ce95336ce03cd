package desk

import "time"

// DeliveryState is what is known of one recipient of one message. The words are part of the API.
type DeliveryState string

const (
	DeliveryQueued    DeliveryState = "queued"    // waiting for its first attempt
	DeliverySent      DeliveryState = "sent"      // the remote server took responsibility
	DeliveryDeferred  DeliveryState = "deferred"  // refused for now; tried again at NextAt
	DeliveryBounced   DeliveryState = "bounced"   // refused for good, or given up
	DeliveryCancelled DeliveryState = "cancelled" // an agent undid or cancelled it
)

// DeliveryStates lists every state, in the order of a mail's life.
var DeliveryStates = []DeliveryState{DeliveryQueued, DeliveryDeferred, DeliverySent, DeliveryBounced, DeliveryCancelled}

// Final says whether nothing more will be tried.
func (s DeliveryState) Final() bool {
	return s == DeliverySent || s == DeliveryBounced || s == DeliveryCancelled
}

// Delivery is the state of one recipient of one outgoing message.
type Delivery struct {
	Recipient    string        `json:"recipient"`
	State        DeliveryState `json:"state"`
	Host         string        `json:"host,omitempty"`       // the MX or smarthost that answered last
	TLS          string        `json:"tls,omitempty"`        // version of that connection; empty in clear text
	Proof        Proof         `json:"proof,omitempty"`      // what proved that host on that connection
	Reply        string        `json:"last_reply,omitempty"` // the remote's last words, code first
	Attempts     int           `json:"attempts"`
	NextAt       time.Time     `json:"next_attempt_at,omitzero"`
	UpdatedAt    time.Time     `json:"updated_at"`
	HeldSince    time.Time     `json:"held_since,omitzero"` // since when it waits for its own domain to be mended
	HeldWhy      string        `json:"held_because,omitempty"`
	RedirectedTo string        `json:"redirected_to,omitempty"` // somebody sent it there instead
	InHand       bool          `json:"in_hand,omitempty"`       // a process is about it at this moment
	Stopping     bool          `json:"stopping,omitempty"`      // somebody wants it stopped, and that process has not answered yet
	Story        []Attempt     `json:"-"`                       // what this attempt adds to the recipient's timeline, oldest first
}

// Proof is what showed that the server at the other end is the one that its domain names.
type Proof string

const (
	ProofNone Proof = ""     // clear text, or TLS with a certificate that nothing vouches for
	ProofPKIX Proof = "pkix" // a certificate in its name, by an authority that we trust (RFC 9525)
	ProofDANE Proof = "dane" // a TLSA record under DNSSEC (RFC 7672)
)

// TLSPolicyName says what a connection had to keep to. The words are part of the API.
type TLSPolicyName string

const (
	PolicyOpportunistic TLSPolicyName = "opportunistic" // TLS where it is offered, whoever answers (RFC 7435)
	PolicyEncrypt       TLSPolicyName = "encrypt"       // TLS, whoever answers: a rule of ours
	PolicyVerify        TLSPolicyName = "verify"        // TLS and a proved server: a rule of ours
	PolicySTSTesting    TLSPolicyName = "sts-testing"   // what MTA-STS says is tried and reported, not enforced (RFC 8461 §5)
	PolicySTSEnforce    TLSPolicyName = "sts-enforce"   // MTA-STS in force
	PolicyDANE          TLSPolicyName = "dane"          // TLSA records under DNSSEC (RFC 7672)
	PolicyRequireTLS    TLSPolicyName = "requiretls"    // REQUIRETLS: every hop proves itself (RFC 8689)
)

// TLSFacts is what one connection showed of its encryption.
type TLSFacts struct {
	Version     string        `json:"version"` // TLS 1.3
	Cipher      string        `json:"cipher"`
	Names       []string      `json:"names,omitempty"` // of the certificate, ten at most
	Issuer      string        `json:"issuer,omitempty"`
	NotAfter    time.Time     `json:"not_after,omitzero"`
	Fingerprint string        `json:"fingerprint,omitempty"` // SHA-256 of the certificate, in hex
	Policy      TLSPolicyName `json:"policy"`
	Proof       Proof         `json:"proof,omitempty"`
	Problem     string        `json:"problem,omitempty"` // why the certificate proves nothing, in words
}

// AttemptKind is what a line of a recipient's timeline tells.
type AttemptKind string

const (
	AttemptTried      AttemptKind = "tried"      // a server was asked, or could not be
	AttemptHeld       AttemptKind = "held"       // waits until its own domain is mended
	AttemptRetry      AttemptKind = "retry"      // somebody wants it tried now
	AttemptCancelled  AttemptKind = "cancelled"  // somebody stopped it
	AttemptRedirected AttemptKind = "redirected" // somebody sent it to another address
	AttemptSuppressed AttemptKind = "suppressed" // not tried, since the address bounces
	AttemptReported   AttemptKind = "reported"   // a delivery report came later
	AttemptSigned     AttemptKind = "signed"     // signed anew, since the key before was revoked
)

// Attempt is one line of the timeline of one recipient: what one host said of it, in its own words, or what one of us did.
type Attempt struct {
	At     time.Time     `json:"at"`
	Kind   AttemptKind   `json:"kind"`
	State  DeliveryState `json:"state"` // of the recipient after it; of a host that was tried before another, what its answer alone would mean
	Host   string        `json:"host,omitempty"`
	Addr   string        `json:"addr,omitempty"` // address and port
	Step   string        `json:"step,omitempty"` // what Reply answers: connect, MAIL, RCPT or DATA; empty: nobody says
	TLS    *TLSFacts     `json:"tls,omitempty"`  // nil in clear text
	Reply  string        `json:"reply,omitempty"`
	Actor  string        `json:"actor,omitempty"` // of what one of us did
	TookMS int64         `json:"took_ms,omitempty"`
	Became DeliveryState `json:"-"` // what the recipient's state became by it, for the figures; empty: another host was asked after it, or nothing changed
}
