package smtpd

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// client is one connection from its acceptance to its end, through a change to TLS.
type client struct {
	server  *Server
	id      string
	ip      netip.Addr
	socket  net.Conn // below TLS
	started time.Time

	// The rest belongs to the goroutine that serves the connection.
	helo     string
	tls      string
	commands int // since the last mail
	mails    int
	unknown  int // recipients that are not ours
	errors   int // answers 4xx and 5xx
	octets   int64
	lastCode int

	over sync.Once
}

// answered counts one line of the dialogue from our side. Lines of a reply before its last (code and hyphen, RFC 5321 §4.2.1) do not count.
func (c *client) answered(line []byte) {
	if len(line) < 4 || line[3] == '-' {
		return
	}
	code := 0
	for _, digit := range line[:3] {
		code = code*10 + int(digit-'0')
	}
	c.lastCode = code
	if code >= 400 {
		c.errors++
		c.server.cfg.Metrics.Replied(code)
	}
}

// end writes the one line of the log, gives the connection's place free and closes the socket, so that who sees the end can come again at once.
func (c *client) end() {
	c.over.Do(func() {
		c.server.cfg.Log.Info("smtp session", slog.String("session", c.id), slog.String("ip", c.ip.String()), slog.String("helo", oneLine(c.helo)), slog.String("tls", c.tls),
			slog.Int("mails", c.mails), slog.Int("unknown", c.unknown), slog.Int("errors", c.errors), slog.Int64("octets", c.octets), slog.Int("last", c.lastCode),
			slog.Duration("took", time.Since(c.started)))
		c.server.leave(c)
		// Whatever the close says, the connection is over.
		_ = c.socket.Close()
	})
}
