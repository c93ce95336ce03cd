package portal

import (
	"fmt"
	"net/url"

	"postern/desk"
	"postern/identity"
)

// visitorAskPage asks for an address.
type visitorAskPage struct {
	customerFrame
	Email string
	Next  string
	Link  string // the token of the link in a mail by which somebody came

	Code      bool    // a code is mailed
	Password  bool    // accounts with a password may sign in
	Providers []wayIn // further ways
}

// visitShow is where the link in our mails leads. It opens nothing: whoever has proved an address goes on to the conversation, and everybody else is asked for theirs.
func (p *Portal) visitShow(c *call) error {
	token := c.r.PathValue("token")
	number, mailbox, err := p.tickets.Visited(c.r.Context(), token)
	if fault := asFault(err); fault != nil {
		return p.askForAddress(c, visitorAskPage{customerFrame: customerFrame{Problem: c.sentence(fault.Reason)}}, fault)
	}
	if err != nil {
		return err
	}
	if known, err := p.recognise(c); err != nil {
		return err
	} else if known {
		if _, err := p.tickets.Get(c.r.Context(), c.actor, number); err == nil {
			return c.seeOther(fmt.Sprintf("/my/tickets/%d", number))
		} else if asFault(err) == nil {
			return err
		}
	}
	box, err := p.tickets.CustomerMailbox(c.r.Context(), mailbox)
	if err != nil {
		return err
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	frame := customerFrame{Desk: box.Label()}
	if c.visitor != "" {
		frame.Problem = c.lang.Say("The address %s is not part of this conversation. Prove the one to which the mail came.", c.actor.User.Email)
	}
	return p.askForAddress(c, visitorAskPage{customerFrame: frame, Link: token}, nil)
}

// visitorAsk asks for an address by which conversations are found.
func (p *Portal) visitorAsk(c *call) error {
	next := customerNext(c.r.URL.Query().Get("next"))
	if known, err := p.recognise(c); err != nil {
		return err
	} else if known {
		return c.seeOther(next)
	}
	return p.askForAddress(c, visitorAskPage{Next: next}, nil)
}

// askForAddress renders the question.
func (p *Portal) askForAddress(c *call, answer visitorAskPage, fault *desk.Fault) error {
	offer, err := p.identity.SignInPage(c.r.Context(), desk.ForCustomers, c.client())
	if err != nil {
		return err
	}
	if offer.Redirect != 0 && fault == nil && answer.Problem == "" && answer.Link == "" && !c.r.URL.Query().Has("choose") {
		return c.seeOther(startPath(offer.Redirect, answer.Next))
	}
	answer.Code, answer.Password, answer.Providers = offer.Code, offer.Password, waysIn(offer.Providers, answer.Next)
	problem := answer.Problem
	answer.customerFrame = p.customerFrame(c, c.lang.Say("Your conversations"), answer.Desk)
	if answer.Problem = problem; fault != nil && problem == "" {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "customer_sign_in", "customer-layout"}, answer)
}

// visitorAskPost mails a code. The answer is the same whether the address is known or not.
func (p *Portal) visitorAskPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	ask := identity.VisitorAsk{
		Address: form.Get("address"), Browser: p.customerCookieOf(c, browserCookie), Next: customerNext(form.Get("next")), Language: c.lang.Code,
	}
	answer := visitorAskPage{Email: ask.Address, Next: ask.Next}
	if token := form.Get("link"); token != "" {
		number, mailbox, err := p.tickets.Visited(c.r.Context(), token)
		if err == nil {
			ask.Next, ask.Mailbox, answer.Link = fmt.Sprintf("/my/tickets/%d", number), mailbox, token
		} else if asFault(err) == nil {
			return err
		}
	}
	return p.sendCode(c, ask, answer)
}

// sendCode mails a code and leads to where it is typed.
func (p *Portal) sendCode(c *call, ask identity.VisitorAsk, answer visitorAskPage) error {
	browser, err := p.identity.AskVisitor(c.r.Context(), ask, c.client())
	if fault := asFault(err); fault != nil {
		return p.askForAddress(c, answer, fault)
	}
	if err != nil {
		return err
	}
	p.setCustomerCookie(c, browserCookie, browser)
	return c.seeOther("/my/code")
}

// visitorCodePage asks for the code that was mailed.
type visitorCodePage struct {
	customerFrame
	To   string // where it was sent
	Form bool   // it confirms what was written into a form
	Next string
}

// visitorCode asks for the code.
func (p *Portal) visitorCode(c *call) error { return p.askForCode(c, nil) }

func (p *Portal) askForCode(c *call, fault *desk.Fault) error {
	asked, err := p.identity.AskedVisitor(c.r.Context(), p.customerCookieOf(c, browserCookie))
	if err != nil {
		return err
	}
	if asked.Address == "" { // nobody asked here, or the code has ended
		return p.askForAddress(c, visitorAskPage{customerFrame: customerFrame{Problem: c.lang.Say("There is no code that would still work in this browser. Ask for another one.")}}, fault)
	}
	answer := visitorCodePage{customerFrame: p.customerFrame(c, c.lang.Say("Type the code"), ""), To: asked.Address, Form: asked.Form, Next: asked.Next}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "customer_code", "customer-layout"}, answer)
}

// visitorCodePost opens the session for the right code.
func (p *Portal) visitorCodePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	proved, err := p.identity.UseCode(c.r.Context(), p.customerCookieOf(c, browserCookie), form.Get("code"), c.client())
	if fault := asFault(err); fault != nil {
		return p.askForCode(c, fault)
	}
	if err != nil {
		return err
	}
	return p.welcomeVisitor(c, proved)
}

// welcomeVisitor keeps the session and goes on: to the conversation, or with what was written into a form.
func (p *Portal) welcomeVisitor(c *call, proved identity.Proved) error {
	p.setCustomerCookie(c, visitorCookie, proved.Session)
	p.setCustomerCookie(c, browserCookie, "")
	if proved.Form != 0 {
		return p.sendKept(c, proved)
	}
	return c.seeOther(customerNext(proved.Next))
}

// visitorLinkPage asks for one click before a link is used: programs that look into mail open links, and they must not use this one up.
type visitorLinkPage struct {
	customerFrame
	Token string
	Link  identity.VisitorLink
}

// visitorLink shows whose link it is.
func (p *Portal) visitorLink(c *call) error { return p.askForClick(c, nil) }

func (p *Portal) askForClick(c *call, fault *desk.Fault) error {
	token := c.r.PathValue("token")
	link, err := p.identity.PeekVisitorLink(c.r.Context(), token, p.customerCookieOf(c, browserCookie))
	if gone := asFault(err); gone != nil {
		answer := visitorAskPage{customerFrame: customerFrame{Problem: c.sentence(gone.Reason)}}
		return p.askForAddress(c, answer, gone)
	}
	if err != nil {
		return err
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer") // the address is a secret until it is used
	answer := visitorLinkPage{customerFrame: p.customerFrame(c, c.lang.Say("Is this you?"), ""), Token: token, Link: link}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "customer_link", "customer-layout"}, answer)
}

// visitorLinkPost uses the link up.
func (p *Portal) visitorLinkPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	proved, err := p.identity.UseVisitorLink(c.r.Context(), identity.LinkUse{
		Token: c.r.PathValue("token"), Browser: p.customerCookieOf(c, browserCookie), Code: form.Get("code"),
	}, c.client())
	if fault := asFault(err); fault != nil {
		return p.askForClick(c, fault)
	}
	if err != nil {
		return err
	}
	return p.welcomeVisitor(c, proved)
}

// visitorSignOut ends the session and tells the browser to forget everything of ours.
func (p *Portal) visitorSignOut(c *call) error {
	if err := p.identity.SignOutVisitor(c.r.Context(), p.customerCookieOf(c, visitorCookie), c.client()); err != nil {
		return err
	}
	p.setCustomerCookie(c, visitorCookie, "")
	return c.seeOther("/my/sign-in?" + url.Values{"done": {"out"}}.Encode())
}
