package portal

import (
	"fmt"
	"io"
	"time"

	"postern/desk"
	"postern/identity"
	"postern/intake"
	"postern/store"
	"postern/tickets"
)

// formPage is a mailbox's form on the web.
type formPage struct {
	customerFrame
	Slug    string
	Intro   string
	Name    string
	Email   string
	Subject string
	Text    string
	Stamp   string
	Proof   bool // a mail is sent to confirm the address
	Most    int64
}

const (
	formAtLeast  = 3 * time.Second // nobody fills it in faster; programs do
	formAtMost   = 12 * time.Hour  // after it the page has to be opened again
	mostFromForm = 10_000_000      // bytes of files of somebody who has proved nothing
	longestLine  = 300             // bytes of a name or a subject
	longestForm  = 100_000         // bytes of a text
)

// formStampOf names the form of a mailbox: a stamp of one is worth nothing for another.
func formStampOf(slug string) string { return "form " + slug }

// formShow shows a mailbox's form.
func (p *Portal) formShow(c *call) error {
	box, err := p.tickets.FormMailbox(c.r.Context(), c.r.PathValue("slug"))
	if err != nil {
		return err
	}
	return p.formPage(c, box, formPage{}, nil)
}

// formPage renders a form, with what was typed when it could not be sent.
func (p *Portal) formPage(c *call, box store.CustomerMailbox, answer formPage, fault *desk.Fault) error {
	if _, err := p.recognise(c); err != nil {
		return err
	}
	answer.customerFrame = p.customerFrame(c, c.lang.Say("Write to %s", box.Label()), box.Label())
	answer.Slug, answer.Intro, answer.Most = box.Slug, box.Intro, mostFromForm
	answer.Stamp = p.identity.Stamp(formStampOf(box.Slug))
	if answer.Email == "" {
		answer.Email = answer.Address
	}
	if answer.Name == "" && answer.Address != "" {
		answer.Name = c.actor.User.Name
	}
	answer.Proof = box.Proof == desk.FormProofMail && answer.Address == ""
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "customer_form", "customer-layout"}, answer)
}

// formPost takes what was written into a form: at once for an address that is proved in this browser or where no proof is asked for, else after a code that is mailed to the address.
func (p *Portal) formPost(c *call) error {
	ctx := c.r.Context()
	box, err := p.tickets.FormMailbox(ctx, c.r.PathValue("slug"))
	if err != nil {
		return err
	}
	typed, done, err := c.customerForm(mostFromForm)
	if fault := asFault(err); fault != nil {
		return p.formPage(c, box, formPage{}, fault)
	}
	if err != nil {
		return err
	}
	defer done()
	if typed.text("website") != "" { // no person sees this field, so no person fills it in: what did is told that it went well
		return c.seeOther("/form/" + box.Slug + "/sent")
	}
	again := formPage{Name: typed.text("name"), Email: typed.text("address"), Subject: typed.text("subject"), Text: typed.text("text")}
	stamp, ok := p.identity.ReadStamp(formStampOf(box.Slug), typed.text("stamp"))
	if fault := checkForm(again, formAge{stamp, ok, p.now().Sub(stamp.At)}); fault != nil {
		return p.formPage(c, box, again, fault)
	}
	if _, err := p.recognise(c); err != nil {
		return err
	}
	if c.actor.Behind != nil {
		return errOnlyLooks
	}
	if err := p.tickets.CountForm(ctx, again.Email, identity.PlaceOf(c.actor.IP)); err != nil {
		if fault := asFault(err); fault != nil {
			return p.formPage(c, box, again, fault)
		}
		return err
	}
	letter := intake.Letter{
		From: desk.Address{Name: again.Name, Addr: again.Email}, To: box.Address, Subject: again.Subject, Text: again.Text, Files: typed.files, Once: stamp.Once, At: stamp.At,
	}
	return p.takeForm(c, box, again, letter)
}

// takeForm goes on with what was written as far as its address is proved.
func (p *Portal) takeForm(c *call, box store.CustomerMailbox, again formPage, letter intake.Letter) error {
	page := intake.Page{Source: desk.FromForm, IP: c.actor.IP, At: p.now()}
	switch {
	case c.visitor != "" && c.actor.User.Email == desk.Canonical(again.Email):
		page.Source = desk.FromVisitor
	case box.Proof == desk.FormProofMail:
		return p.keepForm(c, box, again, letter)
	}
	outcome, err := p.intake.TakeLetter(c.r.Context(), letter, page)
	if fault := asFault(err); fault != nil {
		return p.formPage(c, box, again, fault)
	}
	switch {
	case err != nil:
		return err
	case outcome.Disposition == desk.Refused:
		return p.formPage(c, box, again, desk.Faultf(desk.Forbidden, "Your message was not taken: %s", outcome.Reason))
	case page.Source == desk.FromVisitor:
		return p.tookIn(c, outcome, outcome.Ticket)
	}
	return c.seeOther("/form/" + box.Slug + "/sent")
}

// formAge is what the stamp of a form says.
type formAge struct {
	stamp identity.Stamp
	ok    bool // it is one of ours
	age   time.Duration
}

// checkForm says what is wrong with what was written; nil if nothing is.
func checkForm(typed formPage, age formAge) *desk.Fault {
	switch {
	case !age.ok || age.age > formAtMost:
		return desk.Faultf(desk.Conflict, "This form was open for very long. Your text is still here: send it once more. Files have to be chosen again.")
	case age.age < formAtLeast:
		return desk.Faultf(desk.Conflict, "That was quicker than people type. Look at it once more, and send it again.")
	case !desk.ValidAddress(desk.Canonical(typed.Email)):
		return desk.Wrong("address", "Write your e-mail address, like name@example.com.")
	case typed.Subject == "":
		return desk.Wrong("subject", "Write in a few words what it is about.")
	case typed.Text == "":
		return desk.Wrong("text", "Write what you would like to say.")
	case len(typed.Name) > longestLine || len(typed.Subject) > longestLine:
		return desk.Wrong("subject", "A name and a subject have at most %d characters.", longestLine)
	case len(typed.Text) > longestForm:
		return desk.Wrong("text", "The text is too long to send.")
	}
	return nil
}

// keepForm keeps what was written and mails a code to the address.
func (p *Portal) keepForm(c *call, box store.CustomerMailbox, again formPage, letter intake.Letter) error {
	raw, size, done, err := p.intake.Compose(letter)
	if err != nil {
		return err
	}
	defer done()
	id, err := p.tickets.KeepForm(c.r.Context(), tickets.FormEntry{Mailbox: box.MailboxID, Address: again.Email, Raw: io.NewSectionReader(raw, 0, size), Size: size})
	if err != nil {
		return err
	}
	browser, err := p.identity.AskVisitor(c.r.Context(), identity.VisitorAsk{
		Address: again.Email, Browser: p.customerCookieOf(c, browserCookie), Mailbox: box.MailboxID, Form: id, Language: c.lang.Code,
	}, c.client())
	if fault := asFault(err); fault != nil {
		return p.formPage(c, box, again, fault)
	}
	if err != nil {
		return err
	}
	p.setCustomerCookie(c, browserCookie, browser)
	return c.seeOther("/my/code")
}

// sendKept goes on with what was written into a form, now that its address is proved.
func (p *Portal) sendKept(c *call, proved identity.Proved) error {
	ctx := c.r.Context()
	kept, err := p.tickets.KeptForm(ctx, proved.Form, proved.Address)
	if err != nil {
		return err
	}
	defer kept.Close()
	box, err := p.tickets.CustomerMailbox(ctx, kept.Mailbox)
	if err != nil {
		return err
	}
	outcome, err := p.intake.TakeComposed(ctx, intake.Letter{From: desk.Address{Addr: proved.Address}, To: box.Address}, kept.Raw,
		intake.Page{Source: desk.FromVisitor, IP: c.actor.IP, At: p.now()})
	if err != nil {
		return err
	}
	if err := p.tickets.DropForm(ctx, proved.Form); err != nil {
		return fmt.Errorf("portal: form entry %d: %w", proved.Form, err)
	}
	return p.tookIn(c, outcome, outcome.Ticket)
}

// formSent says that it was sent, to whoever has proved nothing: neither a number nor a way to it.
func (p *Portal) formSent(c *call) error {
	box, err := p.tickets.FormMailbox(c.r.Context(), c.r.PathValue("slug"))
	if err != nil {
		return err
	}
	return p.showCustomer(c, "customer_sent", p.customerFrame(c, c.lang.Say("Sent"), box.Label()))
}
