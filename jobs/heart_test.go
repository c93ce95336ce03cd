package jobs

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"context"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// Who counts as dead: whose beat has not changed for half a minute of our own time, in which the database answered.
func TestSilent(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	h := &heart{id: "me", dead: deadAfter, heard: map[string]heard{}}
	for _, step := range []struct {
		now  int
		all  []store.Worker
		want []string
	}{
		{0, []store.Worker{{ID: "me", BeatAt: at(-3600)}, {ID: "old", BeatAt: at(-9999)}, {ID: "ahead", BeatAt: at(3600)}}, nil}, // nobody is dead at first sight, whatever their clocks say
		{25, []store.Worker{{ID: "me", BeatAt: at(-3600)}, {ID: "old", BeatAt: at(-9999)}, {ID: "ahead", BeatAt: at(3605)}}, nil},
		{30, []store.Worker{{ID: "me", BeatAt: at(-3600)}, {ID: "old", BeatAt: at(-9999)}, {ID: "ahead", BeatAt: at(3605)}, {ID: "new", BeatAt: at(30)}}, []string{"old"}},
		{55, []store.Worker{{ID: "ahead", BeatAt: at(3605)}, {ID: "new", BeatAt: at(30)}}, []string{"ahead"}},
		{60, []store.Worker{{ID: "new", BeatAt: at(31)}}, nil},
	} {
		var got []string
		for _, one := range h.silent(step.all, at(step.now)) {
			got = append(got, one.ID)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("after %d s %q count as dead, want %q", step.now, got, step.want)
		}
	}
}

// A process that has lost touch lets nothing leave, gets nothing in hand once others have buried it, and is welcome again.
func TestLostTouch(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	w := h.worker(t)
	p, err := w.ready(t.Context(), h.outgoing(t, m.ID))
	if err != nil {
		t.Fatal(err)
	}
	take := func() int {
		t.Helper()
		taken, err := w.take.ask(t.Context(), p.letter)
		if err != nil {
			t.Fatal(err)
		}
		return len(taken.Recipients)
	}
	if take() != 1 {
		t.Fatal("nobody is in hand")
	}
	open := w.guarded(t.Context(), p)
	if _, err := open(); err != nil {
		t.Fatal(err)
	}
	w.heart.last = time.Now().Add(-doubtAfter)
	if _, err := open(); !errors.Is(err, errLost) {
		t.Errorf("a process that has lost touch sends: %v", err)
	}
	all, err := h.store.Workers(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	stale := all[0]
	stale.BeatAt = stale.BeatAt.Add(-time.Second)
	bury := func(dead store.Worker) (left store.Buried, done bool) {
		t.Helper()
		if err := h.store.Write(t.Context(), func(tx *store.Tx) (err error) {
			left, done, err = tx.Bury(t.Context(), dead)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return left, done
	}
	if _, done := bury(stale); done {
		t.Error("a process is buried that was heard of since")
	}
	if left, done := bury(all[0]); !done || left.Deliveries != 1 {
		t.Errorf("buried: %v, and left %+v", done, left)
	}
	if take() != 0 {
		t.Error("a process that counts as dead gets recipients")
	}
	if err := w.heart.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	if take() != 1 {
		t.Error("a process that lives again gets nobody")
	}
}

// Somebody stops a mail that is in hand: it does not leave, and counts as cancelled.
func TestStoppedInHand(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	w := h.worker(t)
	p, err := w.ready(t.Context(), h.outgoing(t, m.ID))
	if err != nil {
		t.Fatal(err)
	}
	taken, err := w.take.ask(t.Context(), p.letter)
	if err != nil || len(taken.Recipients) != 1 {
		t.Fatalf("%+v, %v", taken, err)
	}
	still := w.still(t.Context(), p.letter.Errand)
	if _, err := h.store.Pool().Exec(t.Context(), `update delivery set stop = true`); err != nil {
		t.Fatal(err)
	}
	time.Sleep(fresh + 10*time.Millisecond)
	if err := still("carol@customer.test"); !errors.Is(err, errStopped) {
		t.Errorf("it leaves: %v", err)
	}
	outcome, err := w.attempt(t.Context(), p, taken.Recipients)
	if err != nil || len(outcome) != 1 {
		t.Fatalf("%+v, %v", outcome, err)
	}
	after, err := h.tickets.Message(t.Context(), h.ann, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if state := after.Deliveries[0].State; (state == desk.DeliverySent) != (len(h.sink.Mails()) == 1) || !state.Final() {
		t.Errorf("the delivery is %s, and %d mails left", state, len(h.sink.Mails()))
	}
}

// Whatever a server says, what it took is written down: else the mail would leave again and again.
func TestWhatWasTakenIsWrittenDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}}})
	w := h.worker(t)
	p, err := w.ready(t.Context(), h.outgoing(t, m.ID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.take.ask(t.Context(), p.letter); err != nil {
		t.Fatal(err)
	}
	taken := desk.Delivery{Recipient: "carol@customer.test", State: desk.DeliverySent, Host: "mx\x00", Reply: "250 \xff\xfe\x00", Attempts: 1, UpdatedAt: time.Now(),
		Story: []desk.Attempt{{At: time.Now(), Kind: desk.AttemptTried, State: desk.DeliverySent, Host: "\xff", Reply: "250 \x00"}}}
	if err := w.write(t.Context(), m.ID, []desk.Delivery{taken}); err != nil {
		t.Fatal(err)
	}
	after, err := h.tickets.Message(t.Context(), h.ann, m.ID)
	if err != nil || after.Deliveries[0].State != desk.DeliverySent {
		t.Errorf("%+v, %v", after.Deliveries, err)
	}
}

// Questions that come while one group is answered make the next; one that cannot be answered takes no others along.
func TestTogether(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	var groups atomic.Int32
	begun, release := make(chan struct{}), make(chan struct{})
	sum := together[int, int]{
		do: func(_ context.Context, asked []int) ([]int, error) {
			if groups.Add(1) == 1 {
				close(begun)
				<-release
			}
			if slices.Contains(asked, 13) {
				return nil, bad
			}
			answers := make([]int, len(asked))
			for i, n := range asked {
				answers[i] = 2 * n
			}
			return answers, nil
		},
		alone: func(err error) bool { return errors.Is(err, bad) },
	}
	var asking sync.WaitGroup
	ask := func(n int) {
		asking.Go(func() {
			got, err := sum.ask(t.Context(), n)
			if n == 13 && !errors.Is(err, bad) || n != 13 && (err != nil || got != 2*n) {
				t.Errorf("%d: %d, %v", n, got, err)
			}
		})
	}
	ask(1)
	<-begun
	for n := 10; n < 20; n++ {
		ask(n)
	}
	for {
		sum.mu.Lock()
		waiting := len(sum.waiting)
		sum.mu.Unlock()
		if waiting == 10 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(release)
	asking.Wait()
	if n := groups.Load(); n != 1+1+10 { // the first alone, the ten together, and each of them alone since one was bad
		t.Errorf("%d groups", n)
	}
}
