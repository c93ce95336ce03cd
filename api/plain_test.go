package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// policyDomain is a mail domain that is in use.
func policyDomain(t *testing.T, o *office, name string, mode desk.STSMode) {
	t.Helper()
	must(t, o.store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AddDomain(t.Context(), desk.Domain{
			Name: name, State: desk.DomainActive, STS: mode, Publication: desk.PublishTXT, OnBroken: desk.BrokenHold, RotateDays: 90, Challenge: "c0ffee", CreatedAt: time.Now(),
		})
		return err
	}))
}

// reply is what a handler says to one request.
func reply(handler http.Handler, method, url, token string) *http.Response {
	request := httptest.NewRequest(method, url, nil)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Result()
}

// TestPolicyHosts: RFC 8461 §3.2 and §3.3.
func TestPolicyHosts(t *testing.T) {
	t.Parallel()
	o := open(t)
	policyDomain(t, o, "example.org", desk.STSEnforce)
	handler := o.api.PolicyHosts(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, c := range []struct {
		method, url string
		status      int
		body        string
	}{
		{"GET", "https://mta-sts.example.org/.well-known/mta-sts.txt", 200, "version: STSv1\r\nmode: enforce\r\nmx: desk.test\r\nmax_age: 1209600\r\n"},
		{"HEAD", "https://mta-sts.example.org/.well-known/mta-sts.txt", 200, ""},
		{"GET", "https://MTA-STS.Example.ORG:8443/.well-known/mta-sts.txt", 200, "version: STSv1\r\nmode: enforce\r\nmx: desk.test\r\nmax_age: 1209600\r\n"},
		{"POST", "https://mta-sts.example.org/.well-known/mta-sts.txt", 405, ""},
		{"GET", "https://mta-sts.example.org/", 404, ""},
		{"GET", "https://mta-sts.example.org/api/v1/tickets", 404, ""},
		{"GET", "https://mta-sts.stranger.example/.well-known/mta-sts.txt", 418, ""},
		{"GET", "https://help.example.org/.well-known/mta-sts.txt", 418, ""},
	} {
		got := reply(handler, c.method, c.url, "")
		body, _ := io.ReadAll(got.Body)
		if got.StatusCode != c.status || c.body != "" && string(body) != c.body {
			t.Errorf("%s %s: %d %q", c.method, c.url, got.StatusCode, body)
		}
		if c.status == 200 && !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %s", c.url, got.Header.Get("Content-Type"))
		}
	}
}

// TestPlain: security row 16. Programs that send without TLS are told so and not sent on, and a token that came so is revoked, by Bearer or Basic.
func TestPlain(t *testing.T) {
	t.Parallel()
	o := open(t)
	policyDomain(t, o, "example.org", desk.STSTesting)
	handler := o.api.Plain("https://help.example.com")
	for _, c := range []struct {
		method, url string
		status      int
		location    string
	}{
		{"GET", "http://help.example.com/tickets/1?page=2", 308, "https://help.example.com/tickets/1?page=2"},
		{"HEAD", "http://help.example.com/", 308, "https://help.example.com/"},
		{"GET", "http://evil.example/a/token", 308, "https://help.example.com/a/token"},
		{"GET", "http://help.example.com//evil.example/x", 308, "https://help.example.com//evil.example/x"},
		{"GET", "http://mta-sts.example.org/.well-known/mta-sts.txt", 308, "https://mta-sts.example.org/.well-known/mta-sts.txt"},
		{"GET", "http://mta-sts.stranger.example/x", 308, "https://help.example.com/x"},
		{"POST", "http://help.example.com/sign-in", 403, ""},
		{"PUT", "http://help.example.com/", 403, ""},
		{"GET", "http://help.example.com/api/v1/tickets", 403, ""},
		{"OPTIONS", "http://help.example.com/api/v1/tickets", 403, ""},
	} {
		got := reply(handler, c.method, c.url, "")
		if got.StatusCode != c.status || got.Header.Get("Location") != c.location {
			t.Errorf("%s %s: %d to %q", c.method, c.url, got.StatusCode, got.Header.Get("Location"))
		}
	}
	for _, token := range []string{o.tokens["agent"], o.tokens["agent"], "pst_nonsense", strings.Replace(o.tokens["agent"], "pst_", "pst_x", 1), ""} {
		got := reply(handler, "GET", "http://help.example.com/api/v1/tickets", token)
		if got.StatusCode != 403 || got.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d %s", got.StatusCode, got.Header.Get("Content-Type"))
		}
	}
	o.get(t, "agent", "/tickets").want(http.StatusUnauthorized)
	noted := 0
	page, err := o.store.AuditLog(t.Context(), desk.AuditQuery{Limit: 100})
	must(t, err)
	for _, entry := range page.Items {
		if entry.Action == "token.exposed" {
			noted++
		}
	}
	if noted != 1 {
		t.Errorf("%d tokens were noted", noted)
	}
}

// Admins see how each name fares and can have the CA asked again; others cannot.
func TestCertificateRoutes(t *testing.T) {
	t.Parallel()
	o := open(t)
	later := time.Now().Add(time.Hour).Truncate(time.Second)
	must(t, o.store.Write(t.Context(), func(tx *store.Tx) error {
		return tx.MissCertificate(t.Context(), store.Certificate{Name: "mail.desk.test", Failures: 2, Problem: "CAA forbids it", FailedAt: &later, NextTry: &later})
	}))
	o.get(t, "agent", "/certificates").want(http.StatusForbidden)
	before := o.get(t, "admin", "/certificates").want(http.StatusOK)
	if before.value("items", 0, "name") != "mail.desk.test" || before.value("items", 0, "problem") != "no certificate was obtained: CAA forbids it" || before.value("items", 0, "next_try_at") == nil {
		t.Errorf("%s", before.body)
	}
	o.post(t, "agent", "/certificates/retry", nil).want(http.StatusForbidden)
	o.post(t, "admin", "/certificates/retry", nil).want(http.StatusNoContent)
	if after := o.get(t, "admin", "/certificates").want(http.StatusOK); after.value("items", 0, "next_try_at") != nil {
		t.Errorf("%s", after.body)
	}
}
