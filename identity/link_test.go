package identity

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/desk"
)

// tokenOf cuts the token out of a link.
func tokenOf(t testing.TB, link string) string {
	t.Helper()
	token, ok := strings.CutPrefix(link, "https://help.example.com/sign-in/")
	if !ok || len(token) != 43 {
		t.Fatalf("link %s", link)
	}
	return token
}

func TestLoginLink(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	fresh := func() string {
		link, err := h.LoginLink(ctx, cli, "ADA@example.com")
		if err != nil {
			t.Fatal(err)
		}
		return tokenOf(t, link)
	}
	token := fresh()
	for range 3 { // a scanner that opens every link does not spend it
		if email, err := h.PeekLink(ctx, token); err != nil || email != ada.Email {
			t.Fatalf("%s, %v", email, err)
		}
	}
	came, err := h.UseLink(ctx, token, home)
	if err != nil || came.User != ada {
		t.Fatalf("%+v, %v", came.User, err)
	}
	if _, err := h.Session(ctx, came.Token); err != nil {
		t.Error(err)
	}
	_, err = h.UseLink(ctx, token, home)
	wantFault(t, err, desk.NotFound, "does not work any more")
	_, err = h.PeekLink(ctx, token)
	wantFault(t, err, desk.NotFound, "does not work any more")

	older := fresh()
	newer := fresh()
	if _, err := h.PeekLink(ctx, older); err != errLink {
		t.Errorf("replaced: %v", err)
	}
	h.clock.wait(linkLife)
	if _, err := h.UseLink(ctx, newer, home); err != errLink {
		t.Errorf("expired: %v", err)
	}
	token = fresh()
	if err := h.Disable(ctx, cli, ada.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.UseLink(ctx, token, home); err != errLink {
		t.Errorf("disabled: %v", err)
	}
	_, err = h.LoginLink(ctx, cli, ada.Email)
	wantFault(t, err, desk.Conflict, "disabled")
	_, err = h.LoginLink(ctx, cli, "nobody@example.com")
	wantFault(t, err, desk.NotFound, "nobody@example.com")
}

// TestLinkRace: of many who use a link at the same moment, one comes in.
func TestLinkRace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.plain(t, "ada@example.com", desk.RoleAgent)
	link, err := h.LoginLink(t.Context(), cli, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var in atomic.Int32
	for range 10 {
		wg.Go(func() {
			if _, err := h.UseLink(context.WithoutCancel(t.Context()), tokenOf(t, link), home); err == nil {
				in.Add(1)
			} else if err != errLink {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d came in by one link", in.Load())
	}
}

func TestFirstOwner(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	needed := func(want bool) {
		t.Helper()
		if got, err := h.FirstOwner(ctx); err != nil || got != want {
			t.Errorf("a first owner is needed: %t, %v; want %t", got, err, want)
		}
	}
	needed(true)
	yesterday, err := h.MakeFirstOwner(ctx, "Owner@mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	needed(true)
	today, err := h.MakeFirstOwner(ctx, "owner@mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.UseLink(ctx, tokenOf(t, yesterday), home); err != errLink {
		t.Errorf("yesterday's link: %v", err)
	}
	h.clock.wait(ownerLinkLife - time.Second)
	came, err := h.UseLink(ctx, tokenOf(t, today), home)
	owner, session := came.User, came.Token
	if err != nil || owner.Role != desk.RoleOwner || owner.Email != "owner@mail.example.com" {
		t.Fatalf("%+v, %v", owner, err)
	}
	needed(false)
	_, err = h.MakeFirstOwner(ctx, "owner@mail.example.com")
	wantFault(t, err, desk.Conflict, "owner already")

	// The setup page: name, address and password in one go, and the session goes on.
	name, email, password := "Ada", "ada@example.com", good
	now, err := h.UpdateUser(ctx, as(owner), owner.ID, UserChange{Name: &name, Email: &email, Password: &password, Session: session})
	if err != nil || now.Name != name || now.Email != email {
		t.Fatalf("%+v, %v", now, err)
	}
	if _, err := h.Session(ctx, session); err != nil {
		t.Errorf("the setup signed its owner out: %v", err)
	}
	if _, err := h.SignIn(ctx, email, good, home); err != nil {
		t.Error(err)
	}
}

// TestFirstOwnerByCommand: an owner added on the command line with a password needs no link; one without still does.
func TestFirstOwnerByCommand(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	if _, err := h.AddUser(ctx, cli, NewUser{Email: "boss@example.com", Name: "Boss", Role: desk.RoleOwner}); err != nil {
		t.Fatal(err)
	}
	link, err := h.MakeFirstOwner(ctx, "owner@localhost")
	if err != nil {
		t.Fatal(err)
	}
	if email, err := h.PeekLink(ctx, tokenOf(t, link)); err != nil || email != "boss@example.com" {
		t.Errorf("the link is for %s, %v", email, err)
	}
	h.add(t, "root@example.com", desk.RoleOwner)
	if needed, err := h.FirstOwner(ctx); err != nil || needed {
		t.Errorf("%t, %v", needed, err)
	}
}

// TestFirstOwnerTogether: processes that start at the same moment make one owner.
func TestFirstOwnerTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := h.MakeFirstOwner(context.WithoutCancel(t.Context()), "owner@localhost"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	page, err := h.Users(t.Context(), cli, "", 0)
	if err != nil || len(page.Items) != 1 {
		t.Errorf("%d owners, %v", len(page.Items), err)
	}
}
