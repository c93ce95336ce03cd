package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"postern/desk"
)

// socialServer speaks as Facebook or X document it. It is simulated: neither can be asked from a test.
func socialServer(t *testing.T, kind desk.ProviderKind, profile any) string {
	t.Helper()
	codes := map[string]string{} // code to PKCE challenge
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/authorize":
			query := r.URL.Query()
			code := fmt.Sprint("code-", len(codes))
			codes[code] = query.Get("code_challenge")
			http.Redirect(w, r, query.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {query.Get("state")}}.Encode(), http.StatusFound)
		case "/token":
			user, password, basic := r.BasicAuth()
			if !basic {
				user, password = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
			}
			challenge, known := codes[r.PostFormValue("code")]
			delete(codes, r.PostFormValue("code"))
			w.Header().Set("Content-Type", "application/json")
			if !known || user != "desk" || password != "secret" || basic != (kind == desk.ProviderX) || challenge != socialChallenge(r.PostFormValue("code_verifier")) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
				return
			}
			_, _ = w.Write([]byte(`{"access_token":"at","token_type":"bearer","expires_in":3600}`))
		case "/me":
			if r.Header.Get("Authorization") != "Bearer at" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_ = json.NewEncoder(w).Encode(profile)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Facebook and X say nothing reliable about an address: it is proved by a mail, and the account is known by its id from then on. Neither is ever for staff.
func TestSocialProvidersProveAddressesByMail(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	for kind, profile := range map[desk.ProviderKind]any{
		desk.ProviderFacebook: map[string]any{"id": "10158", "name": "Fay", "email": "fay@mail.test"},
		desk.ProviderX:        map[string]any{"data": map[string]any{"id": "2244994945", "name": "Xena", "username": "xena", "confirmed_email": "xena@mail.test"}},
	} {
		add := desk.Provider{Kind: kind, Name: string(kind), Population: desk.ForStaff, Settings: desk.ProviderSettings{Issuer: socialServer(t, kind, profile), ClientID: "desk", Create: true, Domains: []string{"mail.test"}}}
		if _, err := f.AddProvider(t.Context(), f.owner, add); err == nil {
			t.Errorf("%s is for staff", kind)
		}
		add.Population = desk.ForCustomers
		p := f.provider(t, add, "secret")
		browser := ""
		done, err := f.sign(t, p, func(a *CodeAnswer) { browser = a.Browser })
		if err != nil || !done.Proving {
			t.Fatalf("%s: %+v %v", kind, done, err)
		}
		done, err = f.UseClaim(t.Context(), f.mailedClaim(t), browser, home)
		if err != nil || done.Came.User.Role != desk.RoleCustomer || !strings.HasSuffix(done.Came.User.Email, "@mail.test") {
			t.Fatalf("%s: %+v %v", kind, done, err)
		}
		first := done.Came.User.ID
		if done, err = f.sign(t, p, nil); err != nil || done.Came.User.ID != first || done.Came.Token == "" {
			t.Errorf("%s, again: %+v %v", kind, done, err)
		}
	}
	agent := desk.Provider{Kind: desk.ProviderFacebook, Name: "As an agent", Population: desk.ForCustomers, Settings: desk.ProviderSettings{Issuer: socialServer(t, desk.ProviderFacebook, map[string]any{"id": "1", "email": "ann@acme.test"}), ClientID: "desk", Create: true}}
	p, browser := f.provider(t, agent, "secret"), ""
	if done, err := f.sign(t, p, func(a *CodeAnswer) { browser = a.Browser }); err != nil || !done.Proving {
		t.Fatalf("%+v %v", done, err)
	}
	if _, err := f.UseClaim(t.Context(), f.mailedClaim(t), browser, home); f.codeOf(t, err) != ScopeDenied {
		t.Errorf("an agent by Facebook: %v", err)
	}
}

// socialChallenge is the challenge of a PKCE verifier (RFC 7636 §4.2).
func socialChallenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
