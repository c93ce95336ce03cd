// Package smtpd promises that a mail is answered 250 only after an Intake has taken it over for good, and that nothing a stranger sends makes one mail into two, a body into commands, or the server wait for ever.
//
// It speaks SMTP as a receiving server (RFC 5321) with PIPELINING, 8BITMIME, SMTPUTF8, SIZE, CHUNKING, ENHANCEDSTATUSCODES and STARTTLS, behind the PROXY protocol where a network is listed for it.
// go-smtp runs the dialogue; it reads through a wire, which hands it one checked command line at a time and reads the mails itself. The package knows nothing of tickets, MIME or SQL,
// offers no AUTH and no relaying, and keeps nothing after its 250.
package smtpd

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"postern/desk"
)

// Intake takes over a received mail. Accept returns only when the mail's end state is durable: its outcome becomes the reply. It must not keep raw, which is gone when Accept returns.
// A mail that policy refuses for good has the Outcome desk.Refused, which is 550 5.7.1 with its Reason, or a Refusal where another code says more:
// 550 5.7.26 for mail that fails DMARC (RFC 7372 §3.2), 450 4.7.1 for a sender that sent too much, 451 4.7.1 while a filter that must judge is away.
// A Refusal is told to the sender as it stands; any other error is 451 4.3.0, and the sender tries again.
type Intake interface {
	Accept(ctx context.Context, env desk.Envelope, raw *io.SectionReader) (desk.Outcome, error)
}

// Directory says whether an address is one of ours: a mailbox, a reply address support+token@, postmaster@ one of our domains.
// The address comes with its domain in lower case and ASCII (A-labels, RFC 5890 §2.3.2.1), and its local part as written, in NFC.
// <postmaster> without a domain is always ours (RFC 5321 §4.5.1) and not asked about; it arrives as postmaster@ the server's own name.
type Directory interface {
	Recipient(ctx context.Context, addr string) (known bool, err error)
}

// Metrics is told what happens as it happens, from many goroutines at once.
type Metrics interface {
	Connections(delta int)                                                   // a connection was taken (1) or has ended (-1)
	Replied(code int)                                                        // an answer other than success left: 4xx or 5xx
	Received(disposition desk.Disposition, octets int64, took time.Duration) // an Intake took a mail over, and how long it needed
	Limited(limit string)                                                    // a client came to a limit, by its name in the settings, and was answered 421, 450 or 452
	Listed(list, result string)                                              // a block list was asked about a client: listed, not-listed, error
}

// Config is what an operator may set. A zero value means the default that stands beside it.
type Config struct {
	Hostname    string             // the name in the greeting and in Received; localhost
	MaxMessage  int64              // largest mail in octets, more is 552 5.3.4; 50 MiB
	MemorySpool int64              // mails up to this size wait in memory, larger ones in a file; 256 KiB
	SpoolDir    string             // where those files are made (and unlinked at once); the system's folder for temporary files
	TLS         func() *tls.Config // asked once a connection; nil, or a nil result, means no STARTTLS
	ProxyFrom   []netip.Prefix     // peers that must speak the PROXY protocol, v1 or v2; from all others it is refused
	Trusted     []netip.Prefix     // our own relays: no limit of what one address or one session of theirs may send (PerIP, NewPerMinute, Mails…, Unknown), and no block list is asked; nobody
	Limits      Limits             // what clients may do
	Blocklists  Blocklists         // DNS block lists to ask about them; none
	Log         *slog.Logger       // one line a session; nothing
	Metrics     Metrics            // nothing
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	c.Hostname = cmp.Or(c.Hostname, "localhost")
	c.MaxMessage = cmp.Or(c.MaxMessage, 50<<20)
	c.MemorySpool = cmp.Or(c.MemorySpool, 256<<10)
	c.Limits = c.Limits.withDefaults()
	if c.TLS == nil {
		c.TLS = func() *tls.Config { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = unmeasured{}
	}
	return c
}

// unmeasured is the Metrics of a server that nobody measures.
type unmeasured struct{}

func (unmeasured) Connections(int)                                 {}
func (unmeasured) Replied(int)                                     {}
func (unmeasured) Received(desk.Disposition, int64, time.Duration) {}
func (unmeasured) Limited(string)                                  {}
func (unmeasured) Listed(string, string)                           {}

// pace holds the speeds that are no operator's business; tests turn them up.
type pace struct {
	grace     time.Duration // a transfer may be slower than Limits.Rate for this long
	tarpit    time.Duration // what the second unknown recipient waits for its answer; every further one twice as long
	tarpitMax time.Duration // and this is the most
	proxy     time.Duration // how long a listed peer has for its PROXY header
	handshake time.Duration // how long a client has for the TLS handshake
	farewell  time.Duration // how long a client that is sent away has to read why
	lists     time.Duration // how long the block lists have to answer
}

// usual is the pace in service.
func usual() pace {
	return pace{
		grace:  time.Minute,
		tarpit: 250 * time.Millisecond, tarpitMax: 5 * time.Second,
		proxy: 5 * time.Second, handshake: 30 * time.Second, farewell: 500 * time.Millisecond, lists: 2 * time.Second,
	}
}
