package portal

import (
	"net/http"

	"postern/identity"
)

// The pages to which SAML identity providers send browsers. What a document says, and whether it is believed, is for identity.

// samlMetadata describes us to a provider.
func (p *Portal) samlMetadata(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	text, err := p.identity.SAMLMetadata(c.r.Context(), id)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/samlmetadata+xml") // SAML Metadata, appendix A
	_, err = c.w.Write(text)
	return err
}

// samlPost takes the answer that the page of a provider POSTs. No cookie comes along with the form of another site, so the browser is sent on to where it brings one.
func (p *Portal) samlPost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	handle, err := p.identity.TakeSAML(c.r.Context(), identity.SAMLPosted{Provider: id, Response: form.Get("SAMLResponse"), Relay: form.Get("RelayState"), From: c.client()})
	if err != nil {
		return p.signonFailed(c, err)
	}
	return c.seeOther(identity.SAMLDone(id, handle))
}

// samlDonePage asks whoever comes from a provider unasked.
type samlDonePage struct {
	page
	Waiting identity.SAMLWaiting
	Action  string
}

// samlDoneShow ends a dance that this browser began. Where the provider began, it asks first: a stranger's page may have sent the browser here with the stranger's own account.
func (p *Portal) samlDoneShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	handle := c.r.PathValue("handle")
	waiting, err := p.identity.PeekSAML(c.r.Context(), id, handle)
	if err != nil {
		return err
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer") // the address is good once, until it is used
	if waiting.Unasked {
		return p.show(c, "saml_done", samlDonePage{page: p.bare(c, "Sign in"), Waiting: waiting, Action: identity.SAMLDone(id, handle)})
	}
	return p.samlEnd(c, id, handle)
}

// samlDonePost lets in whom a provider has sent unasked, after they were asked here.
func (p *Portal) samlDonePost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	return p.samlEnd(c, id, c.r.PathValue("handle"))
}

func (p *Portal) samlEnd(c *call, id int64, handle string) error {
	done, err := p.identity.EndSAML(c.r.Context(), identity.SAMLEnd{Provider: id, Handle: handle, Browser: p.signonBrowser(c), Language: c.lang.Code, From: c.client()})
	if err != nil {
		return p.signonFailed(c, err)
	}
	return p.signonDone(c, done)
}

// samlLogout takes what a provider says about logging out by a redirect: a request, or an answer to ours.
func (p *Portal) samlLogout(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	query := c.r.URL.Query()
	if query.Has("SAMLRequest") {
		return p.samlBye(c, identity.SAMLBye{Provider: id, Query: c.r.URL.RawQuery, From: c.client()})
	}
	ended, err := p.identity.SAMLLoggedOut(c.r.Context(), id, c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	if !ended {
		return c.seeOther("/sign-in?choose=1")
	}
	return c.seeOther("/sign-in")
}

// samlLogoutPost takes a request to log out that a provider's page POSTs.
func (p *Portal) samlLogoutPost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	if !form.Has("SAMLRequest") { // an answer: ours asks for a redirect, and there is nothing that it could open
		return c.seeOther("/sign-in")
	}
	return p.samlBye(c, identity.SAMLBye{Provider: id, Request: form.Get("SAMLRequest"), Relay: form.Get("RelayState"), From: c.client()})
}

func (p *Portal) samlBye(c *call, bye identity.SAMLBye) error {
	back, err := p.identity.EndSAMLSessions(c.r.Context(), bye)
	if err != nil {
		return p.signonFailed(c, err)
	}
	if back == "" {
		back = "/sign-in"
	}
	http.Redirect(c.w, c.r, back, http.StatusSeeOther)
	return nil
}
