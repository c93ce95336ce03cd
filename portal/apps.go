package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"postern/desk"
	"postern/identity"
)

// appsPage lists the programs that the reader has connected.
type appsPage struct {
	page
	Apps []appLine
	Next string
}

// appLine is a connected program, with what it may in words.
type appLine struct {
	desk.OAuthGrant
	May []string
}

// appList shows them.
func (p *Portal) appList(c *call) error {
	found, err := p.identity.Apps(c.r.Context(), c.actor, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	answer := appsPage{Next: found.Next}
	for _, grant := range found.Items {
		answer.Apps = append(answer.Apps, appLine{grant, c.mayWords(grant.Scopes)})
	}
	if answer.page, err = p.framed(c, "Connected apps", "/apps"); err != nil {
		return err
	}
	return p.show(c, "apps", answer)
}

// appDisconnect ends what was allowed a program.
func (p *Portal) appDisconnect(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.identity.DisconnectApp(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	if client := number64(form, "client"); client > 0 {
		return c.seeOther("/security/clients/" + strconv.FormatInt(client, 10) + "?done=disconnected")
	}
	return c.seeOther("/apps?done=disconnected")
}

// authorizePage asks whether a program may act for the reader.
type authorizePage struct {
	page
	Client desk.OAuthClient
	May    []string
	Host   string // where the reader is sent afterwards
	Fields []hiddenField
}

// hiddenField goes with a form, unseen.
type hiddenField struct{ Name, Value string }

// authorizeFields are the parameters of a request that count (RFC 6749 §4.1.1, RFC 7636 §4.3); others are ignored.
var authorizeFields = []string{"client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method"}

// authorizationOf reads what a client asks for. A parameter that comes twice contradicts itself (RFC 6749 §3.1).
func authorizationOf(values url.Values) (identity.Authorization, error) {
	for _, name := range authorizeFields {
		if len(values[name]) > 1 {
			return identity.Authorization{}, desk.Faultf(desk.Invalid, "The program that sent you here asks in a way that cannot be understood. Nothing was allowed.")
		}
	}
	return identity.Authorization{
		ClientID: values.Get("client_id"), Redirect: values.Get("redirect_uri"), ResponseType: values.Get("response_type"), Scope: values.Get("scope"), State: values.Get("state"),
		Challenge: values.Get("code_challenge"), Method: values.Get("code_challenge_method"),
	}, nil
}

// authorizeShow asks the person. Whoever comes from a program is asked for a fresh proof first, as before everything that lets somebody in (security R3).
func (p *Portal) authorizeShow(c *call) error {
	values := c.r.URL.Query()
	asked, err := authorizationOf(values)
	if err == nil && !c.actor.Can(desk.MayHoldTokens) {
		err = desk.Faultf(desk.Forbidden, "Your role does not let programs act for you. Ask an admin of your desk.")
	}
	if err != nil {
		return err
	}
	consent, err := p.identity.Consider(c.r.Context(), asked)
	if refused := (*identity.OAuthError)(nil); errors.As(err, &refused) {
		return p.backToClient(c, asked, url.Values{"error": {refused.Code}, "error_description": {refused.Description}})
	}
	if err != nil {
		return err
	}
	answer := authorizePage{page: p.bare(c, "Let a program act for you?"), Client: consent.Client, May: c.mayWords(consent.Scopes), Host: backHost(asked.Redirect)}
	for _, name := range authorizeFields {
		answer.Fields = append(answer.Fields, hiddenField{name, values.Get(name)})
	}
	p.mayLeaveFor(c, asked.Redirect)
	return p.show(c, "authorize", answer)
}

// authorizePost takes the answer, and sends the person back to the program.
func (p *Portal) authorizePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	asked, err := authorizationOf(form)
	if err != nil {
		return err
	}
	if form.Get("answer") != "allow" {
		if _, err := p.identity.Consider(c.r.Context(), asked); asFault(err) != nil { // nobody is sent to an address that is not registered
			return err
		}
		return p.backToClient(c, asked, url.Values{"error": {"access_denied"}})
	}
	code, err := p.identity.Agree(c.r.Context(), c.actor, asked)
	if refused := (*identity.OAuthError)(nil); errors.As(err, &refused) {
		return p.backToClient(c, asked, url.Values{"error": {refused.Code}, "error_description": {refused.Description}})
	}
	if err != nil {
		return err
	}
	return p.backToClient(c, asked, url.Values{"code": {code}})
}

// backToClient sends the browser back to an address that was found to be registered, with the answer, the state, and who answers (RFC 9207), so that a client of several servers cannot be made to mix them up.
func (p *Portal) backToClient(c *call, asked identity.Authorization, answer url.Values) error {
	if asked.State != "" {
		answer.Set("state", asked.State)
	}
	answer.Set("iss", p.identity.Issuer())
	target, query := asked.Redirect, "?"
	if strings.Contains(target, "?") {
		query = "&"
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	c.w.Header().Set("Location", target+query+answer.Encode())
	c.w.WriteHeader(http.StatusSeeOther) // never 307, which would send the form along (RFC 9700 §4.11)
	return nil
}

// mayLeaveFor lets the form of this page end at the program's address: browsers hold the redirect after a form to the policy of its page as well.
func (p *Portal) mayLeaveFor(c *call, redirect string) {
	u, err := url.Parse(redirect)
	if err != nil {
		return
	}
	source := u.Scheme + ":"
	if u.Host != "" {
		source += "//" + u.Host
	}
	if strings.ContainsAny(source, "; ,'\"") {
		return
	}
	c.w.Header().Set("Content-Security-Policy", strings.Replace(policy, "form-action 'self'", "form-action 'self' "+source, 1))
}

// backHost is where an address leads, for people.
func backHost(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Host
}
