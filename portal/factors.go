package portal

import (
	"context"
	"html/template"
	"net/url"

	"postern/desk"
	"postern/identity"
)

// factorsPage is where people add and remove what they show besides their password. It also is the page of those who have to add something before anything else.
type factorsPage struct {
	page
	Path      string // of this page, where its forms go
	Forced    bool   // the sign-in waits for this
	Factors   identity.Factors
	Passkeys  bool // can be added at our address
	SMS       bool // the desk sends codes to telephones
	Unproved  string
	App       identity.NewTOTP // being added
	AppURL    template.URL     // of it, with its own scheme, which opens the app
	Adding    bool             // an app is
	Problem   string
	Codes     []string // recovery codes that were just made; they are shown once
	Next      string   // where to go on from there
	Telephone string   // that was typed
}

const (
	factorsPath = "/you/security/factors"
	enrolPath   = "/sign-in/enrol"
)

// factorsShow shows what the person has.
func (p *Portal) factorsShow(c *call) error {
	return p.factorsPage(c, factorsPage{Path: factorsPath}, nil)
}

// enrolShow is the same for somebody who has to add something first.
func (p *Portal) enrolShow(c *call) error {
	next := localPath(c.r.URL.Query().Get("next"), "/")
	if c.session.Pending != string(identity.NeedsEnrol) {
		return c.seeOther(next)
	}
	return p.factorsPage(c, factorsPage{Path: enrolPath, Next: next}, nil)
}

// factorsPage renders the page as things stand.
func (p *Portal) factorsPage(c *call, answer factorsPage, fault *desk.Fault) (err error) {
	ctx := c.r.Context()
	answer.Forced = answer.Path == enrolPath
	if answer.Forced {
		answer.page = p.bare(c, "Add a second factor")
	} else if answer.page, err = p.framed(c, "Second factors", "/you"); err != nil {
		return err
	}
	if answer.Factors, err = p.identity.Factors(ctx, c.actor.User); err != nil {
		return err
	}
	values, err := p.identity.Settings(ctx)
	if err != nil {
		return err
	}
	answer.Passkeys, answer.SMS = p.identity.PasskeysWork(), values.On(desk.TextMessages)
	if answer.Unproved, err = p.identity.UnfinishedSMS(ctx, c.actor.User.ID); err != nil {
		return err
	}
	if answer.App, answer.Adding, err = p.identity.UnfinishedTOTP(ctx, c.token, c.client()); err != nil {
		return err
	}
	answer.AppURL = template.URL(answer.App.URL)
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "factors", "layout"}, answer)
}

// factorsPost does what was asked for.
func (p *Portal) factorsPost(c *call) error { return p.factorsDo(c, factorsPath) }

// enrolPost is the same for somebody who has to add something first.
func (p *Portal) enrolPost(c *call) error { return p.factorsDo(c, enrolPath) }

func (p *Portal) factorsDo(c *call, path string) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	answer := factorsPage{Path: path, Next: localPath(form.Get("next"), ""), Telephone: form.Get("number")}
	added, done, err := p.factorsChange(c.r.Context(), c, form)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Unsigned {
		return p.factorsPage(c, answer, fault)
	}
	if err != nil {
		return err
	}
	if added.Came.Token != "" && len(added.Codes) == 0 {
		return p.welcome(c, added.Came, localPath(answer.Next, "/"))
	}
	if added.Came.Token != "" { // the codes are shown first; the session is whole already
		p.giveSession(c, added.Came)
	}
	if len(added.Codes) > 0 {
		answer.Codes = added.Codes
		return p.codesPage(c, answer)
	}
	values := url.Values{}
	if done != "" {
		values.Set("done", done)
	}
	if answer.Next != "" {
		values.Set("next", answer.Next)
	}
	return c.seeOther(path + "?" + values.Encode())
}

// factorsChange makes one change.
func (p *Portal) factorsChange(ctx context.Context, c *call, form url.Values) (added identity.Added, done string, err error) {
	from := c.client()
	switch form.Get("do") {
	case "app":
		return added, "", p.identity.StartTOTP(ctx, c.token, from)
	case "app-code":
		added, err = p.identity.ConfirmTOTP(ctx, c.token, form.Get("code"), from)
		return added, "added", err
	case "passkey":
		added, err = p.identity.AddPasskey(ctx, c.token, form.Get("name"), identity.FactorProof{Challenge: form.Get("new_challenge"), Answer: form.Get("new_answer")}, from)
		return added, "added", err
	case "telephone":
		return added, "", p.identity.StartSMS(ctx, c.token, form.Get("number"), from)
	case "telephone-code":
		added, err = p.identity.ConfirmSMS(ctx, c.token, form.Get("code"), from)
		return added, "added", err
	case "codes":
		added.Codes, err = p.identity.NewRecoveryCodes(ctx, c.token, from)
		return added, "", err
	case "rename":
		return added, "saved", p.identity.RenamePasskey(ctx, c.token, number64(form, "factor"), form.Get("name"), from)
	case "remove":
		return added, "removed", p.identity.RemoveFactor(ctx, c.token, number64(form, "factor"), from)
	}
	return added, "", desk.Faultf(desk.Invalid, "The form could not be read. Go back and try again.")
}

// codesPage shows recovery codes, once.
func (p *Portal) codesPage(c *call, answer factorsPage) error {
	answer.page = p.bare(c, "Your recovery codes")
	if answer.Next == "" {
		answer.Next = "/"
		if answer.Path == factorsPath {
			answer.Next = factorsPath + "?done=added"
		}
	}
	return p.show(c, "recovery_codes", answer)
}

// passkeyAddAsk makes the challenge for a new passkey.
func (p *Portal) passkeyAddAsk(c *call) error {
	ask, err := p.identity.AskAddPasskey(c.r.Context(), c.token, c.client())
	return p.json(c, ask, err)
}
