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
	trusted bool

	// The rest belongs to the goroutine that serves the connection.
	helo     string
	tls      string
	progress time.Time // the end of the last mail, or of a useful chunk of one; at first the beginning
	listing  *listing  // nil before the first mail, and where nobody is asked
	commands int       // since the last mail
	mails    int
	unknown  int // recipients that are not ours
	errors   int // answers 4xx and 5xx that are the client's doing
	octets   int64
	lastCode int
	limit    string // the last limit that it came to

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
	if code < 400 {
		return
	}
	c.server.cfg.Metrics.Replied(code)
	if code != 452 {
		// 452 is for want of room here, and no error of the client: who has a thousand recipients for us names them all, and sends the mail to those that were taken (RFC 5321 §4.5.3.1.10).
		c.errors++
	}
}

// limited counts that the client came to a limit.
func (c *client) limited(limit string) {
	c.limit = limit
	c.server.cfg.Metrics.Limited(limit)
}

// guessed writes a line that deploy/fail2ban reads, about a client that tries passwords or names one unknown recipient too many. No text of the client stands in it.
func (c *client) guessed(why string) {
	c.server.cfg.Log.Warn("smtp guess", slog.String("ip", c.ip.String()), slog.String("why", why))
}

// end writes the one line of the log, gives the connection's place free and closes the socket, so that who sees the end can come again at once.
func (c *client) end() {
	c.over.Do(func() {
		c.server.cfg.Log.Info("smtp session", slog.String("session", c.id), slog.String("ip", c.ip.String()), slog.String("helo", oneLine(c.helo)), slog.String("tls", c.tls),
			slog.Int("mails", c.mails), slog.Int("unknown", c.unknown), slog.Int("errors", c.errors), slog.Int64("octets", c.octets), slog.Int("last", c.lastCode), slog.String("limit", c.limit),
			slog.Duration("took", time.Since(c.started)))
		c.listing.stop()
		c.server.leave(c)
		// Whatever the close says, the connection is over.
		_ = c.socket.Close()
	})
}
