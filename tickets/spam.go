package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// spamTag is what a ticket is tagged with that turned out to be spam.
const spamTag = "spam"

// SpamSender is what becomes of the sender of a ticket that is spam.
type SpamSender string

const (
	SenderStays   SpamSender = "stays"   // their next mail is judged like any other
	SenderBlocked SpamSender = "blocked" // their next mail is suspended as 'blocked-sender'
)

// MarkSpam closes a ticket as spam: it gets the tag 'spam', the spam filter learns its first mail, and its sender is put onto the block list if the actor wants that. A customer's mail that
// one of our people forwarded is not learned, since its original is the colleague's own mail. A ticket onto which no mail came is a Conflict.
func (s *Service) MarkSpam(ctx context.Context, actor desk.Actor, number int64, sender SpamSender) error {
	if err := need(actor, desk.MayWrite); err != nil {
		return err
	}
	if sender == SenderBlocked {
		if err := need(actor, desk.MayManageSenders); err != nil {
			return err
		}
	}
	if sender != SenderStays && sender != SenderBlocked {
		return desk.Wrong("sender", "%q is neither stays nor blocked", sender)
	}
	first, err := s.firstMail(ctx, actor, number)
	if err != nil {
		return err
	}
	if sender == SenderBlocked {
		person, err := s.store.PersonByEmail(ctx, first.FromAddress)
		if err != nil && !isFault(err, desk.NotFound) {
			return err
		}
		if err == nil && person.Role.Staff() {
			return desk.Wrong("sender", "%s is one of your people: disable the account instead of blocking the address", first.FromAddress)
		}
	}
	learned, err := s.learnSpam(ctx, first)
	if err != nil {
		return err
	}
	return s.change(ctx, actor, number, func(c *change) error {
		closed := desk.StatusClosed
		change := desk.TicketChange{Status: &closed, AddTags: []string{spamTag}}
		if err := c.setStatus(ctx, change); err != nil {
			return err
		}
		if err := c.setTags(ctx, change); err != nil {
			return err
		}
		c.audit("ticket.spam", ticketName(number), map[string]any{"message": first.ID, "from": first.FromAddress, "sender": sender, "learned": learned})
		if sender == SenderStays {
			return nil
		}
		_, err := s.setRule(ctx, c.Tx, actor, desk.SenderRule{Pattern: first.FromAddress, Action: desk.RuleSuspend, Note: "spam: ticket " + hash(number)})
		return err
	})
}

// firstMail is the mail that opened a ticket.
func (s *Service) firstMail(ctx context.Context, actor desk.Actor, number int64) (desk.Message, error) {
	if err := s.see(ctx, actor, number); err != nil {
		return desk.Message{}, err
	}
	first, err := s.store.FirstInbound(ctx, number)
	if err != nil {
		return desk.Message{}, err
	}
	if first == 0 {
		return desk.Message{}, desk.Faultf(desk.Conflict, "no mail came in on ticket #%d: there is nothing that could be spam", number)
	}
	return s.store.Message(ctx, store.AllSeeing(), first)
}

// learnSpam teaches the spam filter, before the ticket changes: learning twice does no harm, and a mail that cannot be read is told to the agent.
func (s *Service) learnSpam(ctx context.Context, first desk.Message) (bool, error) {
	facts, err := first.Decode()
	if err != nil {
		return false, err
	}
	if facts.Forwarded != nil || !first.HasOriginal || s.cfg.Releaser == nil {
		return false, nil
	}
	return true, s.cfg.Releaser.Learn(ctx, first.ID)
}
