package mailout

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"
)

// maxReplies bounds what a server may say in one connection: a hundred mails' worth of replies, and nothing that could fill memory.
const maxReplies = 1 << 20

var errTalkative = errors.New("the server says more than anybody could need to hear")

// boundConn is a connection that ends with its context, never blocks in a write for longer than block, and reads a bounded amount.
type boundConn struct {
	net.Conn
	block time.Duration
	heard int
	stop  func() bool
}

func newBoundConn(ctx context.Context, conn net.Conn, block time.Duration) *boundConn {
	return &boundConn{Conn: conn, block: block, stop: context.AfterFunc(ctx, func() { _ = conn.Close() })}
}

// Read implements net.Conn.
func (c *boundConn) Read(p []byte) (int, error) {
	if c.heard >= maxReplies {
		return 0, errTalkative
	}
	n, err := c.Conn.Read(p)
	c.heard += n
	return n, err
}

// Write implements net.Conn. go-smtp sets no deadline while the mail itself is sent (RFC 5321 §4.5.3.2.5 does).
func (c *boundConn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.block)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn.
func (c *boundConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// greetedConn gives its reader a greeting that was read elsewhere, and then what comes.
type greetedConn struct {
	net.Conn
	greeting string
}

// Read implements net.Conn.
func (c *greetedConn) Read(p []byte) (int, error) {
	if c.greeting == "" {
		return c.Conn.Read(p)
	}
	n := copy(p, c.greeting)
	c.greeting = c.greeting[n:]
	return n, nil
}

// readReply reads one reply octet by octet, so that nothing behind it is consumed: what somebody on the path slips in after the 220 to STARTTLS must meet the TLS handshake and fail there
// (the response injection of CVE-2021-38371).
func readReply(conn net.Conn) (string, error) {
	var reply, line strings.Builder
	octet := make([]byte, 1)
	for {
		if _, err := conn.Read(octet); err != nil {
			return "", err
		}
		if octet[0] != '\n' {
			line.WriteByte(octet[0])
			continue
		}
		text := strings.TrimRight(line.String(), "\r")
		reply.WriteString(text)
		if len(text) < 4 || text[3] != '-' { // RFC 5321 §4.2.1: the last line has no hyphen after the code
			return reply.String(), nil
		}
		reply.WriteByte(' ')
		line.Reset()
	}
}
