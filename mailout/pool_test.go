package mailout

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/internal/testkit"
)

// T-DELIVERY: mails to the same server follow each other over one connection, a hundred at most.
func TestT_DELIVERY_SessionsAreReused(t *testing.T) {
	t.Parallel()
	for name, behaviour := range map[string]testkit.Behaviour{"clear text": {NoTLS: true}, "TLS": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, twoMX+"\nother.example. 60 IN MX 10 mx1.example.", &behaviour)
			s := w.sender()
			const mails = 105
			for i := range mails {
				to := fmt.Sprintf("ann%d@to.example", i)
				if i%2 == 1 {
					to = fmt.Sprintf("bob%d@other.example", i) // another domain at the same server
				}
				got := s.Deliver(t.Context(), mailTo(simpleMail, to))[0]
				if got.State != desk.DeliverySent || (got.TLS == "") != behaviour.NoTLS || len(got.Story) != 1 {
					t.Fatalf("%+v", got)
				}
			}
			hellos := 2
			if !behaviour.NoTLS {
				hellos = 4 // EHLO comes again after STARTTLS
			}
			if sessions := w.sinks[0].Sessions(); sessions != hellos || len(w.sinks[0].Mails()) != mails {
				t.Errorf("%d mails with %d greetings, want %d", len(w.sinks[0].Mails()), sessions, hellos)
			}
			s.Close()
			if len(s.traffic.pool.open) != 0 {
				t.Errorf("after Close %v are open", s.traffic.pool.open)
			}
		})
	}
}

// A session that ended while it waited is noticed, whether its server said goodbye or not; the mail goes over a new one, and that was one attempt.
func TestDeadSessionsAreNoticed(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]string{"with a word": "says 421", "without": "closes", "by a reset": "resets"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "to.example. 60 IN MX 10 mx.example.\nmx.example. 60 IN A 127.0.0.1")
			holds := listen(t, net.JoinHostPort("127.0.0.1", w.port), script{step: "after", way: way})
			s := w.sender()
			for i := range 6 {
				got := s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))[0]
				if got.State != desk.DeliverySent || len(got.Story) != 1 {
					t.Fatalf("%d: %+v", i, got)
				}
				if i%2 == 0 {
					time.Sleep(20 * time.Millisecond) // the goodbye is there; without it, the next mail may meet it underway
				}
			}
			if got := holds(); len(got) != 6 {
				t.Errorf("%d arrived", len(got))
			}
		})
	}
}

// A session is used again only by mail that asks for no more than it was opened under.
func TestSessionsOfAnotherRequirementAreNotUsed(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddrPort("127.0.0.1:25")
	keys := map[string]bool{}
	for _, to := range []exchange{{name: "a.example"}, {name: "b.example"}, {name: "a.example", need: requirement{level: encrypted}}, {name: "a.example", need: requirement{level: verified}},
		{name: "a.example", implicit: true}, {name: "a.example", login: &Smarthost{User: "u"}}} {
		keys[keyOf(to, addr)] = true
	}
	if keys[keyOf(exchange{name: "a.example"}, netip.MustParseAddrPort("127.0.0.2:25"))] || len(keys) != 6 {
		t.Errorf("%v", keys)
	}
}

// A waiting session does not outlast the server's patience, nor hold a place for ever.
func TestIdleSessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{})
	s := w.sender()
	s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))
	p := &s.traffic.pool
	p.mu.Lock()
	if len(p.idle) != 1 {
		t.Fatalf("%d wait", len(p.idle))
	}
	one := p.idle[0]
	p.mu.Unlock()
	p.expire(one)
	if len(p.idle) != 0 || len(p.open) != 0 {
		t.Errorf("%d wait, %v are open", len(p.idle), p.open)
	}
}

// The end of a delivery's context ends its connection, and not the one that it leaves for others.
func TestAReusedSessionBelongsToItsDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{})
	s := w.sender()
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		if got := s.Deliver(ctx, mailTo(simpleMail, "ann@to.example"))[0]; got.State != desk.DeliverySent {
			t.Fatalf("%+v", got)
		}
		cancel()
	}
	if sessions := w.sinks[0].Sessions(); sessions != 2 { // one, which says EHLO twice
		t.Errorf("%d greetings", sessions)
	}
}

// No more connections to one address than may be, whatever the domains; a session that waits makes room.
func TestConnectionsToOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	var p pool
	addr := netip.MustParseAddrPort("192.0.2.1:25")
	for range maxOpen {
		if c, err := p.reserve(t.Context(), "a", addr, time.Second); c != nil || err != nil {
			t.Fatal(c, err)
		}
	}
	if _, err := p.reserve(t.Context(), "b", addr, 10*time.Millisecond); err != errBusy {
		t.Errorf("one too many: %v", err)
	}
	if _, err := p.reserve(t.Context(), "b", netip.MustParseAddrPort("192.0.2.2:25"), 0); err != nil {
		t.Errorf("another address: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.reserve(ctx, "b", addr, time.Minute); err != context.Canceled {
		t.Errorf("%v", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { p.release(addr) })
	if _, err := p.reserve(t.Context(), "b", addr, time.Minute); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

// Many deliveries at a time to one destination: never more connections than its rule allows, and nobody is lost.
func TestT_DELIVERY_ManyAtATime(t *testing.T) {
	t.Parallel()
	var busy, most atomic.Int64
	w := newWorld(t, twoMX, &testkit.Behaviour{NoTLS: true, Rcpt: func(string) *smtp.SMTPError {
		now := busy.Add(1)
		for {
			if before := most.Load(); now <= before || most.CompareAndSwap(before, now) {
				break
			}
		}
		time.Sleep(5 * time.Millisecond)
		busy.Add(-1)
		return nil
	}})
	s := w.sender()
	s.Destinations = NewDestinations(func(context.Context) ([]desk.Destination, error) {
		return []desk.Destination{{Pattern: "to.example", TLS: desk.TLSOpportunistic, Connections: 3}}, nil
	})
	var wait sync.WaitGroup
	var sent atomic.Int64
	for range 60 {
		wait.Go(func() {
			for {
				m := mailTo(simpleMail, "ann@to.example")
				m.Patience = 100 * time.Millisecond
				got := s.Deliver(t.Context(), m)[0]
				if Waiting(got) {
					if !got.NextAt.After(noon) || len(got.Story) != 0 {
						t.Errorf("%+v", got)
					}
					continue // the test does not wait as long as it was asked to
				}
				if got.State != desk.DeliverySent || len(got.Story) != 1 {
					t.Errorf("%+v", got)
				}
				sent.Add(1)
				return
			}
		})
	}
	wait.Wait()
	if sent.Load() != 60 || len(w.sinks[0].Mails()) != 60 || most.Load() > 3 || w.sinks[0].Sessions() > 3 {
		t.Errorf("%d sent, %d arrived, %d at a time, over %d connections", sent.Load(), len(w.sinks[0].Mails()), most.Load(), w.sinks[0].Sessions())
	}
}

// A host that does not answer is asked last, so that not everybody waits for it; where it is the only one it is asked all the same, and when it is there again it comes first again.
func TestT_DELIVERY_SilentHostsComeLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, nil, &testkit.Behaviour{})
	s := w.sender()
	for i := range 4 {
		got := s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))[0]
		asked := 2
		if i >= avoidAfter {
			asked = 1
		}
		if got.State != desk.DeliverySent || got.Host != "mx2.example" || len(got.Story) != asked {
			t.Fatalf("%d: %+v", i, got)
		}
	}
	alone := w.sender()
	w.dns.Set(t, "to.example. 60 IN MX 10 mx1.example.\nmx1.example. 60 IN A 127.0.0.1")
	for range 4 {
		if got := alone.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))[0]; len(got.Story) != 1 || !strings.HasPrefix(got.Reply, "451 4.4.1 connecting to mx1.example") {
			t.Errorf("%+v", got)
		}
	}
	listen(t, net.JoinHostPort("127.0.0.1", w.port), script{nth: -1})
	for range 2 {
		if got := alone.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))[0]; got.State != desk.DeliverySent {
			t.Errorf("%+v", got)
		}
	}
}

// What is not worth a line is one where nothing else is known.
func TestRemark(t *testing.T) {
	t.Parallel()
	book := newLedger([]string{"a", "b"}, func() time.Time { return noon })
	book.remark(place{host: "mx.example"}, answer{code: 451, text: "4.4.1 no IPv6 here"})
	book.settle(0, place{host: "mx.example"}, answer{code: 250, text: "ok"})
	got := book.close()
	if tell(got[0].Story) != "sent mx.example  250 ok" || tell(got[1].Story) != "deferred mx.example  451 4.4.1 no IPv6 here" || got[1].State != desk.DeliveryDeferred {
		t.Errorf("%+v", got)
	}
}
