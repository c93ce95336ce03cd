package portal

import (
	"net/url"
	"strconv"
	"strings"

	"postern/desk"
)

// policyPage is how mail is judged, as a form.
type policyPage struct {
	page
	Typed   typedPolicy
	Problem string
	Field   string // the one that is wrong
	Downs   []choice
	Digests []choice
}

// typedPolicy is a policy as it stands in the form.
type typedPolicy struct {
	Sealers, SpamSuspend, SpamReject, SuspendedDays string
	PerSender, PerAutomatic, StrangerRecipients     string
	Language                                        string
	FilterDown                                      desk.FilterDown
	Digest                                          desk.Digest
	Codes, ByMail                                   bool
}

// choice is one value of a field, with what it means.
type choice struct{ Value, Words string }

var filterDowns = []choice{
	{string(desk.FilterDownAccept), "Take the mail without that filter's word. A metric counts it."},
	{string(desk.FilterDownDefer), "Ask the sender to try again later (451). Nothing comes in unchecked, and nothing comes in while a filter is down."},
}

var digests = []choice{
	{string(desk.DigestOff), "Never. Look at the page of suspended mail from time to time."},
	{string(desk.DigestHourly), "Once an hour, when something new is held back."},
	{string(desk.DigestDaily), "Once a day, when something new is held back."},
}

// policyShow shows how mail is judged.
func (p *Portal) policyShow(c *call) error {
	policy, err := p.tickets.Policy(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	set, err := p.tickets.AgentsByMail(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	typed := typedOf(policy)
	typed.ByMail = set == desk.AgentsByMailOn
	return p.policyPage(c, typed, nil)
}

// policyPage renders the form, with what was wrong with it.
func (p *Portal) policyPage(c *call, typed typedPolicy, fault *desk.Fault) error {
	frame, err := p.framed(c, "Mail policy", "/settings/mail")
	if err != nil {
		return err
	}
	answer := policyPage{page: frame, Typed: typed, Downs: filterDowns, Digests: digests}
	if fault != nil {
		answer.Problem, answer.Field = c.sentence(fault.Reason), fault.Field
	}
	return p.render(c, view{statusOf(fault), "policy", "layout"}, answer)
}

// policyPost changes how mail is judged, from the next mail on.
func (p *Portal) policyPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := typedFrom(form)
	_, err = p.tickets.SetPolicy(c.r.Context(), c.actor, func(policy *desk.Policy) error { return typed.into(policy) })
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.policyPage(c, typed, fault)
	}
	if err != nil {
		return err
	}
	set := desk.AgentsByMailOff
	if typed.ByMail {
		set = desk.AgentsByMailOn
	}
	if err := p.tickets.SetAgentsByMail(c.r.Context(), c.actor, set); err != nil {
		return err
	}
	return c.seeOther("/settings/mail?done=saved")
}

// typedOf writes a policy into the form.
func typedOf(policy desk.Policy) typedPolicy {
	score := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return typedPolicy{
		Sealers: strings.Join(policy.ARCSealers, "\n"), SpamSuspend: score(policy.SpamSuspend), SpamReject: score(policy.SpamReject),
		SuspendedDays: strconv.Itoa(policy.SuspendedDays), PerSender: strconv.Itoa(policy.PerSender), PerAutomatic: strconv.Itoa(policy.PerAutomatic),
		StrangerRecipients: strconv.Itoa(policy.StrangerRecipients), Language: policy.Language, FilterDown: policy.FilterDown, Digest: policy.Digest, Codes: policy.VerificationCodes,
	}
}

// typedFrom reads the form.
func typedFrom(form url.Values) typedPolicy {
	return typedPolicy{
		Sealers: form.Get("arc_sealers"), SpamSuspend: form.Get("spam_suspend"), SpamReject: form.Get("spam_reject"),
		SuspendedDays: form.Get("suspended_days"), PerSender: form.Get("per_sender"), PerAutomatic: form.Get("per_automatic"),
		StrangerRecipients: form.Get("stranger_recipients"), Language: form.Get("language"), FilterDown: desk.FilterDown(form.Get("filter_down")),
		Digest: desk.Digest(form.Get("digest")), Codes: form.Has("verification_codes"), ByMail: form.Has("agents_by_mail"),
	}
}

// into puts what was typed into a policy. Whether the values make sense is for the policy's own check to say.
func (t typedPolicy) into(policy *desk.Policy) (err error) {
	policy.ARCSealers = strings.Fields(strings.ReplaceAll(t.Sealers, ",", " "))
	policy.FilterDown, policy.Digest, policy.VerificationCodes = t.FilterDown, t.Digest, t.Codes
	if t.Language != "" { // a form from before there were languages names none
		policy.Language = t.Language
	}
	if policy.SpamSuspend, err = decimal("spam_suspend", t.SpamSuspend); err != nil {
		return err
	}
	if policy.SpamReject, err = decimal("spam_reject", t.SpamReject); err != nil {
		return err
	}
	for _, one := range []struct {
		field, typed string
		into         *int
	}{
		{"suspended_days", t.SuspendedDays, &policy.SuspendedDays}, {"per_sender", t.PerSender, &policy.PerSender},
		{"per_automatic", t.PerAutomatic, &policy.PerAutomatic}, {"stranger_recipients", t.StrangerRecipients, &policy.StrangerRecipients},
	} {
		if *one.into, err = strconv.Atoi(strings.TrimSpace(one.typed)); err != nil {
			return desk.Wrong(one.field, "%q is no whole number", one.typed)
		}
	}
	return nil
}
