package desk

import (
	"net/netip"
	"time"
)

// Reason says in one word why a mail was not delivered. The list is closed; the words are part of the API.
type Reason string

const (
	ReasonNone           Reason = ""               // not said, or not understood
	ReasonUserUnknown    Reason = "user-unknown"   // there is no such mailbox
	ReasonHostUnknown    Reason = "host-unknown"   // there is no such domain
	ReasonNoMail         Reason = "no-mail"        // the domain takes no mail (RFC 7505)
	ReasonMoved          Reason = "moved"          // the mailbox was given up
	ReasonSuspended      Reason = "suspended"      // the mailbox is closed for now
	ReasonMailboxFull    Reason = "mailbox-full"   // over quota
	ReasonFiltered       Reason = "filtered"       // refused in words that a filter uses too: the mailbox may well exist
	ReasonTooLarge       Reason = "too-large"      // larger than that server or mailbox takes
	ReasonSenderRefused  Reason = "sender-refused" // our address, or its domain, is not welcome
	ReasonBlocked        Reason = "blocked"        // our server's address is not welcome
	ReasonReverseDNS     Reason = "reverse-dns"    // our server's address has no good name
	ReasonAuthentication Reason = "authentication" // SPF, DKIM or DMARC failed
	ReasonRelayDenied    Reason = "relay-denied"   // that server is not responsible for the recipient
	ReasonSpam           Reason = "spam"           // taken for spam
	ReasonVirus          Reason = "virus"          // taken for malware
	ReasonPolicy         Reason = "policy"         // against rules of theirs
	ReasonContent        Reason = "content"        // something in the mail could not be dealt with
	ReasonSyntax         Reason = "syntax"         // a protocol or address error
	ReasonTLS            Reason = "tls"            // encryption could not be agreed on
	ReasonNetwork        Reason = "network"        // no way to that server, or mail going round in circles
	ReasonExpired        Reason = "expired"        // tried for long enough
	ReasonSystem         Reason = "system"         // that server is out of order
	ReasonDelivered      Reason = "delivered"      // it arrived
)

// ReportAction is what became of a mail for one recipient, in the words of RFC 3464 §2.3.3.
type ReportAction string

const (
	ActionFailed    ReportAction = "failed"    // given up, whatever the class of Status
	ActionDelayed   ReportAction = "delayed"   // tried again
	ActionDelivered ReportAction = "delivered" // in the mailbox
	ActionRelayed   ReportAction = "relayed"   // handed to a system that tells no more
	ActionExpanded  ReportAction = "expanded"  // handed to the members of a list
)

// DeliveryReport is what a delivery status notification says of one recipient.
type DeliveryReport struct {
	Final      string       `json:"final,omitempty"`      // the address that was refused in the end; empty when only the original one is told
	Original   string       `json:"original,omitempty"`   // the address that the mail was sent to, where it is told (RFC 3461 ORCPT)
	Action     ReportAction `json:"action"`               // never empty
	Status     string       `json:"status"`               // RFC 3463; x.0.0 when only the class is known
	Code       int          `json:"code,omitempty"`       // SMTP reply code; 0 when none is told
	Diagnostic string       `json:"diagnostic,omitempty"` // the remote's own words, one line of at most 500 bytes, from a stranger
	Host       string       `json:"host,omitempty"`       // who said them
	Reason     Reason       `json:"reason,omitempty"`
	Hard       bool         `json:"hard"` // failed for good, and so will every other mail to this address: no such mailbox or domain
}

// Addresses are those that the report may mean by one of our recipients: the original before the final one.
func (d DeliveryReport) Addresses() []string {
	var all []string
	for _, addr := range []string{d.Original, d.Final} {
		if addr != "" && (len(all) == 0 || Canonical(all[0]) != Canonical(addr)) {
			all = append(all, addr)
		}
	}
	return all
}

// Complaint is a feedback report (RFC 5965): somebody called a mail of ours spam, or it failed the checks of a receiver (RFC 6591).
type Complaint struct {
	Type       string     `json:"type"`                  // abuse, fraud, virus, other, not-spam, opt-out, auth-failure, dmarc-... (RFC 5965 §7.3), in lower case
	AuthFailed string     `json:"auth_failed,omitempty"` // of an auth-failure: adsp, bodyhash, revoked, signature, spf, dmarc (RFC 6591 §3.3)
	Recipients []string   `json:"recipients,omitempty"`  // Original-Rcpt-To, Removal-Recipient; many providers hide them
	MailFrom   string     `json:"mail_from,omitempty"`
	SourceIP   netip.Addr `json:"source_ip,omitzero"` // who handed the mail to them
	Domains    []string   `json:"domains,omitempty"`  // Reported-Domain
	Agent      string     `json:"agent,omitempty"`    // the program that wrote the report
	Arrived    time.Time  `json:"arrived_at,omitzero"`
	Incidents  int64      `json:"incidents"` // how many like this; 1 when not said
}

// DMARCReport is an aggregate report about a domain of ours (RFC 7489 Appendix C, RFC 9990): who sent mail in its name, and what became of it. All words of the reporter are in lower case, of a bounded length, and a stranger's.
type DMARCReport struct {
	Org      string      `json:"org"`
	Email    string      `json:"email,omitempty"`
	ReportID string      `json:"report_id"` // unique with Org
	Begin    time.Time   `json:"begin"`
	End      time.Time   `json:"end"`
	Domain   string      `json:"domain"` // that the policy was published for
	Policy   DMARCPolicy `json:"policy"`
	Errors   []string    `json:"errors,omitempty"` // what the reporter could not do
	Rows     []DMARCRow  `json:"rows"`
}

// DMARCPolicy is the policy as the reporter found it; a field is empty where the report has none.
type DMARCPolicy struct {
	P     string `json:"p,omitempty"`
	SP    string `json:"sp,omitempty"`
	NP    string `json:"np,omitempty"`
	ADKIM string `json:"adkim,omitempty"` // r, s
	ASPF  string `json:"aspf,omitempty"`  // r, s
	Pct   string `json:"pct,omitempty"`   // RFC 7489 only
	T     string `json:"t,omitempty"`     // y, n: RFC 9990 testing
	FO    string `json:"fo,omitempty"`
}

// DMARCRow is a number of mails from one machine that fared alike.
type DMARCRow struct {
	SourceIP     netip.Addr    `json:"source_ip"`
	Count        int64         `json:"count"`
	Disposition  string        `json:"disposition"` // none, pass, quarantine, reject
	DKIM         string        `json:"dkim"`        // aligned pass or fail
	SPF          string        `json:"spf"`         // aligned pass or fail
	HeaderFrom   string        `json:"header_from"`
	EnvelopeFrom string        `json:"envelope_from,omitempty"`
	EnvelopeTo   string        `json:"envelope_to,omitempty"`
	DKIMResults  []DMARCResult `json:"dkim_results,omitempty"` // at most 20, as the reporter checked them, aligned or not
	SPFResults   []DMARCResult `json:"spf_results,omitempty"`  // at most 20
	Reasons      []DMARCReason `json:"reasons,omitempty"`      // at most 20: why the disposition is not what the policy asks for
}

// DMARCResult is one raw result behind a row.
type DMARCResult struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector,omitempty"` // DKIM
	Scope    string `json:"scope,omitempty"`    // SPF: helo, mfrom
	Result   string `json:"result"`             // RFC 8601 §2.7
	Human    string `json:"human,omitempty"`
}

// DMARCReason is an override of the policy.
type DMARCReason struct {
	Type    string `json:"type"` // forwarded, mailing_list, local_policy, trusted_forwarder, sampled_out, policy_test_mode, other
	Comment string `json:"comment,omitempty"`
}

// TLSReport tells how others could encrypt their mail to a domain of ours (RFC 8460).
type TLSReport struct {
	Org      string      `json:"org"`
	ReportID string      `json:"report_id"` // unique with Org
	Contact  string      `json:"contact,omitempty"`
	Begin    time.Time   `json:"begin"`
	End      time.Time   `json:"end"`
	Policies []TLSPolicy `json:"policies"`
}

// TLSPolicy is one policy of ours and what sessions under it came to.
type TLSPolicy struct {
	Type      string       `json:"type"` // tlsa, sts, no-policy-found
	Domain    string       `json:"domain,omitempty"`
	Lines     []string     `json:"lines,omitempty"` // the policy as they found it
	MXHosts   []string     `json:"mx_hosts,omitempty"`
	Successes int64        `json:"successes"` // sessions
	Failures  int64        `json:"failures"`  // sessions
	Details   []TLSFailure `json:"details,omitempty"`
}

// TLSFailure is a number of sessions that failed alike.
type TLSFailure struct {
	Type        string     `json:"type"`                // RFC 8460 §4.3, in lower case
	SendingIP   netip.Addr `json:"sending_ip,omitzero"` // zero when not told
	ReceivingMX string     `json:"receiving_mx,omitempty"`
	ReceivingIP netip.Addr `json:"receiving_ip,omitzero"`
	Count       int64      `json:"count"`
	Reason      string     `json:"reason,omitempty"` // failure-reason-code
	More        string     `json:"more,omitempty"`   // additional-information; may be a link of a stranger
}
