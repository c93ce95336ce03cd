package identity

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Servers that an admin names are asked only where everybody could ask them (security T-23).
func TestOutwardAsksOnlyWhatEverybodyCouldAsk(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		case "/long":
			_, _ = io.Copy(w, io.LimitReader(zeros{}, outwardSize+10))
		}
	}))
	t.Cleanup(server.Close)
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, target := range []string{
		server.URL, "http://localhost" + port, "http://[::1]" + port, "http://[::ffff:127.0.0.1]" + port, "http://2130706433" + port, "http://0.0.0.0" + port, "http://0x7f000001" + port,
		"https://10.0.0.1/", "https://169.254.169.254/", "https://100.64.0.1/", "https://[fd00:ec2::254]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "http://example.com/", "https://example.com:22/", "file:///etc/passwd", "https://user:pass@example.com/",
	} {
		if answer, err := (Outward{}).Client().Get(target); err == nil {
			answer.Body.Close()
			t.Errorf("%s was asked", target)
		}
	}
	if asked != 0 {
		t.Fatalf("our own machine was asked %d times", asked)
	}
	near := Outward{Near: []string{"127.0.0.1" + port}}
	answer, err := near.Client().Get(server.URL)
	if err != nil {
		t.Fatalf("a server that the operator vouches for: %v", err)
	}
	answer.Body.Close()
	for _, path := range []string{"/loop", "/inside"} {
		if answer, err := near.Client().Get(server.URL + path); err == nil {
			answer.Body.Close()
			t.Errorf("%s was followed", path)
		}
	}
	if answer, err = near.Client().Get(server.URL + "/long"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(answer.Body); err == nil {
		t.Error("an answer without end was read as if it were whole")
	}
	answer.Body.Close()
	if other, _ := url.Parse("http://127.0.0.1:1/"); near.Check(other) == nil {
		t.Error("another port of a host of which one port is vouched for")
	}
}

// The name is looked up once, and what is connected to is what was checked: a name that says something else the second time leads nowhere.
func TestOutwardConnectsToWhatWasChecked(t *testing.T) {
	t.Parallel()
	if conn, err := (Outward{Resolver: &net.Resolver{}}).dial(t.Context(), "tcp", "localhost:443"); err == nil {
		conn.Close()
		t.Error("localhost was connected to")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
