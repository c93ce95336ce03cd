package peers

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/testkit"
)

// TLSMode is how a mail server does STARTTLS.
type TLSMode string

const (
	NoTLS     TLSMode = "none"       // does not offer it
	GoodTLS   TLSMode = "good"       // with a certificate in its name
	WrongName TLSMode = "wrong-name" // with one in the name of somebody else
	Expired   TLSMode = "expired"    // with one that was valid until yesterday
	Untrusted TLSMode = "untrusted"  // with one by an authority that nobody knows
	ByName    TLSMode = "by-name"    // with one in its name for those who ask by it (SNI), else with one of somebody else, as shared servers do
	BrokenTLS TLSMode = "broken"     // offers it, and no handshake ever comes to its end: its one version of TLS is too old for everybody
)

// Modes are all of them.
var Modes = []TLSMode{NoTLS, GoodTLS, WrongName, Expired, Untrusted, ByName, BrokenTLS}

// Listener is one address of a mail server.
type Listener struct {
	TLS   TLSMode
	Names []string // of its certificate, where that is good
	Addr  string   // empty: the next one of the net
}

// Site is what mail servers share.
type Site struct {
	Net      *Net
	Trusted  *Authority
	Stranger *Authority // signs for Untrusted
}

// NewSite makes one of the test's own.
func NewSite(t testing.TB) *Site {
	t.Helper()
	return &Site{Net: Loopback(t), Trusted: NewAuthority(t, "Peers Test Root"), Stranger: NewAuthority(t, "Nobody Knows Root")}
}

// door is a listener with its certificate.
type door struct {
	Listener
	id    Identity
	named *Identity // shown in its place to those who ask by one of the names
}

// doors give every listener its address and its certificate.
func (s *Site) doors(t testing.TB, listeners []Listener) []door {
	t.Helper()
	all := make([]door, len(listeners))
	for i, one := range listeners {
		if one.Addr == "" {
			one.Addr = s.Net.Next()
		}
		all[i].Listener = one
		switch one.TLS {
		case WrongName:
			all[i].id = s.Trusted.Issue(t, "somebody-else.example")
		case Expired:
			all[i].id = s.Trusted.IssueExpired(t, one.Names...)
		case ByName:
			named := s.Trusted.Issue(t, one.Names...)
			all[i].id, all[i].named = s.Trusted.Issue(t, "somebody-else.example"), &named
		case Untrusted:
			all[i].id = s.Stranger.Issue(t, one.Names...)
		default:
			all[i].id = s.Trusted.Issue(t, one.Names...)
		}
	}
	return all
}

// Server is a running mail server. It takes mail for every address, and keeps it.
type Server struct {
	Program string     // Postfix, Exim
	Addr    []string   // of its listeners, in their order
	IDs     []Identity // likewise

	dir, inbox string
}

// newServer says where a server of these doors is.
func newServer(program, dir string, doors []door) *Server {
	s := &Server{Program: program, dir: dir, inbox: filepath.Join(dir, "inbox")}
	for _, one := range doors {
		id := one.id
		if one.named != nil {
			id = *one.named
		}
		s.Addr, s.IDs = append(s.Addr, one.Addr), append(s.IDs, id)
	}
	return s
}

// await waits until all doors are open.
func (s *Server) await(t testing.TB, port string) {
	t.Helper()
	for _, addr := range s.Addr {
		if err := testkit.Reachable("tcp", net.JoinHostPort(addr, port), filepath.Join(s.dir, "output")); err != nil {
			t.Fatalf("%s on %s: %v", s.Program, addr, err)
		}
	}
}

// Kept is a mail that a server took, with the lines that the server wrote at its top.
type Kept struct {
	To     string // the recipient that it was for
	Header mail.Header
	Bytes  []byte
}

// Kept returns what has come so far.
func (s *Server) Kept(t testing.TB) (all []Kept) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.inbox, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		read, err := mail.ReadMessage(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s kept a mail that cannot be read: %v", s.Program, err)
		}
		to := read.Header.Get("X-Original-To") // Postfix
		if to == "" {
			to = read.Header.Get("Envelope-To") // Exim
		}
		all = append(all, Kept{To: to, Header: read.Header, Bytes: text})
	}
	return all
}

// Await waits until a mail for a recipient is kept: a server says 250 when the mail is in its queue, which is a little before.
func (s *Server) Await(t testing.TB, recipient string) Kept {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		for _, one := range s.Kept(t) {
			if one.To == recipient {
				return one
			}
		}
		if time.Since(began) > patience {
			t.Fatalf("%s has no mail for %s; it says:\n%s", s.Program, recipient, s.Log())
		}
	}
}

// Connections returns how many there were.
func (s *Server) Connections() int {
	log := s.Log()
	return strings.Count(log, "]: connect from ") + strings.Count(log, " SMTP connection from ") // Postfix, Exim, each of which logs the end of one in other words
}

// Log is what the server wrote down.
func (s *Server) Log() string {
	var log []byte
	for _, name := range []string{"output", "mainlog", "paniclog"} {
		text, _ := os.ReadFile(filepath.Join(s.dir, name))
		log = append(log, text...)
	}
	return string(log)
}
