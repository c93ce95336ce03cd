package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/domains"
	"postern/internal/testkit"
)

// server answers on loopback under a certificate for the host, which the test's DNS leads to it.
func server(t *testing.T, handler http.HandlerFunc) (client Client, port string) {
	t.Helper()
	certificate, roots := testkit.Certificate(t, "host.test")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	running := &http.Server{Handler: handler}
	go func() { _ = running.Serve(listener) }() // until it is closed
	t.Cleanup(func() { _ = running.Close() })
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	dns := testkit.DNS(t, "host.test. 60 IN A 127.0.0.1\nother.test. 60 IN A 127.0.0.1\n")
	return Client{Resolver: domains.NewResolver([]string{dns.Addr}, time.Second), Roots: roots}, port
}

func TestPost(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	client, port := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/taken", http.StatusTemporaryRedirect)
		case r.URL.Path == "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		case r.URL.Path == "/taken" && r.Method == http.MethodPost && string(body) == "report" && r.Header.Get("Content-Type") == "application/x":
			w.WriteHeader(http.StatusAccepted)
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	post := func(c Client, place string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return c.Post(ctx, place, "application/x", []byte("report"))
	}
	if err := post(client, "https://host.test:"+port+"/taken"); err != nil {
		t.Errorf("taken: %v", err)
	}
	if err := post(client, "https://host.test:"+port+"/endless"); err != nil {
		t.Errorf("an answer without end is not waited for: %v", err)
	}
	before := asked.Load()
	if err := post(client, "https://host.test:"+port+"/moved"); err == nil || !strings.Contains(err.Error(), "307") || asked.Load() != before+1 {
		t.Errorf("a redirect: %v, after %d requests", err, asked.Load()-before)
	}
	for what, place := range map[string]string{"another name than the certificate's": "https://other.test:" + port + "/taken", "no TLS": "http://host.test:" + port + "/taken", "a name that is not there": "https://nobody.test:" + port + "/taken"} {
		if err := post(client, place); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	strangers := client
	strangers.Roots = x509.NewCertPool()
	if err := post(strangers, "https://host.test:"+port+"/taken"); err == nil {
		t.Error("a certificate by nobody is taken")
	}
	before = asked.Load()
	refusing := client
	why := errors.New("it is loopback")
	refusing.Refuse = func(addr netip.Addr) error {
		if addr.IsLoopback() {
			return why
		}
		return nil
	}
	for _, place := range []string{"https://host.test:" + port + "/taken", "https://127.0.0.1:" + port + "/taken"} {
		if err := post(refusing, place); !errors.Is(err, why) || asked.Load() != before {
			t.Errorf("%s, whose address is refused: %v", place, err)
		}
	}
}
