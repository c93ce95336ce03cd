package desk

import (
	"net/netip"
	"time"
)

// Source is the way by which a mail came in.
type Source string

const (
	FromSMTP    Source = "smtp"    // over the network
	FromFile    Source = "ingest"  // postern ingest
	FromRelease Source = "release" // a suspended entry that an agent let through
	FromVisitor Source = "visitor" // written on our pages by somebody who proved the address of From
	FromForm    Source = "form"    // written into a web form by whoever it was
)

// Envelope is what the SMTP dialogue says of a mail, as opposed to what the mail says of itself (RFC 5321 §2.3.1).
type Envelope struct {
	Source     Source     `json:"source"`
	Session    string     `json:"session,omitempty"` // id of the SMTP session, for the logs
	RemoteIP   netip.Addr `json:"remote_ip,omitzero"`
	Helo       string     `json:"helo,omitempty"`
	MailFrom   string     `json:"mail_from"` // reverse-path; empty is the null sender of bounces
	Recipients []string   `json:"recipients"`
	Protocol   string     `json:"protocol,omitempty"` // SMTP, ESMTP, ESMTPS, UTF8SMTPS … (RFC 3848)
	TLS        string     `json:"tls,omitempty"`      // version and cipher; empty in clear text
	UTF8       bool       `json:"utf8,omitempty"`     // SMTPUTF8 was asked for (RFC 6531)
	Listed     []string   `json:"listed,omitempty"`   // zones of the operator's choice that list RemoteIP (RFC 5782)
	ReceivedAt time.Time  `json:"received_at"`
}

// Disposition is the one end state of a mail that was taken.
type Disposition string

const (
	Ticketed  Disposition = "ticketed"  // a new ticket
	Appended  Disposition = "appended"  // a message on a ticket that was there
	Duplicate Disposition = "duplicate" // the same mail again; nothing new
	Suspended Disposition = "suspended" // held back for a person to look at
	Reported  Disposition = "reported"  // a report about our domains, read as such (T-DSN, last sentence)
	Refused   Disposition = "refused"   // not taken; the sender keeps it
)

// Outcome is what became of a mail at intake.
type Outcome struct {
	Disposition Disposition
	Ticket      int64  // number of the ticket (ticketed, appended, and duplicate where known)
	Message     int64  // id of the message on it
	Suspended   int64  // id of the suspended entry
	Cause       Cause  // why it was suspended
	Reason      string // for Refused: a sentence for the sender
}

// Cause is why a mail was suspended: a closed list (behaviour §5).
type Cause string

const (
	CauseSpam          Cause = "spam"                // the filter's score is above the threshold
	CauseMalware       Cause = "malware"             // the scanner found something
	CauseAuth          Cause = "authentication"      // the From domain says that this mail is not its own
	CauseAgentSpoof    Cause = "agent-impersonation" // it claims to be from an agent and cannot prove it
	CauseBackscatter   Cause = "backscatter"         // a bounce of something that we did not send
	CauseLoop          Cause = "loop"                // it has been here before
	CauseBlocked       Cause = "blocked-sender"      // on the block list
	CauseRateLimit     Cause = "rate-limit"          // too much from one sender
	CauseUnprocessable Cause = "unprocessable"       // it could not be read
	CauseRecipients    Cause = "too-many-recipients" // a stranger's mail to a crowd
	CauseCode          Cause = "verification-code"   // another service's sign-in code or confirmation link (T-01, T-11)
)

// CauseList is every cause, in the order in which people meet them.
var CauseList = []Cause{
	CauseSpam, CauseMalware, CauseAuth, CauseAgentSpoof, CauseBackscatter, CauseLoop, CauseBlocked, CauseRateLimit, CauseUnprocessable, CauseRecipients, CauseCode,
}

// Causes explains each cause to a person.
var Causes = map[Cause]string{
	CauseSpam:          "The spam filter scored this mail above your threshold.",
	CauseMalware:       "The virus scanner found malware in this mail.",
	CauseAuth:          "The domain in the From line says that it did not send this mail.",
	CauseAgentSpoof:    "The sender claims to be one of your agents, and nothing proves it.",
	CauseBackscatter:   "This is a bounce of a mail that Postern did not send.",
	CauseLoop:          "This mail has passed through Postern before: two systems are answering each other.",
	CauseBlocked:       "The sender is on your block list.",
	CauseRateLimit:     "The sender sent more mail than the limit allows.",
	CauseUnprocessable: "This mail could not be read. The original is kept as it came.",
	CauseRecipients:    "A stranger sent this mail to more people than the limit allows.",
	CauseCode:          "This mail carries another service's sign-in code or confirmation link: whoever reads it could take over an account made with your address.",
}
