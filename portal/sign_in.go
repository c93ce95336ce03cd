package portal

import (
	"net/http"
	"net/url"
	"time"

	"postern/desk"
	"postern/identity"
)

// signInPage asks for address and password.
type signInPage struct {
	page
	Email     string
	Next      string
	Problem   string
	Passkeys  bool    // can sign in alone at our address
	Password  bool    // is asked for
	Providers []wayIn // further ways
}

// linkPage asks for one click before a one-time link is used: programs that look into mail open links, and they must not use this one up.
type linkPage struct {
	page
	Email string
	Token string
}

// cookieName is the session cookie's. The __Host- prefix makes the browser refuse it from any other host, path or in clear text (RFC 6265bis §4.1.3.2).
func (p *Portal) cookieName() string {
	if p.secure {
		return "__Host-postern"
	}
	return "postern"
}

// setSession gives the browser the session. The cookie ends with the browser; the session itself ends when identity says so.
func (p *Portal) setSession(c *call, token string) {
	cookie := &http.Cookie{Name: p.cookieName(), Value: token, Path: "/", HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.w, cookie)
}

// The cookie by which a browser is known again (security row 41). It opens nothing.
const (
	secureDevice = "__Host-postern_device"
	plainDevice  = "postern_device"
	deviceFor    = 400 * 24 * time.Hour // the longest that browsers keep a cookie
)

// welcome gives the browser what an arrival got, and sends it on: to what is still to do, else to the page that was wanted.
func (p *Portal) welcome(c *call, came identity.Came, next string) error {
	p.giveSession(c, came)
	if came.Pending != "" {
		return c.seeOther("/sign-in/" + string(came.Pending) + "?next=" + url.QueryEscape(next))
	}
	return c.seeOther(next)
}

// giveSession gives the browser its cookies.
func (p *Portal) giveSession(c *call, came identity.Came) {
	p.setSession(c, came.Token)
	name := plainDevice
	if p.secure {
		name = secureDevice
	}
	http.SetCookie(c.w, &http.Cookie{Name: name, Value: came.Device, Path: "/", MaxAge: int(deviceFor.Seconds()), HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode})
}

// signInShow shows the form.
func (p *Portal) signInShow(c *call) error {
	next := localPath(c.r.URL.Query().Get("next"), "/")
	if c.actor.User.ID != 0 {
		return c.seeOther(next)
	}
	return p.signInPage(c, signInPage{Next: next}, nil)
}

// signInPage shows every way to sign in, or leads to the one provider that is set, unless somebody wants to choose.
func (p *Portal) signInPage(c *call, answer signInPage, fault *desk.Fault) error {
	offer, err := p.identity.SignInPage(c.r.Context(), desk.ForStaff, c.client())
	if err != nil {
		return err
	}
	if offer.Redirect != 0 && fault == nil && !c.r.URL.Query().Has("choose") {
		return c.seeOther(startPath(offer.Redirect, answer.Next))
	}
	answer.page, answer.Password, answer.Providers = p.bare(c, "Sign in"), offer.Password, waysIn(offer.Providers, answer.Next)
	answer.Passkeys = p.identity.PasskeysWork()
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if c.r.URL.Query().Get("done") == "password" {
		answer.Notice = c.lang.Say(notices["password"])
	}
	return p.render(c, view{statusOf(fault), "sign_in", "layout"}, answer)
}

// signInPost checks the password. Every refusal is shown on the form again; what was wrong is not told apart.
func (p *Portal) signInPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	next := localPath(form.Get("next"), "/")
	came, err := p.identity.SignIn(c.r.Context(), form.Get("email"), form.Get("password"), c.client())
	if fault := asFault(err); fault != nil {
		return p.signInPage(c, signInPage{Email: form.Get("email"), Next: next}, fault)
	}
	if err != nil {
		return err
	}
	return p.welcome(c, came, next)
}

// linkShow shows whose link it is and the button that uses it.
func (p *Portal) linkShow(c *call) error {
	token := c.r.PathValue("token")
	email, err := p.identity.PeekLink(c.r.Context(), token)
	if err != nil {
		return err
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer") // the address is a secret until it is used
	return p.show(c, "link", linkPage{page: p.bare(c, "Sign in"), Email: email, Token: token})
}

// linkPost uses the link up and opens the session. An owner who has not said their name yet, or who has no mailbox, goes to the first steps.
func (p *Portal) linkPost(c *call) error {
	came, err := p.identity.UseLink(c.r.Context(), c.r.PathValue("token"), c.client())
	if err != nil {
		return err
	}
	next := "/"
	if came.User.Can(desk.MayManageMailboxes) {
		boxes, err := p.domains.Mailboxes(c.r.Context())
		if err != nil {
			return err
		}
		if len(boxes) == 0 || came.User.Role == desk.RoleOwner && came.User.Name == unnamed {
			next = "/setup"
		}
	}
	return p.welcome(c, came, next)
}

// signOutPost ends the session and tells the browser to forget everything of ours.
func (p *Portal) signOutPost(c *call) error {
	there, err := p.identity.SAMLLogout(c.r.Context(), c.token) // asked while the session still knows
	if err != nil {
		return err
	}
	if err := p.identity.SignOut(c.r.Context(), c.token); err != nil {
		return err
	}
	p.setSession(c, "")
	c.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	if there != "" {
		return p.goOut(c, there)
	}
	out, err := p.identity.SignedOutAt(c.r.Context(), c.session.Provider)
	if err != nil {
		return err
	}
	if out != "" {
		return p.goOut(c, out)
	}
	if c.actor.User.Role == desk.RoleCustomer {
		return c.seeOther("/my/sign-in?choose=1&done=out")
	}
	return c.seeOther("/sign-in?choose=1")
}
