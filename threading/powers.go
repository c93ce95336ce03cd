package threading

import "postern/desk"

// Sender is a mail's author as the trust table sees them (behaviour §4).
type Sender struct {
	Trust     desk.Trust
	OnTicket  bool // requester or participant of the ticket in question
	Token     bool // the evidence is a token or a signed Message-ID of ours
	New       bool // no ticket in question: the mail starts one
	Automatic bool
}

// Powers is what a mail may do: one row of the trust table.
type Powers struct {
	Joins      bool // it may stand on the ticket that the evidence leads to
	Pending    bool // its author waits for an agent to accept them: no recipient of replies until then (T-STRANGER)
	Unverified bool // it is shown as such
	Reopens    bool
	AddsPeople bool // its To and Cc become participants
	Answered   bool // an automatic answer may go back
}

// PowersOf reads the trust table. The rows stand in its order.
func PowersOf(s Sender) Powers {
	verified := s.Trust == desk.TrustVerified
	switch {
	case s.Automatic: // attached, collapsed; it never acts
		return Powers{Joins: s.Token || s.OnTicket, Unverified: !verified}
	case s.New:
		return Powers{AddsPeople: verified, Answered: verified, Unverified: !verified}
	case verified && s.OnTicket:
		return Powers{Joins: true, Reopens: true, AddsPeople: true, Answered: true}
	case verified && s.Token:
		return Powers{Joins: true, Pending: true}
	case s.OnTicket: // with a token, or with a Message-ID known in this mailbox
		return Powers{Joins: true, Unverified: true, Reopens: true}
	case s.Token: // another address of the same person, or somebody whom they forwarded the mail to: an agent decides (T-STRANGER, T-ALT-ADDR)
		return Powers{Joins: true, Pending: true, Unverified: true}
	default:
		return Powers{Unverified: !verified}
	}
}
