package portal

import (
	"strconv"

	"postern/desk"
	"postern/language"
	"postern/store"
)

// customersPage sets what each mailbox offers its customers.
type customersPage struct {
	page
	Boxes     []store.CustomerMailbox
	Languages []*language.Language
	Public    string // where forms are reached
	Problem   string
	Changed   int64 // the mailbox whose change could not be made
}

// customersShow shows the settings of every mailbox.
func (p *Portal) customersShow(c *call) error { return p.customersPage(c, nil, nil) }

func (p *Portal) customersPage(c *call, typed *desk.CustomerSetting, fault *desk.Fault) error {
	answer := customersPage{Languages: language.All, Public: p.public}
	var err error
	if answer.Boxes, err = p.tickets.CustomerMailboxes(c.r.Context(), c.actor); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	for i := range answer.Boxes {
		if typed != nil && answer.Boxes[i].MailboxID == typed.MailboxID {
			answer.Boxes[i].CustomerSetting, answer.Changed = *typed, typed.MailboxID
		}
	}
	if answer.page, err = p.framed(c, c.lang.Say("Customers"), "/customers"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "customers", "layout"}, answer)
}

// customersPost changes what one mailbox offers.
func (p *Portal) customersPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	hours, err := strconv.Atoi(form.Get("ask_after"))
	if err != nil {
		hours = -1 // which no setting may be
	}
	typed := desk.CustomerSetting{
		MailboxID: number64(form, "mailbox"), Link: form.Has("link"), Ask: form.Has("ask"), AskAfter: hours, Form: form.Has("form"), Slug: form.Get("slug"),
		Proof: desk.FormProof(form.Get("proof")), Intro: form.Get("intro"), Language: form.Get("language"),
	}
	err = p.tickets.SetCustomerSetting(c.r.Context(), c.actor, typed)
	if fault := asFault(err); fault != nil && (fault.Kind == desk.Invalid || fault.Kind == desk.Conflict) {
		return p.customersPage(c, &typed, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/customers?done=saved")
}
