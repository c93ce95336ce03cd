package identity

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

func TestToken(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	secret, token, err := h.AddToken(ctx, as(ada), NewToken{UserEmail: ada.Email, Name: "script", Scopes: []desk.Scope{desk.ScopeWrite, desk.ScopeRead, desk.ScopeRead}})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^pst_personal_[A-Za-z0-9_-]{49}$`).MatchString(secret) {
		t.Errorf("token %q", secret)
	}
	if token.ID == 0 || token.UserEmail != ada.Email || !token.ExpiresAt.Equal(h.clock.now().Add(90*aDay)) || !slices.Equal(token.Scopes, []desk.Scope{"read", "write"}) {
		t.Errorf("%+v", token)
	}
	actor, err := h.Bearer(ctx, secret, home)
	if err != nil || actor.User != ada || actor.Via != "api" || !actor.Can(desk.MayWrite) || actor.Can(desk.MayManageSystem) {
		t.Errorf("%+v, %v", actor, err)
	}
	flipped := []byte(secret)
	flipped[20] ^= 1
	for name, wrong := range map[string]string{
		"empty": "", "cut short": secret[:50], "mistyped": string(flipped), "other prefix": "pat" + secret[3:], "well formed, unknown": seal(prefixAny, strings.Repeat("A", 43)),
	} {
		if _, err := h.Bearer(ctx, wrong, home); !is(err, desk.Unsigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, err := h.Tokens(ctx, as(ada), "", 0)
	if err != nil || len(page.Items) != 1 || page.Items[0].LastUsedAt == nil || !page.Items[0].LastUsedAt.Equal(h.clock.now()) {
		t.Errorf("%+v, %v", page, err)
	}
	h.clock.wait(30 * time.Second)
	if _, err := h.Bearer(ctx, secret, home); err != nil {
		t.Fatal(err)
	}
	page, err = h.Tokens(ctx, as(ada), "", 0)
	if err != nil || page.Items[0].LastUsedAt.Equal(h.clock.now()) {
		t.Errorf("its use is written down twice in a minute, %v", err)
	}
	if err := h.Disable(ctx, cli, ada.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Bearer(ctx, secret, home); !is(err, desk.Unsigned) {
		t.Errorf("of a disabled person: %v", err)
	}
	if err := h.Enable(ctx, cli, ada.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.RevokeToken(ctx, as(ada), "script"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Bearer(ctx, secret, home); !is(err, desk.Unsigned) {
		t.Errorf("revoked: %v", err)
	}
	wantFault(t, h.RevokeToken(ctx, as(ada), "script"), desk.NotFound, "script")
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	secret, _, err := h.AddToken(ctx, cli, NewToken{UserEmail: ada.Email, Name: "short", Expires: h.clock.now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	h.clock.wait(time.Hour)
	if _, err := h.Bearer(ctx, secret, home); !is(err, desk.Unsigned) {
		t.Errorf("expired: %v", err)
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada, admin, light := h.plain(t, "ada@example.com", desk.RoleAgent), h.plain(t, "admin@example.com", desk.RoleAdmin), h.plain(t, "light@example.com", desk.RoleLight)
	scoped := func(user desk.User, scopes ...desk.Scope) desk.Actor {
		return desk.Actor{User: user, Scopes: scopes, Via: "api"}
	}
	mine := NewToken{UserEmail: ada.Email, Name: "x"}
	reading := NewToken{UserEmail: ada.Email, Name: "x", Scopes: []desk.Scope{desk.ScopeRead}}
	for name, test := range map[string]struct {
		actor desk.Actor
		add   NewToken
		kind  desk.FaultKind
	}{
		"for a colleague":              {as(ada), NewToken{UserEmail: admin.Email, Name: "x"}, desk.Forbidden},
		"by nobody":                    {desk.Actor{Via: "api"}, mine, desk.Unsigned},
		"by a reading token":           {scoped(ada, desk.ScopeRead), reading, desk.Forbidden},
		"a wider one by a token":       {scoped(admin, desk.ScopeAdmin), mine, desk.Forbidden},
		"another scope by a token":     {scoped(admin, desk.ScopeAdmin), reading, desk.Forbidden},
		"for somebody who is not here": {as(admin), NewToken{UserEmail: "nobody@example.com", Name: "x"}, desk.NotFound},
		"without a name":               {as(ada), NewToken{UserEmail: ada.Email}, desk.Invalid},
		"of an unknown scope":          {as(ada), NewToken{UserEmail: ada.Email, Name: "x", Scopes: []desk.Scope{"root"}}, desk.Invalid},
		"that has expired":             {as(ada), NewToken{UserEmail: ada.Email, Name: "x", Expires: h.clock.now()}, desk.Invalid},
		"for ever":                     {as(ada), NewToken{UserEmail: ada.Email, Name: "x", Expires: h.clock.now().AddDate(2, 0, 0)}, desk.Invalid},
	} {
		if _, _, err := h.AddToken(ctx, test.actor, test.add); !is(err, test.kind) {
			t.Errorf("a token %s: %v", name, err)
		}
	}
	for i := range tokensMost {
		if _, _, err := h.AddToken(ctx, as(light), NewToken{UserEmail: light.Email, Name: fmt.Sprint("n", i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := h.AddToken(ctx, as(light), NewToken{UserEmail: light.Email, Name: "one too many"})
	wantFault(t, err, desk.Conflict, "revoke one first")
	customer := h.plain(t, "customer@example.com", desk.RoleCustomer)
	_, _, err = h.AddToken(ctx, as(customer), NewToken{UserEmail: customer.Email, Name: "mine"})
	wantFault(t, err, desk.Forbidden, "")
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada, bob := h.plain(t, "ada@example.com", desk.RoleAgent), h.plain(t, "bob@example.com", desk.RoleAgent)
	add := func(user desk.User) int64 {
		_, token, err := h.AddToken(ctx, as(user), NewToken{UserEmail: user.Email, Name: "script"})
		if err != nil {
			t.Fatal(err)
		}
		return token.ID
	}
	one, two, his := add(ada), add(ada), add(bob)
	wantFault(t, h.RevokeToken(ctx, as(ada), "script"), desk.Conflict, "2 tokens are called script")
	wantFault(t, h.RevokeToken(ctx, as(ada), fmt.Sprint(his)), desk.NotFound, "")
	wantFault(t, h.RevokeToken(ctx, desk.Actor{Via: "api"}, fmt.Sprint(his)), desk.Unsigned, "")
	wantFault(t, h.RevokeToken(ctx, desk.Actor{User: ada, Scopes: []desk.Scope{desk.ScopeWrite}}, fmt.Sprint(one)), desk.Forbidden, "scope admin")
	if err := h.RevokeToken(ctx, as(ada), fmt.Sprint(one)); err != nil {
		t.Error(err)
	}
	if page, err := h.Tokens(ctx, as(ada), "", 0); err != nil || len(page.Items) != 2 || page.Items[0].ID != two || page.Items[1].RevokedAt == nil {
		t.Errorf("hers: %+v, %v", page, err)
	}
	if page, err := h.Tokens(ctx, cli, "", 2); err != nil || len(page.Items) != 2 || page.Items[0].ID != his || page.Next == "" {
		t.Errorf("all: %+v, %v", page, err)
	}
	if err := h.RevokeToken(ctx, cli, fmt.Sprint(his)); err != nil {
		t.Error(err)
	}
}
