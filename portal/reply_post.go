package portal

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/desk"
)

// ticketPath is the address of a ticket, seen from the list that the request came from.
func ticketPath(c *call, number int64) string { return c.back().Ticket(number) }

// back is the list that the reader has beside the page: a page of a ticket names it in its own address, and a form or a part of the page came from such an address.
func (c *call) back() listing {
	if c.r.Method == http.MethodGet && !c.partial() {
		return listingOf(c.r.URL.Query())
	}
	for _, from := range []string{c.r.Header.Get("HX-Current-URL"), c.r.Referer()} {
		if u, err := url.Parse(from); err == nil && strings.HasPrefix(u.Path, "/tickets") {
			return listingOf(u.Query())
		}
	}
	return listingOf(c.r.URL.Query())
}

// draftOf reads what stands in the composer, whether or not it can be sent.
func draftOf(c *call, number int64, kind desk.MessageKind, form uploaded) (desk.Draft, error) {
	draft := desk.Draft{
		UserID: c.actor.User.ID, TicketID: number, Kind: kind, Text: form.Get("text"), Uploads: form.uploads(), Answers: number64(form.Values, "answers"),
		MailboxID: number64(form.Values, "mailbox"), Subject: form.Get("subject"), Forwards: number64(form.Values, "forwards"), Take: numbers64(form.Values, "take"),
		Original: form.Has("original"),
	}
	var err error
	if draft.To, err = parseAddresses("to", form.Get("to")); err != nil {
		return draft, err
	}
	if draft.Cc, err = parseAddresses("cc", form.Get("cc")); err != nil {
		return draft, err
	}
	draft.Bcc, err = parseAddresses("bcc", form.Get("bcc"))
	return draft, err
}

// written is a form of the composer that somebody sends.
type written struct {
	draft desk.Draft
	form  uploaded
}

// written reads a form of the composer. The draft is whole as far as it can be read, even beside an error.
func (p *Portal) written(c *call, kind desk.MessageKind) (written, error) {
	number, err := c.id64("number")
	if err != nil {
		return written{}, err
	}
	form, err := p.formWithFiles(c)
	if err != nil {
		return written{}, err
	}
	draft, err := draftOf(c, number, kind, form)
	return written{draft, form}, err
}

// send sends what was written, unless its writer should look at something first.
func (p *Portal) send(c *call, w written, send func(habits desk.Habits) (desk.Message, error)) error {
	if err := p.tickets.CheckFiles(c.r.Context(), c.actor, w.draft); err != nil {
		return p.giveBack(c, w, err)
	}
	cautions, err := p.tickets.Cautions(c.r.Context(), c.actor, w.draft)
	if err != nil {
		return err
	}
	cautions = append(cautions, p.busy(c, w.draft.TicketID)...)
	if unheeded(cautions, w.form.Values["sure"]) {
		return p.giveBackFor(c, w, composing{draft: &w.draft, cautions: cautions})
	}
	habits, err := p.tickets.Habits(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	onward, err := p.onward(c, w.draft.TicketID, habits.AfterSend)
	if err != nil {
		return err
	}
	m, err := send(habits)
	if err != nil {
		return p.giveBack(c, w, err)
	}
	return c.seeOther(onward.with(m.ID))
}

// replyPost sends the reply. What cannot be sent comes back in the composer, with the reason over it.
func (p *Portal) replyPost(c *call) error {
	w, err := p.written(c, desk.KindReply)
	if err != nil {
		return p.giveBack(c, w, err)
	}
	return p.send(c, w, func(habits desk.Habits) (desk.Message, error) {
		d := w.draft
		return p.tickets.Reply(c.r.Context(), c.actor, desk.ReplyRequest{
			Ticket: d.TicketID, Answers: d.Answers, MailboxID: d.MailboxID, Text: d.Text, To: d.To, Cc: d.Cc, Bcc: d.Bcc, Uploads: d.Uploads,
			Status: desk.Status(w.form.Get("status")), LastSeen: number64(w.form.Values, "last_seen"), Undo: habits.Undo(), Recipients: desk.AsGiven, Signed: true,
		})
	})
}

// forwardPost passes a mail on to somebody who is not on the ticket.
func (p *Portal) forwardPost(c *call) error {
	w, err := p.written(c, desk.KindForward)
	if err != nil {
		return p.giveBack(c, w, err)
	}
	return p.send(c, w, func(habits desk.Habits) (desk.Message, error) {
		d := w.draft
		return p.tickets.Forward(c.r.Context(), c.actor, desk.ForwardRequest{
			Ticket: d.TicketID, Forwards: d.Forwards, Answers: d.Answers, MailboxID: d.MailboxID, Subject: d.Subject, Text: d.Text, To: d.To, Cc: d.Cc, Bcc: d.Bcc,
			Uploads: d.Uploads, Take: d.Take, Original: d.Original, Status: desk.Status(w.form.Get("status")), LastSeen: number64(w.form.Values, "last_seen"),
			Undo: habits.Undo(), Signed: true,
		})
	})
}

// notePost adds a note that only the team sees.
func (p *Portal) notePost(c *call) error {
	w, err := p.written(c, desk.KindNote)
	if err != nil {
		return p.giveBack(c, w, err)
	}
	if _, err := p.tickets.Note(c.r.Context(), c.actor, w.draft.TicketID, w.draft.Text, w.draft.Uploads); err != nil {
		return p.giveBack(c, w, err)
	}
	return c.seeOther(ticketPath(c, w.draft.TicketID))
}

// giveBack shows the ticket again with the words in the composer and the reason over them.
func (p *Portal) giveBack(c *call, w written, err error) error {
	fault := asFault(err)
	if fault == nil || fault.Kind != desk.Invalid && fault.Kind != desk.Conflict || w.draft.TicketID == 0 {
		return err
	}
	return p.giveBackFor(c, w, composing{draft: &w.draft, fault: fault, seen: number64(w.form.Values, "last_seen"), heard: w.form.Values["sure"]})
}

// giveBackFor keeps the draft: nothing that was written is ever lost.
func (p *Portal) giveBackFor(c *call, w written, with composing) error {
	if err := p.tickets.SaveDraft(c.r.Context(), c.actor, w.draft); err != nil && asFault(err) == nil {
		return err
	}
	return p.ticketPage(c, w.draft.TicketID, with)
}

// draftPost keeps what is being written; the page asks for it every few seconds. An empty text throws the draft away.
func (p *Portal) draftPost(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	form, err := p.formWithFiles(c)
	if err != nil {
		return err
	}
	kind := desk.MessageKind(form.Get("kind"))
	if kind == "" {
		kind = desk.KindReply
	}
	ctx := c.r.Context()
	// An address that is half typed is no reason not to keep the words: what could be read is kept.
	draft, fault := draftOf(c, number, kind, form)
	empty := draft.Text == "" && len(draft.Uploads) == 0 && (kind != desk.KindForward || len(draft.To) == 0)
	if empty {
		err = p.tickets.DropDraft(ctx, c.actor, number, kind)
	} else {
		err = p.tickets.SaveDraft(ctx, c.actor, draft)
	}
	if err != nil {
		return err
	}
	if c.partial() {
		return p.part(c, "ticket_list", "saved", savedPart{Empty: empty, Partly: fault != nil, At: p.now()})
	}
	return c.seeOther(ticketPath(c, number) + tabOf(kind))
}

// savedPart says that a draft is kept.
type savedPart struct {
	letter
	Empty  bool
	Partly bool // without an address that is not whole yet
	At     time.Time
}

// undoPost takes a mail back before it leaves; its words return to the composer.
func (p *Portal) undoPost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	draft, err := p.tickets.UndoSend(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.seeOther(withQuery(ticketPath(c, draft.TicketID), "tab", string(draft.Kind)))
}

// retryPost tries a delivery again that failed or waits.
func (p *Portal) retryPost(c *call) error {
	return p.steer(c, func(id int64, form url.Values) error {
		return p.tickets.RetryDelivery(c.r.Context(), c.actor, id, form.Get("recipient"))
	})
}
