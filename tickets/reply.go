package tickets

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/mailtext"
	"postern/store"
	"postern/threading"
)

const (
	longestUndo  = 30 * time.Second // T-UNDO
	longestText  = 1 << 20          // bytes of an answer or a note
	mostUploads  = 100
	previewRunes = 160
	longestTitle = 1000 // bytes of a subject
)

// body is what a person wrote, checked.
type body struct{ text, html string }

// bodyOf checks what was written. HTML alone gets the text that it would read as.
func bodyOf(text, html string, uploads []int64) (body, error) {
	b := body{text: strings.TrimSpace(strings.ReplaceAll(storable(text), "\r\n", "\n"))}
	if html != "" {
		clean, _, err := mailtext.Clean(storable(html))
		if err != nil {
			return b, desk.Wrong("html", "this HTML cannot be sent: %v", err)
		}
		b.html = clean
		if b.text == "" {
			b.text = mailtext.TextOf(clean)
		}
	}
	switch {
	case b.text == "" && b.html == "" && len(uploads) == 0:
		return b, desk.Wrong("text", "there is nothing in this message yet")
	case len(b.text) > longestText:
		return b, desk.Wrong("text", "a message holds one megabyte of text at most: attach the rest as a file")
	case len(uploads) > mostUploads:
		return b, desk.Wrong("attachments", "a message carries %d files at most", mostUploads)
	default:
		return b, nil
	}
}

// Reply answers by mail. The recipients are frozen as they stand; the message leaves when the time for undoing it has passed. A message that came after
// r.LastSeen stops it with a Conflict (T-STALE).
func (s *Service) Reply(ctx context.Context, actor desk.Actor, r desk.ReplyRequest) (desk.Message, error) {
	written, err := bodyOf(r.Text, r.HTML, r.Uploads)
	if err != nil {
		return desk.Message{}, err
	}
	if !actor.Can(desk.MayWrite) && r.Status == "" {
		r.Status = desk.KeepStatus
	}
	if r.Status == "" {
		r.Status = desk.StatusPending
	}
	if r.Status != desk.KeepStatus {
		if err := need(actor, desk.MayWrite); err != nil {
			return desk.Message{}, err
		}
	}
	if !r.Status.Valid() && r.Status != desk.KeepStatus {
		return desk.Message{}, desk.Wrong("status", "there is no status %q", r.Status)
	}
	if r.Undo < 0 || r.Undo > longestUndo {
		return desk.Message{}, desk.Wrong("undo_seconds", "a message can wait from 0 to 30 seconds")
	}
	if maskOf(actor.User.Masks()).any() && len(r.To)+len(r.Cc)+len(r.Bcc) == 0 {
		r.Recipients = desk.ReplyAll // they were not shown who is written to
	}
	var id int64
	err = s.changeBy(ctx, permitted{actor, desk.MayReply}, r.Ticket, func(c *change) error {
		if err := c.stale(ctx, r.LastSeen); err != nil {
			return err
		}
		if id, err = s.reply(ctx, c, r, written); err != nil {
			return err
		}
		return c.DropDraft(ctx, actor.User.ID, c.ticket.ID, desk.KindReply)
	})
	if err != nil {
		return desk.Message{}, err
	}
	return s.wrote(ctx, actor, id)
}

// reply writes an answer that was checked, and sets the status that it asks for.
func (s *Service) reply(ctx context.Context, c *change, r desk.ReplyRequest, written body) (int64, error) {
	if err := c.mayEnd(ctx, r.Status); err != nil {
		return 0, err
	}
	asked, err := s.answering(ctx, c.Reader, c.ticket, r.Answers)
	if err != nil {
		return 0, err
	}
	if r.Recipients == desk.ReplyAll && len(r.To)+len(r.Cc)+len(r.Bcc) == 0 {
		r.To, r.Cc = asked.recipients()
	}
	if asked.Message.Side != nil {
		return 0, desk.Wrong("answers", "message %d stands beside the conversation with the customer: answer it there", asked.Message.ID)
	}
	out := outgoing{body: written, kind: desk.KindReply, mailbox: r.MailboxID, to: r.To, cc: r.Cc, bcc: r.Bcc, uploads: r.Uploads, undo: r.Undo, signed: r.Signed,
		subject: replySubject(c.ticket.Subject), before: c.before()}
	if asked.Message.ID != 0 {
		out.answers, out.references = asked.Message.ID, ancestors(asked)
	}
	id, err := s.send(ctx, c, out)
	if err != nil {
		return 0, err
	}
	c.answered(r.Status)
	c.ticket.DeliveryProblem = false // whoever answers has seen it
	if c.ticket.FirstAnsweredAt == nil {
		c.ticket.FirstAnsweredAt = &c.at
	}
	c.happen(desk.HappenedReplied, id)
	return id, nil
}

// before is how the ticket stands: what undoing puts back.
func (c *change) before() *desk.Before {
	return &desk.Before{Status: c.ticket.Status, WaitingSince: c.ticket.WaitingSince, SolvedAt: c.ticket.SolvedAt, ClosedAt: c.ticket.ClosedAt,
		Problem: c.ticket.DeliveryProblem, Preview: c.ticket.Preview}
}

// answered sets the status that an answer asks for. Where the ticket still waits for us it does so from now on: everybody who waited has heard something.
func (c *change) answered(wish desk.Status) {
	if wish == desk.KeepStatus {
		if wish = c.ticket.Status; wish == desk.StatusNew {
			wish = desk.StatusOpen
		}
	}
	if wish != c.ticket.Status {
		c.event("status", string(c.ticket.Status), string(wish))
		become(&c.ticket, wish, c.at)
	}
	if wish.Waiting() {
		c.ticket.WaitingSince = &c.at
	}
}

// stale stops a writer who has not seen everything.
func (c *change) stale(ctx context.Context, lastSeen int64) error {
	if lastSeen == 0 {
		return nil
	}
	newer, err := c.Since(ctx, c.ticket.ID, lastSeen, c.actor.User.ID)
	if err != nil {
		return err
	}
	if newer != 0 {
		return desk.Faultf(desk.Conflict, "a message has come meanwhile: read it, then send again")
	}
	return nil
}

// ancestors is References of the answer: those of the message answered, and its own id (RFC 5322 §3.6.4).
func ancestors(asked answering) []string {
	if asked.Message.MessageID == "" {
		return asked.Facts.References
	}
	return append(slices.Clone(asked.Facts.References), asked.Message.MessageID)
}

// replySubject puts one Re: in front, and no second one (RFC 5322 §3.6.5).
func replySubject(subject string) string {
	if len(subject) >= 3 && strings.EqualFold(subject[:3], "re:") {
		return subject
	}
	return "Re: " + subject
}

// outgoing is a message of ours that will leave as mail.
type outgoing struct {
	body
	kind        desk.MessageKind // reply or forward
	mailbox     int64            // that it leaves from; 0: the ticket's
	to, cc, bcc []desk.Address
	uploads     []int64
	subject     string
	answers     int64
	references  []string
	before      *desk.Before
	automatic   string // why no person wrote it; empty: one did
	undo        time.Duration
	signed      bool
	quoted      string // what is passed on: stands below the signatures
	side        int64  // of a forward: the conversation that it continues; 0: it begins one
	forwards    int64
}

// send writes a mail of ours on the locked ticket: the message with its recipients and files, and the job by which it leaves.
func (s *Service) send(ctx context.Context, c *change, out outgoing) (int64, error) {
	recipients, err := envelope(out.to, out.cc, out.bcc)
	if err != nil {
		return 0, err
	}
	sender, err := c.sender(ctx, out.mailbox)
	if err != nil {
		return 0, err
	}
	id, err := c.NextMessage(ctx)
	if err != nil {
		return 0, err
	}
	sendAt := c.at.Add(out.undo)
	m := desk.Message{
		ID: id, TicketID: c.ticket.ID, Kind: out.kind, AuthorID: authorOf(c.actor), FromName: sender.Name, FromAddress: sender.Address,
		To: out.to, Cc: out.cc, Subject: out.subject, MessageID: s.codec.MessageID(id), At: c.at, Text: out.text, Quoted: out.quoted, HTML: out.html, SendAt: &sendAt,
	}
	if out.signed {
		m.Quoted = strings.Trim(sender.below()+"\n\n"+out.quoted, "\n")
	}
	if out.kind == desk.KindForward {
		m.Side = &id
		if out.side != 0 {
			m.Side = &out.side
		}
	}
	err = c.AddMessage(ctx, store.Written{
		Message: m, Facts: desk.MessageFacts{Bcc: out.bcc, References: out.references, Answers: out.answers, Before: out.before, Forwards: out.forwards, Automatic: out.automatic},
		Words: wordsOf(m), Key: threading.Key(m.MessageID), MailboxID: sender.MailboxID, Recipients: recipients,
	})
	if err != nil {
		return 0, err
	}
	if err := c.attach(ctx, id, out.uploads); err != nil {
		return 0, err
	}
	if out.kind == desk.KindReply {
		if err := c.addPeople(ctx, out.to, out.cc); err != nil {
			return 0, err
		}
		c.ticket.Preview = mailtext.Snippet(out.text, previewRunes)
	}
	c.audit("ticket."+string(out.kind), ticketName(c.ticket.ID), map[string]any{"message": id, "recipients": len(recipients)})
	return id, c.Enqueue(ctx, sendAt, errands(id, recipients)...)
}

// attach hands the writer's uploads to a message of the ticket.
func (c *change) attach(ctx context.Context, message int64, uploads []int64) error {
	if len(uploads) == 0 {
		return nil
	}
	c.ticket.HasAttachment = true
	return c.AttachUploads(ctx, message, c.actor.User.ID, uploads)
}

// addPeople makes the people written to known on the ticket, so that their answers join it.
func (c *change) addPeople(ctx context.Context, fields ...[]desk.Address) error {
	people, err := c.KnowContacts(ctx, slices.Concat(fields...))
	if err != nil {
		return err
	}
	return c.AddParticipants(ctx, c.ticket.ID, people)
}

// wordsOf is what search finds a message of ours by. Bcc stays out: customers search, too.
func wordsOf(m desk.Message) []string {
	var text strings.Builder
	text.WriteString(m.Subject + "\n" + m.FromName + " " + m.FromAddress + "\n")
	for _, person := range slices.Concat(m.To, m.Cc) {
		text.WriteString(person.Name + " " + person.Addr + "\n")
	}
	text.WriteString(m.Text)
	return mailtext.Lexemes(text.String())
}

// Start begins a conversation from our side. The first of To is the requester.
func (s *Service) Start(ctx context.Context, actor desk.Actor, n desk.NewTicket) (desk.Ticket, desk.Message, error) {
	written, err := bodyOf(n.Text, n.HTML, n.Uploads)
	if err == nil {
		err = checkStart(&n)
	}
	if err == nil {
		err = need(actor, desk.MayReply)
	}
	if err != nil {
		return desk.Ticket{}, desk.Message{}, err
	}
	var number, id int64
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		c := &change{Tx: tx, actor: actor, at: s.now()}
		if number, err = c.open(ctx, n); err != nil {
			return err
		}
		out := outgoing{body: written, kind: desk.KindReply, to: n.To, cc: n.Cc, bcc: n.Bcc, uploads: n.Uploads, subject: n.Subject, undo: s.cfg.Undo, signed: n.Signed}
		if n.Undo != 0 {
			out.undo = n.Undo
		}
		if id, err = s.send(ctx, c, out); err != nil {
			return err
		}
		c.ticket.FirstAnsweredAt = &c.at // nobody waits for an answer to what they did not ask
		c.happen(desk.HappenedCreated, id)
		return c.finish(ctx)
	})
	if err != nil {
		return desk.Ticket{}, desk.Message{}, err
	}
	staff := store.AllSeeing()
	ticket, err := s.store.Ticket(ctx, staff, number)
	if err != nil {
		return ticket, desk.Message{}, err
	}
	message, err := s.store.Message(ctx, staff, id)
	return ticket, message, err
}

func checkStart(n *desk.NewTicket) error {
	n.Subject = oneLine(n.Subject)
	if n.Status == "" {
		n.Status = desk.StatusPending
	}
	switch {
	case len(n.To) == 0:
		return desk.Wrong("to", "there is nobody to send this to")
	case n.Subject == "":
		return desk.Wrong("subject", "a conversation needs a subject")
	case len(n.Subject) > longestTitle:
		return desk.Wrong("subject", "this subject is too long")
	case !n.Status.Valid():
		return desk.Wrong("status", "there is no status %q", n.Status)
	}
	if n.Undo < 0 || n.Undo > longestUndo {
		return desk.Wrong("undo_seconds", "a message can wait from 0 to 30 seconds")
	}
	_, err := envelope(n.To, n.Cc, n.Bcc)
	return err
}

// open writes the ticket of a new conversation and locks it.
func (c *change) open(ctx context.Context, n desk.NewTicket) (int64, error) {
	people, err := c.KnowContacts(ctx, n.To[:1])
	if err != nil {
		return 0, err
	}
	t := desk.Ticket{Subject: n.Subject, Priority: desk.PriorityNormal, MailboxID: n.MailboxID, RequesterID: people[0], AssigneeID: &c.actor.User.ID, CreatedAt: c.at, UpdatedAt: c.at}
	become(&t, n.Status, c.at)
	number, err := c.AddTicket(ctx, t)
	if err != nil {
		return 0, err
	}
	locked, err := c.LockTickets(ctx, store.AllSeeing(), number)
	c.ticket = locked[number]
	c.audit("ticket.start", ticketName(number), values{To: string(n.Status)})
	return number, err
}
