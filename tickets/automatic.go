package tickets

import (
	"context"
	"time"

	"postern/desk"
	"postern/store"
)

// pauseAutomatic is how long a domain gets no automatic answer after its limit was reached: as the acknowledgements have it.
const pauseAutomatic = time.Hour

// automaticReply sends a canned reply that nobody has looked at: to whoever wrote the customer's last mail, if nothing speaks against it (T-LOOP). The fault says what does.
func (s *Service) automaticReply(ctx context.Context, c *change, id int64) error {
	canned, err := c.CannedReply(ctx, id)
	if err != nil {
		return err
	}
	asked, err := s.answering(ctx, c.Reader, c.ticket, 0)
	if err != nil {
		return err
	}
	to, reason := asked.automaticTo()
	if reason != "" {
		return unsendable(reason)
	}
	answer := store.AutomaticReply{Mailbox: c.ticket.MailboxID, Ticket: c.ticket.ID, Address: desk.Canonical(to.Addr), At: c.at}
	standing, err := c.AutomaticStanding(ctx, answer)
	if err != nil {
		return err
	}
	if reason, hit := against(standing, answer.Address, s.codec.Hostname()); reason != "" {
		if hit == desk.DomainLimit {
			if err := c.pauseDomain(ctx, desk.DomainOf(answer.Address)); err != nil {
				return err
			}
		}
		return unsendable(reason)
	}
	out := outgoing{kind: desk.KindReply, signed: true, body: body{text: desk.Fill(canned.Text, placesOf(c.ticket, c.actor))}, to: []desk.Address{to}, subject: replySubject(c.ticket.Subject), automatic: "the canned reply " + canned.Name}
	if asked.Message.ID != 0 {
		out.answers, out.references = asked.Message.ID, ancestors(asked)
	}
	if answer.Message, err = s.send(ctx, c, out); err != nil {
		return err
	}
	return c.AddAutomaticReply(ctx, answer)
}

func unsendable(reason string) error {
	return desk.Faultf(desk.Conflict, "no automatic answer: %s", reason)
}

// automaticTo is who may get an answer that nobody has looked at: the author of the last mail, if it is proved that they wrote it and they are no machine. Whoever was written to first, and has not
// answered, was chosen by one of our people.
func (a answering) automaticTo() (to desk.Address, reason string) {
	if a.Message.ID != 0 && a.Message.Kind == desk.KindInbound {
		switch {
		case a.Facts.Automatic != "" || a.Facts.Returned != nil:
			return to, "the last mail was written by a machine"
		case a.Facts.Trust != desk.TrustVerified:
			return to, "it is not proved who wrote the last mail"
		case a.Facts.Stranger:
			return to, "whoever wrote the last mail has not been accepted on the ticket"
		}
	}
	people := a.author()
	if len(people) == 0 {
		return to, "there is nobody who could be answered"
	}
	return people[0], desk.NoAnswer(people[0].Addr)
}

// against says what speaks against an automatic answer, and whether a limit is to be heard of; empty: nothing.
func against(s store.AutomaticStanding, address, hostname string) (reason string, hit desk.AutomaticLimit) {
	switch {
	case s.Ours || desk.DomainOf(address) == hostname:
		return "the address is ours", desk.NoLimit
	case s.Suppressed:
		return "the address gets no mail, since it bounces", desk.NoLimit
	case s.Paused:
		return "automatic answers to this domain are paused", desk.NoLimit
	}
	return s.Sent.Beyond()
}

// pauseDomain opens a domain's circuit breaker. The admin hears of it by the audit log, as of one that acknowledgements open.
func (c *change) pauseDomain(ctx context.Context, domain string) error {
	began, err := c.PauseAcknowledgements(ctx, domain, c.at, c.at.Add(pauseAutomatic))
	if err == nil && began {
		c.audit("acknowledgement.pause", "domain/"+domain, map[string]any{"domain": domain, "until": c.at.Add(pauseAutomatic), "message": "automatic answers to " + domain + " paused"})
	}
	return err
}
