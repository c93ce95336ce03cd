package jobs

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/mailout"
	"postern/store"
)

// standing sets how a domain stands, as a look at the DNS or an admin would.
func (h *house) standing(t *testing.T, name string, state desk.DomainState, broken desk.OnBroken, since time.Duration) {
	t.Helper()
	_, err := h.store.Pool().Exec(t.Context(), `
		update domain
		set state = $2, on_broken = $3, broken_since = now() - $4::interval, broken_why = 'the key record is gone'
		where name = $1`, name, state, broken, since)
	if err != nil {
		t.Fatal(err)
	}
	h.domains.Forget()
}

// asleep waits until a job sleeps.
func (h *house) asleep(t *testing.T) {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		var sleeping int
		if err := h.store.Pool().QueryRow(t.Context(), `select count(*) from river_job where state = 'scheduled' and kind = 'send_reply'`).Scan(&sleeping); err != nil {
			t.Fatal(err)
		}
		if sleeping > 0 {
			return
		}
	}
	t.Fatal("no job sleeps")
}

// wake lets the job run that sleeps, or is about to.
func (h *house) wake(t *testing.T) {
	t.Helper()
	h.asleep(t)
	if _, err := h.store.Pool().Exec(t.Context(), `update river_job set state = 'available', scheduled_at = now() where state = 'scheduled' and kind = 'send_reply'`); err != nil {
		t.Fatal(err)
	}
}

// kinds are the lines of the story of a message's only recipient.
func (h *house) kinds(t *testing.T, message int64) (kinds []desk.AttemptKind) {
	t.Helper()
	told, err := h.store.Stories(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range told {
		kinds = append(kinds, one.Kind)
	}
	return kinds
}

// A domain that breaks: its mail waits where its writer sees it, with one line in the story, and leaves when the domain is mended.
func TestT_SIGN_held(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	h.activate(t, "example.com")
	box := h.mailbox(t, "support@example.com")
	h.standing(t, "example.com", desk.DomainDegraded, desk.BrokenHold, time.Minute)
	h.start(t)
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	held := h.until(t, m.ID, func(m desk.Message) bool { return len(m.Deliveries) == 1 && !m.Deliveries[0].HeldSince.IsZero() })
	if d := held.Deliveries[0]; d.State != desk.DeliveryQueued || d.Attempts != 0 || !strings.Contains(d.HeldWhy, "the key record is gone") {
		t.Errorf("held: %+v", d)
	}
	h.wake(t) // it is looked at again, and nothing has changed
	h.asleep(t)
	if kinds := h.kinds(t, m.ID); len(kinds) != 1 || kinds[0] != desk.AttemptHeld || len(h.sink.Mails()) != 0 {
		t.Errorf("the story is %q, and %d mails left", kinds, len(h.sink.Mails()))
	}
	h.standing(t, "example.com", desk.DomainActive, desk.BrokenHold, 0)
	h.wake(t)
	sent := h.until(t, m.ID, all(desk.DeliverySent))
	if d := sent.Deliveries[0]; !d.HeldSince.IsZero() || d.HeldWhy != "" || d.Attempts != 1 {
		t.Errorf("sent: %+v", d)
	}
	if fields := header(t, h.original(t, m.ID)); len(fields["Dkim-Signature"]) != 2 {
		t.Errorf("it left unsigned: %v", fields)
	}
}

// A domain that stays broken: after four hours its mail leaves in the system's name where that is wanted; where it is not, it is given up after five days, visibly.
func TestT_SIGN_fallback(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	h.activate(t, "example.com")
	box := h.mailbox(t, "support@example.com")
	for _, state := range []desk.DomainState{desk.DomainDegraded, desk.DomainPaused} {
		h.standing(t, "example.com", state, desk.BrokenFallback, 5*time.Hour)
		_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
		worker := h.worker(t)
		_, err := worker.ready(t.Context(), h.outgoing(t, m.ID))
		if held, ok := err.(heldError); !ok || !strings.Contains(held.Error(), "no other domain") {
			t.Errorf("%s, and there is no other domain: %v", state, err)
		}
	}
	h.standing(t, "example.com", desk.DomainDegraded, desk.BrokenFallback, 5*time.Hour)
	h.activate(t, "other.example")
	h.mailbox(t, "desk@other.example")
	h.start(t)
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	done := h.until(t, m.ID, all(desk.DeliverySent))
	facts, _ := done.Decode()
	fields := header(t, h.original(t, m.ID))
	if !strings.Contains(fields.Get("From"), "<desk@other.example>") || len(fields["Dkim-Signature"]) != 2 || len(facts.Problems) != 1 || !strings.Contains(fields.Get("Reply-To"), "@example.com>") {
		t.Errorf("%v, %q", fields, facts.Problems)
	}
	h.standing(t, "example.com", desk.DomainPaused, desk.BrokenHold, 6*24*time.Hour)
	_, m = h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "dave@customer.test"}}})
	h.until(t, m.ID, func(m desk.Message) bool { return len(m.Deliveries) == 1 && !m.Deliveries[0].HeldSince.IsZero() })
	if _, err := h.store.Pool().Exec(t.Context(), `update delivery set queued_at = now() - interval '5 days' where message_id = $1`, m.ID); err != nil {
		t.Fatal(err)
	}
	h.wake(t)
	given := h.until(t, m.ID, all(desk.DeliveryBounced))
	if reply := given.Deliveries[0].Reply; !strings.HasPrefix(reply, "550 5.4.7 ") || !strings.Contains(reply, "paused") {
		t.Errorf("given up: %s", reply)
	}
}

// What waits in the queue while its key is revoked, or while its signature runs out, leaves signed anew, and is otherwise the same; what is still good leaves as it was.
func TestT_SIGN_anew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	h.config.SignatureLife = mailout.SignatureLife
	h.activate(t, "example.com")
	box := h.mailbox(t, "support@example.com")
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	worker := h.worker(t)
	take := func() (*parcel, []byte) {
		t.Helper()
		p, err := worker.ready(t.Context(), h.outgoing(t, m.ID))
		if err != nil {
			t.Fatal(err)
		}
		taken, err := worker.take.ask(t.Context(), p.letter)
		if err != nil || len(taken.Recipients) != 1 || taken.Late {
			t.Fatalf("%+v, %v", taken, err)
		}
		return p, h.original(t, m.ID)
	}
	_, first := take()
	signs := func(mail []byte) signature {
		t.Helper()
		s, err := signatureOf(bytes.NewReader(mail))
		if err != nil || s.domain != "example.com" || len(s.selectors) != 2 {
			t.Fatalf("%+v, %v", s, err)
		}
		return s
	}
	before := signs(first)
	if left := time.Until(before.expires); left < 6*24*time.Hour || left > 7*24*time.Hour {
		t.Errorf("the signature ends in %v", left)
	}
	if p, same := take(); !bytes.Equal(same, first) || len(p.story) != 0 {
		t.Error("what is good was signed anew")
	}
	worker.now = func() time.Time { return time.Now().Add(5*24*time.Hour + time.Hour) }
	if p, later := take(); bytes.Equal(later, first) || len(p.story) != 1 || p.story[0].Kind != desk.AttemptSigned || !signs(later).expires.After(before.expires) {
		t.Errorf("a signature that is about to end stays: %+v", p.story)
	}
	worker.now = time.Now
	if _, err := h.domains.Emergency(t.Context(), h.ann, "example.com", 0); err != nil {
		t.Fatal(err)
	}
	h.publishAll(t, "example.com")
	h.domains.Forget()
	p, last := take()
	after := signs(last)
	if len(p.story) != 1 || after.selectors[0] == before.selectors[0] {
		t.Errorf("signed by %q, whose records are revoked; before by %q", after.selectors, before.selectors)
	}
	if _, body, _ := bytes.Cut(last, []byte("\r\nFrom:")); !bytes.HasSuffix(first, body) {
		t.Error("more than the signatures has changed")
	}
	// A mail that was made and then waited for its turn does not leave under a key that was revoked meanwhile.
	p.signature.selectors = before.selectors
	if _, err := worker.guarded(t.Context(), p)(); err == nil {
		t.Error("it leaves under a revoked key")
	}
}

// Two destinations of one message are two jobs; whoever comes first makes the mail, and both send the same bytes.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	h.activate(t, "example.com")
	box := h.mailbox(t, "support@example.com")
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}, {Addr: "dave@other.test"}, {Addr: "eve@customer.test"}}})
	workers, parcels := []*sendReply{h.worker(t), h.worker(t)}, make([]*parcel, 2)
	for i, destination := range []string{"customer.test", "other.test"} {
		out, err := h.tickets.Outgoing(t.Context(), store.WordsIfNeeded, desk.SendReply{Message: m.ID, Destination: destination})
		if err != nil {
			t.Fatal(err)
		}
		if parcels[i], err = workers[i].ready(t.Context(), out[0]); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []struct {
		late       bool
		recipients int
	}{{false, 2}, {true, 1}} {
		taken, err := workers[i].take.ask(t.Context(), parcels[i].letter)
		if err != nil || taken.Late != want.late || len(taken.Recipients) != want.recipients {
			t.Fatalf("%d: %+v, %v", i, taken, err)
		}
	}
	if again, err := workers[1].take.ask(t.Context(), parcels[0].letter); err != nil || len(again.Recipients) != 0 {
		t.Errorf("two processes have the same recipients in hand: %+v, %v", again, err)
	}
	h.start(t) // both processes are dead for it: it takes up what they had
	h.until(t, m.ID, all(desk.DeliverySent))
	kept := h.original(t, m.ID)
	for _, one := range h.sink.Mails() {
		if !bytes.Equal(one.Bytes, kept) {
			t.Error("somebody got other bytes")
		}
	}
	if n := len(h.sink.Mails()); n != 3 {
		t.Errorf("%d mails, want 3", n)
	}
}

// A job from before there was one for each destination brings its message to all of them.
func TestSpread(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}, {Addr: "dave@other.test"}}})
	if _, err := h.store.Pool().Exec(t.Context(), `update river_job set args = args - 'destination'`); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	h.until(t, m.ID, all(desk.DeliverySent))
	if n := len(h.sink.Mails()); n != 2 {
		t.Errorf("%d mails, want 2", n)
	}
}

// Whom nobody writes to any more is not tried, in the same breath in which the others are taken in hand.
func TestSuppressedIsNotTried(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	if _, err := h.tickets.Suppress(t.Context(), h.ann, "carol@customer.test", "left the company"); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}, {Addr: "dave@customer.test"}}})
	done := h.until(t, m.ID, func(m desk.Message) bool {
		return len(m.Deliveries) == 2 && m.Deliveries[0].State == desk.DeliveryBounced && m.Deliveries[1].State == desk.DeliverySent
	})
	if d := done.Deliveries[0]; !strings.Contains(d.Reply, "left the company") || d.Attempts != 0 {
		t.Errorf("%+v", d)
	}
	if mails := h.sink.Mails(); len(mails) != 1 || mails[0].To[0] != "dave@customer.test" {
		t.Errorf("%d mails left", len(mails))
	}
}
