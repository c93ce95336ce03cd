package domains

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"postern/internal/testkit"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	var b breaker
	now := time.Now()
	must := func(what string, want admission) {
		t.Helper()
		if got := b.admit(now); got != want {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
	for range 10 {
		if b.unheard("one") {
			t.Fatal("one dead name is taken for a dead server")
		}
	}
	for _, name := range []string{"two", "three"} {
		if b.unheard(name) {
			t.Fatalf("probing after %s", name)
		}
	}
	must("before the probe", ask)
	if !b.unheard("four") || b.unheard("five") {
		t.Fatal("one shall probe at the fourth name, and nobody else")
	}
	must("while it is being found out", ask)
	b.open(now)
	must("nobody is there", refuse)
	now = now.Add(breakTime)
	must("after the pause", probe)
	must("while somebody probes", refuse)
	b.open(now)
	must("still nobody", refuse)
	now = now.Add(breakTime)
	must("after the second pause", probe)
	b.heard()
	must("somebody is there", ask)
	b.open(now)
	must("a late probe does not count against an answer", ask)
	for i := range 20 {
		if b.unheard(fmt.Sprint(i)) {
			t.Fatal("answers in between do not count")
		}
		b.heard()
	}
}

// breakable is a resolver of a server that answers nothing, not even about the root.
func breakable(t *testing.T) (*testkit.DNSServer, *DNS, func(time.Duration)) {
	t.Helper()
	server, r := resolver(t, resolverZone)
	r.timeout = 300 * time.Millisecond
	now := time.Now()
	r.now = func() time.Time { return now }
	for i := range 2 * silences {
		server.Mute(fmt.Sprintf("dead%d.example.com", i))
	}
	return server, r, func(step time.Duration) { now = now.Add(step) }
}

// askTheDead asks for names at once, so that all timeouts are one.
func askTheDead(t *testing.T, r *DNS, names int) {
	t.Helper()
	var all sync.WaitGroup
	for i := range names {
		all.Go(func() { _, _ = r.LookupTXT(t.Context(), fmt.Sprintf("dead%d.example.com", i)) })
	}
	all.Wait()
}

func TestAMachineWithoutDNSFailsAtOnce(t *testing.T) {
	t.Parallel()
	server, r, wait := breakable(t)
	server.Mute(probedName)
	askTheDead(t, r, silences)
	_, err := r.LookupTXT(t.Context(), "example.com")
	var failed *LookupError
	if !errors.Is(err, errNobody) || !errors.As(err, &failed) || !failed.IsTemporary || failed.IsNotFound || server.Asked("example.com") != 0 {
		t.Errorf("asked %d times: %v", server.Asked("example.com"), err)
	}
	wait(breakTime)
	probed := server.Asked(probedName)
	if _, err = r.LookupTXT(t.Context(), "example.com"); !errors.Is(err, errNobody) || server.Asked(probedName) != probed+1 {
		t.Errorf("after the pause: %v, %d probes more", err, server.Asked(probedName)-probed)
	}
	server.Heal(probedName)
	if _, err = r.LookupTXT(t.Context(), "example.com"); !errors.Is(err, errNobody) {
		t.Errorf("in the second pause: %v", err)
	}
	wait(breakTime)
	r.timeout = 5 * time.Second
	if texts, err := r.LookupTXT(t.Context(), "example.com"); err != nil || len(texts) != 2 {
		t.Errorf("once the server is back: %q, %v", texts, err)
	}
}

func TestDeadNamesDoNotSilenceALivingServer(t *testing.T) {
	t.Parallel()
	server, r, _ := breakable(t)
	askTheDead(t, r, 2*silences)
	if server.Asked(probedName) == 0 {
		t.Error("nobody looked whether the server is alive")
	}
	if texts, err := r.LookupTXT(t.Context(), "example.com"); err != nil || len(texts) != 2 {
		t.Errorf("%q, %v", texts, err)
	}
}

func TestUnreachableServersOpenTheBreakerToo(t *testing.T) {
	t.Parallel()
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := NewResolver([]string{dead.LocalAddr().String()}, 5*time.Second)
	_ = dead.Close()
	for i := range silences {
		_, _ = r.LookupTXT(t.Context(), fmt.Sprintf("n%d.example.com", i))
	}
	if _, err := r.LookupTXT(t.Context(), "example.com"); !errors.Is(err, errNobody) {
		t.Error(err)
	}
}
