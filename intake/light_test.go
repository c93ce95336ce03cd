package intake

import (
	"testing"

	"postern/desk"
)

// Who may write no mail to customers writes none by mail either: what they send to the address for answers, which they may have from when they were an agent, is a note (security row 36).
func TestLightAgentsAnswerIsANote(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.sql(`update "user" set role = 'light_agent' where email = 'ada@example.com'`)
	env, raw := o.sealed(o.answers(o.reply))
	got, err := o.deliver(env, raw)
	check(t, err)
	o.want(got, desk.Appended, o.ticket)
	o.wantWritten(0, 1)
	reply, note, err := o.tickets.AgentAddresses(t.Context(), o.person("ada@example.com"), o.ticket)
	if err != nil || reply != "" || note == "" {
		t.Errorf("addresses %q and %q, %v", reply, note, err)
	}
}

// An auditor sees no conversation: nothing of theirs comes onto one by mail.
func TestAuditorsMailIsHeldBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.sql(`update "user" set role = 'auditor' where email = 'ada@example.com'`)
	for _, address := range []string{o.reply, o.note} {
		env, raw := o.sealed(o.answers(address))
		got, err := o.deliver(env, raw)
		check(t, err)
		o.want(got, desk.Suspended, 0)
	}
	o.wantWritten(0, 0)
}
