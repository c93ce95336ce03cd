package smtpd

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strings"
	"time"
)

// upgrade changes the connection to TLS (RFC 3207 §4). The dialogue in clear text ends here for good, whether the handshake succeeds or not: go-smtp sees the end of its connection,
// and a new wire with a new session begins above TLS, so that nothing said before can count after (§4.2), and no failed handshake leads back.
func (w *wire) upgrade() {
	w.say(reply(220, [3]int{2, 0, 0}, "ready to start TLS"))
	// What came in clear text behind the command stays in this wire, which nobody reads any more. It must not be taken for something that TLS protected (RFC 3207 §4.2; known as CVE-2011-0411).
	if err := w.flush(); err != nil {
		w.ended = true
		return
	}
	w.ended = true
	conn, err := w.handshake()
	if err != nil {
		w.client.server.cfg.Log.Debug("smtp: the TLS handshake failed", slog.String("session", w.client.id), slog.Any("error", err))
		w.client.tls = "failed"
		return
	}
	state := conn.ConnectionState()
	next := newWire(conn, w.client)
	next.muted = true // no second greeting: the client speaks next (RFC 3207 §4.2)
	next.tls = strings.ReplaceAll(tls.VersionName(state.Version), " ", "") + " " + tls.CipherSuiteName(state.CipherSuite)
	w.client.tls, w.client.helo = next.tls, ""
	w.passedOn = w.client.server.bare.put(next)
}

// handshake speaks TLS on the socket until both sides agree.
func (w *wire) handshake() (*tls.Conn, error) {
	server := w.client.server
	ctx, cancel := context.WithTimeout(server.base, server.pace.handshake)
	defer cancel()
	w.deadline = time.Time{}
	if err := w.Conn.SetDeadline(time.Now().Add(server.pace.handshake)); err != nil {
		return nil, err
	}
	conn := tls.Server(w.Conn, atLeast12(w.offer))
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return conn, nil
}

// atLeast12 raises the least version of a configuration to TLS 1.2 (RFC 8996). Zero is that already.
func atLeast12(c *tls.Config) *tls.Config {
	if c.MinVersion == 0 || c.MinVersion >= tls.VersionTLS12 {
		return c
	}
	c = c.Clone()
	c.MinVersion = tls.VersionTLS12
	return c
}
