package peers

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Attack is what somebody on the way does to a session.
type Attack int

const (
	Strip  Attack = iota // hides that the server offers STARTTLS (RFC 3207 §6)
	Refuse               // lets it be offered, and answers the command in the server's place
	Inject               // appends replies of its own to the one that precedes the handshake, in the hope that they are taken for the server's under TLS (CVE-2011-0411)
)

// Middle is somebody between a client and a mail server.
type Middle struct {
	Addr  string
	Tries *atomic.Int64 // how many sessions it laid hands on
}

// NewMiddle stands before a server's address.
func NewMiddle(t testing.TB, n *Net, server string, attack Attack) Middle {
	t.Helper()
	m := Middle{Addr: n.Next(), Tries: new(atomic.Int64)}
	listener, err := net.Listen("tcp", net.JoinHostPort(m.Addr, n.Port))
	if err != nil {
		t.Fatalf("listening for SMTP: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go m.carry(client, net.JoinHostPort(server, n.Port), attack)
		}
	}()
	return m
}

// carry passes a session on, changed.
func (m Middle) carry(client net.Conn, to string, attack Attack) {
	defer client.Close() //nolint:errcheck // nothing depends on it
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // nothing depends on it
	for _, conn := range []net.Conn{client, server} {
		_ = conn.SetDeadline(time.Now().Add(patience))
	}
	go m.back(client, server, attack)
	said := bufio.NewReader(client)
	for {
		line, err := said.ReadString('\n')
		if err != nil {
			return
		}
		if !strings.EqualFold(strings.TrimSpace(line), "STARTTLS") {
			if _, err := io.WriteString(server, line); err != nil {
				return
			}
			continue
		}
		m.Tries.Add(1)
		if attack == Refuse {
			if _, err := io.WriteString(client, "454 4.7.0 TLS not available due to temporary reason\r\n"); err != nil {
				return
			}
			continue
		}
		if _, err := io.WriteString(server, line); err != nil {
			return
		}
		_, _ = io.Copy(server, said) // a handshake from here on
		return
	}
}

// back passes on what the server says.
func (m Middle) back(client, server net.Conn, attack Attack) {
	defer client.Close() //nolint:errcheck // nothing depends on it
	said := bufio.NewReader(server)
	for handshake := false; !handshake; {
		line, err := said.ReadString('\n')
		if err != nil {
			return
		}
		switch {
		case attack == Strip && strings.HasSuffix(strings.TrimSpace(line), "STARTTLS"):
			m.Tries.Add(1)
			line = strings.Replace(line, "STARTTLS", "XXXXXXXA", 1) // as routers have done it
		case attack == Inject && (strings.HasPrefix(line, "220 2.0.0") || strings.HasPrefix(line, "220 TLS")): // Postfix, Exim
			line += "250-injected.example\r\n250 SIZE 1\r\n"
			handshake = true
		}
		if _, err := io.WriteString(client, line); err != nil {
			return
		}
	}
	_, _ = io.Copy(client, said)
}
