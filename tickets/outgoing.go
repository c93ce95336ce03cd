package tickets

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"postern/attachments"
	"postern/desk"
	"postern/store"
)

// Outgoing is everything that a job needs to send a message. Nothing in it is read from the ticket as it stands now but the mailbox: recipients and words are those that were seen.
type Outgoing struct {
	Message    desk.Message
	Facts      desk.MessageFacts
	ReplyTo    string          // where answers go: the mailbox with the message's token
	ReturnPath ReturnPath      // where bounces go
	System     SystemSender    // in whose name mail leaves when the mailbox's domain may not be From
	Files      []FileToSend    // in the order in which they were attached
	Awaited    []store.Awaited // recipients that are not done with
}

// ReturnPath is where a bounce of one recipient's copy goes: an address that names the message and the recipient (T-DSN).
type ReturnPath func(recipient string) string

// SystemSender is an address on a verified domain of ours, with where its bounces go. It is zero while no domain is verified.
type SystemSender struct {
	From       string
	ReturnPath ReturnPath
}

// FileToSend is an attachment whose bytes are read when the mail is composed.
type FileToSend struct {
	desk.FileInfo
	Open func(context.Context) (io.ReadCloser, error)
}

// Outgoing reads a message that is to leave. The fault is NotFound when it was undone.
func (s *Service) Outgoing(ctx context.Context, message int64) (Outgoing, error) {
	m, err := s.store.Message(ctx, store.Viewer{Staff: true}, message)
	if err != nil {
		return Outgoing{}, err
	}
	if m.Kind != desk.KindReply {
		return Outgoing{}, desk.Faultf(desk.NotFound, "message %d does not leave as mail", message)
	}
	out := Outgoing{Message: m, ReplyTo: s.codec.ReplyAddress(m.FromAddress, message)}
	out.ReturnPath = s.returnPath(m.FromAddress, message)
	if out.Facts, err = m.Decode(); err != nil {
		return out, fmt.Errorf("tickets: facts of message %d: %w", message, err)
	}
	if out.Awaited, err = s.store.Awaited(ctx, message); err != nil {
		return out, err
	}
	if out.System.From, err = s.store.SystemSender(ctx, s.cfg.Hostname); err != nil {
		return out, err
	}
	out.System.ReturnPath = s.returnPath(out.System.From, message)
	files, err := s.store.FilesOf(ctx, message)
	for _, file := range files {
		out.Files = append(out.Files, FileToSend{file.FileInfo, func(ctx context.Context) (io.ReadCloser, error) {
			return s.cfg.Bucket.Get(ctx, objectOf(file), 0, -1)
		}})
	}
	return out, err
}

func (s *Service) returnPath(mailbox string, message int64) ReturnPath {
	return func(recipient string) string { return s.codec.ReturnPath(mailbox, message, recipient) }
}

// Awaited lists the recipients of a message that are not done with.
func (s *Service) Awaited(ctx context.Context, message int64) ([]store.Awaited, error) {
	return s.store.Awaited(ctx, message)
}

// Claim takes the recipients that are due for one attempt, which may last for the given time: meanwhile no other job tries them.
func (s *Service) Claim(ctx context.Context, message int64, lasting time.Duration) (due []store.Awaited, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		due, err = tx.ClaimDeliveries(ctx, message, s.now(), s.now().Add(lasting))
		return err
	})
	return due, err
}

// Signed is a message as it will leave, to the byte.
type Signed struct {
	Message  int64
	Size     int64 // in bytes
	R        io.Reader
	Problems []string // what the person who wrote it should know, such as that it is not signed
}

// KeepSigned keeps the exact bytes before the first attempt to deliver them (T-BYTES). From then on the message cannot be undone; if it was undone just before, the fault is NotFound.
// Bytes that are kept already stay: a job that begins again sends the same mail.
func (s *Service) KeepSigned(ctx context.Context, signed Signed) error {
	original := store.Original{Size: signed.Size}
	var small []byte
	if signed.Size <= attachments.SmallOriginal {
		var err error
		if small, err = io.ReadAll(io.LimitReader(signed.R, signed.Size+1)); err != nil {
			return fmt.Errorf("tickets: read signed message %d: %w", signed.Message, err)
		}
	} else {
		object, err := s.cfg.Bucket.Put(ctx, signed.R, signed.Size)
		if err != nil {
			return err
		}
		original.ObjectKey, original.DEK = &object.Key, object.DEK
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		m, err := tx.LockMessage(ctx, signed.Message)
		if err != nil {
			return err
		}
		if original.ID, err = tx.NextOriginal(ctx); err != nil {
			return err
		}
		if original.ObjectKey == nil {
			if original.DEK, original.Sealed, err = attachments.SealSmall(s.cfg.Keys, originalContext(original.ID), small); err != nil {
				return err
			}
		}
		if _, err := tx.AddOriginal(ctx, signed.Message, original); err != nil {
			return err
		}
		return tellProblems(ctx, tx, m, signed.Problems)
	})
}

// tellProblems shows on the message what its writer should know.
func tellProblems(ctx context.Context, tx *store.Tx, m desk.Message, problems []string) error {
	if len(problems) > 0 {
		facts, err := m.Decode()
		if err != nil {
			return err
		}
		facts.Problems = problems
		if err := tx.SetFacts(ctx, m.ID, facts); err != nil {
			return err
		}
	}
	return tx.Announce(ctx, store.News{Tickets: []int64{m.TicketID}})
}

// SignedBytes opens the bytes that KeepSigned kept. The caller closes them.
func (s *Service) SignedBytes(ctx context.Context, message int64) (io.ReadCloser, int64, error) {
	original, err := s.store.OriginalOf(ctx, message)
	if err != nil {
		return nil, 0, err
	}
	return s.openOriginal(ctx, original)
}

// Delivered records what became of recipients. What is final already stays as it is. A recipient who bounced is a delivery problem of the ticket, stands in the conversation,
// and opens the ticket again (T-DELIVERY); the remote's words stand on the message.
func (s *Service) Delivered(ctx context.Context, message int64, outcome []desk.Delivery) error {
	m, err := s.store.Message(ctx, store.Viewer{Staff: true}, message)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, m.TicketID)
		if err != nil {
			return err
		}
		c := &change{Tx: tx, actor: desk.System("job"), at: s.now(), ticket: locked[m.TicketID]}
		changed, err := tx.RecordDeliveries(ctx, message, whole(outcome))
		if err != nil {
			return err
		}
		bounced := false
		var hard []desk.HardBounce
		for _, d := range outcome {
			if d.State == desk.DeliveryBounced && slices.Contains(changed, d.Recipient) {
				bounced = true
				hard = append(hard, hardBounces(message, d)...)
				c.events = append(c.events, store.Happened{Ticket: c.ticket.ID, Event: desk.Event{Verb: "bounced", To: d.Recipient}})
				c.audit("delivery.bounced", messageName(message), map[string]string{"recipient": d.Recipient, "reply": d.Reply})
			}
		}
		if !bounced {
			return c.tell(ctx)
		}
		if err := c.NoteBounces(ctx, hard); err != nil {
			return err
		}
		c.ticket.DeliveryProblem = true
		if !c.ticket.Status.Waiting() {
			c.event("status", string(c.ticket.Status), string(desk.StatusOpen))
			become(&c.ticket, desk.StatusOpen, c.at)
		}
		return c.finish(ctx)
	})
}

// Acknowledging is what an acknowledgement is made of: who it speaks for, and the marks by which an answer to it finds its ticket. They name the mail that it answers, for it is no message itself.
type Acknowledging struct {
	From      desk.Address // the mailbox
	System    string       // the address in whose name it leaves when the mailbox's domain may not be From; empty while no domain is verified
	ReplyTo   string       // the mailbox with the mail's token
	MessageID string
	Answers   string // the Message-ID of the customer's mail, as the customer's program wrote it
	Text      string // the mailbox's own; empty: the standard text
	Loop      string // what marks our own automatic mail when it comes back (T-LOOP)
}

// Acknowledging reads what an acknowledgement is made of.
func (s *Service) Acknowledging(ctx context.Context, wish store.Acknowledgement) (a Acknowledging, err error) {
	m, err := s.store.Message(ctx, store.Viewer{Staff: true}, wish.Message)
	if err != nil {
		return a, err
	}
	if a.From, a.Text, err = s.store.AcknowledgementText(ctx, wish.Mailbox); err != nil {
		return a, err
	}
	a.ReplyTo, a.MessageID, a.Loop = s.codec.ReplyAddress(a.From.Addr, wish.Message), s.codec.MessageID(wish.Message), s.codec.Hostname()
	a.Answers = m.MessageID
	a.System, err = s.store.SystemSender(ctx, s.cfg.Hostname)
	return a, err
}

// Acknowledged writes into the conversation that the mail's sender was told that it came. It changes nothing else: nobody has answered yet.
func (s *Service) Acknowledged(ctx context.Context, wish store.Acknowledgement) error {
	m, err := s.store.Message(ctx, store.Viewer{Staff: true}, wish.Message) // its ticket may have been merged into another meanwhile
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		told := store.Happened{Ticket: m.TicketID, Event: desk.Event{Verb: "acknowledged", To: wish.Address}}
		if err := tx.AddEvents(ctx, 0, s.now(), told); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Tickets: []int64{m.TicketID}})
	})
}
