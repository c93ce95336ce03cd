package identity

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity/saml"
	"postern/internal/testkit"
)

// samlHouse is a house that knows SimpleSAMLphp, and is known to it.
type samlHouse struct {
	house
	owner    desk.User
	idp      *testkit.SimpleSAML
	provider desk.Provider
}

func newSAMLHouse(t *testing.T, change func(*desk.Provider)) samlHouse {
	t.Helper()
	h := samlHouse{house: newHouse(t), idp: testkit.StartSimpleSAML(t)}
	h.owner = h.plain(t, "owner@example.com", desk.RoleOwner)
	if err := h.SetSettings(t.Context(), as(h.owner), map[string]any{desk.SignOnNear.Key: []string{"localhost"}}); err != nil {
		t.Fatal(err)
	}
	settings, err := h.ReadSAML(t.Context(), as(h.owner), SAMLGiven{URL: h.idp.Metadata}, desk.SAMLSettings{NameFormat: saml.FormatPersistent})
	if err != nil {
		t.Fatal(err)
	}
	add := desk.Provider{Kind: desk.ProviderSAML, Name: "SimpleSAMLphp", Population: desk.ForStaff, Settings: desk.ProviderSettings{Domains: []string{"example.com"}, Create: true, CreateRole: desk.RoleAgent, SAML: settings}}
	if change != nil {
		change(&add)
	}
	if h.provider, err = h.AddProvider(t.Context(), as(h.owner), add); err != nil {
		t.Fatal(err)
	}
	if err := h.SwitchProvider(t.Context(), as(h.owner), h.provider.ID, SwitchedOn); err != nil {
		t.Fatal(err)
	}
	h.know(t, "")
	return h
}

// know makes the provider read our metadata.
func (h samlHouse) know(t *testing.T, extra string) {
	t.Helper()
	ours, err := h.SAMLMetadata(t.Context(), h.provider.ID)
	if err != nil {
		t.Fatal(err)
	}
	h.idp.Know(ours, extra)
}

func samlBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: time.Minute}
}

// goes begins a dance, signs in over there, and returns what comes back with the cookie of the browser.
func (h samlHouse) goes(t *testing.T, client *http.Client, who testkit.SimpleSAMLUser, begin Begin) (SAMLPosted, string) {
	t.Helper()
	begin.Provider, begin.From = h.provider.ID, home
	if begin.Purpose == "" {
		begin.Purpose = ToEnter
	}
	begun, err := h.BeginSignOn(t.Context(), begin)
	if err != nil {
		t.Fatal(err)
	}
	form := h.idp.SignIn(client, begun.URL, who)
	if want := "https://help.example.com" + samlPath(h.provider.ID); form.Action != want {
		t.Fatalf("the provider posts to %s", form.Action)
	}
	return SAMLPosted{Provider: h.provider.ID, Response: form.Fields.Get("SAMLResponse"), Relay: form.Fields.Get("RelayState"), From: home}, begun.Browser
}

// enters goes the whole way.
func (h samlHouse) enters(t *testing.T, client *http.Client, who testkit.SimpleSAMLUser, begin Begin) (SignedOn, error) {
	t.Helper()
	posted, browser := h.goes(t, client, who, begin)
	handle, err := h.TakeSAML(t.Context(), posted)
	if err != nil {
		return SignedOn{}, err
	}
	return h.EndSAML(t.Context(), SAMLEnd{Provider: h.provider.ID, Handle: handle, Browser: browser, From: home})
}

// reason is the newest refusal in the audit log: the code, and what was wrong.
func (h samlHouse) reason(t *testing.T) string {
	t.Helper()
	page, err := h.store.AuditLog(t.Context(), desk.AuditQuery{Limit: 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range page.Items {
		if strings.HasPrefix(entry.Action, "signon.") {
			return fmt.Sprintf("%s %s", entry.Action, entry.Detail)
		}
	}
	return ""
}

func refusedWith(t *testing.T, err error, code RefusalCode) {
	t.Helper()
	var why *Refused
	if !errors.As(err, &why) || why.Code != code {
		t.Errorf("refused with %v, want %s", err, code)
	}
	if err != nil && !errors.Is(err, errRefused) {
		t.Errorf("a stranger reads %v", err)
	}
}

func TestSAMLSignsIn(t *testing.T) {
	t.Parallel()
	h, ctx := newSAMLHouse(t, nil), t.Context()
	anna, bruno := testkit.SimpleSAMLUsers[0], testkit.SimpleSAMLUsers[1]
	done, err := h.enters(t, samlBrowser(t), anna, Begin{Next: "/tickets"})
	if err != nil {
		t.Fatalf("%v: %s", err, h.reason(t))
	}
	if done.Came.User.Email != anna.Email || done.Came.User.Role != desk.RoleAgent || done.Came.User.Name != anna.Display || done.Next != "/tickets" {
		t.Errorf("%+v came", done)
	}
	session, err := h.SignedIn(ctx, done.Came.Token)
	if err != nil || session.ID != done.Came.User.ID {
		t.Errorf("the session is %+v, %v", session.User, err)
	}
	again, err := h.enters(t, samlBrowser(t), anna, Begin{})
	if err != nil || again.Came.User.ID != done.Came.User.ID {
		t.Errorf("the second time %+v came, %v", again.Came.User, err)
	}

	t.Run("an answer is taken once", func(t *testing.T) {
		posted, browser := h.goes(t, samlBrowser(t), bruno, Begin{})
		handle, err := h.TakeSAML(ctx, posted)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.TakeSAML(ctx, posted)
		refusedWith(t, err, Replayed)
		if !strings.HasPrefix(h.reason(t), "signon.replay") {
			t.Errorf("the audit log has %s", h.reason(t))
		}
		if _, err := h.EndSAML(ctx, SAMLEnd{Provider: h.provider.ID, Handle: handle, Browser: browser, From: home}); err != nil {
			t.Error(err)
		}
		_, err = h.EndSAML(ctx, SAMLEnd{Provider: h.provider.ID, Handle: handle, Browser: browser, From: home})
		wantFault(t, err, desk.NotFound, "over")
	})
	t.Run("in the browser that asked, and no other", func(t *testing.T) {
		for name, other := range map[string]string{"none": "", "another": strings.Repeat("x", 43)} {
			posted, _ := h.goes(t, samlBrowser(t), anna, Begin{})
			handle, err := h.TakeSAML(ctx, posted)
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.EndSAML(ctx, SAMLEnd{Provider: h.provider.ID, Handle: handle, Browser: other, From: home})
			refusedWith(t, err, BadState)
			if t.Failed() {
				t.Log(name)
			}
		}
	})
	t.Run("two dances of one browser cannot be crossed", func(t *testing.T) {
		client := samlBrowser(t)
		first, browser := h.goes(t, client, anna, Begin{})
		second, _ := h.goes(t, client, anna, Begin{Browser: browser})
		first.Relay = second.Relay
		handle, err := h.TakeSAML(ctx, first)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.EndSAML(ctx, SAMLEnd{Provider: h.provider.ID, Handle: handle, Browser: browser, From: home})
		refusedWith(t, err, BadState)
	})
	t.Run("within two minutes", func(t *testing.T) {
		posted, browser := h.goes(t, samlBrowser(t), anna, Begin{})
		handle, err := h.TakeSAML(ctx, posted)
		if err != nil {
			t.Fatal(err)
		}
		h.clock.wait(samlAnswerLife)
		_, err = h.EndSAML(ctx, SAMLEnd{Provider: h.provider.ID, Handle: handle, Browser: browser, From: home})
		wantFault(t, err, desk.NotFound, "over")
		h.clock.wait(-samlAnswerLife)
	})
	t.Run("what was changed is refused, and stands nowhere", func(t *testing.T) {
		posted, _ := h.goes(t, samlBrowser(t), anna, Begin{})
		document, _ := base64.StdEncoding.DecodeString(posted.Response)
		changed := strings.ReplaceAll(string(document), "anna", "olga")
		posted.Response = base64.StdEncoding.EncodeToString([]byte(changed))
		_, err := h.TakeSAML(ctx, posted)
		refusedWith(t, err, BadSignature)
		if log := h.reason(t); !strings.Contains(log, saml.Digest([]byte(changed))) || strings.Contains(log, "olga") {
			t.Errorf("the audit log has %s", log)
		}
	})
	t.Run("too late", func(t *testing.T) {
		posted, _ := h.goes(t, samlBrowser(t), anna, Begin{})
		h.clock.wait(10 * time.Minute)
		_, err := h.TakeSAML(ctx, posted)
		refusedWith(t, err, Expired)
		h.clock.wait(-10 * time.Minute)
	})
	t.Run("switched off meanwhile", func(t *testing.T) {
		posted, browser := h.goes(t, samlBrowser(t), anna, Begin{})
		if err := h.SwitchProvider(ctx, as(h.owner), h.provider.ID, SwitchedOff); err != nil {
			t.Fatal(err)
		}
		handle, err := h.TakeSAML(ctx, posted)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.EndSAML(ctx, SAMLEnd{Provider: h.provider.ID, Handle: handle, Browser: browser, From: home})
		wantFault(t, err, desk.NotFound, "no such way")
		if err := h.SwitchProvider(ctx, as(h.owner), h.provider.ID, SwitchedOn); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("whoever is disabled stays out", func(t *testing.T) {
		if err := h.Disable(ctx, as(h.owner), done.Came.User.ID); err != nil {
			t.Fatal(err)
		}
		_, err := h.enters(t, samlBrowser(t), anna, Begin{})
		refusedWith(t, err, UserSuspended)
	})
}

func TestSAMLConnectsAndTries(t *testing.T) {
	t.Parallel()
	h, ctx := newSAMLHouse(t, nil), t.Context()
	anna := testkit.SimpleSAMLUsers[0]
	done, err := h.enters(t, samlBrowser(t), anna, Begin{Purpose: ToTest, Actor: as(h.owner)})
	if err != nil || !done.Trial.Works || done.Trial.Email != anna.Email || done.Trial.Subject != "anna" || done.Came.Token != "" {
		t.Errorf("the trial says %+v, %v", done.Trial, err)
	}
	if _, err := h.enters(t, samlBrowser(t), anna, Begin{Purpose: ToLink, Actor: as(h.owner)}); err != nil {
		t.Fatal(err)
	}
	entered, err := h.enters(t, samlBrowser(t), anna, Begin{})
	if err != nil || entered.Came.User.ID != h.owner.ID {
		t.Errorf("the connected account opens %+v, %v", entered.Came.User, err)
	}
	t.Run("a provider for customers never opens staff's", func(t *testing.T) {
		change, err := h.store.Provider(ctx, h.provider.ID)
		if err != nil {
			t.Fatal(err)
		}
		change.Population, change.Settings.CreateRole = desk.ForCustomers, ""
		if _, err := h.ChangeProvider(ctx, as(h.owner), change); err != nil {
			t.Fatal(err)
		}
		_, err = h.enters(t, samlBrowser(t), anna, Begin{})
		refusedWith(t, err, ScopeDenied)
	})
}

func TestSAMLSecondFactorOfTheProvider(t *testing.T) {
	t.Parallel()
	h := newSAMLHouse(t, func(p *desk.Provider) { p.Settings.RequireMFA = true })
	_, err := h.enters(t, samlBrowser(t), testkit.SimpleSAMLUsers[0], Begin{})
	refusedWith(t, err, MFARequired)
}

func TestSAMLProviderBegins(t *testing.T) {
	t.Parallel()
	h, ctx := newSAMLHouse(t, nil), t.Context()
	anna := testkit.SimpleSAMLUsers[0]
	unasked := h.idp.URL + "saml2/idp/SSOService.php?" + url.Values{"spentityid": {"https://help.example.com" + samlPath(h.provider.ID) + "/metadata"}, "RelayState": {"https://evil.example/"}}.Encode()
	posted := func() SAMLPosted {
		form := h.idp.SignIn(samlBrowser(t), unasked, anna)
		return SAMLPosted{Provider: h.provider.ID, Response: form.Fields.Get("SAMLResponse"), Relay: form.Fields.Get("RelayState"), From: home}
	}
	_, err := h.TakeSAML(ctx, posted())
	refusedWith(t, err, BadState)

	change, err := h.store.Provider(ctx, h.provider.ID)
	if err != nil {
		t.Fatal(err)
	}
	change.Settings.SAML.Begins = true
	if _, err := h.ChangeProvider(ctx, as(h.owner), change); err != nil {
		t.Fatal(err)
	}
	handle, err := h.TakeSAML(ctx, posted())
	if err != nil {
		t.Fatalf("%v: %s", err, h.reason(t))
	}
	waiting, err := h.PeekSAML(ctx, h.provider.ID, handle)
	if err != nil || !waiting.Unasked || waiting.Name != anna.Email {
		t.Errorf("the page would ask about %+v, %v", waiting, err)
	}
	done, err := h.EndSAML(ctx, SAMLEnd{Provider: h.provider.ID, Handle: handle, From: home})
	if err != nil || done.Came.User.Email != anna.Email || done.Next != "" {
		t.Errorf("%+v came, %v", done, err)
	}
}

func TestSAMLLogsOut(t *testing.T) {
	t.Parallel()
	h, ctx := newSAMLHouse(t, nil), t.Context()
	anna := testkit.SimpleSAMLUsers[0]
	logout := "https://help.example.com" + samlPath(h.provider.ID) + "/logout"
	stopping := func(client *http.Client) *http.Client {
		client.CheckRedirect = func(request *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(request.URL.String(), logout) {
				return http.ErrUseLastResponse
			}
			return nil
		}
		return client
	}
	back := func(client *http.Client, address string) string {
		answer, err := stopping(client).Get(address)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		_, query, found := strings.Cut(answer.Header.Get("Location"), "?")
		if !found {
			t.Fatalf("%s, then %q", answer.Status, answer.Header.Get("Location"))
		}
		return query
	}
	open := func(token string) bool {
		_, err := h.SignedIn(ctx, token)
		return err == nil
	}
	client := samlBrowser(t)
	one, err := h.enters(t, client, anna, Begin{})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := h.enters(t, samlBrowser(t), anna, Begin{})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("the provider says so", func(t *testing.T) {
		query := back(client, h.idp.URL+"saml2/idp/SingleLogoutService.php?ReturnTo="+url.QueryEscape(h.idp.URL))
		_, err := h.EndSAMLSessions(ctx, SAMLBye{Provider: h.provider.ID, Query: strings.Replace(query, "SigAlg", "Sigalg", 1), From: home})
		refusedWith(t, err, BadSignature)
		if !open(one.Came.Token) {
			t.Fatal("an unsigned request ends sessions")
		}
		answer, err := h.EndSAMLSessions(ctx, SAMLBye{Provider: h.provider.ID, Query: query, From: home})
		if err != nil || !strings.HasPrefix(answer, h.idp.URL) {
			t.Fatalf("%q, %v: %s", answer, err, h.reason(t))
		}
		if open(one.Came.Token) || !open(elsewhere.Came.Token) {
			t.Error("it ends the one session that it names, and no other")
		}
	})
	t.Run("we say so", func(t *testing.T) {
		client := samlBrowser(t)
		done, err := h.enters(t, client, anna, Begin{})
		if err != nil {
			t.Fatal(err)
		}
		address, err := h.SAMLLogout(ctx, done.Came.Token)
		if err != nil || !strings.HasPrefix(address, h.idp.URL) {
			t.Fatalf("%q, %v", address, err)
		}
		if err := h.SignOut(ctx, done.Came.Token); err != nil {
			t.Fatal(err)
		}
		ended, err := h.SAMLLoggedOut(ctx, h.provider.ID, back(client, address))
		if err != nil || !ended {
			t.Errorf("ended %v, %v", ended, err)
		}
		if address, err := h.SAMLLogout(ctx, done.Came.Token); err != nil || address != "" {
			t.Errorf("a session that is over is signed out again: %q, %v", address, err)
		}
	})
}

func TestSAMLKeysChange(t *testing.T) {
	t.Parallel()
	h, ctx := newSAMLHouse(t, nil), t.Context()
	owner := as(h.owner)
	anna := testkit.SimpleSAMLUsers[0]
	if err := h.UseSAMLKey(ctx, owner, h.provider.ID); !is(err, desk.Conflict) {
		t.Errorf("without a next key: %v", err)
	}
	if err := h.PrepareSAMLKey(ctx, owner, h.provider.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.PrepareSAMLKey(ctx, owner, h.provider.ID); !is(err, desk.Conflict) {
		t.Errorf("a second next key: %v", err)
	}
	h.know(t, "'assertion.encryption' => true, 'sharedkey_algorithm' => 'http://www.w3.org/2009/xmlenc11#aes128-gcm',")
	posted, browser := h.goes(t, samlBrowser(t), anna, Begin{}) // encrypted for the key that is current now
	if err := h.UseSAMLKey(ctx, owner, h.provider.ID); err != nil {
		t.Fatal(err)
	}
	handle, err := h.TakeSAML(ctx, posted)
	if err != nil {
		t.Fatalf("%v: %s", err, h.reason(t))
	}
	if _, err := h.EndSAML(ctx, SAMLEnd{Provider: h.provider.ID, Handle: handle, Browser: browser, From: home}); err != nil {
		t.Error(err)
	}
	// The provider read the metadata before the change, where both keys stood: it takes what the new one signs.
	if _, err := h.enters(t, samlBrowser(t), anna, Begin{}); err != nil {
		t.Errorf("%v: %s", err, h.reason(t))
	}
	about, err := h.SAMLAbout(ctx, owner, h.provider.ID)
	if err != nil || len(about.Keys) != 2 || about.Keys[0].State != desk.SAMLKeyCurrent || about.Keys[1].State != desk.SAMLKeyOld || len(about.Trusted) != 1 {
		t.Fatalf("%+v, %v", about, err)
	}
	if err := h.DropSAMLKey(ctx, owner, h.provider.ID, about.Keys[0].ID); !is(err, desk.Conflict) {
		t.Errorf("the current key: %v", err)
	}
	if err := h.DropSAMLKey(ctx, owner, h.provider.ID, about.Keys[1].ID); err != nil {
		t.Error(err)
	}
	agent := as(h.plain(t, "agent@example.com", desk.RoleAgent))
	for name, err := range map[string]error{
		"prepare": h.PrepareSAMLKey(ctx, agent, h.provider.ID), "use": h.UseSAMLKey(ctx, agent, h.provider.ID), "drop": h.DropSAMLKey(ctx, agent, h.provider.ID, 1),
	} {
		if !is(err, desk.Forbidden) {
			t.Errorf("an agent may %s keys: %v", name, err)
		}
	}
}

func TestSAMLMetadataIsReadAgain(t *testing.T) {
	t.Parallel()
	h, ctx := newSAMLHouse(t, nil), t.Context()
	anna := testkit.SimpleSAMLUsers[0]
	if _, err := h.enters(t, samlBrowser(t), anna, Begin{Purpose: ToTest, Actor: as(h.owner)}); err != nil {
		t.Fatal(err)
	}
	h.idp.NewKey("next")
	h.idp.Configure("'new_privatekey' => 'next.pem', 'new_certificate' => 'next.crt',")
	refresh := func() desk.Provider {
		h.clock.wait(metadataEach)
		if err := h.RefreshSAML(ctx); err != nil {
			t.Fatal(err)
		}
		h.clock.wait(-metadataEach)
		now, err := h.store.Provider(ctx, h.provider.ID)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	if now := refresh(); len(now.Settings.SAML.Certificates) != 2 || now.TestedAt == nil {
		t.Fatalf("while the provider rolls over we trust %d certificates; tested at %v", len(now.Settings.SAML.Certificates), now.TestedAt)
	}
	h.idp.Configure("'privatekey' => 'next.pem', 'certificate' => 'next.crt',")
	if _, err := h.enters(t, samlBrowser(t), anna, Begin{}); err != nil {
		t.Errorf("signed with the next key: %v: %s", err, h.reason(t))
	}
	h.clock.wait(2 * metadataEach)
	if err := h.RefreshSAML(ctx); err != nil {
		t.Fatal(err)
	}
	h.clock.wait(-2 * metadataEach)
	now, err := h.store.Provider(ctx, h.provider.ID)
	if err != nil || len(now.Settings.SAML.Certificates) != 1 {
		t.Errorf("after it we trust %d certificates, %v", len(now.Settings.SAML.Certificates), err)
	}
	if warnings, err := h.SAMLDoctor(ctx); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "is good until") { // its certificates are good for a day
		t.Errorf("the doctor says %q, %v", warnings, err)
	}
	t.Run("a server behind our walls is not asked", func(t *testing.T) {
		if err := h.SetSettings(ctx, as(h.owner), map[string]any{desk.SignOnNear.Key: []string{}}); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{h.idp.Metadata, "http://169.254.169.254/latest/meta-data", "https://127.0.0.1/", "https://[::ffff:127.0.0.1]/", "file:///etc/passwd", "gopher://x"} {
			_, err := h.ReadSAML(ctx, as(h.owner), SAMLGiven{URL: address}, desk.SAMLSettings{})
			var fault *desk.Fault
			if !errors.As(err, &fault) || fault.Field != "metadata_url" {
				t.Errorf("%s: %v", address, err)
			}
		}
	})
}

func TestSAMLSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	key, err := saml.NewKey(nil, "idp.example", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	right := desk.SAMLSettings{EntityID: "https://idp.example", SSOURL: "https://idp.example/sso", Certificates: []string{base64.StdEncoding.EncodeToString(key.Certificate.Raw)}}
	for name, each := range map[string]struct {
		change func(*desk.SAMLSettings)
		field  string // empty: it can be
	}{
		"as it should be": {func(*desk.SAMLSettings) {}, ""},
		"a fingerprint alone": {func(s *desk.SAMLSettings) {
			s.Certificates, s.Fingerprints = nil, []string{saml.Fingerprint(key.Certificate)}
		}, ""},
		"no certificate":          {func(s *desk.SAMLSettings) { s.Certificates = nil }, "certificates"},
		"half a fingerprint":      {func(s *desk.SAMLSettings) { s.Fingerprints = []string{"AA:BB"} }, "fingerprint"},
		"no name":                 {func(s *desk.SAMLSettings) { s.EntityID = "" }, "entity_id"},
		"in the clear":            {func(s *desk.SAMLSettings) { s.SSOURL = "http://idp.example/sso" }, "sign_on_url"},
		"logout in the clear":     {func(s *desk.SAMLSettings) { s.SLOURL = "http://idp.example/slo" }, "logout_url"},
		"a passing name alone":    {func(s *desk.SAMLSettings) { s.NameFormat = saml.FormatTransient }, "subject_attribute"},
		"a passing name and more": {func(s *desk.SAMLSettings) { s.NameFormat, s.SubjectAttribute = saml.FormatTransient, "uid" }, ""},
		"a format of one's own":   {func(s *desk.SAMLSettings) { s.NameFormat = "x" }, "name_format"},
		"metadata at home":        {func(s *desk.SAMLSettings) { s.MetadataURL = "https://10.0.0.1/metadata" }, "metadata_url"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := right
			each.change(&settings)
			err := checkSAML(settings, Outward{})
			var fault *desk.Fault
			if errors.As(err, &fault) != (each.field != "") || fault != nil && fault.Field != each.field {
				t.Errorf("%v, want a fault of %q", err, each.field)
			}
		})
	}
}

func TestWhomSAMLNames(t *testing.T) {
	t.Parallel()
	mail := saml.Attribute{Name: "mail", Values: []string{"anna@example.com"}}
	for name, each := range map[string]struct {
		settings       desk.SAMLSettings
		subject        saml.Subject
		attributes     []saml.Attribute
		want, wantMail string
	}{
		"persistent":                {desk.SAMLSettings{}, saml.Subject{Name: "a1", Format: saml.FormatPersistent}, []saml.Attribute{mail}, "a1", "anna@example.com"},
		"of another domain":         {desk.SAMLSettings{}, saml.Subject{Name: "a1", Format: saml.FormatPersistent, Qualifier: "other"}, nil, "other!a1", ""},
		"passing":                   {desk.SAMLSettings{}, saml.Subject{Name: "a1", Format: saml.FormatTransient}, []saml.Attribute{mail}, "", "anna@example.com"},
		"passing, with an agreed":   {desk.SAMLSettings{SubjectAttribute: "mail"}, saml.Subject{Name: "a1", Format: saml.FormatTransient}, []saml.Attribute{mail}, "anna@example.com", "anna@example.com"},
		"agreed, but not said":      {desk.SAMLSettings{SubjectAttribute: "uid"}, saml.Subject{Name: "a1", Format: saml.FormatPersistent}, nil, "", ""},
		"an address as the name":    {desk.SAMLSettings{}, saml.Subject{Name: "Anna@Example.com", Format: saml.FormatEmail}, nil, "Anna@Example.com", "Anna@Example.com"},
		"an address that is a name": {desk.SAMLSettings{}, saml.Subject{Name: "anna@example.com", Format: saml.FormatPersistent}, nil, "anna@example.com", ""},
		"another attribute for it":  {desk.SAMLSettings{EmailAttribute: "work"}, saml.Subject{Name: "a1"}, []saml.Attribute{mail}, "a1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := assertedBySAML(desk.Provider{Settings: desk.ProviderSettings{SAML: each.settings}}, samlAnswer{Said: saml.Asserted{Subject: each.subject, Attributes: each.attributes}})
			if got.Subject != each.want || got.Email != each.wantMail {
				t.Errorf("it is %q with %q", got.Subject, got.Email)
			}
		})
	}
}
