package smtpd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/pires/go-proxyproto"
)

// Server receives mail on any number of listeners.
type Server struct {
	cfg    Config
	dir    Directory
	in     Intake
	pace   pace
	now    func() time.Time // the clock of the trace fields
	spools *spools
	begun  *window // sessions
	sent   *window // mails

	bare     *dialogues // connections that are not offered STARTTLS, or speak TLS already
	offering *dialogues // connections that are offered STARTTLS

	base     context.Context // of every call to Directory and Intake; over when Shutdown loses patience
	kill     context.CancelFunc
	closing  atomic.Bool
	stopping chan struct{}
	drained  chan struct{}

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	clients   map[*client]struct{}
	perIP     map[netip.Addr]int
	open      int // connections, with those whose PROXY header is awaited
}

// New makes a server that takes mail for the addresses of dir and gives it to in.
func New(cfg Config, dir Directory, in Intake) *Server {
	s := &Server{
		cfg: cfg.withDefaults(), dir: dir, in: in, pace: usual(), now: time.Now,
		stopping: make(chan struct{}), drained: make(chan struct{}),
		listeners: map[net.Listener]struct{}{}, clients: map[*client]struct{}{}, perIP: map[netip.Addr]int{},
	}
	s.begun, s.sent = newWindow(s.cfg.Limits.NewPerMinute), newWindow(s.cfg.Limits.MailsPerMinute)
	s.spools = newSpools(s.cfg.SpoolDir, s.cfg.MemorySpool)
	s.base, s.kill = context.WithCancel(context.Background())
	s.bare = s.newDialogues(nil)
	// go-smtp shows STARTTLS if it has a configuration. It never uses this one: the wire answers STARTTLS.
	s.offering = s.newDialogues(&tls.Config{MinVersion: tls.VersionTLS12})
	return s
}

// Serve takes connections from l until Shutdown or the end of ctx, and then returns nil. It closes l. It may be called for several listeners at once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if !s.listen(l) {
		return nil
	}
	defer s.unlisten(l)
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var pause time.Duration
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.take(conn)
		case s.closing.Load() || ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
			// The machine is short of something that sessions will give back.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			case <-s.stopping:
			}
		default:
			return fmt.Errorf("accept SMTP connections on %s: %w", l.Addr(), err)
		}
	}
}

// Shutdown stops taking connections, sends 421 to every client that is not in the middle of a mail, and waits for the others. When ctx is over it closes what is left and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing.Swap(true) {
		close(s.stopping)
		if len(s.clients) == 0 {
			close(s.drained)
		}
	}
	for l := range s.listeners {
		_ = l.Close() // Serve says what it has to say
	}
	for c := range s.clients {
		// Wakes a read for a command, which then sees that the server is closing; a read for a mail goes on (wire.fill).
		_ = c.socket.SetReadDeadline(time.Now())
	}
	s.mu.Unlock()
	defer s.stopDialogues()
	select {
	case <-s.drained:
		return nil
	case <-ctx.Done():
	}
	s.kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		_ = c.socket.Close()
	}
	return ctx.Err()
}

func (s *Server) stopDialogues() {
	s.bare.Close()
	s.offering.Close()
}

func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	s.bare.start()
	s.offering.start()
	return true
}

func (s *Server) unlisten(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// take decides about a new connection. It must not wait for the client: others are behind it.
func (s *Server) take(conn net.Conn) {
	ip := addrOf(conn.RemoteAddr())
	if !s.reserve() {
		s.cfg.Metrics.Limited(limitSessions)
		turnAway(conn, "too many connections, please try again later")
		return
	}
	if contains(s.cfg.ProxyFrom, ip) {
		go s.takeProxied(conn)
		return
	}
	s.admit(conn, ip)
}

// takeProxied waits for the PROXY header of a listed peer, who must send one: the protocol forbids guessing whether it is there.
func (s *Server) takeProxied(conn net.Conn) {
	proxied := proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(s.pace.proxy))
	// The library takes its deadline back when the header is there; this one stays until the dialogue sets its own.
	_ = proxied.SetDeadline(time.Now().Add(s.pace.proxy))
	if _, err := proxied.Read(nil); err != nil {
		s.cfg.Log.Debug("smtp: no PROXY header", "peer", conn.RemoteAddr().String(), "error", err)
		_ = conn.Close()
		s.release()
		return
	}
	s.admit(proxied, addrOf(proxied.RemoteAddr()))
}

// admit makes a client of a connection whose place is reserved, unless its address has too many.
func (s *Server) admit(conn net.Conn, ip netip.Addr) {
	now := time.Now()
	c := &client{server: s, id: newID(), ip: ip, socket: conn, started: now, progress: now, trusted: contains(s.cfg.Trusted, ip)}
	if why := s.enter(c); why != "" {
		s.release()
		turnAway(conn, why)
		return
	}
	w := newWire(conn, c)
	to := s.bare
	if w.offer = s.cfg.TLS(); w.offer != nil {
		to = s.offering
	}
	if !to.put(w) {
		c.end()
	}
}

// enter counts a client in, or says why not.
func (s *Server) enter(c *client) (why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := perIPKey(c.ip)
	switch {
	case s.closing.Load():
		return "the server is stopping, please try again soon"
	case c.trusted:
	case reached(s.perIP[key], s.cfg.Limits.PerIP):
		s.cfg.Metrics.Limited(limitPerIP)
		return "too many connections from your address"
	case !s.begun.take(key, c.started):
		s.cfg.Metrics.Limited(limitNewPerMinute)
		return "too many new connections from your address, please try again in a minute"
	}
	s.perIP[key]++
	s.clients[c] = struct{}{}
	s.cfg.Metrics.Connections(1)
	return ""
}

// leave counts a client out.
func (s *Server) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := perIPKey(c.ip)
	if s.perIP[key]--; s.perIP[key] <= 0 {
		delete(s.perIP, key)
	}
	delete(s.clients, c)
	s.open--
	s.cfg.Metrics.Connections(-1)
	if s.closing.Load() && len(s.clients) == 0 {
		close(s.drained)
	}
}

// reserve takes one of the places for connections.
func (s *Server) reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.cfg.Limits.Sessions {
		return false
	}
	s.open++
	return true
}

func (s *Server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// turnAway refuses a connection before its greeting (RFC 5321 §3.1 allows 554; 421 lets the client come back). The client has nothing to say before a greeting, so the reply is not lost in a reset, and a new socket takes it without waiting.
func turnAway(conn net.Conn, why string) {
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte(render(reply(421, [3]int{4, 7, 0}, why))))
	_ = conn.Close()
}

// dialogues is one go-smtp server, and the net.Listener that brings it the wires whose places are taken.
type dialogues struct {
	smtp  *smtp.Server
	wires chan *wire
	done  chan struct{}
	begun sync.Once
	ended sync.Once
}

func (s *Server) newDialogues(offer *tls.Config) *dialogues {
	d := &dialogues{wires: make(chan *wire), done: make(chan struct{})}
	d.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return c.Conn().(*wire).session, nil
	}))
	d.smtp.Domain = s.cfg.Hostname
	d.smtp.MaxMessageBytes = s.cfg.MaxMessage
	d.smtp.MaxRecipients = s.cfg.Limits.Recipients // for EHLO (RFC 9422); the session counts before it
	d.smtp.EnableSMTPUTF8 = true
	d.smtp.MaxLineLength = 0 // the wire limits the lines
	d.smtp.TLSConfig = offer
	d.smtp.ErrorLog = quiet{s.cfg.Log}
	// Its timeouts stay zero: after one of its read timeouts it would run what follows, the rest of a mail, as commands. The wire has deadlines that end the connection.
	return d
}

// start lets go-smtp take wires, in a goroutine that ends with Close.
func (d *dialogues) start() {
	d.begun.Do(func() { go func() { _ = d.smtp.Serve(d) }() })
}

// put gives a wire to go-smtp, and says whether it could.
func (d *dialogues) put(w *wire) bool {
	select {
	case d.wires <- w:
		return true
	case <-d.done:
		return false
	}
}

// Accept is called by go-smtp.
func (d *dialogues) Accept() (net.Conn, error) {
	select {
	case w := <-d.wires:
		return w, nil
	case <-d.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (d *dialogues) Close() error {
	d.ended.Do(func() { close(d.done) })
	return nil
}

// Addr is of no meaning.
func (d *dialogues) Addr() net.Addr { return &net.TCPAddr{} }

// addrOf is the address of a peer, or the zero Addr of one that has none.
func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// contains says whether one of the networks has the address.
func contains(networks []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(ip) })
}

// perIPKey is what the limits of one address count: an IPv6 customer has a /64 at least.
func perIPKey(ip netip.Addr) netip.Addr {
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}

// tcpOf finds the TCP connection below a PROXY header.
func tcpOf(conn net.Conn) *net.TCPConn {
	if proxied, ok := conn.(*proxyproto.Conn); ok {
		conn = proxied.Raw()
	}
	tcp, _ := conn.(*net.TCPConn)
	return tcp
}

// newID names a session: 64 random bits.
func newID() string {
	var id [8]byte
	rand.Read(id[:]) // never fails, by its contract
	return hex.EncodeToString(id[:])
}
