package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"postern/desk"
	"postern/identity"
)

// Signing in by somebody else's word: the browser goes to a provider and comes back. What is decided then, and why, is identity's.

// signonCookieName marks the browser that has begun to sign in by a provider: only there what comes back counts. It opens nothing.
const (
	secureSignon = "__Host-postern_signon"
	plainSignon  = "postern_signon"
	signonFor    = 60 * 60 // seconds: longer than a link in a mail works
)

func (p *Portal) signonCookieName() string {
	if p.secure {
		return secureSignon
	}
	return plainSignon
}

// signonBrowser is the mark of this browser; empty: it has none.
func (p *Portal) signonBrowser(c *call) string {
	cookie, err := c.r.Cookie(p.signonCookieName())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// markBrowser gives the browser its mark. It has to come back with a form that the provider's page sends (SAML, JWT), so no SameSite rule holds it back where it travels by TLS; it proves nothing by itself.
func (p *Portal) markBrowser(c *call, value string) {
	cookie := &http.Cookie{Name: p.signonCookieName(), Value: value, Path: "/", MaxAge: signonFor, HttpOnly: true, Secure: p.secure}
	if p.secure {
		cookie.SameSite = http.SameSiteNoneMode
	}
	http.SetCookie(c.w, cookie)
}

// wayIn is a provider on a page for signing in.
type wayIn struct {
	Name string
	URL  string
}

// waysIn are the providers that a page offers, going on to the page that was wanted.
func waysIn(providers []desk.Provider, next string) (ways []wayIn) {
	for _, one := range providers {
		ways = append(ways, wayIn{one.Name, startPath(one.ID, next)})
	}
	return ways
}

func startPath(provider int64, next string) string {
	path := "/access/start/" + numberOf(provider)
	if next != "" && next != "/" {
		path += "?next=" + url.QueryEscape(next)
	}
	return path
}

// signonStart sends the browser to a provider. It is a link: what it does is to remember the question.
func (p *Portal) signonStart(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	begun, err := p.identity.BeginSignOn(c.r.Context(), identity.Begin{
		Provider: id, Purpose: identity.ToEnter, Browser: p.signonBrowser(c), Next: localPath(c.r.URL.Query().Get("next"), ""), Language: c.lang.Code, From: c.client(),
	})
	if err != nil {
		return p.signonFailed(c, err)
	}
	if begun.Browser != "" {
		p.markBrowser(c, begun.Browser)
	}
	return c.seeOther(begun.URL)
}

// signonBegin begins a dance out of a form of a page of ours. A form must not lead to another site (form-action), so a page of ours leads there.
func (p *Portal) signonBegin(c *call, purpose identity.Purpose) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	begun, err := p.identity.BeginSignOn(c.r.Context(), identity.Begin{Provider: id, Purpose: purpose, Actor: c.actor, Browser: p.signonBrowser(c), From: c.client()})
	if err != nil {
		return p.signonFailed(c, err)
	}
	p.markBrowser(c, begun.Browser)
	return p.goOut(c, begun.URL)
}

// outPage leads to another site.
type outPage struct {
	page
	URL  string
	Host string
}

// goOut leads the browser to another site by a page of ours, which goes on by itself.
func (p *Portal) goOut(c *call, target string) error {
	out, err := url.Parse(target)
	if err != nil {
		return desk.Faultf(desk.NotFound, "There is nothing at this address.")
	}
	c.w.Header().Set("Refresh", "0; url="+out.String())
	return p.show(c, "go_out", outPage{page: p.bare(c, "One moment"), URL: out.String(), Host: out.Host})
}

// signonBack takes what a provider of OpenID Connect or OAuth 2 sends back.
func (p *Portal) signonBack(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	query := c.r.URL.Query()
	done, err := p.identity.EndCode(c.r.Context(), identity.CodeAnswer{
		Provider: id, State: query.Get("state"), Code: query.Get("code"), Issuer: query.Get("iss"), Failure: query.Get("error"), Browser: p.signonBrowser(c), From: c.client(),
	})
	if err != nil {
		return p.signonFailed(c, err)
	}
	return p.signonDone(c, done)
}

// jwtPost takes a token that a program of the company has signed.
func (p *Portal) jwtPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	returnTo := form.Get("return_to")
	if returnTo == "" {
		returnTo = c.r.URL.Query().Get("return_to")
	}
	return p.jwtTaken(c, identity.JWTAnswer{Token: form.Get("jwt"), ReturnTo: returnTo})
}

// jwtGet takes one that stands in the address, where the configuration allows that.
func (p *Portal) jwtGet(c *call) error {
	query := c.r.URL.Query()
	return p.jwtTaken(c, identity.JWTAnswer{Token: query.Get("jwt"), ReturnTo: query.Get("return_to"), ByGet: true})
}

func (p *Portal) jwtTaken(c *call, answer identity.JWTAnswer) error {
	if c.r.PathValue("id") != "" {
		id, err := c.id64("id")
		if err != nil {
			return err
		}
		answer.Provider = id
	}
	answer.Browser, answer.From = p.signonBrowser(c), c.client()
	done, provider, err := p.identity.EndJWT(c.r.Context(), answer)
	var refusal *identity.Refused
	if errors.As(err, &refusal) {
		if target := identity.LogoutURL(provider, refusal.Code); target != "" {
			return c.seeOther(target)
		}
	}
	if err != nil {
		return p.signonFailed(c, err)
	}
	return p.signonDone(c, done)
}

// signonDone is the page after a dance that ended well.
func (p *Portal) signonDone(c *call, done identity.SignedOn) error {
	switch {
	case done.Purpose == identity.ToLink:
		return c.seeOther("/you/accounts?done=connected")
	case done.Purpose == identity.ToTest:
		return p.trialPage(c, done.Trial)
	case done.Proving:
		return p.show(c, "claim_sent", page{Title: c.lang.Say("Look into your mail"), Bare: true, Here: "/sign-in"})
	}
	next := done.Next
	if next == "" || next == "/" {
		if next = "/"; done.Came.User.Role == desk.RoleCustomer {
			next = "/my"
		}
	}
	if strings.HasPrefix(next, "https://") { // a host that a configuration for JWT names
		if done.Came.Pending == "" {
			return p.welcome(c, done.Came, next)
		}
		next = "/"
	}
	return p.welcome(c, done.Came, next)
}

// signonFailedPage says that it did not work, and how else to come in.
type signonFailedPage struct {
	page
	Reason  string
	Request string
}

// signonFailed answers a sign-in by a provider that did not work. The page says the same whatever was wrong; the number on it finds the reason in the audit log.
func (p *Portal) signonFailed(c *call, err error) error {
	var refusal *identity.Refused
	if !errors.As(err, &refusal) {
		return err
	}
	answer := signonFailedPage{page: page{Title: c.lang.Say("Not signed in"), Bare: true, Here: "/sign-in"}, Reason: c.sentence(asFault(err).Reason), Request: c.id}
	return p.render(c, view{http.StatusForbidden, "signon_failed", "layout"}, answer)
}

// claimPage asks for one click before a link is used that proves an address.
type claimPage struct {
	page
	identity.Claim
	Token string
}

// claimShow shows which address is proved, and for which account.
func (p *Portal) claimShow(c *call) error {
	token := c.r.PathValue("token")
	claim, err := p.identity.PeekClaim(c.r.Context(), token, p.signonBrowser(c))
	if err != nil {
		return err
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	return p.show(c, "claim", claimPage{page: p.bare(c, "Confirm your address"), Claim: claim, Token: token})
}

// claimPost proves the address and goes on where the sign-in stopped.
func (p *Portal) claimPost(c *call) error {
	done, err := p.identity.UseClaim(c.r.Context(), c.r.PathValue("token"), p.signonBrowser(c), c.client())
	if err != nil {
		return p.signonFailed(c, err)
	}
	return p.signonDone(c, done)
}

// bypassPage asks an owner for their address.
type bypassPage struct {
	page
	Email   string
	Sent    bool
	Problem string
}

// bypassShow asks for an address.
func (p *Portal) bypassShow(c *call) error {
	return p.show(c, "bypass", bypassPage{page: p.bare(c, "The way in for emergencies")})
}

// bypassPost mails a way in, if the address is an owner's. The page says the same for every address.
func (p *Portal) bypassPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	answer := bypassPage{page: p.bare(c, "The way in for emergencies"), Email: form.Get("email")}
	err = p.identity.AskBypass(c.r.Context(), answer.Email, c.client())
	fault := asFault(err)
	switch {
	case fault != nil:
		answer.Problem = c.sentence(fault.Reason)
	case err != nil:
		return err
	default:
		answer.Sent = true
	}
	return p.render(c, view{statusOf(fault), "bypass", "layout"}, answer)
}

// bypassLinkPage asks for one click before a way in is used.
type bypassLinkPage struct {
	page
	Email string
	Token string
}

// bypassLink shows whose way in it is.
func (p *Portal) bypassLink(c *call) error {
	token := c.r.PathValue("token")
	email, err := p.identity.PeekBypass(c.r.Context(), token)
	if err != nil {
		return err
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	return p.show(c, "bypass_link", bypassLinkPage{page: p.bare(c, "The way in for emergencies"), Email: email, Token: token})
}

// bypassUse lets the owner in; what else is asked of them stays.
func (p *Portal) bypassUse(c *call) error {
	came, err := p.identity.UseBypass(c.r.Context(), c.r.PathValue("token"), c.client())
	if err != nil {
		return err
	}
	return p.welcome(c, came, "/security/sign-in")
}
