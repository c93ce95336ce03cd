package identity

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// handover is a desk with two owners and people who can be offered to be one. The rules ask nobody for a second factor; all have one, unless a test takes it.
type handover struct {
	house
	olga, otto, ada, bob desk.User
}

func newHandover(t *testing.T) handover {
	t.Helper()
	h := handover{house: newHouse(t)}
	h.olga, h.otto = h.add(t, "olga@example.com", desk.RoleOwner), h.add(t, "otto@example.com", desk.RoleOwner)
	h.ada, h.bob = h.add(t, "ada@example.com", desk.RoleAgent), h.add(t, "bob@example.com", desk.RoleAdmin)
	h.setting(t, desk.RequireFactor, "off")
	_, err := h.store.Pool().Exec(t.Context(), `insert into factor (user_id, kind, name, sealed, ready, created_at) select id, 'totp', '', 'x', true, now() from "user"`)
	factorMust(t, err)
	return h
}

// arrives signs somebody in, as if they had shown their second factor.
func (h handover) arrives(t *testing.T, email string, from Client) Came {
	t.Helper()
	came := h.house.arrives(t, email, from)
	_, err := h.store.Pool().Exec(t.Context(), `update session set pending = '', proved_at = $2 where token_hash = $1`, secret.HashToken(came.Token), h.clock.now())
	factorMust(t, err)
	return came
}

// withoutFactor takes somebody's second factor.
func (h handover) withoutFactor(t *testing.T, user desk.User) {
	t.Helper()
	_, err := h.store.Pool().Exec(t.Context(), `delete from factor where user_id = $1`, user.ID)
	factorMust(t, err)
}

// offers makes Olga offer, from a session of hers that is fresh.
func (h handover) offers(t *testing.T, to string, becomes desk.Role) error {
	t.Helper()
	return h.OfferOwnership(t.Context(), as(h.olga), h.arrives(t, h.olga.Email, home).Token, NewOffer{To: to, Becomes: becomes})
}

// roleOf is what somebody is now.
func (h handover) roleOf(t *testing.T, user desk.User) desk.Role {
	t.Helper()
	person, err := h.store.CredentialsOf(t.Context(), user.ID)
	factorMust(t, err)
	return person.Role
}

// gives changes somebody's role, from the machine.
func (h handover) gives(t *testing.T, user desk.User, role desk.Role) {
	t.Helper()
	_, err := h.UpdateUser(t.Context(), cli, user.ID, UserChange{Role: &role})
	factorMust(t, err)
}

func TestOwnershipIsHandedOver(t *testing.T) {
	t.Parallel()
	h, ctx := newHandover(t), t.Context()
	h.gives(t, h.otto, desk.RoleAgent) // Olga is the last one
	factorMust(t, h.offers(t, " BOB@example.com", desk.RoleOwner))
	factorMust(t, h.offers(t, "ada@example.com", desk.RoleAdmin)) // in place of the one before
	if offers, err := h.Offers(ctx, as(h.olga)); err != nil || len(offers) != 1 || offers[0].ToUser != h.ada.ID || offers[0].Becomes != desk.RoleAdmin {
		t.Fatalf("offered: %+v, %v", offers, err)
	}
	if h.roleOf(t, h.ada) != desk.RoleAgent || h.roleOf(t, h.olga) != desk.RoleOwner {
		t.Error("an offer changes roles")
	}
	h.clock.wait(OfferFor - time.Minute)
	session := h.arrives(t, h.ada.Email, home).Token
	if offers, err := h.OffersTo(ctx, as(h.ada)); err != nil || len(offers) != 1 {
		t.Fatalf("offered to Ada: %+v, %v", offers, err)
	}
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() { errs[i] = h.AcceptOwnership(ctx, as(h.ada), session, h.olga.ID) })
	}
	group.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !is(err, desk.Conflict) {
			t.Errorf("accepted again: %v", err)
		}
	}
	if done != 1 || h.roleOf(t, h.ada) != desk.RoleOwner || h.roleOf(t, h.olga) != desk.RoleAdmin {
		t.Errorf("accepted %d times; Ada is %s, Olga %s", done, h.roleOf(t, h.ada), h.roleOf(t, h.olga))
	}
	actions := h.audit(t)
	for action, times := range map[string]int{"ownership.offer": 2, "ownership.accept": 1} {
		if n := len(slices.DeleteFunc(slices.Clone(actions), func(a string) bool { return a != action })); n != times {
			t.Errorf("%s stands %d times in the audit log", action, n)
		}
	}
	for kind, n := range map[desk.LetterKind]int{desk.LetterOwnershipOffered: 2, desk.LetterOwnersOffered: 2, desk.LetterOwnershipAccepted: 2} {
		if got := h.letters(t, kind); got != n {
			t.Errorf("%d letters %s, want %d", got, kind, n)
		}
	}
	// The last owner stays one, by the service and by the database.
	_, err := h.UpdateUser(ctx, cli, h.ada.ID, UserChange{Role: new(desk.RoleAgent)})
	wantFault(t, err, desk.Conflict, "last owner")
	if err := h.store.Write(ctx, func(tx *store.Tx) error { return tx.SetRole(ctx, h.ada.ID, desk.RoleAgent) }); err == nil {
		t.Error("the database lets the last owner go")
	}
	// Olga is an admin now, and what she may not any more, she may not.
	olga := as(h.olga)
	olga.User.Role = desk.RoleAdmin
	wantFault(t, h.OfferOwnership(ctx, olga, h.arrives(t, h.olga.Email, home).Token, NewOffer{To: "bob@example.com", Becomes: desk.RoleOwner}), desk.Forbidden, "ownership")
	_, err = h.UpdateUser(ctx, olga, h.ada.ID, UserChange{Role: new(desk.RoleAgent)})
	wantFault(t, err, desk.Forbidden, "only an owner")
	// A request of before it, with the role that she had, gets no further either.
	wantFault(t, h.OfferOwnership(ctx, as(h.olga), h.arrives(t, h.olga.Email, home).Token, NewOffer{To: "bob@example.com", Becomes: desk.RoleOwner}), desk.Forbidden, "only an owner")
}

func TestOwnershipOfferRefused(t *testing.T) {
	t.Parallel()
	h, ctx := newHandover(t), t.Context()
	h.plain(t, "carla@example.com", desk.RoleCustomer)
	gone := h.plain(t, "gone@example.com", desk.RoleAgent)
	factorMust(t, h.Disable(ctx, cli, gone.ID))
	program, err := h.AddServiceAccount(ctx, as(h.olga), "Backup", desk.RoleAgent)
	factorMust(t, err)
	olga, bob, ada := h.arrives(t, h.olga.Email, home).Token, h.arrives(t, h.bob.Email, home).Token, h.arrives(t, h.ada.Email, home).Token
	byToken := as(h.olga)
	byToken.Token = 7
	to := func(email string) NewOffer { return NewOffer{To: email, Becomes: desk.RoleOwner} }
	for name, test := range map[string]struct {
		actor   desk.Actor
		session string
		add     NewOffer
		kind    desk.FaultKind
	}{
		"by an admin":              {as(h.bob), bob, to("ada@example.com"), desk.Forbidden},
		"by an agent":              {as(h.ada), ada, to("bob@example.com"), desk.Forbidden},
		"by nobody":                {desk.Actor{Via: "portal"}, "", to("ada@example.com"), desk.Unsigned},
		"by the machine":           {cli, "", to("ada@example.com"), desk.Unsigned},
		"by a token of an owner":   {byToken, olga, to("ada@example.com"), desk.Unsigned},
		"in a session of another":  {as(h.olga), bob, to("ada@example.com"), desk.Unsigned},
		"to nobody":                {as(h.olga), olga, to("nobody@example.com"), desk.Invalid},
		"to oneself":               {as(h.olga), olga, to("olga@example.com"), desk.Invalid},
		"to another owner":         {as(h.olga), olga, to("otto@example.com"), desk.Invalid},
		"to a customer":            {as(h.olga), olga, to("carla@example.com"), desk.Invalid},
		"to somebody disabled":     {as(h.olga), olga, to("gone@example.com"), desk.Invalid},
		"to a program":             {as(h.olga), olga, to(program.Email), desk.Invalid},
		"and become an agent":      {as(h.olga), olga, NewOffer{To: "ada@example.com", Becomes: desk.RoleAgent}, desk.Invalid},
		"and not say what becomes": {as(h.olga), olga, NewOffer{To: "ada@example.com"}, desk.Invalid},
	} {
		if err := h.OfferOwnership(ctx, test.actor, test.session, test.add); !is(err, test.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.withoutFactor(t, h.olga)
	wantFault(t, h.OfferOwnership(ctx, as(h.olga), olga, to("ada@example.com")), desk.Conflict, "second factor")
	h.clock.wait(ProofFor)
	wantFault(t, h.OfferOwnership(ctx, as(h.olga), olga, to("ada@example.com")), desk.Forbidden, "Show again")
	if n := h.count(t, `select count(*) from ownership_offer`) + h.count(t, `select count(*) from river_job where args->>'about' like '%owner%'`); n != 0 {
		t.Errorf("%d offers and letters are left", n)
	}
	if _, err := h.Offers(ctx, as(h.bob)); !is(err, desk.Forbidden) {
		t.Errorf("an admin sees the offers: %v", err)
	}
}

func TestOwnershipAcceptanceRefused(t *testing.T) {
	t.Parallel()
	h := newHandover(t)
	byToken := as(h.ada)
	byToken.Token = 7
	for _, test := range []struct {
		name  string
		by    desk.User
		as    desk.Actor
		first func(ctx context.Context, session string) error // what happens between offer and acceptance
		again bool                                            // signs in anew after it
		kind  desk.FaultKind
	}{
		{"somebody else's", h.bob, as(h.bob), nil, false, desk.Conflict},
		{"in the session of another", h.bob, as(h.ada), nil, false, desk.Unsigned},
		{"by a token", h.ada, byToken, nil, false, desk.Unsigned},
		{"without a fresh proof", h.ada, as(h.ada), func(context.Context, string) error { h.clock.wait(ProofFor); return nil }, false, desk.Forbidden},
		{"withdrawn", h.ada, as(h.ada), func(ctx context.Context, _ string) error { return h.WithdrawOwnership(ctx, as(h.olga), h.olga.ID) }, false, desk.Conflict},
		{"withdrawn by another owner", h.ada, as(h.ada), func(ctx context.Context, _ string) error { return h.WithdrawOwnership(ctx, as(h.otto), h.olga.ID) }, false, desk.Conflict},
		{"declined", h.ada, as(h.ada), func(ctx context.Context, session string) error {
			return h.DeclineOwnership(ctx, as(h.ada), session, h.olga.ID)
		}, false, desk.Conflict},
		{"run out", h.ada, as(h.ada), func(context.Context, string) error { h.clock.wait(OfferFor); return nil }, true, desk.Conflict},
		{"disabled", h.ada, as(h.ada), func(ctx context.Context, _ string) error { return h.Disable(ctx, cli, h.ada.ID) }, false, desk.Unsigned},
		{"disabled and enabled again", h.ada, as(h.ada), func(ctx context.Context, _ string) error {
			factorMust(t, h.Disable(ctx, cli, h.ada.ID))
			return h.Enable(ctx, cli, h.ada.ID)
		}, true, desk.Conflict},
		{"a customer by now", h.ada, as(h.ada), func(context.Context, string) error { h.gives(t, h.ada, desk.RoleCustomer); return nil }, false, desk.Conflict},
		{"of an owner who is none any more", h.ada, as(h.ada), func(context.Context, string) error { h.gives(t, h.olga, desk.RoleAdmin); return nil }, false, desk.Conflict},
		{"of an owner who was none meanwhile", h.ada, as(h.ada), func(context.Context, string) error {
			h.gives(t, h.olga, desk.RoleAdmin)
			h.gives(t, h.olga, desk.RoleOwner)
			return nil
		}, false, desk.Conflict},
		{"of an owner who is disabled", h.ada, as(h.ada), func(ctx context.Context, _ string) error { return h.Disable(ctx, cli, h.olga.ID) }, false, desk.Conflict},
		{"without a second factor", h.ada, as(h.ada), func(context.Context, string) error { h.withoutFactor(t, h.ada); return nil }, false, desk.Conflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			factorMust(t, h.offers(t, h.ada.Email, desk.RoleAdmin))
			session := h.arrives(t, test.by.Email, home).Token
			if test.first != nil {
				factorMust(t, test.first(ctx, session))
			}
			if test.again {
				session = h.arrives(t, test.by.Email, home).Token
			}
			if err := h.AcceptOwnership(ctx, test.as, session, h.olga.ID); !is(err, test.kind) {
				t.Errorf("accepted: %v", err)
			}
			if role := h.roleOf(t, h.ada); role == desk.RoleOwner {
				t.Fatal("Ada is an owner")
			}
			// As it was.
			for _, one := range []desk.User{h.olga, h.ada} {
				factorMust(t, h.Enable(ctx, cli, one.ID))
				h.gives(t, one, one.Role)
			}
		})
	}
	if slices.Contains(h.audit(t), "ownership.accept") {
		t.Error("an acceptance stands in the audit log")
	}
	for name, err := range map[string]error{
		"withdrawn by an admin":        h.WithdrawOwnership(t.Context(), as(h.bob), h.olga.ID),
		"withdrawn when there is none": h.WithdrawOwnership(t.Context(), as(h.olga), h.otto.ID),
	} {
		if asFault(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the rules ask at other times: both have a second factor.
func TestOwnershipTakesSecondFactors(t *testing.T) {
	t.Parallel()
	h, ctx := newHandover(t), t.Context()
	h.withoutFactor(t, h.olga)
	h.withoutFactor(t, h.ada)
	olga, ada := h.arrives(t, h.olga.Email, home).Token, h.arrives(t, h.ada.Email, home).Token
	wantFault(t, h.OfferOwnership(ctx, as(h.olga), olga, NewOffer{To: h.ada.Email, Becomes: desk.RoleOwner}), desk.Conflict, "second factor")
	h.enrolApp(t, olga)
	factorMust(t, h.OfferOwnership(ctx, as(h.olga), olga, NewOffer{To: h.ada.Email, Becomes: desk.RoleOwner}))
	wantFault(t, h.AcceptOwnership(ctx, as(h.ada), ada, h.olga.ID), desk.Conflict, "second factor")
	h.enrolApp(t, ada)
	factorMust(t, h.AcceptOwnership(ctx, as(h.ada), ada, h.olga.ID))
	if h.roleOf(t, h.ada) != desk.RoleOwner || h.roleOf(t, h.olga) != desk.RoleOwner {
		t.Errorf("Ada is %s, Olga %s", h.roleOf(t, h.ada), h.roleOf(t, h.olga))
	}
}
