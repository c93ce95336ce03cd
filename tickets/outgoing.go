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

// Outgoing is everything that a job needs to send a message to one destination. Nothing in it is read from the ticket as it stands now but the mailbox: recipients and words are those that were seen.
type Outgoing struct {
	Errand     desk.SendReply
	Message    desk.Message
	Facts      desk.MessageFacts
	ReplyTo    string          // where answers go: the mailbox with the message's token
	ReturnPath ReturnPath      // where bounces go
	Loop       string          // by which an answer that no person wrote is known when it comes back
	System     SystemSender    // in whose name mail leaves when the mailbox's domain may not be From
	Files      []FileToSend    // in the order in which they were attached
	Awaited    []store.Awaited // recipients at the destination who are not done with
	Link       string          // to the conversation on our pages; empty: the mail carries none
	Language   string          // of what we add by ourselves
	kept       *store.Original // the bytes, once they are kept
	next       int64           // the id of bytes that are kept now
}

// Kept says whether the mail was composed before: its bytes are to leave.
func (o *Outgoing) Kept() bool { return o.kept != nil }

// ReturnPath is where a bounce of one recipient's copy goes: an address that names the message and the recipient (T-DSN).
type ReturnPath func(recipient string) string

// SystemSender is an address on a verified domain of ours, with where its bounces go. It is zero while no domain is verified.
type SystemSender struct {
	From       string
	ReturnPath ReturnPath
}

// SystemSender is the address in whose name mail of our own leaves; empty while no domain is verified.
func (s *Service) SystemSender(ctx context.Context) (string, error) {
	return s.store.SystemSender(ctx, s.cfg.Hostname)
}

// FileToSend is an attachment whose bytes are read when the mail is composed.
type FileToSend struct {
	desk.FileInfo
	Open func(context.Context) (io.ReadCloser, error)
}

// Outgoing reads messages that are to leave, in the order asked; nil stands for one that was undone. The words of a message whose bytes are kept come only where they are wanted.
func (s *Service) Outgoing(ctx context.Context, words store.Words, errands ...desk.SendReply) ([]*Outgoing, error) {
	found, err := s.store.Leaving(ctx, words, errands...)
	if err != nil {
		return nil, err
	}
	system, err := s.store.SystemSender(ctx, s.cfg.Hostname)
	if err != nil {
		return nil, err
	}
	var policy *desk.Policy // read when it is first asked
	list := make([]*Outgoing, len(found))
	for i, one := range found {
		if one == nil || !one.Message.Kind.Leaves() {
			continue
		}
		if one.Link && one.Language == "" {
			if policy == nil {
				found, err := policyOf(ctx, s.store.Reader)
				if err != nil {
					return nil, err
				}
				policy = &found
			}
			one.Language = policy.Language
		}
		if list[i], err = s.outgoing(ctx, errands[i], one, system); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *Service) outgoing(ctx context.Context, errand desk.SendReply, found *store.Leaving, system string) (*Outgoing, error) {
	m := found.Message
	out := &Outgoing{Errand: errand, Message: m, ReplyTo: s.codec.ReplyAddress(m.FromAddress, m.ID), ReturnPath: s.ReturnPath(m.FromAddress, m.ID), Loop: s.codec.Hostname(),
		System: SystemSender{From: system, ReturnPath: s.ReturnPath(system, m.ID)}, Awaited: found.Awaited, kept: found.Original, next: found.NextOriginal}
	out.Language = found.Language
	if found.Link && m.Kind == desk.KindReply { // whom a mail is passed on to has no conversation of theirs there
		out.Link = s.visitLink(m.ID)
	}
	var err error
	if out.Facts, err = m.Decode(); err != nil {
		return nil, fmt.Errorf("tickets: facts of message %d: %w", m.ID, err)
	}
	if !found.HasFiles {
		return out, nil
	}
	files, err := s.store.FilesOf(ctx, m.ID)
	for _, file := range files {
		out.Files = append(out.Files, FileToSend{file.FileInfo, func(ctx context.Context) (io.ReadCloser, error) {
			return s.cfg.Bucket.Get(ctx, objectOf(file), 0, -1)
		}})
	}
	return out, err
}

// ReturnPath is where bounces of a message go that leaves in the name of a mailbox.
func (s *Service) ReturnPath(mailbox string, message int64) ReturnPath {
	return func(recipient string) string { return s.codec.ReturnPath(mailbox, message, recipient) }
}

// Awaited lists the recipients of a message that are not done with.
func (s *Service) Awaited(ctx context.Context, message int64) ([]store.Awaited, error) {
	return s.store.Awaited(ctx, message)
}

// Letter is a message that is about to leave for one destination.
type Letter struct {
	*Outgoing
	Sender   string          // domain of From
	Original *store.Original // the exact bytes, sealed, if they are not kept yet or replace those that are; nil: what is kept leaves
	Problems []string        // what the person who wrote it should know, such as that it is not signed
}

// Seal seals the exact bytes of a mail as they will be kept (T-BYTES). Large ones go to the bucket.
func (s *Service) Seal(ctx context.Context, out *Outgoing, r io.Reader, size int64) (*store.Original, error) {
	original := &store.Original{ID: out.next, Size: size}
	if out.kept != nil {
		original.ID = out.kept.ID
	}
	if size > attachments.SmallOriginal {
		object, err := s.cfg.Bucket.Put(ctx, r, size)
		original.ObjectKey, original.DEK = &object.Key, object.DEK
		return original, err
	}
	small, err := io.ReadAll(io.LimitReader(r, size+1))
	if err == nil {
		original.DEK, original.Sealed, err = attachments.SealSmall(s.cfg.Keys, originalContext(original.ID), small)
	}
	if err != nil {
		return nil, fmt.Errorf("tickets: seal message %d: %w", out.Message.ID, err)
	}
	return original, nil
}

// Taken is what a process has in hand of a letter.
type Taken struct {
	Recipients []store.InHand
	Late       bool // somebody else kept bytes just before: those are to leave (SignedBytes)
}

// TakeInHand keeps the bytes of letters that leave for the first time, and gives the worker the recipients who are due, all in one transaction. From then on a message cannot be undone;
// of one that was undone just before nobody is due. Bytes that are kept already stay, unless they are to be replaced: a job that begins again sends the same mail.
func (s *Service) TakeInHand(ctx context.Context, worker string, letters ...Letter) ([]Taken, error) {
	var bytes []store.KeptBytes
	wanted := make([]store.Handful, len(letters))
	taken, at := make([]Taken, len(letters)), map[desk.SendReply]int{}
	for i, one := range letters {
		wanted[i], at[one.Errand] = store.Handful{SendReply: one.Errand, Sender: one.Sender}, i
		if one.Original != nil {
			bytes = append(bytes, store.KeptBytes{Message: one.Message.ID, Original: *one.Original, Replace: one.Kept()})
		}
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		if len(bytes) > 0 {
			ids, err := tx.KeepOriginals(ctx, bytes)
			if err != nil {
				return err
			}
			kept := map[int]bool{} // by letter
			for i, one := range letters {
				if one.Original != nil && ids[one.Original.ID] {
					kept[i] = true
					delete(ids, one.Original.ID) // of two that sign the same mail anew the first one's bytes stand
				}
			}
			if err := tellProblems(ctx, tx, letters, kept); err != nil {
				return err
			}
			for i, one := range letters {
				taken[i].Late = one.Original != nil && !kept[i]
			}
		}
		mine, err := tx.TakeInHand(ctx, worker, s.now(), wanted)
		for _, one := range mine {
			i := at[desk.SendReply{Message: one.MessageID, Destination: one.Destination}]
			taken[i].Recipients = append(taken[i].Recipients, one)
		}
		return err
	})
	return taken, err
}

// tellProblems shows on messages what their writers should know.
func tellProblems(ctx context.Context, tx *store.Tx, letters []Letter, kept map[int]bool) error {
	for i, one := range letters {
		if !kept[i] || slices.Equal(one.Problems, one.Facts.Problems) {
			continue
		}
		facts := one.Facts
		facts.Problems = one.Problems
		if err := tx.SetFacts(ctx, one.Message.ID, facts); err != nil {
			return err
		}
	}
	return nil
}

// LetGo gives up what a worker has in hand without an outcome.
func (s *Service) LetGo(ctx context.Context, worker string, errand desk.SendReply) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.LetGo(ctx, worker, errand) })
}

// Postpone gives up recipients in hand whom nobody was asked about, until their NextAt: it was not their turn.
func (s *Service) Postpone(ctx context.Context, worker string, message int64, waiting []desk.Delivery) error {
	if len(waiting) == 0 {
		return nil
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.PostponeDeliveries(ctx, worker, message, waiting) })
}

// Stopped lists those recipients in hand whom somebody wants stopped meanwhile.
func (s *Service) Stopped(ctx context.Context, errand desk.SendReply) ([]string, error) {
	return s.store.Stopped(ctx, errand)
}

// Hold notes that a message waits until its own domain is mended, and why; where that is known already nothing changes.
func (s *Service) Hold(ctx context.Context, out *Outgoing, why string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		fresh, err := tx.HoldDeliveries(ctx, out.Errand, why, s.now())
		if err != nil || fresh == 0 {
			return err
		}
		return tx.Announce(ctx, store.News{Tickets: []int64{out.Message.TicketID}})
	})
}

// Spread gives every destination of a message a job of its own.
func (s *Service) Spread(ctx context.Context, message int64) error {
	awaited, err := s.store.Awaited(ctx, message)
	if err != nil {
		return err
	}
	recipients := make([]string, len(awaited))
	for i, one := range awaited {
		recipients[i] = one.Recipient
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.Enqueue(ctx, time.Time{}, errands(message, recipients)...) })
}

// errands are the jobs that bring a message to its recipients: one for each destination.
func errands(message int64, recipients []string) []store.Job {
	var jobs []store.Job
	known := map[string]bool{}
	for _, recipient := range recipients {
		if domain := desk.DomainOf(recipient); !known[domain] {
			known[domain] = true
			jobs = append(jobs, desk.SendReply{Message: message, Destination: domain})
		}
	}
	return jobs
}

// KeptBytes opens the bytes as they were kept when the message was read. The caller closes them.
func (s *Service) KeptBytes(ctx context.Context, out *Outgoing) (io.ReadCloser, int64, error) {
	return s.openOriginal(ctx, *out.kept)
}

// SignedBytes opens the bytes that are kept now. The caller closes them.
func (s *Service) SignedBytes(ctx context.Context, message int64) (io.ReadCloser, int64, error) {
	original, err := s.store.OriginalOf(ctx, store.AllSeeing(), message)
	if err != nil {
		return nil, 0, err
	}
	return s.openOriginal(ctx, original)
}

// Outcome is what became of recipients of one message.
type Outcome struct {
	Message    int64
	Deliveries []desk.Delivery
}

// Delivered records what became of recipients whom nobody has in hand.
func (s *Service) Delivered(ctx context.Context, message int64, outcome []desk.Delivery) error {
	return s.Record(ctx, "", Outcome{message, outcome})
}

// Record writes down what became of recipients whom a worker has in hand. What is final already stays as it is.
// A recipient who bounced is a delivery problem of the ticket, stands in the conversation, and opens the ticket again (T-DELIVERY); the remote's words stand on the message.
func (s *Service) Record(ctx context.Context, worker string, outcomes ...Outcome) error {
	var quiet []store.Outcome
	for _, one := range outcomes {
		if slices.ContainsFunc(one.Deliveries, func(d desk.Delivery) bool { return d.State == desk.DeliveryBounced }) {
			if err := s.bounced(ctx, worker, one); err != nil {
				return err
			}
			continue
		}
		quiet = append(quiet, one.rows()...)
	}
	if len(quiet) == 0 {
		return nil
	}
	var changed []bool
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		changed, err = tx.RecordDeliveries(ctx, worker, quiet)
		return err
	})
	if err == nil {
		s.tellOf(quiet, changed)
	}
	return err
}

// tellOf tells the figures what was written down.
func (s *Service) tellOf(outcome []store.Outcome, changed []bool) {
	for i, one := range outcome {
		if changed[i] {
			s.cfg.Delivered(one.Delivery)
		}
	}
}

func (o Outcome) rows() []store.Outcome {
	rows := make([]store.Outcome, len(o.Deliveries))
	for i, d := range whole(o.Deliveries) {
		rows[i] = store.Outcome{Message: o.Message, Delivery: d}
	}
	return rows
}

// bounced records an outcome in which somebody was refused for good.
func (s *Service) bounced(ctx context.Context, worker string, outcome Outcome) error {
	message := outcome.Message
	m, err := s.store.Message(ctx, store.AllSeeing(), message)
	if err != nil {
		return err
	}
	rows, changed := outcome.rows(), []bool(nil)
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, store.AllSeeing(), m.TicketID)
		if err != nil {
			return err
		}
		c := &change{Tx: tx, actor: desk.System("job"), at: s.now(), ticket: locked[m.TicketID]}
		if changed, err = tx.RecordDeliveries(ctx, worker, rows); err != nil {
			return err
		}
		bounced := false
		var hard []desk.HardBounce
		for i, d := range outcome.Deliveries {
			if d.State == desk.DeliveryBounced && changed[i] {
				bounced = true
				hard = append(hard, hardBounces(message, d)...)
				c.events = append(c.events, store.Happened{Ticket: c.ticket.ID, Event: desk.Event{Verb: "bounced", To: d.Recipient}})
				c.audit("delivery.bounced", messageName(message), map[string]string{"recipient": d.Recipient, "reply": d.Reply})
			}
		}
		if !bounced {
			return nil
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
	if err == nil {
		s.tellOf(rows, changed)
	}
	return err
}

// Acknowledging is what an acknowledgement is made of: who it speaks for, and the marks by which an answer to it finds its ticket. They name the mail that it answers, for it is no message itself.
type Acknowledging struct {
	From      desk.Address // the mailbox
	System    string       // the address in whose name it leaves when the mailbox's domain may not be From; empty while no domain is verified
	ReplyTo   string       // the mailbox with the mail's token
	MessageID string
	Answers   string // the Message-ID of the customer's mail, as the customer's program wrote it
	Text      string // the mailbox's own; empty: the standard text
	Language  string // code, of the standard text
	Loop      string // what marks our own automatic mail when it comes back (T-LOOP)
	Link      string // to the conversation on our pages; empty: the mail carries none
}

// Acknowledging reads what an acknowledgement is made of.
func (s *Service) Acknowledging(ctx context.Context, wish store.Acknowledgement) (a Acknowledging, err error) {
	m, err := s.store.Message(ctx, store.AllSeeing(), wish.Message)
	if err != nil {
		return a, err
	}
	if a.From, a.Text, err = s.store.AcknowledgementText(ctx, wish.Mailbox); err != nil {
		return a, err
	}
	a.ReplyTo, a.MessageID, a.Loop = s.codec.ReplyAddress(a.From.Addr, wish.Message), s.codec.MessageID(wish.Message), s.codec.Hostname()
	a.Answers = m.MessageID
	box, err := s.store.CustomerMailbox(ctx, wish.Mailbox)
	if err != nil {
		return a, err
	}
	if a.Language = box.Language; box.Link {
		a.Link = s.visitLink(wish.Message)
	}
	if a.Language == "" {
		policy, err := policyOf(ctx, s.store.Reader)
		if err != nil {
			return a, err
		}
		a.Language = policy.Language
	}
	a.System, err = s.store.SystemSender(ctx, s.cfg.Hostname)
	return a, err
}

// Acknowledged writes into the conversation that the mail's sender was told that it came. It changes nothing else: nobody has answered yet.
func (s *Service) Acknowledged(ctx context.Context, wish store.Acknowledgement) error {
	m, err := s.store.Message(ctx, store.AllSeeing(), wish.Message) // its ticket may have been merged into another meanwhile
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
