package portal

import (
	"strings"

	"postern/desk"
	"postern/language"
)

// mailboxesPage lists the addresses that take mail.
type mailboxesPage struct {
	page
	Mailboxes []desk.Mailbox
	Problem   string
	Address   string
	Next      string // where the form leads to; empty: this page
	Name      string
	Levels    []dmarcChoice
	Default   string           // text of an acknowledgement where a mailbox has none of its own
	Changed   *desk.Mailbox    // as typed, when a change could not be made
	Below     map[int64]string // what stands below the mails of a mailbox
}

// dmarcChoice is how strict a mailbox may be with senders, with what it means.
type dmarcChoice struct {
	Level desk.DMARCLevel
	Words string
}

// dmarcChoices explains each level (T-DMARC).
var dmarcChoices = []dmarcChoice{
	{desk.DMARCOff, "Failures are not even shown. Only for a mailbox behind a forwarder that breaks everything."},
	{desk.DMARCMonitor, "Failures are shown on the message; nothing is held back."},
	{desk.DMARCSuspend, "What fails, and whose domain asks to quarantine or reject it, is held back for you to look at."},
	{desk.DMARCReject, "What fails, and whose domain asks to reject it, is refused while it is being sent; what it asks to quarantine is held back."},
}

// mailboxList shows the mailboxes and the form that adds one.
func (p *Portal) mailboxList(c *call) error { return p.mailboxesPage(c, mailboxesPage{}, nil) }

// mailboxesPage renders the list, with what was wrong with an address.
func (p *Portal) mailboxesPage(c *call, answer mailboxesPage, fault *desk.Fault) error {
	var err error
	if answer.Mailboxes, err = p.domains.Mailboxes(c.r.Context()); err != nil {
		return err
	}
	if answer.Below, err = p.tickets.MailboxSignatures(c.r.Context(), c.actor); err != nil {
		return err
	}
	policy, err := p.tickets.Policy(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	answer.Levels, answer.Default = dmarcChoices, language.Pick(policy.Language, "").Say(desk.DefaultAcknowledgement)
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if typed := answer.Changed; typed != nil {
		for i := range answer.Mailboxes {
			if answer.Mailboxes[i].Address == typed.Address {
				typed.ID = answer.Mailboxes[i].ID
				answer.Mailboxes[i] = *typed
			}
		}
	}
	if answer.page, err = p.framed(c, "Mailboxes", "/mailboxes"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "mailboxes", "layout"}, answer)
}

// mailboxAdd adds an address that takes mail. The first steps send people here too, and back again.
func (p *Portal) mailboxAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	address, name := strings.TrimSpace(form.Get("address")), strings.TrimSpace(form.Get("name"))
	_, err = p.domains.AddMailbox(c.r.Context(), c.actor, address, name)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.mailboxesPage(c, mailboxesPage{Address: address, Name: name}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(localPath(form.Get("next"), "/mailboxes?done=added"))
}

// mailboxRemove closes an address; its tickets stay.
func (p *Portal) mailboxRemove(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.domains.RemoveMailbox(c.r.Context(), c.actor, form.Get("address")); err != nil {
		return err
	}
	return c.seeOther("/mailboxes?done=removed")
}

// mailboxChange changes how a mailbox is called, how strict it is with senders, and what it answers by itself.
func (p *Portal) mailboxChange(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := desk.Mailbox{
		Address: strings.TrimSpace(form.Get("address")), Name: strings.TrimSpace(form.Get("name")), DMARC: desk.DMARCLevel(form.Get("dmarc")),
		Acknowledge: form.Has("acknowledge"), AcknowledgeText: strings.TrimSpace(strings.ReplaceAll(form.Get("acknowledge_text"), "\r\n", "\n")),
	}
	_, err = p.domains.ChangeMailbox(c.r.Context(), c.actor, typed.Address, desk.MailboxChange{
		Name: &typed.Name, DMARC: &typed.DMARC, Acknowledge: &typed.Acknowledge, AcknowledgeText: &typed.AcknowledgeText,
	})
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return p.mailboxesPage(c, mailboxesPage{Changed: &typed}, fault)
	}
	if err != nil {
		return err
	}
	if form.Has("signature") {
		if err := p.tickets.SetMailboxSignature(c.r.Context(), c.actor, typed.Address, form.Get("signature")); err != nil {
			return err
		}
	}
	return c.seeOther("/mailboxes?done=saved")
}
