package portal

import (
	"postern/desk"
)

// newTicketPage is the form that starts a conversation.
type newTicketPage struct {
	page
	Composer composer // of which the reply is written
	Subject  string
	Problem  string
}

// ticketNew shows the form.
func (p *Portal) ticketNew(c *call) error {
	query := c.r.URL.Query()
	return p.newTicketPage(c, newTicketPage{Composer: composer{Reply: letter{From: number64(query, "mailbox"), To: query.Get("to")}}}, nil)
}

// newTicketPage renders the form, with what was wrong with it.
func (p *Portal) newTicketPage(c *call, answer newTicketPage, fault *desk.Fault) error {
	var err error
	if answer.page, err = p.framed(c, c.lang.Say("New conversation"), "/tickets/new"); err != nil {
		return err
	}
	known, err := p.tickets.Starting(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	box := &answer.Composer
	box.Mailboxes = fromChoices(known)
	if box.Reply.From == 0 && len(box.Mailboxes) > 0 {
		box.Reply.From = box.Mailboxes[0].ID
	}
	if box.Reply.Uploads, err = p.named(c, box.Reply.Uploads); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = sentence(c.lang.Sentence(fault.Reason))
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
		err = p.tickets.CheckFiles(c.r.Context(), c.actor, draft)
	}
	if err == nil {
		made, err = p.start(c, draft, form)
	}
	fault := asFault(err)
	if fault != nil && fault.Kind == desk.Invalid {
		written := letter{Text: draft.Text, To: form.Get("to"), Cc: form.Get("cc"), Bcc: form.Get("bcc"), From: draft.MailboxID}
		for _, id := range draft.Uploads {
			written.Uploads = append(written.Uploads, desk.FileInfo{ID: id})
		}
		return p.newTicketPage(c, newTicketPage{Subject: form.Get("subject"), Composer: composer{Reply: written}}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(listing{View: "all"}.Ticket(made.ID))
}

// start begins the conversation, as its writer likes to send.
func (p *Portal) start(c *call, draft desk.Draft, form uploaded) (desk.Ticket, error) {
	habits, err := p.tickets.Habits(c.r.Context(), c.actor)
	if err != nil {
		return desk.Ticket{}, err
	}
	made, _, err := p.tickets.Start(c.r.Context(), c.actor, desk.NewTicket{
		MailboxID: draft.MailboxID, To: draft.To, Cc: draft.Cc, Bcc: draft.Bcc, Subject: form.Get("subject"), Text: draft.Text, Uploads: draft.Uploads,
		Status: desk.Status(form.Get("status")), Undo: habits.Undo(), Signed: true,
	})
	return made, err
}
