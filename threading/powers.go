package threading

import "postern/desk"

// Sender is a mail's author as the trust table sees them (behaviour §4).
type Sender struct {
	Trust     desk.Trust
	OnTicket  bool // requester or participant of the ticket in question
	Token     bool // the evidence is a token or a signed Message-ID of ours
	New       bool // no ticket in question: the mail starts one
	Automatic bool
	Agent     bool // From is the address of one of our people
	Personal  bool // it came to a personal address of theirs, with everything else that this takes (security T-07)
}

// RuleAgent is why the answer or note of an agent stands on its ticket that came by mail.
const RuleAgent = "agent-address"

// Powers is what a mail may do: one row of the trust table.
type Powers struct {
	Joins      bool // it may stand on the ticket that the evidence leads to
	Pending    bool // its author waits for an agent to accept them: no recipient of replies until then (T-STRANGER)
	Unverified bool // it is shown as such
	Reopens    bool
	AddsPeople bool // its To and Cc become participants
	Answered   bool // an automatic answer may go back
	Acts       bool // it becomes a public reply or a note of the agent who wrote it
	Held       bool // it is suspended, whatever it leads to
}

// PowersOf reads the trust table. The rows of agents come first, since nothing else counts where one of them is claimed; the others stand in its order. An agent's proved mail to any
// other address is a mail like everybody's.
func PowersOf(s Sender) Powers {
	verified := s.Trust == desk.TrustVerified
	switch {
	case s.Agent && !verified: // whoever it is, it is not proved to be the agent (T-AGENT-SPOOF)
		return Powers{Held: true, Unverified: true}
	case s.Agent && s.Personal && !s.Automatic:
		return Powers{Joins: true, Reopens: true, AddsPeople: true, Acts: true}
	case s.Personal: // nobody else may use such an address, and no machine
		return Powers{Held: true, Unverified: !verified}
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

// besidePowers is what an answer may do that comes to a conversation beside the ticket's own: it stands there, whoever wrote it and however old the ticket is, and brings nobody onto the ticket.
// Those to whom we wrote in it open the ticket again; anybody else is marked as somebody new.
func besidePowers(s Sender) Powers {
	powers := PowersOf(s)
	powers.Joins, powers.AddsPeople, powers.Answered = true, false, false
	return powers
}
