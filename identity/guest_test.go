package identity

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// guestHouse is a house with an owner in whose session things are done, and guests switched on.
func guestHouse(t *testing.T) (h house, olga desk.Actor, token string) {
	t.Helper()
	h = newHouse(t)
	user := h.add(t, "olga@example.com", desk.RoleOwner)
	came := h.arrives(t, user.Email, home)
	live, err := h.SignedIn(t.Context(), came.Token)
	factorMust(t, err)
	olga = as(user)
	olga.Session = live.SessionID
	h.setting(t, desk.SupportAccess, true)
	return h, olga, came.Token
}

// helper is somebody to be let in for two hours.
func helper(role desk.Role) NewGuest {
	return NewGuest{Email: "Help@vendor.test", Name: "Hans Helper", Role: role, Reason: "looks at slow reports", For: 2 * time.Hour}
}

// A guest comes in by the link, sets up a second factor at once, and at the moment their time is over everything of theirs opens nothing; then it is taken away, written down and told to owners.
func TestGuestComesAndIsGone(t *testing.T) {
	t.Parallel()
	h, olga, _ := guestHouse(t)
	ctx := t.Context()
	guest, link, err := h.AddGuest(ctx, olga, helper(desk.RoleAgent))
	factorMust(t, err)
	came, err := h.UseLink(ctx, link[strings.LastIndex(link, "/")+1:], home)
	factorMust(t, err)
	if came.Pending != NeedsEnrol {
		t.Errorf("what a guest has to do first is %q", came.Pending)
	}
	factorMust(t, h.StartTOTP(ctx, came.Token, home))
	app, found, err := h.UnfinishedTOTP(ctx, came.Token, home)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	seed, err := base32Plain.DecodeString(strings.ReplaceAll(app.Secret, " ", ""))
	factorMust(t, err)
	added, err := h.ConfirmTOTP(ctx, came.Token, h.appCode(t, seed), home)
	factorMust(t, err)
	came = added.Came
	live, err := h.SignedIn(ctx, came.Token)
	if err != nil || live.Pending != "" {
		t.Fatalf("after a second factor was set up: %+v, %v", live.Pending, err)
	}
	hans := as(live.User)
	hans.Session = live.SessionID
	secret, _, err := h.AddToken(ctx, hans, NewToken{UserEmail: hans.User.Email, Name: "script"})
	factorMust(t, err)
	if _, err := h.Bearer(ctx, secret, home); err != nil {
		t.Fatalf("the guest's token: %v", err)
	}
	opens := func() map[string]bool {
		_, session := h.SignedIn(ctx, came.Token)
		_, bearer := h.Bearer(ctx, secret, home)
		still, err := h.StillIn(ctx, []string{came.Token})
		factorMust(t, err)
		return map[string]bool{"session": session == nil, "token": bearer == nil, "stream": len(still) > 0}
	}
	h.clock.wait(guest.EndsAt.Sub(h.clock.now()) - time.Second)
	_, err = h.store.Pool().Exec(ctx, `update session set last_seen_at = $1`, h.clock.now()) // it was used all the time
	factorMust(t, err)
	link, err = h.LoginLink(ctx, olga, guest.Email)
	factorMust(t, err)
	for way, open := range opens() {
		if !open {
			t.Errorf("a second before the end the %s opens nothing", way)
		}
	}
	factorMust(t, h.EndDelegations(ctx))
	h.clock.wait(time.Second)
	for way, open := range opens() { // before anything has been taken away
		if open {
			t.Errorf("at the end the %s still opens", way)
		}
	}
	if _, err := h.UseLink(ctx, link[strings.LastIndex(link, "/")+1:], home); err == nil {
		t.Error("a link opens the account of a guest whose time is over")
	}
	var processes sync.WaitGroup
	for range 4 { // as many as there are; one of them does it
		processes.Go(func() {
			if err := h.EndDelegations(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	processes.Wait()
	var left int
	factorMust(t, h.store.Pool().QueryRow(ctx, `
		select (select count(*) from session where user_id = $1) + (select count(*) from factor where user_id = $1) + (select count(*) from recovery_code where user_id = $1) + (select count(*) from device where user_id = $1)
		     + (select count(*) from login_link where user_id = $1) + (select count(*) from api_token where user_id = $1 and revoked_at is null) + (select count(*) from "user" where id = $1 and (disabled_at is null or password_hash is not null))`, guest.UserID).Scan(&left))
	if left != 0 {
		t.Errorf("%d things by which a guest could come in are left", left)
	}
	page, err := h.Guests(ctx, olga, "", 10)
	if err != nil || len(page.Items) != 1 || page.Items[0].EndedHow != desk.GuestByTime || page.Items[0].EndedAt == nil {
		t.Errorf("the list of guests: %+v, %v", page.Items, err)
	}
	if h.letters(t, desk.LetterGuestComes) != 1 || h.letters(t, desk.LetterGuestGone) != 1 {
		t.Error("the owner did not get one letter when the guest came and one when they went")
	}
	if log := strings.Join(h.audit(t), " "); strings.Count(log, "guest.add") != 1 || strings.Count(log, "guest.end") != 1 {
		t.Errorf("audit log: %s", log)
	}
	// The account comes back by being let in anew only, and then as if it were new.
	wantFault(t, h.Enable(ctx, olga, guest.UserID), desk.Conflict, "over")
	if err := h.store.Write(ctx, func(tx *store.Tx) error { return tx.SetDisabled(ctx, guest.UserID, nil) }); err == nil {
		t.Error("the database enables a guest whose time is over")
	}
	again, _, err := h.AddGuest(ctx, olga, helper(desk.RoleLight))
	if err != nil || again.UserID != guest.UserID || again.ID == guest.ID {
		t.Errorf("let in anew: %+v, %v", again, err)
	}
	if has, err := h.store.HasFactor(ctx, guest.UserID); err != nil || has {
		t.Errorf("let in anew they have a factor of before: %v, %v", has, err)
	}
}

// An owner ends a guest before their time, and so does switching guests off.
func TestGuestIsEnded(t *testing.T) {
	t.Parallel()
	h, olga, _ := guestHouse(t)
	ctx := t.Context()
	guest, link, err := h.AddGuest(ctx, olga, helper(desk.RoleAgent))
	factorMust(t, err)
	came, err := h.UseLink(ctx, link[strings.LastIndex(link, "/")+1:], home)
	factorMust(t, err)
	factorMust(t, h.EndGuest(ctx, olga, guest.ID))
	wantFault(t, h.EndGuest(ctx, olga, guest.ID), desk.NotFound, "over")
	if _, err := h.SignedIn(ctx, came.Token); !is(err, desk.Unsigned) {
		t.Errorf("an ended guest is in: %v", err)
	}
	second := helper(desk.RoleLight)
	second.Email = "other@vendor.test"
	_, link, err = h.AddGuest(ctx, olga, second)
	factorMust(t, err)
	h.setting(t, desk.SupportAccess, false)
	h.clock.wait(2 * time.Second) // settings are read anew after a second
	factorMust(t, h.EndDelegations(ctx))
	if _, err := h.UseLink(ctx, link[strings.LastIndex(link, "/")+1:], home); err == nil {
		t.Error("a guest comes in while guests are switched off")
	}
	page, err := h.Guests(ctx, olga, "", 1)
	if err != nil || page.Items[0].EndedHow != desk.GuestBySwitch || page.Next == "" {
		t.Errorf("the newest guest: %+v, %v", page, err)
	}
	if page, err = h.Guests(ctx, olga, page.Next, 1); err != nil || page.Items[0].EndedHow != desk.GuestByOwner || page.Items[0].EndedBy != "olga@example.com" {
		t.Errorf("the one before: %+v, %v", page, err)
	}
}

// Nobody but an owner lets guests in, for too long, with a role by which they could stay, or in the place of somebody who is here for good; and a guest becomes nothing that lasts.
func TestGuestsRefused(t *testing.T) {
	t.Parallel()
	h, olga, _ := guestHouse(t)
	ctx := t.Context()
	adam, ann := h.plain(t, "adam@example.com", desk.RoleAdmin), h.plain(t, "ann@example.com", desk.RoleAgent)
	_, err := h.AddRole(ctx, olga, desk.CustomRole{Name: "Doorkeeper", Rights: []desk.Right{desk.MayReadPeople, desk.MayManagePeople}, Sight: desk.SightNone})
	factorMust(t, err)
	with := func(change func(*NewGuest)) NewGuest {
		add := helper(desk.RoleAgent)
		change(&add)
		return add
	}
	token := olga
	token.Scopes = []desk.Scope{desk.ScopeRead, desk.ScopeWrite}
	for name, test := range map[string]struct {
		actor desk.Actor
		add   NewGuest
		kind  desk.FaultKind
	}{
		"by an admin":                   {as(adam), helper(desk.RoleAgent), desk.Forbidden},
		"by an agent":                   {as(ann), helper(desk.RoleAgent), desk.Forbidden},
		"by nobody":                     {desk.Actor{Via: "portal"}, helper(desk.RoleAgent), desk.Unsigned},
		"by a token without the scope":  {token, helper(desk.RoleAgent), desk.Forbidden},
		"an owner":                      {olga, helper(desk.RoleOwner), desk.Invalid},
		"an admin":                      {olga, helper(desk.RoleAdmin), desk.Invalid},
		"a customer":                    {olga, helper(desk.RoleCustomer), desk.Invalid},
		"a role that lets others in":    {olga, helper("Doorkeeper"), desk.Invalid},
		"a role that there is not":      {olga, helper("Nothing"), desk.Invalid},
		"half an hour":                  {olga, with(func(g *NewGuest) { g.For = 30 * time.Minute }), desk.Invalid},
		"for ever":                      {olga, with(func(g *NewGuest) { g.For = 0 }), desk.Invalid},
		"more than seven days":          {olga, with(func(g *NewGuest) { g.For = 169 * time.Hour }), desk.Invalid},
		"without a reason":              {olga, with(func(g *NewGuest) { g.Reason = " " }), desk.Invalid},
		"a reason of two lines":         {olga, with(func(g *NewGuest) { g.Reason = "looks\nat reports" }), desk.Invalid},
		"no address":                    {olga, with(func(g *NewGuest) { g.Email = "nobody" }), desk.Invalid},
		"who is here for good":          {olga, with(func(g *NewGuest) { g.Email = "ann@example.com" }), desk.Invalid},
		"the owner themselves as guest": {olga, with(func(g *NewGuest) { g.Email = "olga@example.com" }), desk.Invalid},
	} {
		if _, link, err := h.AddGuest(ctx, test.actor, test.add); !is(err, test.kind) || link != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	guest, _, err := h.AddGuest(ctx, olga, helper(desk.RoleAgent))
	factorMust(t, err)
	if _, _, err := h.AddGuest(ctx, olga, helper(desk.RoleAgent)); !is(err, desk.Invalid) {
		t.Errorf("let in twice: %v", err)
	}
	for _, role := range []desk.Role{desk.RoleAdmin, desk.RoleOwner, "Doorkeeper"} {
		if _, err := h.UpdateUser(ctx, olga, guest.UserID, UserChange{Role: &role}); !is(err, desk.Invalid) {
			t.Errorf("a guest becomes %s: %v", role, err)
		}
	}
	for _, role := range []desk.Role{desk.RoleAdmin, desk.RoleOwner} {
		if err := h.store.Write(ctx, func(tx *store.Tx) error { return tx.SetRole(ctx, guest.UserID, role) }); err == nil {
			t.Errorf("the database makes a guest %s", role)
		}
	}
	for name, sql := range map[string]string{"longer": `update guest set ends_at = begun_at + interval '8 days'`, "without an end": `update guest set ends_at = 'infinity'`} {
		if _, err := h.store.Pool().Exec(context.WithoutCancel(ctx), sql); err == nil {
			t.Errorf("the database lets a guest stay %s", name)
		}
	}
	if page, err := h.Guests(ctx, as(adam), "", 10); err == nil {
		t.Errorf("an admin sees guests: %+v", page)
	}
	h.setting(t, desk.SupportAccess, false)
	h.clock.wait(2 * time.Second)
	other := helper(desk.RoleAgent)
	other.Email = "third@vendor.test"
	if _, _, err := h.AddGuest(ctx, olga, other); !is(err, desk.Conflict) {
		t.Errorf("while guests are switched off: %v", err)
	}
}
