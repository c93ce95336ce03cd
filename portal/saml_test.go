package portal

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"postern/desk"
	"postern/internal/testkit"
)

// samlAdded adds a provider on the pages, as an owner does, and makes both sides know each other.
func (h *house) samlAdded(olga *reader, idp *testkit.SimpleSAML, more ...string) (path string, id string) {
	h.t.Helper()
	check(h.t, h.people.SetSettings(h.t.Context(), h.owner, map[string]any{desk.SignOnNear.Key: []string{"localhost"}}))
	added := olga.post("/security/saml/new", append([]string{"name", "Example AG", "population", "staff", "metadata_url", idp.Metadata, "name_format", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"}, more...)...)
	found := regexp.MustCompile(`^/security/saml/(\d+)$`).FindStringSubmatch(added.path)
	if added.status != http.StatusOK || found == nil {
		h.t.Fatalf("%d at %s: %s", added.status, added.path, added.body)
	}
	h.samlKnown(idp, found[1], "")
	return added.path, found[1]
}

// samlKnown lets the provider read our metadata, as it is served.
func (h *house) samlKnown(idp *testkit.SimpleSAML, id, extra string) {
	h.t.Helper()
	answer, err := http.Get(h.url + "/access/saml/" + id + "/metadata")
	check(h.t, err)
	defer answer.Body.Close()
	ours, err := io.ReadAll(answer.Body)
	check(h.t, err)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/samlmetadata+xml" {
		h.t.Fatalf("our metadata: %s %s", answer.Status, ours)
	}
	idp.Know(ours, extra)
}

// samlComes sends what the page of the provider would, from that other site.
func (r *reader) samlComes(form testkit.Form) answer {
	r.h.t.Helper()
	request, err := http.NewRequestWithContext(r.h.t.Context(), http.MethodPost, form.Action, strings.NewReader(form.Fields.Encode()))
	check(r.h.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", "http://localhost")
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	return r.do(request)
}

func TestSAMLThroughThePages(t *testing.T) {
	t.Parallel()
	h, idp := newHouse(t), testkit.StartSimpleSAML(t)
	anna := testkit.SimpleSAMLUsers[0]
	olga := h.reader("olga@example.com")
	path, id := h.samlAdded(olga, idp)
	olga.get(path).has(t, "What the provider has to know", h.url+"/access/saml/"+id+"/metadata", "Ends soon", "Make the next key")
	olga.get("/security/sign-in/"+id).has(t, "Example AG")
	settings := olga.post("/security/sign-in/"+id, "name", "Example AG", "population", "staff", "domains", "example.com", "create", "on", "create_role", "agent")
	if settings.status != http.StatusOK {
		t.Fatalf("%d: %s", settings.status, settings.body)
	}
	olga.post("/security/sign-in/"+id+"/do", "do", "on").has(t, "Switch off")

	visitor := h.reader("")
	visitor.get("/sign-in").has(t, "Sign in with Example AG")
	form := idp.SignIn(visitor.client, h.url+"/access/start/"+id+"?next=%2Fviews", anna)
	if got := visitor.samlComes(form); got.path != "/views" || got.status != http.StatusOK {
		t.Fatalf("%d at %s: %s", got.status, got.path, got.body)
	}
	t.Run("the same answer again", func(t *testing.T) {
		got := h.reader("").samlComes(form)
		if got.status != http.StatusForbidden {
			t.Errorf("%d at %s", got.status, got.path)
		}
		got.has(t, "Not signed in")
		got.lacks(t, "replay", "anna")
	})
	t.Run("in a browser that did not ask", func(t *testing.T) {
		asks, victim := h.reader(""), h.reader("")
		form := idp.SignIn(asks.client, h.url+"/access/start/"+id, anna)
		if got := victim.samlComes(form); got.status != http.StatusForbidden {
			t.Errorf("a stranger signs a victim in: %d at %s", got.status, got.path)
		}
		if got := victim.get("/tickets"); got.path != "/sign-in" {
			t.Errorf("the victim stands at %s", got.path)
		}
	})
	t.Run("rubbish", func(t *testing.T) {
		for _, fields := range []url.Values{{}, {"SAMLResponse": {"%%%"}}, {"SAMLResponse": {strings.Repeat("A", 1<<20)}}, {"SAMLart": {"AAQAAMh48/1oXIM+sDo7Dh2qMp1HM4IF5DaRNmDj6RdUmllwn9jJHyEgIi8="}}} {
			if got := h.reader("").samlComes(testkit.Form{Action: h.url + "/access/saml/" + id, Fields: fields}); got.status != http.StatusForbidden {
				t.Errorf("%d at %s", got.status, got.path)
			}
		}
		for _, path := range []string{"/access/saml/999", "/access/saml/x"} {
			if got := h.reader("").samlComes(testkit.Form{Action: h.url + path, Fields: url.Values{"SAMLResponse": {"AAAA"}}}); got.status != http.StatusNotFound {
				t.Errorf("%s: %d", path, got.status)
			}
		}
		if got := h.reader("").get("/access/saml/" + id + "/done/nothing"); got.status != http.StatusNotFound {
			t.Errorf("a handle that leads nowhere: %d", got.status)
		}
		if got := h.reader("").get("/access/saml/" + id); got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
			t.Errorf("an answer by GET: %d", got.status)
		}
	})
	t.Run("keys", func(t *testing.T) {
		olga.post(path+"/key", "do", "prepare").has(t, "the next one", "Use it")
		olga.post(path+"/key", "do", "use").has(t, "used before")
	})
	t.Run("an agent has no business there", func(t *testing.T) {
		ada := h.reader("ada@example.com")
		for _, path := range []string{path, "/security/saml/new"} {
			if got := ada.get(path); got.status != http.StatusForbidden {
				t.Errorf("GET %s: %d", path, got.status)
			}
		}
		if got := ada.post(path+"/key", "do", "prepare"); got.status != http.StatusForbidden {
			t.Errorf("keys: %d", got.status)
		}
	})
	t.Run("what cannot be stays on the form", func(t *testing.T) {
		got := olga.post("/security/saml/new", "name", "Wrong", "population", "staff", "entity_id", "https://idp.example", "sso_url", "https://idp.example/sso", "certificates", "nothing")
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%d at %s", got.status, got.path)
		}
		got.has(t, `role="alert"`, "This is no certificate", "https://idp.example/sso")
	})
}

func TestSAMLProviderBeginsAndThePageAsks(t *testing.T) {
	t.Parallel()
	h, idp := newHouse(t), testkit.StartSimpleSAML(t)
	olga := h.reader("olga@example.com")
	_, id := h.samlAdded(olga, idp, "begins", "on")
	olga.post("/security/sign-in/"+id, "name", "Example AG", "population", "staff", "domains", "example.com", "create", "on", "create_role", "agent")
	olga.post("/security/sign-in/"+id+"/do", "do", "on")
	visitor := h.reader("")
	form := idp.SignIn(visitor.client, idp.URL+"saml2/idp/SSOService.php?"+url.Values{"spentityid": {h.url + "/access/saml/" + id + "/metadata"}, "RelayState": {"https://evil.example/"}}.Encode(), testkit.SimpleSAMLUsers[0])
	asked := visitor.samlComes(form)
	asked.has(t, "Is this you?", "anna@example.com", "somebody else may want you to work in their account")
	if got := visitor.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("signed in unasked, at %s", got.path)
	}
	if got := visitor.post(asked.path); got.status != http.StatusOK || got.path != "/" && got.path != "/tickets" {
		t.Errorf("%d at %s", got.status, got.path)
	}
}

// A whole sign-in in a real browser, with the provider on another site: its form brings no cookies of ours, and still only the browser that asked comes in. Then both sides sign out.
func TestSAMLInTheBrowser(t *testing.T) {
	t.Parallel()
	h, idp := newHouse(t), testkit.StartSimpleSAML(t)
	anna := testkit.SimpleSAMLUsers[0]
	check(t, h.people.SetSettings(t.Context(), h.owner, map[string]any{desk.SignOnNear.Key: []string{"localhost"}}))
	ctx := h.browser("olga@example.com")
	does(t, ctx, "add the provider", chromedp.Navigate(h.url+"/security/saml/new"), chromedp.SendKeys("#name", "Example AG"), chromedp.SendKeys("#metadata_url", idp.Metadata), chromedp.Click("main .form > .button.primary"), says("h1", "Example AG"))
	path, err := chromedp.Run(ctx, chromedp.Location())
	check(t, err)
	id := regexp.MustCompile(`/security/saml/(\d+)`).FindStringSubmatch(path)[1]
	h.samlKnown(idp, id, "")
	olga := h.reader("olga@example.com")
	olga.post("/security/sign-in/"+id, "name", "Example AG", "population", "staff", "domains", "example.com", "create", "on", "create_role", "agent")
	signs := func(ctx context.Context) {
		t.Helper()
		does(t, ctx, "sign in there", chromedp.WaitVisible("#username"), chromedp.SendKeys("#username", anna.Name), chromedp.SendKeys("#password", anna.Password), chromedp.Click("#submit_button"))
	}
	does(t, ctx, "try it", chromedp.Navigate(fmt.Sprintf("%s/security/sign-in/%s", h.url, id)), chromedp.Click(`form[action$="/test"] button`))
	signs(ctx)
	does(t, ctx, "see that it works", says("h1", "Trial sign-in"), says("main", "It works"))
	olga.post("/security/sign-in/"+id+"/do", "do", "on")
	ctx = h.chromium()
	does(t, ctx, "come in", chromedp.Navigate(h.url+"/sign-in?next=/views"), chromedp.Click(".ways a"))
	signs(ctx)
	does(t, ctx, "be where one wanted", chromedp.WaitVisible(".rail"), says("h1", "Views"))
	does(t, ctx, "sign out of both", chromedp.Navigate(h.url+"/you"), chromedp.Click(`form[action="/sign-out"] button`), says("h1", "Sign in"), chromedp.Click(".ways a"), chromedp.WaitVisible("#username"))
}
