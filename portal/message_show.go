package portal

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"postern/attachments"
	"postern/desk"
)

// messagePage is one message alone, for readers without JavaScript and for links to it.
type messagePage struct {
	page
	Card card
	Back string
}

// messageShow shows one message whole: as a card for the script of an open ticket, else as a page.
func (p *Portal) messageShow(c *call) error {
	m, err := p.message(c)
	if fault := asFault(err); fault != nil && fault.Kind == desk.NotFound && c.partial() {
		return p.part(c, "ticket_list", "gone", nil) // a card that refreshes itself, and its reply was taken back: it goes
	}
	if err != nil {
		return err
	}
	one, err := p.cardOf(c.lang, m, c.r.URL.Query().Get("as"))
	if err != nil {
		return err
	}
	one.Reader = c.actor.User
	if c.partial() {
		return p.part(c, "ticket_list", "message", one)
	}
	frame, err := p.framed(c, c.lang.Say("Message"), "")
	if err != nil {
		return err
	}
	return p.show(c, "message", messagePage{page: frame, Card: one, Back: ticketPath(c, m.TicketID)})
}

// message is the message in the path, if the actor may see it.
func (p *Portal) message(c *call) (desk.Message, error) {
	id, err := c.id64("id")
	if err != nil {
		return desk.Message{}, err
	}
	return p.tickets.Message(c.r.Context(), c.actor, id)
}

// messageOriginal downloads the mail as it came.
func (p *Portal) messageOriginal(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	original, size, err := p.tickets.Original(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	defer original.Close()
	return sendOriginal(c, fmt.Sprintf("message-%d.eml", id), original, size)
}

// sendOriginal streams a mail as a file that no browser opens by itself.
func sendOriginal(c *call, name string, original io.Reader, size int64) error {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(10 * time.Minute)) // a server without deadlines needs none longer
	h := c.w.Header()
	h.Set("Content-Type", "message/rfc822")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if size >= 0 {
		h.Set("Content-Length", fmt.Sprint(size))
	}
	if _, err := io.Copy(c.w, original); err != nil {
		return fmt.Errorf("portal: sending %s: %w", name, err)
	}
	return nil
}

// attachmentShow downloads a file.
func (p *Portal) attachmentShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	object, info, err := p.tickets.Attachment(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(10 * time.Minute))
	attachments.Serve(c.w, c.r, p.bucket, object, attachments.FileMeta{Name: info.Name, MediaType: info.MediaType})
	return nil
}
