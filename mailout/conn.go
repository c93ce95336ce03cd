package mailout

import (
	"context"
	"errors"
	"net"
	"time"
)

// maxReplies bounds what a server may say in one connection: a hundred mails' worth of replies, and nothing that could fill memory.
const maxReplies = 1 << 20

var errTalkative = errors.New("the server says more than anybody could need to hear")

// boundConn is a connection that ends with the context that it is bound to, never blocks in a write for longer than block, and reads a bounded amount.
type boundConn struct {
	net.Conn
	block time.Duration
	heard int
	stop  func() bool
}

func newBoundConn(ctx context.Context, conn net.Conn, block time.Duration) *boundConn {
	bound := &boundConn{Conn: conn, block: block}
	bound.bind(ctx)
	return bound
}

// bind lets the connection end with a context.
func (c *boundConn) bind(ctx context.Context) {
	c.stop = context.AfterFunc(ctx, func() { _ = c.Conn.Close() })
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

// Write implements net.Conn. A block of the mail has its own time (RFC 5321 §4.5.3.2.5).
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
