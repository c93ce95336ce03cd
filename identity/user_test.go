package identity

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"postern/desk"
)

func TestAddUser(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	owner, admin, agent := h.plain(t, "owner@example.com", desk.RoleOwner), h.plain(t, "admin@example.com", desk.RoleAdmin), h.plain(t, "agent@example.com", desk.RoleAgent)
	for name, test := range map[string]struct {
		actor desk.Actor
		add   NewUser
		kind  desk.FaultKind
		words string
	}{
		"an agent adds":        {as(agent), NewUser{Email: "x@example.com", Role: desk.RoleAgent}, desk.Forbidden, "people:manage"},
		"nobody adds":          {desk.Actor{Via: "api"}, NewUser{Email: "x@example.com", Role: desk.RoleAgent}, desk.Unsigned, "sign in"},
		"a reading token adds": {desk.Actor{User: owner, Scopes: []desk.Scope{desk.ScopeRead}}, NewUser{Email: "x@example.com", Role: desk.RoleAgent}, desk.Forbidden, "people:manage"},
		"an admin adds admins": {as(admin), NewUser{Email: "x@example.com", Role: desk.RoleAdmin}, desk.Forbidden, "may more than"},
		"an admin adds owners": {as(admin), NewUser{Email: "x@example.com", Role: desk.RoleOwner}, desk.Forbidden, "only an owner"},
		"no address":           {as(owner), NewUser{Email: "x", Role: desk.RoleAgent}, desk.Invalid, "not an address"},
		"no role":              {as(owner), NewUser{Email: "x@example.com"}, desk.Invalid, "no role"},
		"a name of two lines":  {as(owner), NewUser{Email: "x@example.com", Name: "a\nb", Role: desk.RoleAgent}, desk.Invalid, "one line"},
		"taken":                {as(owner), NewUser{Email: "ADMIN@example.com", Role: desk.RoleAgent}, desk.Conflict, "already"},
		"password of others":   {as(owner), NewUser{Email: "x@example.com", Role: desk.RoleAgent, Password: good}, desk.Forbidden, "have a link sent"},
		"hash of others":       {as(owner), NewUser{Email: "x@example.com", Role: desk.RoleAgent, Hash: "$2y$05$x"}, desk.Forbidden, "command line"},
		"no hash":              {cli, NewUser{Email: "x@example.com", Role: desk.RoleAgent, Hash: "$2y$05$x"}, desk.Invalid, "can be read"},
		"weak password":        {cli, NewUser{Email: "x@example.com", Role: desk.RoleAgent, Password: "password1234"}, desk.Invalid, "12 characters, and needs 15"},
	} {
		_, err := h.AddUser(ctx, test.actor, test.add)
		if !is(err, test.kind) || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	made, err := h.AddUser(ctx, as(admin), NewUser{Email: "New@Example.com", Role: desk.RoleCustomer})
	if err != nil || made.Email != "new@example.com" || made.Name != "new" || made.ID == 0 {
		t.Errorf("%+v, %v", made, err)
	}
	if _, err := h.SignIn(ctx, made.Email, "", home); err != errWrong {
		t.Errorf("without a password: %v", err)
	}
	if staff, err := h.Staff(ctx); err != nil || len(staff) != 3 {
		t.Errorf("%d of the staff, %v", len(staff), err)
	}
	if err := h.Disable(ctx, as(owner), agent.ID); err != nil {
		t.Fatal(err)
	}
	if staff, err := h.Staff(ctx); err != nil || len(staff) != 2 {
		t.Errorf("%d of the staff after one was disabled, %v", len(staff), err)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	for i := range 5 {
		if _, err := h.AddUser(ctx, cli, NewUser{Email: fmt.Sprintf("p%d@example.com", i), Role: desk.RoleAgent}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	cursor := ""
	for {
		page, err := h.Users(ctx, cli, cursor, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, person := range page.Items {
			seen = append(seen, person.Email[:2])
			if person.CreatedAt.IsZero() || person.LastSeenAt != nil || person.DisabledAt != nil {
				t.Errorf("%+v", person)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if strings.Join(seen, " ") != "p0 p1 p2 p3 p4" {
		t.Error(seen)
	}
	_, err := h.Users(ctx, cli, "nonsense", 2)
	wantFault(t, err, desk.Invalid, "cursor")
	_, err = h.Find(ctx, cli, "P3@example.com")
	if err != nil {
		t.Error(err)
	}
	_, err = h.Find(ctx, cli, "nobody@example.com")
	wantFault(t, err, desk.NotFound, "nobody@example.com")
}

// TestOwnersAreOutOfReach: nothing that an admin may do makes them an owner, or an owner's equal.
func TestOwnersAreOutOfReach(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	owner, admin := h.plain(t, "owner@example.com", desk.RoleOwner), as(h.plain(t, "admin@example.com", desk.RoleAdmin))
	h.plain(t, "second@example.com", desk.RoleOwner)
	up, down, name, email := desk.RoleOwner, desk.RoleAgent, "Nobody", "mine@example.com"
	_, token, err := h.AddToken(ctx, cli, NewToken{UserEmail: owner.Email, Name: "owner's"})
	if err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"promote themselves":   func() error { _, err := h.UpdateUser(ctx, admin, admin.User.ID, UserChange{Role: &up}); return err },
		"demote an owner":      func() error { _, err := h.UpdateUser(ctx, admin, owner.ID, UserChange{Role: &down}); return err },
		"rename an owner":      func() error { _, err := h.UpdateUser(ctx, admin, owner.ID, UserChange{Name: &name}); return err },
		"redirect an owner":    func() error { _, err := h.UpdateUser(ctx, admin, owner.ID, UserChange{Email: &email}); return err },
		"disable an owner":     func() error { return h.Disable(ctx, admin, owner.ID) },
		"make an owner's link": func() error { _, err := h.LoginLink(ctx, admin, owner.Email); return err },
		"make an owner's token": func() error {
			_, _, err := h.AddToken(ctx, admin, NewToken{UserEmail: owner.Email, Name: "x"})
			return err
		},
		"revoke an owner's token": func() error { return h.RevokeToken(ctx, admin, fmt.Sprint(token.ID)) },
	} {
		if err := do(); !is(err, desk.Forbidden) {
			t.Errorf("an admin may %s: %v", what, err)
		}
	}
}

// TestLastOwner: somebody can always administer, also when two owners demote each other at the same moment.
func TestLastOwner(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	one, two := h.plain(t, "one@example.com", desk.RoleOwner), h.plain(t, "two@example.com", desk.RoleOwner)
	agent := desk.RoleAgent
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() {
		_, errs[0] = h.UpdateUser(context.WithoutCancel(ctx), as(one), two.ID, UserChange{Role: &agent})
	})
	wg.Go(func() { errs[1] = h.Disable(context.WithoutCancel(ctx), as(two), one.ID) })
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("one of them must win: %v, %v", errs[0], errs[1])
	}
	for _, err := range errs {
		if err != nil && !is(err, desk.Conflict) {
			t.Error(err)
		}
	}
	page, err := h.Users(ctx, cli, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, person := range page.Items {
		if person.Role == desk.RoleOwner && person.DisabledAt == nil {
			_, err := h.UpdateUser(ctx, cli, person.ID, UserChange{Role: &agent})
			wantFault(t, err, desk.Conflict, "last owner")
			wantFault(t, h.Disable(ctx, cli, person.ID), desk.Conflict, "last owner")
		}
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	owner, ada := h.add(t, "owner@example.com", desk.RoleOwner), h.add(t, "ada@example.com", desk.RoleAgent)
	mine, err := h.SignIn(ctx, ada.Email, good, home)
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.SignIn(ctx, ada.Email, good, away)
	if err != nil {
		t.Fatal(err)
	}
	link, err := h.LoginLink(ctx, cli, ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	next, short, moved := "purple monkeys eat dishwater", "short", "ada@elsewhere.example"
	_, err = h.UpdateUser(ctx, as(owner), ada.ID, UserChange{Password: &next})
	wantFault(t, err, desk.Forbidden, "sign-in link")
	_, err = h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Password: &next, Session: mine.Token})
	wantFault(t, err, desk.Invalid, "present password")
	_, err = h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Email: &moved, Session: mine.Token})
	wantFault(t, err, desk.Invalid, "present password")
	_, err = h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Password: &short, Current: good, Session: mine.Token})
	wantFault(t, err, desk.Invalid, "at least 15 characters")
	reading := desk.Actor{User: ada, Scopes: []desk.Scope{desk.ScopeRead, desk.ScopeWrite}, Via: "api"}
	_, err = h.UpdateUser(ctx, reading, ada.ID, UserChange{Password: &next, Current: good})
	wantFault(t, err, desk.Forbidden, "")

	if _, err := h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Password: &next, Current: good, Session: mine.Token}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Session(ctx, mine.Token); err != nil {
		t.Errorf("the session that asked has ended: %v", err)
	}
	if _, err := h.Session(ctx, other.Token); !is(err, desk.Unsigned) {
		t.Errorf("another session goes on: %v", err)
	}
	if _, err := h.PeekLink(ctx, tokenOf(t, link)); err != errLink {
		t.Errorf("a link on its way still works: %v", err)
	}
	if _, err := h.SignIn(ctx, ada.Email, good, home); err != errWrong {
		t.Errorf("the old password still works: %v", err)
	}
	if _, err := h.SignIn(ctx, ada.Email, next, home); err != nil {
		t.Errorf("the new password does not work: %v", err)
	}

	// Who has forgotten it gets a link, and needs no old password for a while.
	link, err = h.LoginLink(ctx, as(owner), ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	if mine, err = h.UseLink(ctx, tokenOf(t, link), home); err != nil {
		t.Fatal(err)
	}
	third := "an oyster plays chess badly"
	if _, err := h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Password: &third, Session: mine.Token}); err != nil {
		t.Errorf("after a link: %v", err)
	}
	h.clock.wait(linkTrust)
	_, err = h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Password: &next, Session: mine.Token})
	wantFault(t, err, desk.Invalid, "present password")
}

// TestChangeIsNoOracle: a stolen session is no place to guess the password at.
func TestChangeIsNoOracle(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	next := "purple monkeys eat dishwater"
	for range desk.PasswordAttempts {
		_, err := h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Password: &next, Current: "a guess"})
		wantFault(t, err, desk.Invalid, "present password")
	}
	_, err := h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Password: &next, Current: good})
	wantFault(t, err, desk.Unavailable, "Try again")
}

func TestUnchanged(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	before := len(h.audit(t))
	if now, err := h.UpdateUser(ctx, as(ada), ada.ID, UserChange{Name: &ada.Name, Email: &ada.Email}); err != nil || now != ada {
		t.Errorf("%+v, %v", now, err)
	}
	if after := len(h.audit(t)); after != before {
		t.Error("nothing changed, and the audit log says something did")
	}
	_, err := h.UpdateUser(ctx, cli, 999, UserChange{Name: &ada.Name})
	wantFault(t, err, desk.NotFound, "999")
	wantFault(t, h.Disable(ctx, cli, 999), desk.NotFound, "999")
}

// TestSealed: a hash that was moved to another person's row opens nothing.
func TestSealed(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	h.add(t, "mallory@example.com", desk.RoleAgent)
	h.add(t, "owner@example.com", desk.RoleOwner)
	const swap = `update "user" set password_hash = (select password_hash from "user" where email = 'mallory@example.com') where email = 'owner@example.com'`
	if _, err := h.store.Pool().Exec(ctx, swap); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignIn(ctx, "owner@example.com", good, home); err == nil {
		t.Error("signed in by somebody else's hash")
	}
}
