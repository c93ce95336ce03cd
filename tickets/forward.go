package tickets

import (
	"context"
	"io"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// Forward passes a mail on to somebody who is not on the ticket, or goes on writing to them. It and what is answered to it stand beside the conversation with the customer, who never sees them;
// nobody comes onto the ticket by it. It leaves when the time for undoing it has passed. A message that came after r.LastSeen stops it with a Conflict (T-STALE).
func (s *Service) Forward(ctx context.Context, actor desk.Actor, r desk.ForwardRequest) (desk.Message, error) {
	passed, err := s.passedOn(ctx, actor, r)
	if err != nil {
		return desk.Message{}, err
	}
	written, err := checkForward(r, passed)
	if err != nil {
		return desk.Message{}, err
	}
	if r.Original {
		file, err := s.originalAsFile(ctx, actor, passed)
		if err != nil {
			return desk.Message{}, err
		}
		r.Uploads = append(r.Uploads, file)
	}
	var id int64
	err = s.changeBy(ctx, permitted{actor, desk.MayReply}, r.Ticket, func(c *change) error {
		if err := c.stale(ctx, r.LastSeen); err != nil {
			return err
		}
		if id, err = s.forward(ctx, c, r, passed, written); err != nil {
			return err
		}
		return c.DropDraft(ctx, actor.User.ID, c.ticket.ID, desk.KindForward)
	})
	if err != nil {
		return desk.Message{}, err
	}
	return s.wrote(ctx, actor, id)
}

// passedOn reads the message that goes on to somebody else, which a person's eyes may see whole. The zero message: none does.
func (s *Service) passedOn(ctx context.Context, actor desk.Actor, r desk.ForwardRequest) (desk.Message, error) {
	if err := need(actor, desk.MayReply); err != nil || r.Forwards == 0 {
		return desk.Message{}, err
	}
	m, err := s.sightedMessage(ctx, actor, r.Forwards)
	switch {
	case err != nil:
		return m, err
	case m.TicketID != r.Ticket || m.Kind != desk.KindInbound && !m.Kind.Leaves():
		return m, desk.Wrong("forwards", "message %d is no mail of ticket #%d", r.Forwards, r.Ticket)
	case r.Original && !m.HasOriginal:
		return m, desk.Wrong("original", "the mail as it came is not kept, so it cannot go along")
	}
	return m, nil
}

// checkForward checks what was written. What is passed on needs no words before it.
func checkForward(r desk.ForwardRequest, passed desk.Message) (body, error) {
	written, err := bodyOf(r.Text, "", r.Uploads)
	if passed.ID != 0 && strings.TrimSpace(r.Text) == "" {
		written, err = body{}, nil
	}
	switch {
	case err != nil:
		return written, err
	case oneLine(r.Subject) == "" || len(r.Subject) > longestTitle:
		return written, desk.Wrong("subject", "a subject is from 1 to %d bytes long", longestTitle)
	case r.Status != "" && r.Status != desk.KeepStatus && !r.Status.Valid():
		return written, desk.Wrong("status", "there is no status %q", r.Status)
	case r.Undo < 0 || r.Undo > longestUndo:
		return written, desk.Wrong("undo_seconds", "a message can wait from 0 to 30 seconds")
	}
	return written, nil
}

// forward writes a forward that was checked.
func (s *Service) forward(ctx context.Context, c *change, r desk.ForwardRequest, passed desk.Message, written body) (int64, error) {
	out := outgoing{body: written, kind: desk.KindForward, mailbox: r.MailboxID, to: r.To, cc: r.Cc, bcc: r.Bcc, uploads: r.Uploads, undo: r.Undo, signed: r.Signed,
		subject: oneLine(r.Subject), before: c.before(), forwards: passed.ID}
	if passed.ID != 0 {
		out.quoted = passedWords(passed)
		taken, err := c.CopyFiles(ctx, passed.ID, c.actor.User.ID, r.Take)
		if err != nil {
			return 0, err
		}
		out.uploads = append(out.uploads, taken...)
	}
	if r.Answers != 0 {
		asked, err := s.answering(ctx, c.Reader, c.ticket, r.Answers)
		if err != nil {
			return 0, err
		}
		if asked.Message.Side == nil {
			return 0, desk.Wrong("answers", "message %d belongs to the conversation with the customer: answer it there", r.Answers)
		}
		out.side, out.answers, out.references = *asked.Message.Side, asked.Message.ID, ancestors(asked)
	}
	id, err := s.send(ctx, c, out)
	if err != nil {
		return 0, err
	}
	if r.Status != "" && r.Status != desk.KeepStatus {
		c.answered(r.Status)
	}
	return id, nil
}

// passedWords is a mail as it stands below the words of whoever passes it on, in the form that other programs know.
func passedWords(m desk.Message) string {
	at := m.At
	if m.SentAt != nil {
		at = *m.SentAt
	}
	var out strings.Builder
	out.WriteString("---------- Forwarded message ----------\n")
	for _, line := range []struct{ name, value string }{
		{"From", addressLine(m.From())}, {"Date", at.Format(time.RFC1123Z)}, {"Subject", m.Subject}, {"To", addressLine(m.To...)}, {"Cc", addressLine(m.Cc...)},
	} {
		if line.value != "" {
			out.WriteString(line.name + ": " + line.value + "\n")
		}
	}
	out.WriteString("\n" + strings.Trim(m.Text, "\n"))
	if m.Quoted != "" {
		out.WriteString("\n\n" + strings.Trim(m.Quoted, "\n"))
	}
	return out.String()
}

// addressLine writes addresses for people to read.
func addressLine(people ...desk.Address) string {
	texts := make([]string, len(people))
	for i, person := range people {
		texts[i] = person.Addr
		if name := oneLine(person.Name); name != "" && name != person.Addr {
			texts[i] = name + " <" + person.Addr + ">"
		}
	}
	return strings.Join(texts, ", ")
}

// originalAsFile makes an upload of the mail as it came.
func (s *Service) originalAsFile(ctx context.Context, actor desk.Actor, m desk.Message) (int64, error) {
	original, err := s.store.OriginalOf(ctx, store.AllSeeing(), m.ID)
	if err != nil {
		return 0, err
	}
	reader, size, err := s.openOriginal(ctx, original)
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	name := oneLine(m.Subject)
	if name == "" {
		name = "mail"
	}
	file, err := s.Upload(ctx, actor, NewFile{Name: fileName(strings.NewReplacer("/", "-", `\`, "-").Replace(name)) + ".eml", MediaType: "message/rfc822", Size: size, R: io.LimitReader(reader, size)})
	return file.ID, err
}
