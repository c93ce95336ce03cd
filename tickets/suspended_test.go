package tickets

import (
	"testing"

	"postern/desk"
)

// T-11: another service's sign-in code is for admins only: neither its bytes nor its release are an agent's.
func TestSignInCodesAreForAdmins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.cfg.Releaser = &releaser{}
	var id int64
	h.row(t, &id, `insert into suspended (cause, evidence, from_address, subject, envelope, digest, received_at) values ('verification-code', 'A code.', 'no-reply@slack.test', '', '{}', 'x', now()) returning id`)
	admin := h.ann
	admin.User.Role = desk.RoleAdmin
	_, err := h.Release(t.Context(), h.ann, id, 0)
	wantFault(t, err, desk.Forbidden)
	_, _, err = h.SuspendedOriginal(t.Context(), h.ann, id)
	wantFault(t, err, desk.Forbidden)
	if _, err := h.Release(t.Context(), admin, id, 0); err != nil {
		t.Error(err)
	}
	results, err := h.OnSuspended(t.Context(), h.ann, desk.SuspendedRelease, []int64{id, 999})
	if err != nil || len(results) != 2 || results[0].Problem == "" || results[1].Problem == "" {
		t.Errorf("%+v, %v", results, err)
	}
}

func TestSenderRulesAreCanonicalAndAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rule, err := h.SetSenderRule(t.Context(), h.ann, desk.SenderRule{Pattern: " *.Spam.Test ", Action: desk.RuleSuspend, Note: "pills"})
	if err != nil || rule.Pattern != "*.spam.test" || rule.CreatedBy != h.ann.User.Email {
		t.Fatalf("%+v, %v", rule, err)
	}
	if rule, err = h.SetSenderRule(t.Context(), h.ann, desk.SenderRule{Pattern: "*.spam.test", Action: desk.RuleReject}); err != nil || rule.Action != desk.RuleReject {
		t.Errorf("%+v, %v", rule, err)
	}
	_, err = h.SetSenderRule(t.Context(), h.ann, desk.SenderRule{Pattern: "everybody", Action: desk.RuleReject})
	wantFault(t, err, desk.Invalid)
	_, err = h.SetSenderRule(t.Context(), h.ann, desk.SenderRule{Pattern: "a@b.test", Action: "drop"})
	wantFault(t, err, desk.Invalid)
	page, err := h.SenderRules(t.Context(), h.ann, "", 10)
	if err != nil || len(page.Items) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	if err := h.DropSenderRule(t.Context(), h.ann, "*.spam.test"); err != nil {
		t.Error(err)
	}
	wantFault(t, h.DropSenderRule(t.Context(), h.ann, "*.spam.test"), desk.NotFound)
	if h.audited(t, "sender.rule") != 2 || h.audited(t, "sender.unrule") != 1 {
		t.Error("the audit log misses something")
	}
}

func TestPolicyIsAnAdmins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admin := h.ann
	admin.User.Role = desk.RoleAdmin
	_, err := h.SetPolicy(t.Context(), h.ann, func(*desk.Policy) error { return nil })
	wantFault(t, err, desk.Forbidden)
	_, err = h.SetPolicy(t.Context(), admin, func(p *desk.Policy) error { p.SuspendedDays = 0; return nil })
	wantFault(t, err, desk.Invalid)
	changed, err := h.SetPolicy(t.Context(), admin, func(p *desk.Policy) error {
		p.SuspendedDays, p.ARCSealers = 30, []string{"Lists.Example "}
		return nil
	})
	if err != nil || changed.SuspendedDays != 30 || changed.ARCSealers[0] != "lists.example" {
		t.Errorf("%+v, %v", changed, err)
	}
	read, err := h.Policy(t.Context(), h.ann)
	if err != nil || read.SuspendedDays != 30 || read.SpamSuspend != desk.DefaultPolicy().SpamSuspend || h.audited(t, "policy.change") != 1 {
		t.Errorf("%+v, %v", read, err)
	}
}
