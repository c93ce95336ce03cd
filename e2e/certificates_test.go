package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"strconv"
	"strings"
	"testing"
	"time"

	words "postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailout/mtasts"
	"postern/store"
)

const portalHost = "help.desk.example"

// secured is a program that obtains its certificates from a CA of the test's own.
type secured struct {
	*program
	ca          *testkit.Pebble
	names       *testkit.DNSServer
	http, https string // where it listens
	url         string // the portal as people reach it
}

// launchSecured starts a CA whose certificates live for a minute, and a program that asks it.
func launchSecured(t *testing.T) *secured {
	t.Helper()
	names := testkit.DNS(t, hostname+". A 127.0.0.1\n"+portalHost+". A 127.0.0.1\nmta-sts.customer.example. CNAME "+portalHost+".\nmta-sts.elsewhere.example. A 192.0.2.1\n")
	s := &secured{http: freePort(t), https: freePort(t), names: names}
	s.ca = testkit.StartPebble(t, testkit.PebbleOptions{DNS: names.Addr, HTTPPort: portOf(t, s.http), TLSPort: portOf(t, s.https), Validity: time.Minute})
	_, port, _ := net.SplitHostPort(s.https)
	s.url = "https://" + portalHost + ":" + port
	database := testkit.Postgres(t)
	addDomain(t, database, "customer.example", words.STSTesting)
	addDomain(t, database, "elsewhere.example", words.STSTesting)
	s.program = launch(t, "POSTERN_DATABASE_URL="+database, "POSTERN_ACME=on", "POSTERN_ACME_DIRECTORY="+s.ca.Directory, "POSTERN_ACME_CA="+s.ca.CAFile, "POSTERN_DNS="+names.Addr,
		"POSTERN_HTTP_ADDR="+s.http, "POSTERN_HTTPS_ADDR="+s.https, "POSTERN_PUBLIC_URL="+s.url)
	return s
}

// addDomain makes a mail domain whose owner is proved.
func addDomain(t *testing.T, database, name string, mode words.STSMode) {
	t.Helper()
	db, err := store.Open(t.Context(), database, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AddDomain(t.Context(), words.Domain{
			Name: name, State: words.DomainActive, STS: mode, Publication: words.PublishTXT, OnBroken: words.BrokenHold, RotateDays: 90, Challenge: "c0ffee", CreatedAt: time.Now(),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// client is a browser that trusts the CA and finds every host where the program listens. It does not follow.
func (s *secured) client() *http.Client {
	dialer := &net.Dialer{Timeout: patience}
	return &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: s.ca.Root()}, DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				_, port, _ := net.SplitHostPort(addr)
				return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
			},
		},
	}
}

// shown is the certificate of HTTPS, if it is one that a browser takes.
func (s *secured) shown(roots *x509.CertPool) *x509.Certificate {
	conn, err := tls.Dial("tcp", s.https, &tls.Config{ServerName: portalHost, RootCAs: roots})
	if err != nil {
		return nil
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// shownBySMTP is the certificate of STARTTLS, if it is one that a careful sender takes.
func (s *secured) shownBySMTP(roots *x509.CertPool) *x509.Certificate {
	client, err := smtp.Dial(s.where().smtp)
	if err != nil {
		return nil
	}
	defer client.Close()
	if err := client.StartTLS(&tls.Config{ServerName: hostname, RootCAs: roots}); err != nil {
		return nil
	}
	state, _ := client.TLSConnectionState()
	return state.PeerCertificates[0]
}

// ask sends a request and returns the answer with its body.
func (s *secured) ask(method, url, token string) (*http.Response, string) {
	s.t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.client().Do(request)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(body)
}

// failures are of the metric, by name.
func (s *secured) failures(name string) int { return s.metrics("postern_certificate_failures")[name] }

// The whole program gets its certificates from a CA, shows them on both doors, replaces them while it runs, and says so when it cannot.
func TestCertificates(t *testing.T) {
	t.Parallel()
	s := launchSecured(t)
	roots := s.ca.Root()
	eventually(t, "certificates for the portal and for mail", func() bool { return s.shown(roots) != nil && s.shownBySMTP(roots) != nil })
	pid, _ := s.process()
	web, mail := s.shown(roots), s.shownBySMTP(roots)
	eventually(t, "renewed certificates on both doors", func() bool {
		newWeb, newMail := s.shown(roots), s.shownBySMTP(roots)
		return newWeb != nil && newMail != nil && !newWeb.Equal(web) && !newMail.Equal(mail)
	})
	if now, _ := s.process(); now != pid {
		t.Error("it took a restart")
	}
	if expires := s.metrics("postern_certificate_expires_seconds")[portalHost]; time.Unix(int64(expires), 0).Before(time.Now()) {
		t.Errorf("the figures say that the certificate ends at %d", expires)
	}
	eventually(t, "doctor is content", func() bool { return s.state("TLS "+hostname) == "ok" && s.state("TLS "+portalHost) == "ok" })
	s.policy(t, roots)
	s.plain(t)
	s.old(t)
	s.down(t, roots)
}

// policy: a sender that keeps to RFC 8461 finds the policy of a domain that points here, and for one that does not, the CA was not asked.
func (s *secured) policy(t *testing.T, roots *x509.CertPool) {
	s.cli("domain", "set", "customer.example", "--sts", "enforce") // not before there is a certificate
	fetcher := mtasts.Fetcher{Resolver: domains.NewResolver([]string{s.names.Addr}, patience), Port: portOf(t, s.https), Roots: roots}
	var policy mtasts.Policy
	eventually(t, "a policy that can be fetched", func() bool {
		var err error
		policy, err = fetcher.Fetch(t.Context(), "customer.example")
		return err == nil && policy.Mode == mtasts.ModeEnforce
	})
	if len(policy.MX) != 1 || policy.MX[0] != hostname {
		t.Errorf("the policy says %+v", policy)
	}
	if state := s.state("TLS mta-sts.elsewhere.example"); state != "warning" {
		t.Errorf("doctor says %s of a policy host that leads elsewhere", state)
	}
	if list := s.cli("certificate", "list"); !strings.Contains(list, "the CA was not asked: mta-sts.elsewhere.example leads to 192.0.2.1") {
		t.Errorf("the list says:\n%s", list)
	}
}

// plain: what comes without TLS.
func (s *secured) plain(t *testing.T) {
	plain := "http://" + portalHost + ":" + s.http[strings.LastIndexByte(s.http, ':')+1:]
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if got, _ := s.ask(method, plain+"/sign-in?next=%2Ftickets", ""); got.StatusCode != http.StatusPermanentRedirect || got.Header.Get("Location") != s.url+"/sign-in?next=%2Ftickets" {
			t.Errorf("%s: %d to %s", method, got.StatusCode, got.Header.Get("Location"))
		}
	}
	if got, _ := s.ask(http.MethodPost, plain+"/sign-in", ""); got.StatusCode != http.StatusForbidden || got.Header.Get("Location") != "" {
		t.Errorf("a form: %d", got.StatusCode)
	}
	burnt := strings.TrimSpace(s.cli("token", "create", "--user", owner, "--name", "sent in the clear"))
	if got, body := s.ask(http.MethodGet, plain+"/api/v1/tickets", burnt); got.StatusCode != http.StatusForbidden || got.Header.Get("Content-Type") != "application/problem+json" || got.Header.Get("Location") != "" {
		t.Errorf("the API: %d %s", got.StatusCode, body)
	}
	got, body := s.ask(http.MethodGet, s.url+"/api/v1/audit?limit=100", s.token)
	if got.StatusCode != http.StatusOK || strings.Count(body, `"action":"token.exposed","activity":`) != 1 || got.ProtoMajor != 2 {
		t.Errorf("the audit log over %s: %d %s", got.Proto, got.StatusCode, body)
	}
	if got, _ := s.ask(http.MethodGet, s.url+"/api/v1/tickets", burnt); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token that came without TLS still opens the API: %d", got.StatusCode)
	}
	for _, path := range []string{"/api/v1/tickets", "/sign-in"} {
		if got, _ := s.ask(http.MethodGet, s.url+path, s.token); got.StatusCode != http.StatusOK || got.Header.Get("Strict-Transport-Security") != "max-age=31536000; includeSubDomains" {
			t.Errorf("%s: %d, HSTS %q", path, got.StatusCode, got.Header.Get("Strict-Transport-Security"))
		}
	}
}

// old: nobody is served with a TLS that is not safe any more.
func (s *secured) old(t *testing.T) {
	for _, c := range []struct {
		name   string
		config *tls.Config
	}{
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
		{"CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}},
		{"no forward secrecy", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}},
	} {
		c.config.ServerName, c.config.InsecureSkipVerify = portalHost, true
		if conn, err := tls.Dial("tcp", s.https, c.config); err == nil {
			t.Errorf("%s was taken", c.name)
			_ = conn.Close()
		}
	}
}

// down: without the CA everything goes on as long as it can, and everybody is told.
func (s *secured) down(t *testing.T, roots *x509.CertPool) {
	s.ca.Stop()
	eventually(t, "a failure that is counted", func() bool { return s.failures(portalHost) > 0 && s.failures(hostname) > 0 })
	if s.shown(roots) == nil || s.shownBySMTP(roots) == nil {
		t.Error("what was there is not shown any more")
	}
	if state := s.state("TLS " + portalHost); state != "warning" && state != "failed" {
		t.Errorf("doctor says %s", state)
	}
	if list := s.cli("certificate", "list"); !strings.Contains(list, "is not being renewed") && !strings.Contains(list, "was not renewed") {
		t.Errorf("the list says:\n%s", list)
	}
	s.ca.Start()
	s.cli("certificate", "retry") // else it would take a minute
	roots = s.ca.Root()
	for range 2 { // the CA that came back knows our account no more, and the new one is used from the second visit on
		eventually(t, "another visit", func() bool { return s.shown(roots) != nil || s.failures(portalHost) > 1 })
		s.cli("certificate", "retry")
	}
	eventually(t, "certificates of the CA that came back", func() bool {
		return s.shown(roots) != nil && s.shownBySMTP(roots) != nil && s.failures(portalHost) == 0
	})
}

// state is what doctor says of a check.
func (s *secured) state(check string) string {
	s.t.Helper()
	out, err := s.try("doctor", "--json") // its status is 1 where something else is not as it should be
	if err != nil && out == "" {
		s.t.Fatal(err)
	}
	var list struct {
		Items []struct{ Check, State string } `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		var bare []struct{ Check, State string }
		if err := json.Unmarshal([]byte(out), &bare); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		list.Items = bare
	}
	for _, one := range list.Items {
		if one.Check == check {
			return one.State
		}
	}
	return "missing"
}
