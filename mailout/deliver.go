package mailout

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/mailout/mtasts"
	"postern/mailout/web"
)

// Sender brings mails to the servers of their recipients. Its fields are set before the first use; it is then safe for use by several goroutines.
type Sender struct {
	Hostname  string // said in EHLO: our public name (RFC 5321 §4.1.1.1)
	Resolver  *domains.DNS
	MXPort    int        // 0: 25
	Smarthost *Smarthost // nil: straight to the MX
	Timeouts  Timeouts
	Roots     *x509.CertPool         // whom to trust where a certificate is checked; nil: the system's
	Refuse    func(netip.Addr) error // why an address that the DNS gave may not be connected to, as by an AddressPolicy; nil: every one may
	STS       *mtasts.Cache          // what recipients' domains ask of senders; nil: nobody asks them
	Results   func(TLSResult)        // hears how TLS went in each session, for reports to the domains; it must not block; nil: nobody asks
	Log       *slog.Logger           // nil: the default
	Now       func() time.Time       // nil: time.Now; stamps outcomes, while deadlines follow the real clock

	Destinations *Destinations // rules about how much leaves at a time, and over what; nil: none

	traffic traffic
}

// Web speaks HTTPS under the same rules as mail leaves by.
func (s *Sender) Web() web.Client {
	return web.Client{Resolver: s.Resolver, Roots: s.Roots, Refuse: s.Refuse}
}

// Timeouts bound every step of a delivery. Zero fields take the value given here, which RFC 5321 §4.5.3.2 recommends where it says anything.
type Timeouts struct {
	Connect time.Duration // 30 s to connect to one address
	Command time.Duration // 5 min for the greeting, each command, and the TLS handshake
	Block   time.Duration // 3 min to send a block of the mail
	Final   time.Duration // 10 min for the answer to the final dot
}

// Outgoing is one mail on its way to recipients that one connection can serve: those of one group made by Sender.Group.
type Outgoing struct {
	ID         string                        // for the logs
	ReturnPath func(recipient string) string // where a bounce of this recipient's copy goes; nil, or an empty answer, is the null sender (RFC 5321 §4.5.5)
	Recipients []string
	Size       int64                         // octets that Open gives
	Wish       Wish                          // what it asks of the way
	Open       func() (io.ReadCloser, error) // called once for the header and once for each copy
	Still      func(recipient string) error  // asked before a copy leaves, and again before its bytes do: an error stops it, and says why; nil: all leave
	Patience   time.Duration                 // to wait for a turn at a busy destination; 0: a second, for callers who can come back
	Sent       func(desk.Delivery) error     // hears of each copy as soon as its server has it, before the next one leaves; an error ends the attempt; nil: nobody asks
}

// Group sorts recipients into those that travel over one connection, one after the other: by domain, or all together to the smarthost, and never more than a hundred.
func (s *Sender) Group(recipients []string) [][]string {
	var groups [][]string
	where := map[string]int{}
	for _, recipient := range recipients {
		domain := desk.DomainOf(recipient)
		if s.Smarthost != nil {
			domain = ""
		}
		at, ok := where[domain]
		if !ok || len(groups[at]) == maxGroup {
			at = len(groups)
			where[domain] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], recipient)
	}
	return groups
}

// Deliver makes one attempt and returns what became of each recipient, in the order given: sent, deferred or bounced, with the host that answered last and its words, and with a line of its Story for each server that was asked (T-DELIVERY).
// Every recipient's copy is a transaction of its own, with its own return path, so that a bounce names whom it is about (T-BYTES, T-DSN); the copies share connections.
// Who is not tried, since their destination gets no more at a time, comes back as queued with NextAt: see Waiting.
// It tries hosts in turn until each recipient has an answer. It never returns early with less: when ctx ends, or Sent fails, what is open is deferred. Attempts and NextAt are the caller's (see After).
func (s *Sender) Deliver(ctx context.Context, m Outgoing) []desk.Delivery {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	book := newLedger(m.Recipients, now)
	book.sent = m.Sent
	if mail, failed := prepare(m, book); failed != nil {
		book.settleAll(*failed)
	} else {
		s.inTurn(ctx, mail, book)
	}
	return book.close()
}

// tryHosts works through the route.
func (s *Sender) tryHosts(ctx context.Context, m envelope, book *ledger) {
	way, failed := s.route(ctx, m)
	if failed != nil {
		book.settleAll(*failed)
		return
	}
	// Two servers that are as slow as they may be have had enough of a worker's time; RFC 5321 §5.1 asks for two to be tried. The next attempt begins anew.
	began, enough := time.Now(), 2*s.Timeouts.withDefaults().Command
	var avoided []visit
	for _, host := range way.hosts {
		host, addrs, failed := s.approach(ctx, way, host)
		if failed != nil {
			book.suggest(place{host: host.name, facts: host.need.withheld(failed)}, *failed)
			continue
		}
		for _, addr := range addrs {
			if one := (visit{host, addr}); s.traffic.silent.at(one.socket(), time.Now()) {
				avoided = append(avoided, one)
			} else if s.visit(ctx, one, m, book); len(book.open()) == 0 || time.Since(began) > enough {
				return
			}
		}
	}
	for _, one := range avoided { // who did not answer lately is asked last
		if s.visit(ctx, one, m, book); len(book.open()) == 0 || time.Since(began) > enough {
			return
		}
	}
}

// visit is one address of a host.
type visit struct {
	host exchange
	addr netip.Addr
}

func (v visit) socket() netip.AddrPort { return netip.AddrPortFrom(v.addr, uint16(v.host.port)) }

// visit brings to one address what it takes.
func (s *Sender) visit(ctx context.Context, to visit, m envelope, book *ledger) {
	for s.try(ctx, to, m, book) == again {
		continue // ends: each time at least one recipient was settled
	}
}

// next says where a delivery goes after one connection.
type next int

const (
	onward next = iota // to the next address, with what is open
	again              // to the same one: it was content with what it got, and hung up before it had all (many servers take only so many mails in a connection)
	stale              // to the same one, over another session: this one had ended while nobody looked; nothing was sent over it, so this was no attempt
)

// envelope is an Outgoing whose addresses were read.
type envelope struct {
	Outgoing
	foreign bool     // its header holds UTF-8 (RFC 6532)
	copies  []letter // by index of the recipient; zero where an address is none
}

// letter is the envelope of one recipient's copy.
type letter struct {
	from string // empty: the null sender
	to   mailbox
	utf8 bool // an address or the header needs SMTPUTF8
}

// domain is where the mail goes: that of the first recipient with an address.
func (m envelope) domain() string {
	for _, one := range m.copies {
		if one.to.domain != "" {
			return one.to.domain
		}
	}
	return ""
}

// prepare reads the addresses and the header. Recipients whose address is none are settled at once.
func prepare(m Outgoing, book *ledger) (envelope, *answer) {
	mail := envelope{Outgoing: m, copies: make([]letter, len(m.Recipients))}
	foreign, err := foreignHeader(m)
	if err != nil {
		return mail, &answer{code: 451, text: "4.3.0 reading the mail: " + err.Error()}
	}
	mail.foreign = foreign
	for i, recipient := range m.Recipients {
		to, err := parseAddress(recipient)
		if err != nil {
			book.settle(i, place{}, answer{code: 550, text: "5.1.3 " + err.Error()})
			continue
		}
		one := letter{to: to, utf8: foreign || to.utf8()}
		if bounces := m.bouncesTo(recipient); bounces != "" {
			from, err := parseAddress(bounces)
			if err != nil {
				book.settle(i, place{}, answer{code: 550, text: "5.1.7 envelope sender: " + err.Error()})
				continue
			}
			one.from, one.utf8 = from.String(), one.utf8 || from.utf8()
		}
		mail.copies[i] = one
	}
	return mail, nil
}

func (m Outgoing) bouncesTo(recipient string) string {
	if m.ReturnPath == nil {
		return ""
	}
	return m.ReturnPath(recipient)
}

// foreignHeader says whether the header holds anything but ASCII (RFC 6532): then only servers with SMTPUTF8 may get the mail.
func foreignHeader(m Outgoing) (bool, error) {
	r, err := m.Open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	lines := bufio.NewScanner(io.LimitReader(r, maxHeader))
	for lines.Scan() && len(strings.TrimRight(lines.Text(), "\r")) > 0 {
		if !isASCII(lines.Text()) {
			return true, nil
		}
	}
	return false, lines.Err()
}

func isASCII(text string) bool { return countForeign(text) == 0 }

// answer is what a server said, or what we say in its place when it said nothing: the reply code, and the enhanced code with the words (RFC 3463).
type answer struct {
	code int
	text string
	step string // what a server answers with it: connect, MAIL, RCPT or DATA; empty: it is ours
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.code, a.text) }

// state is what the first digit means (RFC 5321 §4.2.1). 4 is never treated as 5, nor the other way round.
func (a answer) state() desk.DeliveryState {
	switch a.code / 100 {
	case 2:
		return desk.DeliverySent
	case 5:
		return desk.DeliveryBounced
	default:
		return desk.DeliveryDeferred
	}
}
