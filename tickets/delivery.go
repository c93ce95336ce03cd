package tickets

import (
	"context"
	"errors"
	"slices"

	"postern/desk"
	"postern/reports"
	"postern/store"
)

// mostRetries is how many recipients one request tries again.
const mostRetries = 1000

// delivery does something to one recipient of a message on its locked ticket, and writes down how the ticket stands then.
func (s *Service) delivery(ctx context.Context, actor desk.Actor, message int64, recipient string, do func(*change, desk.Outbound) error) error {
	if err := need(actor, desk.MayReply); err != nil {
		return err
	}
	sent, err := s.sightedMessage(ctx, actor, message)
	if err != nil {
		return err
	}
	return s.changeBy(ctx, permitted{actor, desk.MayReply}, sent.TicketID, func(c *change) error {
		one, err := c.LockDelivery(ctx, message, desk.Canonical(recipient))
		if err != nil {
			return err
		}
		if err := do(c, one); err != nil {
			return err
		}
		problem, err := c.Reader.DeliveryProblem(ctx, c.ticket.ID)
		c.ticket.DeliveryProblem = c.ticket.DeliveryProblem && problem
		return err
	})
}

// RetryDelivery tries a recipient now who bounced or waits, and again for five days if need be. An address that is suppressed is a Conflict: that has to be lifted first.
func (s *Service) RetryDelivery(ctx context.Context, actor desk.Actor, message int64, recipient string) error {
	return s.delivery(ctx, actor, message, recipient, func(c *change, one desk.Outbound) error {
		switch {
		case one.InHand:
			return desk.Faultf(desk.Conflict, "%s is being tried at this moment", one.Recipient)
		case one.RedirectedTo != "":
			return desk.Faultf(desk.Conflict, "this was sent to %s instead", one.RedirectedTo)
		case !one.CanRetry():
			return desk.Faultf(desk.Conflict, "nothing failed for %s on this message", one.Recipient)
		}
		if err := c.unsuppressed(ctx, one.Recipient); err != nil {
			return err
		}
		if err := c.QueueAgain(ctx, message, one.Recipient, c.at); err != nil {
			return err
		}
		c.audit("delivery.retry", messageName(message), map[string]string{"recipient": one.Recipient})
		if err := c.narrate(ctx, one, desk.Attempt{Kind: desk.AttemptRetry, State: desk.DeliveryQueued}); err != nil {
			return err
		}
		return c.sendNow(ctx, message, one.Recipient)
	})
}

// RetryDeliveries tries all recipients now that the query finds and that wait to be tried again, such as those at a destination that is up again; it says how many. At most 1,000.
func (s *Service) RetryDeliveries(ctx context.Context, actor desk.Actor, q desk.DeliveryQuery) (count int, err error) {
	q.States, q.Limit = []desk.DeliveryState{desk.DeliveryDeferred}, 100
	var found []desk.Outbound
	for q.Cursor = ""; len(found) < mostRetries; {
		page, err := s.DeliveryLog(ctx, actor, q)
		if err != nil {
			return 0, err
		}
		found = append(found, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	for _, one := range found {
		var fault *desk.Fault
		switch err := s.RetryDelivery(ctx, actor, one.MessageID, one.Recipient); {
		case err == nil:
			count++
		case errors.As(err, &fault) && (fault.Kind == desk.Conflict || fault.Kind == desk.NotFound): // sent, stopped or taken in hand meanwhile
		default:
			return count, err
		}
	}
	return count, nil
}

// CancelDelivery stops a message to a recipient who waits, and returns how that stands. One that is being sent at this moment stops if it still can:
// until that is known it is Stopping, and then cancelled, or sent.
func (s *Service) CancelDelivery(ctx context.Context, actor desk.Actor, message int64, recipient string) (stopped desk.Outbound, err error) {
	err = s.delivery(ctx, actor, message, recipient, func(c *change, one desk.Outbound) error {
		if !one.CanCancel() {
			if one.Stopping {
				return desk.Faultf(desk.Conflict, "this is being stopped already")
			}
			return desk.Faultf(desk.Conflict, "there is nothing to stop any more: %s is %s", one.Recipient, one.State)
		}
		state, err := c.StopDelivery(ctx, message, one.Recipient, c.at)
		if err != nil {
			return err
		}
		line := desk.Attempt{Kind: desk.AttemptCancelled, State: state}
		if state == desk.DeliveryCancelled {
			c.happened("cancelled", "", one.Recipient)
		} else {
			line.Reply = "it is being sent at this moment, and stops if it still can"
			if err := c.Announce(ctx, store.News{Stopped: &store.Halt{Message: message, Recipient: one.Recipient}}); err != nil {
				return err
			}
		}
		c.audit("delivery.cancel", messageName(message), map[string]any{"recipient": one.Recipient, "in_hand": one.InHand})
		if err := c.narrate(ctx, one, line); err != nil {
			return err
		}
		stopped, err = c.LockDelivery(ctx, message, one.Recipient)
		return err
	})
	return stopped, err
}

// RedirectDelivery sends the same mail to another address instead, where it has not arrived. The recipients of a message are frozen when it is written:
// this changes them in the open, in both stories, in the conversation and in the audit log. What stands in its To stays.
func (s *Service) RedirectDelivery(ctx context.Context, actor desk.Actor, message int64, recipient, to string) error {
	if err := checkAddress(desk.Address{Addr: to}); err != nil {
		return err
	}
	return s.delivery(ctx, actor, message, recipient, func(c *change, one desk.Outbound) error {
		switch {
		case one.InHand:
			return desk.Faultf(desk.Conflict, "%s is being tried at this moment: wait for the answer", one.Recipient)
		case one.RedirectedTo != "":
			return desk.Faultf(desk.Conflict, "this was sent to %s instead already", one.RedirectedTo)
		case !one.CanRedirect():
			return desk.Faultf(desk.Conflict, "%s has it already: write to the other address", one.Recipient)
		case desk.Canonical(to) == desk.Canonical(one.Recipient):
			return desk.Wrong("to", "that is the same address: try it again")
		}
		if err := s.redirectable(ctx, c, to); err != nil {
			return err
		}
		if err := c.RedirectDelivery(ctx, one, to, c.at); err != nil {
			return err
		}
		if err := c.addPeople(ctx, []desk.Address{{Addr: to}}); err != nil {
			return err
		}
		before := desk.Attempt{Kind: desk.AttemptRedirected, State: one.State, Reply: "sent it to " + to + " instead."}
		if !one.State.Final() {
			before.State = desk.DeliveryCancelled
		}
		if err := c.narrate(ctx, one, before); err != nil {
			return err
		}
		from := one.Recipient
		one.Recipient = to
		if err := c.narrate(ctx, one, desk.Attempt{Kind: desk.AttemptRedirected, State: desk.DeliveryQueued, Reply: "sent it here instead of to " + from + "."}); err != nil {
			return err
		}
		c.happened("redirected", from, to)
		c.audit("delivery.redirect", messageName(message), values{from, to})
		return c.sendNow(ctx, message, to)
	})
}

// redirectable says whether mail may go to an address that no message was written to.
func (s *Service) redirectable(ctx context.Context, c *change, to string) error {
	mailboxes, err := c.Mailboxes(ctx)
	if err != nil {
		return err
	}
	var ours []string
	for _, mailbox := range mailboxes {
		ours = append(ours, desk.Canonical(mailbox.Address))
	}
	if s.ours(ours)(desk.Canonical(to)) {
		return desk.Wrong("to", "%s is a mailbox of ours", to)
	}
	return c.unsuppressed(ctx, to)
}

// unsuppressed is a Conflict for an address that gets no mail.
func (c *change) unsuppressed(ctx context.Context, address string) error {
	found, err := c.SuppressedAmong(ctx, []string{desk.Canonical(address)})
	if err != nil || len(found) == 0 {
		return err
	}
	return desk.Faultf(desk.Conflict, "%s gets no mail: %s; lift that first", address, found[0].Why())
}

// sendNow gives a recipient a job that begins at once, in the place of one that waits for a later time.
func (c *change) sendNow(ctx context.Context, message int64, recipient string) error {
	again := desk.SendReply{Message: message, Destination: desk.DomainOf(recipient)}
	if err := c.DropJob(ctx, again); err != nil {
		return err
	}
	return c.Enqueue(ctx, c.at, again)
}

// narrate adds a line to a recipient's story that tells what the actor did.
func (c *change) narrate(ctx context.Context, one desk.Outbound, line desk.Attempt) error {
	line.At, line.Actor = c.at, c.actor.User.Email
	if line.State != one.State {
		line.Became = line.State
	}
	return c.TellStories(ctx, store.Told{Message: one.MessageID, Recipient: one.Recipient, Attempt: line})
}

// happened puts a line into the ticket's conversation whose audit entry is written apart.
func (c *change) happened(verb, from, to string) {
	c.events = append(c.events, store.Happened{Ticket: c.ticket.ID, Event: desk.Event{Verb: verb, From: from, To: to}})
}

// whole makes stories end in what became of their recipient: where the last host's answer says something else, such as that five days have passed, a line of ours follows.
// That last line is the one that the figures count.
func whole(outcome []desk.Delivery) []desk.Delivery {
	told := slices.Clone(outcome)
	for i := range told {
		d := &told[i]
		if !d.HeldSince.IsZero() { // nobody was asked
			continue
		}
		d.Story = slices.Clone(d.Story)
		if n := len(d.Story); n == 0 || d.Story[n-1].State != d.State {
			d.Story = append(d.Story, desk.Attempt{At: d.UpdatedAt, Kind: desk.AttemptTried, State: d.State, Reply: d.Reply})
		}
		d.Story[len(d.Story)-1].Became = d.State
	}
	return told
}

// hardBounces is what a recipient's refusal says against the address itself: nothing, or one piece of evidence. What we decided ourselves, such as not to try a suppressed address, says nothing.
func hardBounces(message int64, d desk.Delivery) []desk.HardBounce {
	step := ""
	for _, one := range d.Story {
		if one.Kind != desk.AttemptTried {
			return nil
		}
		if one.Reply == d.Reply {
			step = one.Step
		}
	}
	refusal := reports.Refusal(d.Reply, step)
	if !refusal.Hard {
		return nil
	}
	return []desk.HardBounce{{Address: desk.Canonical(d.Recipient), Message: message, At: d.UpdatedAt, Proof: desk.BySMTP, Reason: refusal.Reason, Words: d.Reply}}
}
