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
	Able    bool        // has something to show; else they sign in again
	Ways    *factorWays // of showing a second factor, for those who have one
}

// field is one field of a form.
type field struct{ Name, Value string }

// proofFields are the fields that carry the proof.
var proofFields = []string{"proof_password", "proof_kind", "proof_code", "proof_challenge", "proof_answer"}

// proofOf takes the proof out of a form.
func proofOf(form url.Values) identity.Proof {
	proof := identity.Proof{Password: form.Get("proof_password"), Factor: factorProof(form)}
	for _, name := range proofFields {
		form.Del(name)
	}
	return proof
}

// forProof are the ways that a fresh proof can go: what has to be sent first is left out, since the form would be lost meanwhile.
func (w factorWays) forProof(page confirmPage) *factorWays {
	w.Action, w.Kept, w.Remember, w.Telephone, w.Mail = page.Action, page.Kept, 0, "", ""
	if page.Next != "" {
		w.Kept = append(slices.Clone(w.Kept), field{"next", page.Next})
	}
	return &w
}

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
	proof := proofOf(form)
	switch {
	case p.fresh(c):
		return nil
	case proof.Empty():
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
	able, err := p.identity.CanProve(c.r.Context(), c.actor.User)
	if err != nil {
		return err
	}
	if answer.Able = able.Able(); len(able.Factors.List) > 0 {
		ways, err := p.factorWays(c)
		if err != nil {
			return err
		}
		answer.Ways = ways.forProof(answer)
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
	err = p.identity.Prove(c.r.Context(), c.actor, c.token, proofOf(form))
	if fault := asFault(err); fault != nil {
		return p.confirmPage(c, confirmPage{Action: "/confirm", Next: next}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(next)
}
