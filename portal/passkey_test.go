package portal

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// virtualKey puts an authenticator into a browser: a telephone or laptop that unlocks by finger and always gets a yes.
func virtualKey(t *testing.T, ctx context.Context) webauthn.AuthenticatorID {
	t.Helper()
	_, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{})
	check(t, err)
	made, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	check(t, err)
	return made.AuthenticatorID
}

const passkeyButton = `form[data-passkey] button`

// TestPasskeyInTheBrowser is the whole life of a passkey in a real browser: made, used alone, used as a second factor, and misused.
func TestPasskeyInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouseAt(t, "localhost")
	ctx := h.browser("ada@example.com")
	key := virtualKey(t, ctx)
	in := until("location.pathname === '/tickets'")
	does(t, ctx, "make a passkey", chromedp.Navigate(h.url+"/you/security/factors"), chromedp.WaitVisible(passkeyButton), chromedp.SendKeys("#passkey-name", "Telephone"), chromedp.Click(passkeyButton), says("h1", "recovery codes"))
	does(t, ctx, "it is listed", chromedp.Click(".plate .primary"), says(".blocks", "Telephone"))

	out := func() {
		t.Helper()
		does(t, ctx, "sign out", chromedp.Navigate(h.url+"/you"), evaluate(`const f = document.createElement("form"); f.method = "post"; f.action = "/sign-out"; document.body.append(f); f.submit()`), until("location.pathname === '/sign-in'"), chromedp.WaitVisible(passkeyButton))
	}
	out()
	does(t, ctx, "sign in by it alone", chromedp.Click(passkeyButton), in)
	out()
	does(t, ctx, "password, and the passkey as second factor", chromedp.SendKeys("#email", "ada@example.com"), chromedp.SendKeys("#password", password), chromedp.Click(".plate .primary"),
		until("location.pathname === '/sign-in/factor'"), chromedp.WaitVisible(passkeyButton), chromedp.Click(passkeyButton), in)
	out()

	// Replay: the same answer, sent twice as it stands in the form.
	does(t, ctx, "keep what the form would send", evaluate(`HTMLFormElement.prototype.submit = function () { window.kept = new URLSearchParams(new FormData(this)).toString(); }`), chromedp.Click(passkeyButton), until("!!window.kept"),
		evaluate(`(async () => { const seen = []; for (let i = 0; i < 2; i++) { const got = await fetch("/sign-in/passkey", { method: "POST", body: window.kept, headers: { "Content-Type": "application/x-www-form-urlencoded" } }); seen.push(got.status + " " + new URL(got.url).pathname); } window.seen = seen.join(", "); })()`),
		until("!!window.seen"))
	seen, err := chromedp.Run(ctx, chromedp.Evaluate[string]("window.seen"))
	check(t, err)
	if seen != "200 /tickets, 422 /sign-in/passkey" {
		t.Errorf("the same answer twice: %s", seen)
	}

	refused := func(what string, wrong func()) {
		t.Helper()
		out()
		wrong()
		does(t, ctx, what, chromedp.Click(passkeyButton), says(".problem", "This passkey did not work"), until("location.pathname === '/sign-in/passkey'"))
	}
	bits := func(params webauthn.SetResponseOverrideBitsParams) func() {
		return func() {
			params.AuthenticatorID = key
			_, err := chromedp.Call(ctx, webauthn.SetResponseOverrideBits, params)
			check(t, err)
		}
	}
	refused("it was not unlocked", bits(webauthn.SetResponseOverrideBitsParams{IsBadUV: new(true)}))
	refused("nobody touched it", bits(webauthn.SetResponseOverrideBitsParams{IsBadUP: new(true)}))
	refused("its signature is not one", bits(webauthn.SetResponseOverrideBitsParams{IsBogusSignature: new(true)}))
	refused("a copy that counts fewer uses", func() {
		bits(webauthn.SetResponseOverrideBitsParams{IsBogusSignature: new(false), IsBadUV: new(false), IsBadUP: new(false)})()
		h.sql(`update factor set record = jsonb_set(record, '{authenticator,signCount}', '1000') where kind = 'passkey'`) // as if the other copy had been used since
	})
	does(t, ctx, "from another address the browser does not show it", chromedp.Navigate(strings.Replace(h.url, "localhost", "127.0.0.1", 1)+"/sign-in"), chromedp.WaitVisible(passkeyButton), chromedp.Click(passkeyButton),
		says("form[data-passkey] [role=alert]", "The passkey was not shown"))
}
