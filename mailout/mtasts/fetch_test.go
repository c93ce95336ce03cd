package mtasts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/domains"
	"postern/internal/testkit"
)

// policyServer is a real HTTPS server on loopback, in the name of mta-sts.to.example.
type policyServer struct {
	fetcher *Fetcher
	dns     *testkit.DNSServer
	answer  atomic.Pointer[http.HandlerFunc]
	asked   atomic.Int32
}

const zone = "mta-sts.to.example. 60 IN A 127.0.0.1\n_mta-sts.to.example. 60 IN TXT \"v=STSv1; id=1;\""

func serve(t *testing.T, host string) *policyServer {
	t.Helper()
	certificate, roots := testkit.Certificate(t, host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &policyServer{dns: testkit.DNS(t, zone)}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.asked.Add(1)
			(*s.answer.Load())(w, r)
		}),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}}))
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	number, _ := strconv.Atoi(port)
	s.fetcher = &Fetcher{Resolver: domains.NewResolver([]string{s.dns.Addr}, 5*time.Second), Port: number, Roots: roots, Patience: 2 * time.Second}
	s.says(enforce)
	return s
}

const enforce = "version: STSv1\nmode: enforce\nmx: mx1.example\nmax_age: 86400\n"

// says makes the server answer with a policy.
func (s *policyServer) says(text string) {
	s.does(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, text)
	})
}

func (s *policyServer) does(f http.HandlerFunc) { s.answer.Store(&f) }

// RFC 8461 §3.3: a policy comes from one path of one host that proves its name, in one answer, or not at all.
func TestFetch(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, "mta-sts.to.example")
	for name, c := range map[string]struct {
		host   string
		answer http.HandlerFunc
		refuse func(netip.Addr) error
		result string // empty: a policy
		words  string
	}{
		"a policy": {},
		"asked as it should be": {answer: func(w http.ResponseWriter, r *http.Request) {
			name, _, _ := net.SplitHostPort(r.Host)
			if name != "mta-sts.to.example" || r.URL.Path != "/.well-known/mta-sts.txt" || r.Method != http.MethodGet || r.Header.Get("Accept-Encoding") != "" || r.Header.Get("Cookie") != "" {
				http.Error(w, "asked for something else", http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, enforce)
		}},
		"another's certificate": {host: "other.example", result: resultCertificate, words: "certificate is valid for other.example"},
		"a redirect": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprintf("https://mta-sts.to.example:%d/.well-known/mta-sts.txt", elsewhere.fetcher.Port), http.StatusMovedPermanently)
		}, result: resultFetch, words: "301"},
		"not found": {answer: http.NotFound, result: resultFetch, words: "404"},
		"as HTML": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, enforce)
		}, result: resultFetch, words: "text/html"},
		"of no type": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, enforce)
		}, result: resultFetch, words: "text/plain"},
		"empty": {answer: func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Type", "text/plain") }, result: resultInvalid, words: "version"},
		"endless": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			for range 1 << 12 {
				if _, err := io.WriteString(w, strings.Repeat("a: b\n", 1<<10)); err != nil {
					return
				}
			}
		}, result: resultFetch, words: "more than 65536"},
		"silent": {answer: func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Second):
			}
		}, result: resultFetch, words: "deadline"},
		"breaks off": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, enforce)
		}, result: resultFetch, words: "EOF"},
		"at an address of ours": {refuse: func(addr netip.Addr) error { return fmt.Errorf("%s is nobody's business", addr) }, result: resultFetch, words: "nobody's business"},
		"a bomb that unpacks": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8b\x08")
		}, result: resultInvalid, words: "form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := c.host
			if host == "" {
				host = "mta-sts.to.example"
			}
			server := serve(t, host)
			if c.answer != nil {
				server.does(c.answer)
			}
			server.fetcher.Refuse = c.refuse
			began := time.Now()
			policy, err := server.fetcher.Fetch(t.Context(), "to.example")
			if time.Since(began) > 8*time.Second {
				t.Errorf("took %s", time.Since(began))
			}
			if c.result == "" {
				if err != nil || policy.Mode != ModeEnforce || !policy.Names("mx1.example") {
					t.Errorf("%+v, %v", policy, err)
				}
				return
			}
			var failed *Failure
			if !errors.As(err, &failed) || failed.Result != c.result || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v (%+v), want %s: %s", err, failed, c.result, c.words)
			}
		})
	}
	t.Cleanup(func() {
		if elsewhere.asked.Load() != 0 {
			t.Error("a redirect was followed")
		}
	})
}

func TestFetchFromNowhere(t *testing.T) {
	t.Parallel()
	server := serve(t, "mta-sts.to.example")
	for domain, words := range map[string]string{"gone.example": "no such name"} {
		_, err := server.fetcher.Fetch(t.Context(), domain)
		var failed *Failure
		if !errors.As(err, &failed) || failed.Result != resultFetch || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", domain, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := server.fetcher.Fetch(over, "to.example"); err == nil {
		t.Error("fetched for nobody")
	}
}

// newResolver remembers nothing yet.
func newResolver(s *policyServer) *domains.DNS {
	return domains.NewResolver([]string{s.dns.Addr}, 5*time.Second)
}
