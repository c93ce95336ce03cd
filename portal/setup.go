package portal

import (
	"fmt"
	"strings"
	"time"

	"postern/desk"
	"postern/intake"
	"postern/language"
)

// setupPage leads the first owner through the first five minutes: who you are, a first mail to answer, then the domain and its mailbox.
type setupPage struct {
	page
	You       youForm
	YouDone   bool
	First     *desk.Ticket // one of the newest tickets, if possible one that was answered; nil: there is none
	Answered  bool
	Trial     trialForm
	Domains   []desk.Domain
	Mailboxes []desk.Mailbox
	Boxed     bool   // a mailbox is at one of the domains
	Address   string // of the mailbox form, which is shared with the page of mailboxes
	Name      string
	Next      string
}

// trialForm asks for a first mail: somebody to play the customer.
type trialForm struct {
	Address string
	Problem string
}

// unnamed is the name that the first owner has until they say their own.
const unnamed = "Owner"

// setupShow shows the steps and how far they are.
func (p *Portal) setupShow(c *call) error { return p.setupPage(c, trialForm{}, nil) }

func (p *Portal) setupPage(c *call, trial trialForm, fault *desk.Fault) error {
	ctx, user := c.r.Context(), c.actor.User
	frame, err := p.framed(c, c.lang.Say("First steps"), "/setup")
	if err != nil {
		return err
	}
	if fault != nil {
		trial.Problem = c.sentence(fault.Reason)
	}
	answer := setupPage{page: frame, YouDone: user.Name != unnamed, You: youForm{First: true, Name: user.Name, Email: user.Email, Next: "/setup"}, Trial: trial, Next: "/setup"}
	if !answer.YouDone {
		answer.You.Name, answer.You.Email = "", ""
	}
	if answer.Domains, err = p.domains.List(ctx, c.actor); err != nil {
		return err
	}
	if answer.Mailboxes, err = p.domains.Mailboxes(ctx); err != nil {
		return err
	}
	answer.boxes()
	newest, err := p.tickets.List(ctx, c.actor, desk.TicketQuery{Order: desk.OrderNewest, Limit: 25})
	if err != nil {
		return err
	}
	for i, one := range newest.Items {
		if answer.First == nil || one.FirstAnsweredAt != nil {
			answer.First, answer.Answered = &newest.Items[i], one.FirstAnsweredAt != nil
		}
	}
	return p.render(c, view{statusOf(fault), "setup", "layout"}, answer)
}

// boxes looks whether a mailbox stands at a domain of one's own, and suggests one.
func (s *setupPage) boxes() {
	for _, domain := range s.Domains {
		for _, box := range s.Mailboxes {
			s.Boxed = s.Boxed || desk.DomainOf(box.Address) == domain.Name
		}
	}
	if len(s.Domains) > 0 && !s.Boxed {
		s.Address = "support@" + s.Domains[0].Name
	}
}

// setupMail lets a first mail arrive, as if its author had written it into a form: it goes the way of all mail and proves nothing about its sender.
func (p *Portal) setupMail(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	trial := trialForm{Address: strings.TrimSpace(form.Get("address"))}
	outcome, err := p.trialMail(c, trial.Address)
	if fault := asFault(err); fault != nil {
		return p.setupPage(c, trial, fault)
	}
	if err != nil {
		return err
	}
	if outcome.Disposition == desk.Suspended {
		return c.seeOther(fmt.Sprintf("/suspended/%d", outcome.Suspended))
	}
	return c.seeOther(fmt.Sprintf("/tickets/%d", outcome.Ticket))
}

func (p *Portal) trialMail(c *call, address string) (desk.Outcome, error) {
	ctx := c.r.Context()
	if !desk.ValidAddress(address) {
		return desk.Outcome{}, desk.Wrong("address", "write an address like name@example.com")
	}
	staff, err := p.identity.Staff(ctx)
	if err != nil {
		return desk.Outcome{}, err
	}
	for _, one := range staff {
		if desk.Canonical(one.Email) == desk.Canonical(address) {
			return desk.Outcome{}, desk.Wrong("address", "%s is one of your people, who are no customers here: write another address of yours", address)
		}
	}
	boxes, err := p.domains.Mailboxes(ctx)
	if err != nil {
		return desk.Outcome{}, err
	}
	if len(boxes) == 0 {
		return desk.Outcome{}, desk.Faultf(desk.Conflict, "there is no mailbox yet that a mail could come to: add one first")
	}
	now := p.now()
	letter := intake.Letter{From: desk.Address{Name: c.lang.Say("Your first customer"), Addr: address}, To: boxes[0].Address,
		Subject: c.lang.Say("Hello! Does this work?"), Text: trialText(c.lang), Once: "setup-" + now.UTC().Format(time.RFC3339Nano), At: now}
	return p.intake.TakeLetter(ctx, letter, intake.Page{Source: desk.FromForm, IP: c.actor.IP, At: now})
}

// trialText is what the first customer writes.
func trialText(lang *language.Language) string {
	return lang.Say("Hello,\n\nthis is the first mail at your new desk. Write an answer below and send it: it goes to the address that you gave, and what comes back from there joins this conversation.\n\nNobody has proved who wrote this, so it is marked as unverified. Mail from real servers is checked by SPF, DKIM and DMARC.")
}
