package portal

import (
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/identity"
)

// tokensPage lists the API tokens that the reader may see.
type tokensPage struct {
	page
	Tokens  []desk.Token
	Next    string
	Scopes  []desk.Scope
	Problem string
	Name    string
	Secret  string // of a token that was just made; it is shown once
	Made    string
}

// tokenList shows the tokens and the form that makes one.
func (p *Portal) tokenList(c *call) error { return p.tokensPage(c, tokensPage{}, nil) }

// tokensPage renders the list, with a secret that was just made or what was wrong.
func (p *Portal) tokensPage(c *call, answer tokensPage, fault *desk.Fault) error {
	found, err := p.identity.Tokens(c.r.Context(), c.actor, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	answer.Tokens, answer.Next, answer.Scopes = found.Items, found.Next, desk.Scopes
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "API tokens", "/tokens"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "tokens", "layout"}, answer)
}

// tokenAdd makes a token for the person who is signed in.
func (p *Portal) tokenAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	wanted := identity.NewToken{UserEmail: c.actor.User.Email, Name: strings.TrimSpace(form.Get("name"))}
	for _, scope := range form["scope"] {
		wanted.Scopes = append(wanted.Scopes, desk.Scope(scope))
	}
	if days := number64(form, "days"); days > 0 {
		wanted.Expires = p.now().Add(time.Duration(days) * 24 * time.Hour)
	}
	secret, made, err := p.identity.AddToken(c.r.Context(), c.actor, wanted)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.tokensPage(c, tokensPage{Name: wanted.Name}, fault)
	}
	if err != nil {
		return err
	}
	return p.tokensPage(c, tokensPage{Secret: secret, Made: made.Name}, nil)
}

// tokenRevoke ends a token.
func (p *Portal) tokenRevoke(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.identity.RevokeToken(c.r.Context(), c.actor, strconv.FormatInt(id, 10)); err != nil {
		return err
	}
	return c.seeOther("/tokens?done=revoked")
}
