package portal

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/desk"
)

// undoTime is how long a reply can be taken back (T-UNDO).
const undoTime = 10 * time.Second

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
	draft := desk.Draft{UserID: c.actor.User.ID, TicketID: number, Kind: kind, Text: form.Get("text"), Uploads: form.uploads(), Answers: number64(form.Values, "answers")}
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

// replyPost sends the reply. What cannot be sent comes back in the composer, with the reason over it.
func (p *Portal) replyPost(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	form, err := p.formWithFiles(c)
	if err != nil {
		return err
	}
	draft, err := draftOf(c, number, desk.KindReply, form)
	if err == nil {
		_, err = p.tickets.Reply(c.r.Context(), c.actor, desk.ReplyRequest{
			Ticket: number, Answers: draft.Answers, Text: draft.Text, To: draft.To, Cc: draft.Cc, Bcc: draft.Bcc, Uploads: draft.Uploads,
			Status: desk.Status(form.Get("status")), LastSeen: number64(form.Values, "last_seen"), Undo: undoTime, Recipients: desk.AsGiven,
		})
	}
	if err != nil {
		return p.giveBack(c, draft, err)
	}
	return c.seeOther(ticketPath(c, number))
}

// notePost adds a note that only the team sees.
func (p *Portal) notePost(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	form, err := p.formWithFiles(c)
	if err != nil {
		return err
	}
	draft := desk.Draft{UserID: c.actor.User.ID, TicketID: number, Kind: desk.KindNote, Text: form.Get("text"), Uploads: form.uploads()}
	if _, err := p.tickets.Note(c.r.Context(), c.actor, number, draft.Text, draft.Uploads); err != nil {
		return p.giveBack(c, draft, err)
	}
	return c.seeOther(ticketPath(c, number))
}

// giveBack keeps the draft and shows the ticket again with the words in the composer: nothing that was written is ever lost.
func (p *Portal) giveBack(c *call, draft desk.Draft, err error) error {
	fault := asFault(err)
	if fault == nil || fault.Kind != desk.Invalid && fault.Kind != desk.Conflict {
		return err
	}
	if saveErr := p.tickets.SaveDraft(c.r.Context(), c.actor, draft); saveErr != nil && asFault(saveErr) == nil {
		return saveErr
	}
	return p.ticketPage(c, draft.TicketID, composing{draft: &draft, fault: fault})
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
	kind := desk.KindReply
	if form.Get("kind") == string(desk.KindNote) {
		kind = desk.KindNote
	}
	ctx := c.r.Context()
	// An address that is half typed is no reason not to keep the words: what could be read is kept.
	draft, fault := draftOf(c, number, kind, form)
	saved := "Draft saved"
	if draft.Text == "" && len(draft.Uploads) == 0 {
		saved = ""
		err = p.tickets.DropDraft(ctx, c.actor, number, kind)
	} else {
		err = p.tickets.SaveDraft(ctx, c.actor, draft)
	}
	if err != nil {
		return err
	}
	if c.partial() {
		if fault != nil {
			saved += ", without the address that is not whole yet"
		}
		return p.part(c, "ticket_list", "saved", saved)
	}
	return c.seeOther(ticketPath(c, number))
}

// undoPost takes a reply back before it leaves; its words return to the composer.
func (p *Portal) undoPost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	draft, err := p.tickets.UndoSend(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.seeOther(ticketPath(c, draft.TicketID))
}

// retryPost tries a delivery again that failed or waits.
func (p *Portal) retryPost(c *call) error {
	return p.steer(c, func(id int64, form url.Values) error {
		return p.tickets.RetryDelivery(c.r.Context(), c.actor, id, form.Get("recipient"))
	})
}
