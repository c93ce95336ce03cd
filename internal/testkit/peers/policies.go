package peers

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Policies is an HTTPS server for the MTA-STS policies of any number of domains (RFC 8461 §3.3).
type Policies struct {
	Addr string // host:port

	mu    sync.Mutex
	texts map[string]string // by domain; the rest are 404
	ids   map[string]tls.Certificate
	asked map[string]int
}

// NewPolicies serves policies, by domain, each under a certificate in its policy host's name by the authority, but for the domains that misname lists: these get somebody else's.
func NewPolicies(t testing.TB, authority *Authority, texts map[string]string, misnamed ...string) *Policies {
	t.Helper()
	p := &Policies{texts: map[string]string{}, ids: map[string]tls.Certificate{}, asked: map[string]int{}}
	for domain, text := range texts {
		p.texts[domain] = text
		p.ids[policyHost(domain)] = load(t, authority.Issue(t, policyHost(domain)))
	}
	for _, domain := range misnamed {
		p.ids[policyHost(domain)] = load(t, authority.Issue(t, "somebody-else.example"))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening for HTTPS: %v", err)
	}
	p.Addr = listener.Addr().String()
	server := &http.Server{Handler: p, ReadTimeout: patience, WriteTimeout: patience, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(tls.NewListener(listener, &tls.Config{GetCertificate: p.certificate, MinVersion: tls.VersionTLS12}))
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return p
}

// Policy is the text of one (RFC 8461 §3.2). Its life is a day.
func Policy(mode string, mx ...string) string {
	text := "version: STSv1\r\nmode: " + mode + "\r\n"
	for _, name := range mx {
		text += "mx: " + name + "\r\n"
	}
	return text + fmt.Sprintf("max_age: %d\r\n", int(24*time.Hour/time.Second))
}

// Records are those of a domain that lead to its policy; their names are relative to it.
func (p *Policies) Records(id string) string {
	return fmt.Sprintf("_mta-sts TXT \"v=STSv1; id=%s;\"\nmta-sts A %s\n", id, hostOf(p.Addr))
}

// Set replaces the policy of a domain that had one from the start; an empty text is 404.
func (p *Policies) Set(domain, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts[domain] = text
}

// Asked returns how often the policy of a domain was fetched.
func (p *Policies) Asked(domain string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[domain]
}

// ServeHTTP implements http.Handler.
func (p *Policies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	domain := strings.TrimPrefix(host, "mta-sts.")
	p.mu.Lock()
	p.asked[domain]++
	text := p.texts[domain]
	p.mu.Unlock()
	if text == "" || r.URL.Path != "/.well-known/mta-sts.txt" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, text)
}

func (p *Policies) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if id, ok := p.ids[hello.ServerName]; ok {
		return &id, nil
	}
	return nil, fmt.Errorf("nobody here is %s", hello.ServerName)
}

func policyHost(domain string) string { return "mta-sts." + domain }

func load(t testing.TB, id Identity) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(id.ChainFile, id.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Pool is the authority as those see it who trust it.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Root)
	return pool
}
