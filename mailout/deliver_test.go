package mailout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
)

// world is a DNS and servers that share a port on different loopback addresses, as real ones share port 25.
type world struct {
	dns   *testkit.DNSServer
	port  string
	sinks []*testkit.Sink
}

// newWorld starts a sink for each behaviour, on 127.0.0.1, 127.0.0.2 and so on; a nil one is an address where nobody listens. In the zone %d stands for nothing: hosts mx1, mx2 … of example are added to it.
func newWorld(t *testing.T, zone string, behaviours ...*testkit.Behaviour) *world {
	t.Helper()
	w := &world{port: freePort(t, len(behaviours))}
	for i, behaviour := range behaviours {
		zone += fmt.Sprintf("\nmx%d.example. 60 IN A 127.0.0.%d", i+1, i+1)
		if behaviour == nil {
			w.sinks = append(w.sinks, nil)
			continue
		}
		behaviour.Addr = net.JoinHostPort(fmt.Sprintf("127.0.0.%d", i+1), w.port)
		w.sinks = append(w.sinks, testkit.SMTPSink(t, *behaviour))
	}
	w.dns = testkit.DNS(t, zone)
	return w
}

// freePort finds a port that is free on the first n loopback addresses.
func freePort(t testing.TB, n int) string {
	t.Helper()
	for range 50 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(first.Addr().String())
		taken := []net.Listener{first}
		for i := 2; i <= n; i++ {
			if l, err := net.Listen("tcp", net.JoinHostPort(fmt.Sprintf("127.0.0.%d", i), port)); err == nil {
				taken = append(taken, l)
			}
		}
		for _, l := range taken {
			_ = l.Close()
		}
		if len(taken) == max(n, 1) {
			return port
		}
	}
	t.Fatal("no port is free on all addresses")
	return ""
}

func (w *world) sender() *Sender {
	port, _ := strconv.Atoi(w.port)
	return &Sender{
		Hostname: "desk.example.com", Resolver: domains.NewResolver([]string{w.dns.Addr}, 5*time.Second), MXPort: port,
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon },
	}
}

func mailTo(message string, recipients ...string) Outgoing {
	return Outgoing{ID: "1", ReturnPath: pathOf, Recipients: recipients, Size: int64(len(message)), Open: content(message)}
}

// pathOf names the recipient, as a return path does.
func pathOf(recipient string) string {
	local, _ := desk.SplitAddress(recipient)
	return "b+" + local + "@example.com"
}

const simpleMail = "From: support@example.com\r\nSubject: x\r\n\r\n.\r\n..two\r\nend\r\n"

const twoMX = "to.example. 60 IN MX 10 mx1.example.\nto.example. 60 IN MX 20 mx2.example."

// say writes an outcome in one line: state@host first words.
func say(d desk.Delivery) string {
	return strings.TrimSpace(fmt.Sprintf("%s@%s %s", d.State, d.Host, d.Reply))
}

func refusal(code int, enhanced smtp.EnhancedCode, words string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: words}
}

// T-DELIVERY: one line for each thing that can happen to a mail on its way. want is what the outcome begins with; takes are the hosts that hold the mail afterwards.
func TestT_DELIVERY(t *testing.T) {
	t.Parallel()
	type B = testkit.Behaviour
	for _, c := range []struct {
		name  string
		zone  string
		hosts []*B
		want  string
		takes []int
	}{
		{"the first MX takes it", twoMX, []*B{{}, {}}, "sent@mx1.example 250 2.0.0 OK", []int{1}},
		{"names in the zone are in any case", "to.example. 60 IN MX 10 MX1.Example.", []*B{{}}, "sent@mx1.example 250", []int{1}},
		{"nobody listens at the first", twoMX, []*B{nil, {}}, "sent@mx2.example 250", []int{2}},
		{"nobody listens anywhere", twoMX, []*B{nil, nil}, "deferred@mx2.example 451 4.4.1 connecting to mx2.example", nil},
		{"the first is shutting down", twoMX, []*B{{Greet: refusal(421, smtp.EnhancedCode{4, 3, 2}, "going down")}, {}}, "sent@mx2.example", []int{2}},
		{"the first wants none of us", twoMX, []*B{{Greet: refusal(554, smtp.EnhancedCode{5, 7, 1}, "go away")}, {}}, "sent@mx2.example", []int{2}},
		{"all want none of us", twoMX, []*B{{Greet: refusal(554, smtp.EnhancedCode{5, 7, 1}, "go away")}, {Greet: refusal(550, smtp.EnhancedCode{5, 7, 1}, "you too")}}, "bounced@mx2.example 550 5.7.1 you too", nil},
		{"one wants none of us, one is down", twoMX, []*B{nil, {Greet: refusal(554, smtp.EnhancedCode{5, 7, 1}, "go away")}}, "deferred@mx1.example 451 4.4.1", nil},
		{"the sender is refused for now at one", twoMX, []*B{{Mail: refusal(451, smtp.EnhancedCode{4, 7, 1}, "later")}, {}}, "sent@mx2.example", []int{2}},
		{"the sender is refused for good", twoMX, []*B{{Mail: refusal(550, smtp.EnhancedCode{5, 1, 8}, "bad sender")}, {}}, "bounced@mx1.example 550 5.1.8 bad sender", nil},
		{"greylisted", twoMX, []*B{{Rcpt: always(refusal(450, smtp.EnhancedCode{4, 2, 0}, "greylisted"))}, {}}, "deferred@mx1.example 450 4.2.0 greylisted", nil},
		{"no such user", twoMX, []*B{{Rcpt: always(refusal(550, smtp.EnhancedCode{5, 1, 1}, "no such user"))}, {}}, "bounced@mx1.example 550 5.1.1 no such user", nil},
		{"421 at RCPT ends the connection", twoMX, []*B{{Rcpt: always(refusal(421, smtp.EnhancedCode{4, 3, 2}, "bye"))}, {}}, "sent@mx2.example", []int{2}},
		{"refused for now after the dot", twoMX, []*B{{Data: refusal(451, smtp.EnhancedCode{4, 3, 0}, "disk full")}, {}}, "deferred@mx1.example 451 4.3.0 disk full", nil},
		{"refused for good after the dot", twoMX, []*B{{Data: refusal(554, smtp.EnhancedCode{5, 7, 1}, "spam")}, {}}, "bounced@mx1.example 554 5.7.1 spam", nil},
		{"cut off after the dot", twoMX, []*B{{DropAfter: true}, {}}, "deferred@mx1.example 451 4.4.2 no answer to the final dot, so the mail may have been taken", []int{1}},
		{"too large", twoMX, []*B{{MaxSize: 10}, {}}, "bounced@mx1.example 552 5.3.4 the mail has 56 octets; mx1.example takes 10", nil},
		{"no MX but an address", "to.example. 60 IN A 127.0.0.1", []*B{{}}, "sent@to.example", []int{1}},
		{"no MX and no address", `to.example. 60 IN TXT "x"`, []*B{{}}, "bounced@to.example 550 5.4.4", nil},
		{"null MX", "to.example. 60 IN MX 0 .\nto.example. 60 IN A 127.0.0.1", []*B{{}}, "bounced@ 556 5.1.10", nil},
		{"no such domain", "other.example. 60 IN A 127.0.0.1", []*B{{}}, "bounced@ 550 5.1.2", nil},
		{"one MX without an address", "to.example. 60 IN MX 10 gone.example.\nto.example. 60 IN MX 20 mx1.example.", []*B{{}}, "sent@mx1.example", []int{1}},
		{"IPv6 fails, IPv4 works", "to.example. 60 IN MX 10 both.example.\nboth.example. 60 IN AAAA ::1\nboth.example. 60 IN A 127.0.0.1", []*B{{}}, "sent@both.example", []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.zone, c.hosts...)
			outcome := w.sender().Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))
			if len(outcome) != 1 || !strings.HasPrefix(say(outcome[0]), c.want) || outcome[0].Recipient != "ann@to.example" || !outcome[0].UpdatedAt.Equal(noon) {
				t.Errorf("%+v\nwant %s", outcome, c.want)
			}
			for i, sink := range w.sinks {
				if sink == nil {
					continue
				}
				taken := 0
				for _, mail := range sink.Mails() {
					if mail.Taken {
						taken++
					}
				}
				if want := slices.Contains(c.takes, i+1); (taken == 1) != want || taken > 1 {
					t.Errorf("mx%d holds %d copies", i+1, taken)
				}
			}
		})
	}
}

func always(err *smtp.SMTPError) func(string) *smtp.SMTPError {
	return func(string) *smtp.SMTPError { return err }
}

// T-DELIVERY: a DNS that does not answer is no reason to bounce.
func TestT_DELIVERY_DNSDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{})
	w.dns.Fail("to.example")
	if got := w.sender().Deliver(t.Context(), mailTo(simpleMail, "ann@to.example")); !strings.HasPrefix(say(got[0]), "deferred@ 451 4.4.3") {
		t.Errorf("%+v", got)
	}
}

// T-DELIVERY: what the server gets is what was signed, under our name, with TLS where it is offered.
func TestT_DELIVERY_Faithful(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		behaviour testkit.Behaviour
		tls       string
	}{
		"TLS offered":                 {testkit.Behaviour{}, "TLS 1.3"},
		"TLS not offered":             {testkit.Behaviour{NoTLS: true}, ""},
		"TLS offered but not to us":   {testkit.Behaviour{BrokenTLS: true}, ""},
		"TLS with another name in it": {testkit.Behaviour{Host: "other.example"}, "TLS 1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, twoMX, &c.behaviour)
			signed := string(sign(t, compose(t, fullDraft()), time.Time{}))
			got := w.sender().Deliver(t.Context(), mailTo(signed, "ann@to.example", "bob@to.example"))
			for _, d := range got {
				if d.State != desk.DeliverySent || d.TLS != c.tls {
					t.Errorf("%+v", d)
				}
			}
			for _, name := range []string{"ann", "bob"} {
				mail := w.sinks[0].Next(t)
				if string(mail.Bytes) != signed {
					t.Error("the bytes were changed on the way")
				}
				if mail.From != "b+"+name+"@example.com" || !slices.Equal(mail.To, []string{name + "@to.example"}) || mail.Helo != "desk.example.com" || mail.UTF8 || (mail.TLS != 0) != (c.tls != "") {
					t.Errorf("%+v", mail)
				}
			}
			if len(w.sinks[0].Mails()) != 2 {
				t.Error("a copy came more than once")
			}
		})
	}
}

// T-DELIVERY: a line that is a dot, and lines that begin with one, arrive as they were (RFC 5321 §4.5.2).
func TestT_DELIVERY_Dots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{})
	w.sender().Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))
	if mail := w.sinks[0].Next(t); string(mail.Bytes) != simpleMail {
		t.Errorf("%q", mail.Bytes)
	}
}

// T-DELIVERY: a server that hangs up before it has the whole mail has taken nothing, so the next one is asked.
func TestT_DELIVERY_CutOffWithinTheMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{DropInData: true}, &testkit.Behaviour{})
	large := simpleMail + strings.Repeat(strings.Repeat("x", 74)+"\r\n", 200_000) // more than the kernels of both sides hold
	if got := w.sender().Deliver(t.Context(), mailTo(large, "ann@to.example")); !strings.HasPrefix(say(got[0]), "sent@mx2.example") {
		t.Errorf("%+v", got)
	}
	if mail := w.sinks[1].Next(t); string(mail.Bytes) != large {
		t.Errorf("%d octets arrived of %d", len(mail.Bytes), len(large))
	}
}

// T-DELIVERY: each recipient has its own fate.
func TestT_DELIVERY_PerRecipient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{Rcpt: func(to string) *smtp.SMTPError {
		switch {
		case strings.HasPrefix(to, "full"):
			return refusal(452, smtp.EnhancedCode{4, 2, 2}, "mailbox full")
		case strings.HasPrefix(to, "gone"):
			return refusal(550, smtp.EnhancedCode{5, 1, 1}, "gone")
		}
		return nil
	}}, &testkit.Behaviour{})
	recipients := []string{"full@to.example", "ann@to.example", "gone@to.example", "not an address"}
	got := w.sender().Deliver(t.Context(), mailTo(simpleMail, recipients...))
	for i, want := range []string{"deferred@mx1.example 452 4.2.2 mailbox full", "sent@mx1.example 250", "bounced@mx1.example 550 5.1.1 gone", "bounced@ 550 5.1.3"} {
		if !strings.HasPrefix(say(got[i]), want) || got[i].Recipient != recipients[i] {
			t.Errorf("%d: %+v, want %s", i, got[i], want)
		}
	}
	if mails := w.sinks[0].Mails(); len(mails) != 1 || len(mails[0].To) != 1 || len(w.sinks[1].Mails()) != 0 {
		t.Errorf("%+v", mails)
	}
}

// T-DELIVERY: addresses that are not ASCII go only to servers that can take them (RFC 6531).
func TestT_DELIVERY_SMTPUTF8(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		behaviour testkit.Behaviour
		recipient string
		header    string
		want      string
		utf8      bool
	}{
		"needed and offered":         {testkit.Behaviour{}, "josé@to.example", "", "sent@mx1.example", true},
		"needed and not offered":     {testkit.Behaviour{NoUTF8: true}, "josé@to.example", "", "bounced@mx1.example 553 5.6.7", false},
		"needed by the header alone": {testkit.Behaviour{NoUTF8: true}, "ann@to.example", "Cc: josé@to.example\r\n", "bounced@mx1.example 553 5.6.7", false},
		"not needed for a domain":    {testkit.Behaviour{NoUTF8: true}, "ann@tö.example", "", "sent@mx1.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, twoMX+"\nxn--t-1ga.example. 60 IN MX 10 mx1.example.", &c.behaviour)
			got := w.sender().Deliver(t.Context(), mailTo(c.header+simpleMail, c.recipient))
			if !strings.HasPrefix(say(got[0]), c.want) {
				t.Errorf("%+v, want %s", got, c.want)
			}
			if mails := w.sinks[0].Mails(); len(mails) == 1 && mails[0].UTF8 != c.utf8 {
				t.Errorf("SMTPUTF8 %v", mails[0].UTF8)
			}
		})
	}
}

// A server that stays silent, talks without end, or says nonsense costs one attempt and no more.
func TestBadServersAreDeferred(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		replies []string
		want    string
	}{
		"silent after EHLO":      {[]string{"220 hello"}, "4.4.2"},
		"421 as banner":          {[]string{"421 4.3.2 busy"}, "421 4.3.2 busy"},
		"no SMTP at all":         {[]string{"HTTP/1.1 400 Bad Request"}, "451 4.4.2"},
		"endless reply":          {[]string{strings.Repeat("220-"+strings.Repeat("x", 500)+"\r\n", 5000)}, "what it said is no SMTP reply: it is too long"},
		"a 2xx where 354 is due": {[]string{"220 hello", "250 me", "250 ok", "250 ok", "250 ok?"}, "451 4.5.0"},
		"junk behind the 220":    {[]string{"220 hello", "250-me\r\n250 STARTTLS", "220 go\r\n250 injected", "250 ok", "250 ok"}, "451 4.5.0 RCPT: unexpected reply: it said 250 injected unasked"}, // met the handshake, which failed; this is from the second try, in clear text
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, _ := testkit.SMTPScript(t, "", c.replies...)
			_, port, _ := net.SplitHostPort(addr)
			w := newWorld(t, "to.example. 60 IN MX 10 mx.example.\nmx.example. 60 IN A 127.0.0.1")
			w.port = port
			s := w.sender()
			s.Timeouts.Command = 20 * time.Second
			if strings.HasPrefix(name, "silent") {
				s.Timeouts.Command = 300 * time.Millisecond
			}
			got := s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))
			if got[0].State != desk.DeliveryDeferred || !strings.Contains(got[0].Reply, c.want) || got[0].Host != "mx.example" {
				t.Errorf("%+v, want %s", got[0], c.want)
			}
		})
	}
}

// STARTTLS that is offered and then refused leaves a connection that still works (RFC 3207 §4.1).
func TestRefusedSTARTTLS(t *testing.T) {
	t.Parallel()
	addr, heard := testkit.SMTPScript(t, "", "220 hello", "250-me\r\n250 STARTTLS", "454 4.7.0 not now", "250 ok", "250 ok", "354 go", "250 2.0.0 taken")
	_, port, _ := net.SplitHostPort(addr)
	w := newWorld(t, "to.example. 60 IN A 127.0.0.1")
	w.port = port
	s := w.sender()
	s.Timeouts.Command = 5 * time.Second
	got := s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))
	if got[0].State != desk.DeliverySent || got[0].TLS != "" {
		t.Errorf("%+v", got)
	}
	if hello, upgrade := <-heard, <-heard; hello != "EHLO desk.example.com" || upgrade != "STARTTLS" {
		t.Errorf("%q, then %q", hello, upgrade)
	}
}

// A mail whose bytes cannot be read to their end is never half sent.
func TestUnreadableMailIsNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{}, &testkit.Behaviour{})
	m := mailTo(simpleMail, "ann@to.example")
	opened := 0
	m.Open = func() (io.ReadCloser, error) {
		opened++
		if opened == 1 {
			return io.NopCloser(strings.NewReader(simpleMail)), nil
		}
		return io.NopCloser(io.MultiReader(strings.NewReader(simpleMail), failing{})), nil
	}
	got := w.sender().Deliver(t.Context(), m)
	if !strings.HasPrefix(say(got[0]), "deferred@mx1.example 451 4.3.0 reading the mail: storage is away") {
		t.Errorf("%+v", got)
	}
	for _, sink := range w.sinks {
		if len(sink.Mails()) != 0 {
			t.Error("half a mail arrived")
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("storage is away") }

// The end of the context ends the attempt; nothing is lost.
func TestDeliverStopsWithItsContext(t *testing.T) {
	t.Parallel()
	addr, heard := testkit.SMTPScript(t, "", "220 hello")
	_, port, _ := net.SplitHostPort(addr)
	w := newWorld(t, "to.example. 60 IN A 127.0.0.1")
	w.port = port
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []desk.Delivery)
	go func() { done <- w.sender().Deliver(ctx, mailTo(simpleMail, "ann@to.example")) }()
	<-heard // the EHLO, which then stays unanswered
	cancel()
	if got := <-done; got[0].State != desk.DeliveryDeferred {
		t.Errorf("%+v", got)
	}
}

// Where mail goes is written by strangers: an address that the policy refuses is not connected to, the next one is, and where none is left the mail waits with words that say what to set.
func TestAddressPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{}, &testkit.Behaviour{})
	s := w.sender()
	s.Refuse = AddressPolicy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}.Refuse
	if got := s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example")); !strings.HasPrefix(say(got[0]), "sent@mx2.example") {
		t.Errorf("%+v", got)
	}
	s = w.sender()
	s.Refuse = AddressPolicy{}.Refuse
	for _, recipient := range []string{"ann@to.example", "ann@[127.0.0.1]", "ann@[IPv6:::1]"} {
		if got := s.Deliver(t.Context(), mailTo(simpleMail, recipient)); !strings.HasPrefix(say(got[0]), "deferred@") || !strings.Contains(got[0].Reply, "POSTERN_OUTBOUND_ALLOW") {
			t.Errorf("%+v", got)
		}
	}
	for i, want := range []int{0, 1} {
		if mails := len(w.sinks[i].Mails()); mails != want {
			t.Errorf("mx%d got %d", i+1, mails)
		}
	}
}

func TestAddressLiteral(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", &testkit.Behaviour{})
	if got := w.sender().Deliver(t.Context(), mailTo(simpleMail, "ann@[127.0.0.1]")); !strings.HasPrefix(say(got[0]), "sent@[127.0.0.1]") {
		t.Errorf("%+v", got)
	}
}

func TestEqualPreferenceSharesTheLoad(t *testing.T) {
	t.Parallel()
	list := []*net.MX{{Host: "c", Pref: 20}, {Host: "a", Pref: 10}, {Host: ".", Pref: 0}, {Host: "b", Pref: 10}}
	reverse := func(n int, swap func(i, j int)) {
		for i := range n / 2 {
			swap(i, n-1-i)
		}
	}
	keep := func(int, func(i, j int)) {}
	if first, second := inOrder(list, keep), inOrder(list, reverse); !slices.Equal(first, []string{"a", "b", "c"}) || !slices.Equal(second, []string{"b", "a", "c"}) {
		t.Errorf("%v, %v", first, second)
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	list := []string{"a@x.example", "b@y.example", "c@X.example"}
	if got := fmt.Sprint((&Sender{}).Group(list)); got != "[[a@x.example c@X.example] [b@y.example]]" {
		t.Error(got)
	}
	if got := (&Sender{Smarthost: &Smarthost{}}).Group(list); len(got) != 1 || len(got[0]) != 3 {
		t.Error(got)
	}
	if got := (&Sender{}).Group(slices.Repeat([]string{"a@x.example"}, 250)); len(got) != 3 || len(got[0]) != 100 || len(got[2]) != 50 {
		t.Errorf("%d groups", len(got))
	}
}

// A stranger's reply becomes one harmless line.
func TestLegible(t *testing.T) {
	t.Parallel()
	if got := legible("550 5.1.1 no\r\nsuch\x00 \x1b[31muser\xff"); got != "550 5.1.1 no  such [31muser\uFFFD" {
		t.Errorf("%q", got)
	}
	if got := legible(strings.Repeat("é", 2000)); len([]rune(got)) != maxWords {
		t.Errorf("%d", len(got))
	}
}
