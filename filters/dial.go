package filters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// errTooMuch ends a conversation with a filter that does not stop talking.
var errTooMuch = errors.New("it answers with more than can be meant")

// target is where a filter listens.
type target struct {
	network string // tcp or unix
	address string
}

// parseTarget reads unix:/path, inet:host:port (as milters are written), tcp:host:port or host:port.
func parseTarget(text string) (target, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok && path != "" {
		return target{"unix", path}, nil
	}
	host := strings.TrimPrefix(strings.TrimPrefix(text, "inet:"), "tcp:")
	if _, port, err := net.SplitHostPort(host); err != nil || port == "" {
		return target{}, fmt.Errorf("%q is neither unix:/path nor host:port", text)
	}
	return target{"tcp", host}, nil
}

// dial connects. The connection ends with ctx, reads at most so many octets in all, and is closed by the returned function.
func (t target) dial(ctx context.Context, most int) (net.Conn, func(), error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, t.network, t.address)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // wakes whoever waits in Read or Write
	return &bounded{Conn: conn, left: most}, func() { stop(); _ = conn.Close() }, nil
}

// bounded is a connection that can be read only so far.
type bounded struct {
	net.Conn
	left int // octets
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
