package portal

import (
	"postern/desk"
)

// newTicketPage is the form that starts a conversation.
type newTicketPage struct {
	page
	Mailboxes []desk.Mailbox
	Mailbox   int64
	Subject   string
	Letter    letter
	Problem   string
}

// ticketNew shows the form.
func (p *Portal) ticketNew(c *call) error {
	query := c.r.URL.Query()
	answer := newTicketPage{Mailbox: number64(query, "mailbox"), Letter: letter{To: query.Get("to")}}
	return p.newTicketPage(c, answer, nil)
}

// newTicketPage renders the form, with what was wrong with it.
func (p *Portal) newTicketPage(c *call, answer newTicketPage, fault *desk.Fault) error {
	var err error
	if answer.page, err = p.framed(c, "New conversation", "/tickets/new"); err != nil {
		return err
	}
	if answer.Mailboxes, err = p.domains.Mailboxes(c.r.Context()); err != nil {
		return err
	}
	if answer.Letter.Uploads, err = p.named(c, answer.Letter.Uploads); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "ticket_new", "layout"}, answer)
}

// ticketStart sends the first mail of a conversation.
func (p *Portal) ticketStart(c *call) error {
	form, err := p.formWithFiles(c)
	if err != nil {
		return err
	}
	draft, err := draftOf(c, 0, desk.KindReply, form)
	var made desk.Ticket
	if err == nil {
		made, _, err = p.tickets.Start(c.r.Context(), c.actor, desk.NewTicket{
			MailboxID: number64(form.Values, "mailbox"), To: draft.To, Cc: draft.Cc, Subject: form.Get("subject"), Text: draft.Text, Uploads: draft.Uploads,
			Status: desk.Status(form.Get("status")),
		})
	}
	fault := asFault(err)
	if fault != nil && fault.Kind == desk.Invalid {
		answer := newTicketPage{Mailbox: number64(form.Values, "mailbox"), Subject: form.Get("subject"),
			Letter: letter{Text: draft.Text, To: form.Get("to"), Cc: form.Get("cc")}}
		for _, id := range draft.Uploads {
			answer.Letter.Uploads = append(answer.Letter.Uploads, desk.FileInfo{ID: id})
		}
		return p.newTicketPage(c, answer, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(listing{View: "all"}.Ticket(made.ID))
}
