package intake

import (
	"context"
	"fmt"
	"io"
	"time"

	"postern/desk"
	"postern/mailtext"
	"postern/store"
	"postern/threading"
)

// forwarded is a customer's mail within the mail of an agent (T-FWD).
type forwarded struct {
	mailtext.Forward
	agent store.BookedPerson
}

// readForward looks for a customer's mail in a mail of one of our people. Nothing but the proved address of an agent has this power: anybody else who forwards is the requester.
func (in *Intake) readForward(ctx context.Context, m *mail, raw *io.SectionReader) error {
	agent, is := in.directory.agent(m.from.Addr)
	if !is || !m.verified() || m.automatic() != "" {
		return nil
	}
	forward, ok, err := mailtext.ReadForwarded(ctx, raw, m.parsed)
	if err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	if !ok || in.directory.isMailbox(forward.From.Addr) {
		return nil
	}
	if _, colleague := in.directory.agent(desk.Canonical(forward.From.Addr)); colleague {
		return nil
	}
	forward.From.Addr = desk.Canonical(forward.From.Addr)
	m.forwarded = &forwarded{Forward: forward, agent: agent}
	return nil
}

// openForwarded starts the ticket of a customer whose mail an agent forwarded: the customer is the requester, the agent's own words become a private note.
func (p *plan) openForwarded(m *mail, match threading.Match) error {
	f := m.forwarded
	match.Powers = threading.Powers{} // the customer has proved nothing, and asked for nothing: no people are added, nothing is answered
	match.Why = desk.Why{Rule: threading.RuleForwarded, Saw: f.Form, Note: "Forwarded by " + f.agent.Name + " <" + f.agent.Email + ">."}
	ticket := p.begin(m, match, opening{subject: f.Subject, requester: f.From})
	p.contact(f.From)
	if f.Note != "" {
		note := store.NewMessageRow{
			ID: take(&p.found.MessageIDs), TicketID: ticket.ID, Kind: desk.KindNote, AuthorID: &f.agent.ID, At: m.at.Add(time.Microsecond), Text: f.Note,
			Facts: desk.MessageFacts{Why: match.Why},
		}
		p.filing.Messages = append(p.filing.Messages, note)
	}
	return p.file(m, match, filed{ticket: ticket, body: body{text: f.Text}, disposition: desk.Ticketed})
}

// keysOfForward makes answers to the customer's original mail find this ticket.
func (p *plan) keysOfForward(m *mail, message int64, ticket *ticketNow) {
	if m.forwarded == nil || m.forwarded.MessageID == "" {
		return
	}
	row := store.KeyRow{Key: threading.Key(m.forwarded.MessageID), Message: message, TicketID: ticket.ID, MailboxID: ticket.mailbox}
	p.filing.Keys = append(p.filing.Keys, row)
	p.remember(row)
}
