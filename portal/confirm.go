package portal

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"postern/desk"
	"postern/identity"
)

// confirmPage asks somebody who is signed in to show that it is still them, before something that is worth stealing a session for (security R3).
type confirmPage struct {
	page
	Action  string  // where the form goes: the same page again, with all that was typed there
	Kept    []field // what was typed there
	Next    string  // the page to go on to, when nothing was typed anywhere
	Problem string
	Able    bool // has something to show; else they sign in again
}

// field is one field of a form.
type field struct{ Name, Value string }

// proofField is the field that carries the proof.
const proofField = "proof_password"

// confirmed lets a request through to what is sensitive when its person has shown of late that it is them. A form that was sent too late is kept on the page that asks, and goes on from there.
func (p *Portal) confirmed(c *call, right desk.Right) error {
	if !right.Sensitive() || c.session.SessionID == 0 {
		return nil
	}
	if c.r.Method != http.MethodPost {
		if p.fresh(c) {
			return nil
		}
		return detour("/confirm")
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	proof := identity.Proof{Password: form.Get(proofField)}
	form.Del(proofField)
	switch {
	case p.fresh(c):
		return nil
	case proof == identity.Proof{}:
		return p.askProof(c, form, nil)
	}
	err = p.identity.Prove(c.r.Context(), c.actor, c.token, proof)
	if fault := asFault(err); fault != nil {
		return p.askProof(c, form, fault)
	}
	return err
}

// fresh says whether the proof of the session still counts.
func (p *Portal) fresh(c *call) bool { return p.now().Sub(c.session.ProvedAt) < identity.ProofFor }

// asked is the answer of a request that was answered with the question for a proof.
const asked = detour("")

// askProof answers a form with the question, and keeps the form in it.
func (p *Portal) askProof(c *call, form url.Values, fault *desk.Fault) error {
	answer := confirmPage{Action: c.r.URL.RequestURI()}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			answer.Kept = append(answer.Kept, field{name, value})
		}
	}
	if err := p.confirmPage(c, answer, fault); err != nil {
		return err
	}
	return asked
}

// confirmPage renders the question.
func (p *Portal) confirmPage(c *call, answer confirmPage, fault *desk.Fault) (err error) {
	answer.page = p.bare(c, "Is it still you?")
	if answer.Able, err = p.identity.CanProve(c.r.Context(), c.actor.User.ID); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "confirm", "layout"}, answer)
}

// confirmShow asks before a page.
func (p *Portal) confirmShow(c *call) error {
	next := localPath(c.r.URL.Query().Get("next"), "/")
	if p.fresh(c) {
		return c.seeOther(next)
	}
	return p.confirmPage(c, confirmPage{Action: "/confirm", Next: next}, nil)
}

// confirmPost takes the proof and goes on.
func (p *Portal) confirmPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	next := localPath(form.Get("next"), "/")
	err = p.identity.Prove(c.r.Context(), c.actor, c.token, identity.Proof{Password: form.Get(proofField)})
	if fault := asFault(err); fault != nil {
		return p.confirmPage(c, confirmPage{Action: "/confirm", Next: next}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(next)
}
