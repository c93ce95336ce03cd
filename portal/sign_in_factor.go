package portal

import (
	"encoding/json"
	"net/url"
	"strings"

	"postern/desk"
	"postern/identity"
)

// factorWays is what somebody can show besides a password, as the template "factor-ways" offers it.
type factorWays struct {
	Action    string  // where the forms go
	Kept      []field // what goes with them
	Passkey   bool
	App       bool
	Recovery  bool
	Telephone string // the end of the number that a code can be sent to; empty: none
	Sent      bool   // a code was sent there, and still works
	Mail      string // the address that a code can be mailed to; empty: none
	Mailed    bool
	Remember  int // days for which this browser need not show a factor; 0: always
}

// signInFactorPage asks for the second factor.
type signInFactorPage struct {
	page
	Ways    factorWays
	Problem string
	Next    string
}

// signInFactorShow asks for it.
func (p *Portal) signInFactorShow(c *call) error {
	return p.signInFactorPage(c, localPath(c.r.URL.Query().Get("next"), "/"), nil)
}

// signInFactorPage renders the question, or leads on when nothing is asked.
func (p *Portal) signInFactorPage(c *call, next string, fault *desk.Fault) error {
	if c.session.Pending != string(identity.NeedsFactor) {
		return c.seeOther(next)
	}
	ways, err := p.factorWays(c)
	if err != nil {
		return err
	}
	ways.Action, ways.Kept = "/sign-in/factor", []field{{"next", next}}
	answer := signInFactorPage{page: p.bare(c, "One more step"), Ways: ways, Next: next}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "sign_in_factor", "layout"}, answer)
}

// factorWays are those of whoever is signed in, or about to be.
func (p *Portal) factorWays(c *call) (ways factorWays, err error) {
	ctx := c.r.Context()
	all, err := p.identity.Factors(ctx, c.actor.User)
	if err != nil {
		return ways, err
	}
	values, err := p.identity.Settings(ctx)
	if err != nil {
		return ways, err
	}
	ways.Passkey, ways.App, ways.Recovery = all.Has(desk.FactorPasskey) && p.identity.PasskeysWork(), all.Has(desk.FactorTOTP), all.Has(desk.FactorRecovery)
	for _, one := range all.List {
		if one.Kind == desk.FactorSMS && values.On(desk.TextMessages) {
			ways.Telephone = one.Name
		}
	}
	if len(all.List) == 0 {
		ways.Mail = c.actor.User.Email
		ways.Mailed, err = p.identity.CodeSent(ctx, c.session.SessionID, desk.FactorMail)
		return ways, err
	}
	ways.Remember = values.Number(desk.FactorRemember)
	if ways.Telephone != "" {
		ways.Sent, err = p.identity.CodeSent(ctx, c.session.SessionID, desk.FactorSMS)
	}
	return ways, err
}

// factorProof reads what was shown out of a form. What was typed into the one field for both is a code of an app if it has six digits, and a recovery code if not.
func factorProof(form url.Values) identity.FactorProof {
	proof := identity.FactorProof{Kind: desk.FactorKind(form.Get("proof_kind")), Code: form.Get("proof_code"), Challenge: form.Get("proof_challenge"), Answer: form.Get("proof_answer")}
	if proof.Kind == "" && proof.Code != "" {
		proof.Kind = desk.FactorRecovery
		if len(strings.Join(strings.Fields(proof.Code), "")) == 6 {
			proof.Kind = desk.FactorTOTP
		}
	}
	return proof
}

// signInFactorPost takes what was shown.
func (p *Portal) signInFactorPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	next := localPath(form.Get("next"), "/")
	came, err := p.identity.PassFactor(c.r.Context(), identity.FactorPass{Token: c.token, Proof: factorProof(form), Remember: form.Get("remember") == "yes", From: c.client()})
	if fault := asFault(err); fault != nil && fault.Kind != desk.Unsigned {
		return p.signInFactorPage(c, next, fault)
	}
	if err != nil {
		return err
	}
	return p.welcome(c, came, next)
}

// factorCodePost sends a code to a telephone or an address.
func (p *Portal) factorCodePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	next, kind := localPath(form.Get("next"), "/"), desk.FactorSMS
	if form.Get("to") == "mail" {
		kind = desk.FactorMail
	}
	err = p.identity.SendCode(c.r.Context(), c.token, kind, c.client())
	if fault := asFault(err); fault != nil && fault.Kind != desk.Unsigned {
		return p.signInFactorPage(c, next, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/sign-in/factor?" + url.Values{"next": {next}}.Encode())
}

// json answers the page's script: with a value, or with the sentence of a fault.
func (p *Portal) json(c *call, value any, err error) error {
	status := 200
	if fault := asFault(err); fault != nil && fault.Kind != desk.Unsigned {
		status, value = failures[fault.Kind].status, map[string]string{"reason": c.sentence(fault.Reason)}
	} else if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	return json.NewEncoder(c.w).Encode(value)
}

// factorPasskeyAsk makes the challenge for a passkey of whoever is signed in, or about to be.
func (p *Portal) factorPasskeyAsk(c *call) error {
	ask, err := p.identity.AskPasskey(c.r.Context(), c.token)
	return p.json(c, ask, err)
}

// signInPasskeyAsk makes the challenge for somebody who signs in by passkey alone.
func (p *Portal) signInPasskeyAsk(c *call) error {
	ask, err := p.identity.AskPasskeySignIn()
	return p.json(c, ask, err)
}

// signInPasskeyPost opens a session for the right answer.
func (p *Portal) signInPasskeyPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	next := localPath(form.Get("next"), "/")
	came, err := p.identity.SignInPasskey(c.r.Context(), form.Get("proof_challenge"), form.Get("proof_answer"), c.client())
	if fault := asFault(err); fault != nil {
		return p.signInPage(c, signInPage{Next: next}, fault)
	}
	if err != nil {
		return err
	}
	return p.welcome(c, came, next)
}
