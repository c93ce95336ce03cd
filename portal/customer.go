package portal

import (
	"net/http"
	"net/url"
	"strings"

	"postern/desk"
	"postern/identity"
	"postern/store"
)

// Customers see pages of their own: those of a mail, without the desk's rail and scripts, and only what is theirs. They have no account; they prove an address, and the browser keeps that for a while.

// customerFrame is what the frame around every page for customers needs. Page structs embed it.
type customerFrame struct {
	Title   string
	Desk    string // whose pages these are: a mailbox, or the product where it is none's
	Address string // that was proved; empty: none
	Account bool   // it is that of an account
	Notice  string // one sentence about what was just done
	Problem string
	Stands  standsFor // who looks at it in the customer's place; zero: the customer does
}

// customerFrame makes the frame of a page.
func (p *Portal) customerFrame(c *call, title, desk string) customerFrame {
	if desk == "" {
		desk = "Postern"
	}
	frame := customerFrame{Title: title, Desk: desk}
	frame.Stands = standsForOf(c)
	if c.visitor != "" || c.hasAccount() || frame.Stands.As != "" {
		frame.Address, frame.Account = c.actor.User.Email, c.visitor == "" && c.hasAccount()
	}
	return frame
}

// showCustomer renders a page for customers.
func (p *Portal) showCustomer(c *call, name string, data any) error {
	return p.render(c, view{http.StatusOK, name, "customer-layout"}, data)
}

// The cookies of customers: the session, and the mark of a browser that has asked for a code.
const (
	visitorCookie = "postern-visitor"
	browserCookie = "postern-browser"
)

// customerCookie is the name of a cookie; the __Host- prefix as for our own people's.
func (p *Portal) customerCookie(name string) string {
	if p.secure {
		return "__Host-" + name
	}
	return name
}

// setCustomerCookie gives the browser a cookie that ends with it; an empty value takes it away.
func (p *Portal) setCustomerCookie(c *call, name, value string) {
	cookie := &http.Cookie{Name: p.customerCookie(name), Value: value, Path: "/", HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.w, cookie)
}

// customerCookieOf is what the browser has; empty: nothing.
func (p *Portal) customerCookieOf(c *call, name string) string {
	cookie, err := c.r.Cookie(p.customerCookie(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// admitCustomer lets in who has proved an address in this browser. Nobody else is let in, our own people neither: what they see is in the desk; but for who looks in a customer's place, and changes nothing.
func (p *Portal) admitCustomer(c *call, right desk.Right) error {
	known, err := p.recognise(c)
	if err == nil && !known {
		err = desk.Faultf(desk.Unsigned, "Please prove your address first.")
	}
	if err == nil && !c.actor.Can(right) {
		err = errOnlyLooks
	}
	return err
}

// errOnlyLooks is the answer to who would change something in a customer's place.
var errOnlyLooks = &desk.Fault{Kind: desk.Forbidden, Reason: "You look at these pages in a customer's place: nothing can be changed so. Do it at the desk, in your own name."}

// recognise makes the customer who has proved an address in this browser the one who asks, on pages that are open to everybody too.
func (p *Portal) recognise(c *call) (known bool, err error) {
	if _, err := c.r.Cookie(p.cookieName()); err == nil {
		if known, err := p.recogniseSession(c, standsIn); known || err != nil {
			return known, err
		}
	}
	token := p.customerCookieOf(c, visitorCookie)
	if token == "" {
		return p.recogniseSession(c, hasAccount)
	}
	user, err := p.identity.Visitor(c.r.Context(), token)
	if fault := asFault(err); fault != nil {
		return p.recogniseSession(c, hasAccount)
	}
	if err != nil {
		return false, err
	}
	c.actor.User, c.visitor = user, token
	return true, nil
}

// hasAccount says whether a customer asks who is signed in to an account.
func (c *call) hasAccount() bool { return c.session.User.Role == desk.RoleCustomer }

// hasAccount makes the customer the one who asks who has an account and is signed in to it. Our own people stay out: what they see is in the desk.
func hasAccount(c *call, session store.LiveSession) bool {
	if session.User.Role != desk.RoleCustomer || session.Pending != "" {
		return false
	}
	// Like somebody who has proved an address by a code: what they see follows from the address, and nothing else of the account is needed.
	c.actor.User = desk.User{Email: session.User.Email, Name: session.User.Name, Role: desk.RoleCustomer}
	c.actor.Session = session.SessionID
	return true
}

// recogniseSession lets who looks say whether whoever is signed in in this browser is the one who asks. A session that has ended, or belongs to another browser, is nobody's.
func (p *Portal) recogniseSession(c *call, who func(*call, store.LiveSession) bool) (known bool, err error) {
	cookie, err := c.r.Cookie(p.cookieName())
	if err != nil {
		return false, nil
	}
	session, err := p.identity.In(c.r.Context(), cookie.Value, c.client(), identity.Used)
	if asFault(err) != nil {
		return false, nil
	}
	if err != nil || !who(c, session) {
		return false, err
	}
	c.token, c.session = cookie.Value, session
	c.reads(session.Language, session.TimeZone)
	return true, nil
}

// forCustomers says whether a path is one of theirs.
func forCustomers(path string) bool {
	for _, begin := range []string{"/my/", "/t/", "/rate/", "/form/"} {
		if strings.HasPrefix(path, begin) {
			return true
		}
	}
	return path == "/my"
}

// customerErrorPage says what went wrong and what to do.
type customerErrorPage struct {
	customerFrame
	Reason  string
	Request string
}

// failCustomer answers a customer with the error: who has not proved an address is asked for it, everybody else reads what is wrong.
func (p *Portal) failCustomer(c *call, answer errorPage) {
	if answer.Status == http.StatusUnauthorized {
		target := "/my/sign-in"
		if c.r.Method == http.MethodGet && c.r.URL.Path != "/my" {
			target += "?next=" + url.QueryEscape(c.r.URL.RequestURI())
		}
		http.Redirect(c.w, c.r, target, http.StatusSeeOther)
		return
	}
	if answer.Status == http.StatusNotFound && c.visitor != "" {
		answer.Reason = "There is nothing of yours at this address."
	}
	if answer.Request != "" {
		answer.Reason = "The fault is ours and has been written down. Try again in a moment."
	}
	page := customerErrorPage{customerFrame: p.customerFrame(c, c.lang.Say(answer.Headline), ""), Reason: c.sentence(answer.Reason), Request: answer.Request}
	p.renderOr500(c, answer.Status, "customer_error", "customer-layout", page)
}

// customerNext keeps a path to go on to within the pages for customers.
func customerNext(path string) string {
	if path = localPath(path, "/my"); forCustomers(path) {
		return path
	}
	return "/my"
}
