package identity

import (
	"context"
	"testing"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// customerOf makes somebody a customer with a conversation, without an account.
func (h house) customerOf(t *testing.T, address string, more ...string) {
	t.Helper()
	pool, ctx := h.store.Pool(), t.Context()
	var contact int64
	factorMust(t, pool.QueryRow(ctx, `insert into contact (address, name) values ($1, 'Carla') returning id`, address).Scan(&contact))
	for _, one := range more {
		_, err := pool.Exec(ctx, `insert into contact_address (contact_id, address) values ($1, $2)`, contact, one)
		factorMust(t, err)
	}
}

// TestImpersonationRefused: who may not, without a proof, a reason, or a customer, looks in nobody's place.
func TestImpersonationRefused(t *testing.T) {
	t.Parallel()
	h, olga, token := guestHouse(t)
	ctx := t.Context()
	h.customerOf(t, "carla@customer.test")
	h.customerOf(t, "private@home.test", "ann@example.com") // a colleague who wrote from home
	gone := h.plain(t, "gone@customer.test", desk.RoleCustomer)
	factorMust(t, h.Disable(ctx, olga, gone.ID))
	adam := h.add(t, "adam@example.com", desk.RoleAdmin)
	h.plain(t, "ann@example.com", desk.RoleAgent)
	_, err := h.store.Pool().Exec(ctx, `insert into mailbox (address) values ('support@example.com')`)
	factorMust(t, err)
	adams := h.arrives(t, adam.Email, home)
	byToken := olga
	byToken.Token = 7
	masked, narrow := olga, olga
	masked.User = desk.User{ID: olga.User.ID, Email: olga.User.Email, Role: "Masked", Grant: &desk.Grant{Rights: []desk.Right{desk.MayRead, desk.MayImpersonate}, Sight: desk.SightAll, Masks: []desk.Mask{desk.MaskName}}}
	narrow.User = desk.User{ID: olga.User.ID, Email: olga.User.Email, Role: "Narrow", Grant: &desk.Grant{Rights: []desk.Right{desk.MayRead, desk.MayImpersonate}, Sight: desk.SightTeams}}
	for name, test := range map[string]struct {
		actor            desk.Actor
		session, address string
		reason           string
		kind             desk.FaultKind
	}{
		"an admin":                       {as(adam), adams.Token, "carla@customer.test", "asked for help", desk.Forbidden},
		"nobody":                         {desk.Actor{Via: "portal"}, "", "carla@customer.test", "asked for help", desk.Unsigned},
		"a token":                        {byToken, token, "carla@customer.test", "asked for help", desk.Unsigned},
		"in the session of another":      {olga, adams.Token, "carla@customer.test", "asked for help", desk.Unsigned},
		"without a session":              {olga, "", "carla@customer.test", "asked for help", desk.Unsigned},
		"from whom names are hidden":     {masked, token, "carla@customer.test", "asked for help", desk.Forbidden},
		"who sees some conversations":    {narrow, token, "carla@customer.test", "asked for help", desk.Forbidden},
		"a colleague":                    {olga, token, "ann@example.com", "asked for help", desk.Forbidden},
		"an admin, as whom nobody looks": {olga, token, "adam@example.com", "asked for help", desk.Forbidden},
		"themselves":                     {olga, token, "olga@example.com", "asked for help", desk.Forbidden},
		"a colleague's private address":  {olga, token, "private@home.test", "asked for help", desk.Forbidden},
		"a mailbox of ours":              {olga, token, "support+x@example.com", "asked for help", desk.Forbidden},
		"a disabled customer":            {olga, token, "gone@customer.test", "asked for help", desk.Forbidden},
		"nobody whom the desk knows":     {olga, token, "nobody@customer.test", "asked for help", desk.Invalid},
		"no address":                     {olga, token, "carla", "asked for help", desk.Invalid},
		"no reason":                      {olga, token, "carla@customer.test", "  no ", desk.Invalid},
		"a reason of two lines":          {olga, token, "carla@customer.test", "asked\nfor help", desk.Invalid},
	} {
		if err := h.Impersonate(ctx, test.actor, test.session, test.address, test.reason); !is(err, test.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.clock.wait(ProofFor)
	if err := h.Impersonate(ctx, olga, token, "carla@customer.test", "asked for help"); !is(err, desk.Forbidden) {
		t.Errorf("with a proof that is too old: %v", err)
	}
	if live, err := h.SignedIn(ctx, token); err != nil || live.ActsFor != "" {
		t.Errorf("after all that Olga looks as %q, %v", live.ActsFor, err)
	}
	if n := countOf(h.audit(t), "impersonation.begin"); n != 0 {
		t.Errorf("%d began", n)
	}
}

// What somebody looks at in a customer's place ends after half an hour, when they sign out, when they may not any more and when the customer becomes one of us, and stands in the log under both.
func TestImpersonationEnds(t *testing.T) {
	t.Parallel()
	h, olga, token := guestHouse(t)
	ctx := t.Context()
	h.customerOf(t, "carla@customer.test")
	h.setting(t, desk.ImpersonationTell, true)
	h.clock.wait(2 * time.Second)
	stands := func() string {
		t.Helper()
		live, err := h.SignedIn(ctx, token)
		factorMust(t, err)
		actor, ok := StandsIn(live, desk.Actor{Via: "portal"})
		if !ok {
			return ""
		}
		if actor.Can(desk.MayOwnWrite) || actor.Can(desk.MayRead) || !actor.Can(desk.MayOwnRead) || actor.Person().ID != olga.User.ID || actor.User.ID != 0 {
			t.Errorf("who stands in may do something, or is not both: %+v", actor)
		}
		return actor.User.Email
	}
	begin := func() {
		t.Helper()
		factorMust(t, h.Impersonate(ctx, olga, token, "Carla@customer.test", "asked for help on the phone"))
		if as := stands(); as != "carla@customer.test" {
			t.Fatalf("Olga looks as %q", as)
		}
	}
	begin()
	begin() // anew, in place of the one before
	factorMust(t, h.EndImpersonation(ctx, olga))
	factorMust(t, h.EndImpersonation(ctx, olga))
	if stands() != "" {
		t.Error("ended, Olga still looks")
	}
	begin()
	var jobs int
	factorMust(t, h.store.Pool().QueryRow(ctx, `select count(*) from river_job where kind = 'tell_impersonated' and args ->> 'address' = 'carla@customer.test'`).Scan(&jobs))
	if jobs != 3 {
		t.Errorf("%d letters to the customer, want 3", jobs)
	}
	// Carla begins to work here: from that moment on nobody looks as her.
	carla := h.plain(t, "carla@customer.test", desk.RoleAgent)
	if stands() != "" {
		t.Error("somebody looks as a colleague")
	}
	_, err := h.store.Pool().Exec(ctx, `delete from "user" where id = $1`, carla.ID)
	factorMust(t, err)
	h.clock.wait(ImpersonationFor - 2*time.Second)
	if stands() == "" {
		t.Error("it ended before its time")
	}
	h.clock.wait(2 * time.Second)
	if stands() != "" {
		t.Error("it opens something after half an hour")
	}
	factorMust(t, h.EndDelegations(ctx))
	// The next one ends with the session.
	factorMust(t, h.store.Write(ctx, proveNow(h, token)))
	begin()
	factorMust(t, h.SignOut(ctx, token))
	factorMust(t, h.EndDelegations(ctx))
	log, err := h.store.AuditLog(ctx, desk.AuditQuery{Action: "impersonation.", Oldest: true, Limit: 100})
	factorMust(t, err)
	var ends []string
	for _, entry := range log.Items {
		if entry.Actor != "olga@example.com" || entry.OnBehalf != "carla@customer.test" {
			t.Errorf("%s stands under %q on behalf of %q", entry.Action, entry.Actor, entry.OnBehalf)
		}
		if entry.Action == "impersonation.end" {
			ends = append(ends, string(entry.Detail))
		}
	}
	want := []string{`{"how":"another"}`, `{"how":"ended"}`, `{"how":"time"}`, `{"how":"signed-out"}`}
	if len(ends) != len(want) {
		t.Fatalf("how they ended: %v", ends)
	}
	for i := range want {
		if ends[i] != want[i] {
			t.Errorf("the %dth ended %s, want %s", i+1, ends[i], want[i])
		}
	}
	// Who does not see customers reads neither whom it was nor why.
	veiled, err := h.store.AuditLog(ctx, desk.AuditQuery{Action: "impersonation.", Veiled: true, Limit: 100})
	factorMust(t, err)
	for _, entry := range veiled.Items {
		if entry.OnBehalf != "" || string(entry.Detail) != "{}" {
			t.Errorf("veiled: %+v", entry)
		}
	}
	if found, err := h.store.AuditLog(ctx, desk.AuditQuery{Actor: "carla@", Veiled: true, Limit: 10}); err != nil || len(found.Items) > 0 {
		t.Errorf("a veiled reader finds %d entries by a customer's address, %v", len(found.Items), err)
	}
	if found, err := h.store.AuditLog(ctx, desk.AuditQuery{Actor: "carla@customer", Action: "impersonation.begin", Limit: 10}); err != nil || len(found.Items) != 4 {
		t.Errorf("by the customer's address an owner finds %d entries, %v", len(found.Items), err)
	}
}

// proveNow notes a fresh proof on a session.
func proveNow(h house, token string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return tx.ProveSession(context.Background(), secret.HashToken(token), h.clock.now())
	}
}

// countOf is how often a word stands in a list.
func countOf(list []string, word string) (n int) {
	for _, one := range list {
		if one == word {
			n++
		}
	}
	return n
}
