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
	Tokens  []tokenLine
	Next    string
	MayMake bool
	Problem string
	Secret  string // of a token that was just made; it is shown once
	Made    string
}

// tokenLine is a token in words.
type tokenLine struct {
	desk.Token
	May  string
	From string
}

// tokenPage is the form of a token to be made.
type tokenPage struct {
	page
	For      string // whom it speaks for, where that is somebody else
	Name     string
	Days     int64
	Most     int64
	Networks string
	Scopes   scopeBoxes
	Problem  string
}

// tokenList shows the tokens.
func (p *Portal) tokenList(c *call) error { return p.tokensPage(c, tokensPage{}, nil) }

// tokensPage renders the list, with a secret that was just made or what was wrong.
func (p *Portal) tokensPage(c *call, answer tokensPage, fault *desk.Fault) error {
	found, err := p.identity.Tokens(c.r.Context(), c.actor, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	for _, token := range found.Items {
		line := tokenLine{Token: token, May: c.lang.Say("all that its person may"), From: strings.Join(token.Networks, ", ")}
		if len(token.Scopes) > 0 {
			line.May = scopeList(token.Scopes)
		}
		answer.Tokens = append(answer.Tokens, line)
	}
	answer.Next, answer.MayMake = found.Next, c.actor.Can(desk.MayHoldTokens)
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "API tokens", "/tokens"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "tokens", "layout"}, answer)
}

// scopeList are scopes as programs write them.
func scopeList(scopes []desk.Scope) string {
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = string(scope)
	}
	return strings.Join(words, " ")
}

// tokenNew shows the form of a token to be made: for oneself or, by who manages tokens, for somebody else.
func (p *Portal) tokenNew(c *call) error {
	return p.tokenPage(c, tokenPage{For: c.r.URL.Query().Get("for"), Scopes: c.boxesOf([]desk.Scope{desk.ScopeRead}, desk.ScopeImpersonate)}, nil)
}

// tokenPage renders the form, with what was wrong with it.
func (p *Portal) tokenPage(c *call, answer tokenPage, fault *desk.Fault) error {
	values, err := p.identity.Settings(c.r.Context())
	if err != nil {
		return err
	}
	answer.Most = int64(values.Number(desk.TokenLongest))
	if answer.Days == 0 {
		answer.Days = int64(values.Number(desk.TokenDays))
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "New token", "/tokens"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "token", "layout"}, answer)
}

// tokenAdd makes a token.
func (p *Portal) tokenAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	wanted := identity.NewToken{UserEmail: c.actor.User.Email, Name: strings.TrimSpace(form.Get("name")), Scopes: scopesOf(form["scope"]), Networks: lines(form.Get("networks"))}
	if other := form.Get("for"); other != "" {
		wanted.UserEmail = other
	}
	days := number64(form, "days")
	if days > 0 {
		wanted.Expires = p.now().Add(time.Duration(min(days, 100_000)) * 24 * time.Hour)
	}
	secret, made, err := p.identity.AddToken(c.r.Context(), c.actor, wanted)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.tokenPage(c, tokenPage{For: form.Get("for"), Name: wanted.Name, Days: days, Networks: form.Get("networks"), Scopes: c.boxesOf(wanted.Scopes, desk.ScopeImpersonate)}, fault)
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

// tokenRevive switches a token on again that nobody had used.
func (p *Portal) tokenRevive(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.identity.ReviveToken(c.r.Context(), c.actor, strconv.FormatInt(id, 10)); err != nil {
		return err
	}
	return c.seeOther("/tokens?done=saved")
}
