package intake

import (
	"context"
	"errors"

	"postern/desk"
	"postern/store"
	"postern/threading"
	"postern/tickets"
)

// Replier writes what our people mail to their personal addresses: tickets, which stands below.
type Replier interface {
	// ByMail makes such a mail an answer or a note. When it returns nil that is durable, and the same mail again changes nothing.
	ByMail(ctx context.Context, mail tickets.AgentMail) (desk.Outcome, error)
}

// personal is a mail that names a personal address of one of our people (behaviour §4). nil is every other mail.
type personal struct {
	mark   threading.AgentMark
	lacks  string // what is missing for it to be taken for theirs; empty: nothing
	powers threading.Powers
}

// acts says whether the mail becomes an answer or a note.
func (p *personal) acts() bool { return p != nil && p.powers.Acts }

// lacking is what is missing, as screening sees it.
func (p *personal) lacking() string {
	if p == nil {
		return ""
	}
	return p.lacks
}

// readPersonal looks for personal addresses wherever a token may stand, and asks whether the mail may use the one that it names.
func (in *Intake) readPersonal(m *mail) *personal {
	marks, sent := map[threading.AgentMark]bool{}, false
	var p personal
	for i, addr := range m.evidence.Addresses {
		if _, mark, ok := in.codec.ParseAgentAddress(addr); ok {
			p.mark, marks[mark] = mark, true
			sent = sent || i < len(m.env.Recipients) // they come first
		}
	}
	if len(marks) == 0 {
		return nil
	}
	author, agent := in.directory.agent(m.from.Addr)
	p.lacks = claim{
		Enabled: in.directory.agentsByMail(), Served: in.cfg.Replier != nil && (m.env.Source == desk.FromSMTP || m.env.Source == desk.FromRelease) && m.into == 0,
		Addresses: len(marks), Sent: sent, Owner: agent && author.ID == p.mark.User, Verified: m.verified(), Automatic: m.automatic() != "",
		ReplyElsewhere: !m.repliesToAuthor(), Keyed: m.keyed,
	}.lacks()
	sender := threading.Sender{Trust: desk.TrustUnverified, Agent: agent, Personal: p.lacks == "", Automatic: m.automatic() != ""}
	if m.verified() {
		sender.Trust = desk.TrustVerified
	}
	p.powers = threading.PowersOf(sender)
	return &p
}

// repliesToAuthor says whether an answer to the mail goes to its author (T-08).
func (m *mail) repliesToAuthor() bool {
	for _, person := range m.parsed.ReplyTo {
		if !person.Is(m.from.Addr) {
			return false
		}
	}
	return true
}

// claim is what a mail to a personal address shows for being its owner's (security T-07, T-08).
type claim struct {
	Enabled        bool // agents may answer by mail at all
	Served         bool // it came by a way on which they may: from the network, to a process that writes answers
	Addresses      int  // different personal addresses that it names
	Sent           bool // it was sent to one, rather than showing one in its header only
	Owner          bool // From is the address of the enabled agent whose address it is
	Verified       bool // From is proved
	Automatic      bool
	ReplyElsewhere bool // an answer to it would not go to From
	Keyed          bool // the same mail coming again would be known
}

// lacks is the first thing that is missing, as the end of a sentence; empty when nothing is.
func (c claim) lacks() string {
	switch {
	case !c.Enabled:
		return "answering by mail is switched off."
	case !c.Served:
		return "it did not come by the way that such mail comes: over the network, from its author."
	case c.Addresses != 1:
		return "it names several of them."
	case !c.Sent:
		return "it was sent to somebody else: the address stands in its header only."
	case !c.Owner:
		return "its From is not the one whose address that is."
	case !c.Verified:
		return "nothing proves its From."
	case c.Automatic:
		return "a machine wrote it."
	case c.ReplyElsewhere:
		return "its Reply-To is not its From."
	case !c.Keyed:
		return "it has neither a Message-ID nor a date by which it would be known if it came again."
	}
	return ""
}

// byAgent has the mail of one of our people made into an answer or a note. What cannot become one is suspended; a mail that an agent lets in and that still cannot stays where it is.
func (in *Intake) byAgent(ctx context.Context, m *mail, placed func()) (desk.Outcome, error) {
	outcome, err := in.cfg.Replier().ByMail(ctx, in.agentMail(m))
	var fault *desk.Fault
	if !errors.As(err, &fault) || fault.Kind == desk.Conflict || fault.Kind == desk.Unavailable || m.env.Source == desk.FromRelease {
		return outcome, err
	}
	held := *m
	held.personal = nil
	held.hold = suspendFor(desk.CauseUnprocessable, "Your colleague's mail could not become a message: "+fault.Reason+".")
	if fault.Kind == desk.Forbidden {
		held.hold = suspendFor(desk.CauseAgentSpoof, "It went to a personal address of one of your people, and "+fault.Reason+".")
	}
	return in.groups.file(ctx, &held, placed)
}

// agentMail hands the mail over to whoever writes messages.
func (in *Intake) agentMail(m *mail) tickets.AgentMail {
	facts := m.facts(threading.Match{
		Trust: desk.TrustVerified, Powers: m.personal.powers,
		Why: desk.Why{Rule: threading.RuleAgent, Saw: "a personal address of " + m.from.Addr, Note: "Came by mail from " + m.from.Addr + "."},
	})
	mail := tickets.AgentMail{
		Mark: m.personal.mark, From: m.from.Addr, Text: m.body().text, Key: m.key(), Digest: m.digest, Facts: facts,
		Original: func(id int64) (store.Original, error) {
			row, err := m.keepOriginal(id)
			return store.Original{ID: id, Size: row.Size, DEK: row.DEK, Sealed: row.Sealed, ObjectKey: row.ObjectKey}, err
		},
	}
	if m.env.RemoteIP.IsValid() {
		mail.IP = m.env.RemoteIP.String()
	}
	for _, file := range m.files {
		mail.Files = append(mail.Files, store.File{FileInfo: file.Info, ObjectKey: file.ObjectKey, DEK: file.DEK, SHA256: file.SHA256})
	}
	if !m.personal.powers.AddsPeople {
		return mail
	}
	for _, person := range m.others {
		if _, colleague := in.directory.agent(desk.Canonical(person.Addr)); !colleague && desk.ValidAddress(desk.Canonical(person.Addr)) && len(mail.People) < maxPeople {
			mail.People = append(mail.People, person)
		}
	}
	return mail
}
