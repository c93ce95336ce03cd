// Package peers promises the other side of a delivery as the world has it, on loopback: Postfix and Exim that take mail with STARTTLS done well, badly or not at all, a zone
// that Knot signs and Unbound validates, and HTTPS for MTA-STS policies under an authority of the test's own.
//
// The programs are Debian's (scripts/need postfix exim wrappers mtasts knot unbound), each with a configuration of its own; the machine's own services are not touched. Everything ends with
// the test. Postfix must be started by root, since its parts run as several users; the others need not.
package peers

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"postern/internal/testkit"
)

// patience is how long a test waits for a peer: far beyond what a loaded machine needs.
const patience = 30 * time.Second

// Net is a row of loopback addresses on which one port is free, for mail servers that have to share a port: direct delivery goes to one port everywhere.
type Net struct {
	Port string

	last int
}

// Loopback finds such a port; it is free on ::1 too.
func Loopback(t testing.TB) *Net {
	t.Helper()
	for range 50 {
		listener, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Fatalf("looking for a port: %v", err)
		}
		n := &Net{Port: fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)}
		_ = listener.Close()
		probe, err := net.Listen("tcp", net.JoinHostPort("0.0.0.0", n.Port)) // refused where anybody has the port on any address
		if err == nil {
			_ = probe.Close()
			return n
		}
	}
	t.Fatal("no port is free on all of loopback")
	return nil
}

// Next is an address that nobody was given before.
func (n *Net) Next() string {
	n.last++
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 170+pid>>8&0x3f, pid&0xff, n.last)
}

// start runs a program for as long as the test.
func start(t testing.TB, p testkit.Program) {
	t.Helper()
	stop, err := p.Start()
	if err != nil {
		t.Fatalf("start %s: %v", p.Name, err)
	}
	t.Cleanup(stop)
}

// folder is a program's own, which the program's end removes; other users may walk through it.
func folder(t testing.TB, purpose string) string {
	t.Helper()
	dir, err := testkit.Folder(purpose)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // should the program never have been started
	return dir
}

// write writes a file that everybody may read.
func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
