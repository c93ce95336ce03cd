package jobs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// run is start with what the program does besides: the news reach the runner, or get lost.
func (h *house) run(t *testing.T, hear func(*Runner, store.News)) {
	t.Helper()
	runner, err := New(h.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.tickets.Listen(ctx, func(news store.News) { hear(runner, news) }, func(error) { runner.Unheard() })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := runner.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

// What somebody stops while a server is about it does not leave, unless the server has it already; the others get theirs. (T-DELIVERY)
func TestStoppedAtTheServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hear func(*Runner, store.News)
		wait time.Duration // of the server, after it was stopped
	}{
		"told by the news":          {(*Runner).Heard, 100 * time.Millisecond},
		"and not told by the news":  {func(*Runner, store.News) {}, fresh + 500*time.Millisecond},
		"when news have been lost ": {func(r *Runner, _ store.News) { r.Unheard() }, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, answer := make(chan string, 10), make(chan struct{})
			h := newHouse(t, testkit.Behaviour{Rcpt: func(to string) *smtp.SMTPError {
				if strings.HasPrefix(to, "carol@") {
					asked <- to
					<-answer
				}
				return nil
			}})
			box := h.mailbox(t, "support@example.com")
			h.run(t, c.hear)
			_, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@customer.test"}, {Addr: "dave@customer.test"}}})
			select {
			case <-asked:
			case <-time.After(patience):
				t.Fatal("nobody was asked")
			}
			stopped, err := h.tickets.CancelDelivery(t.Context(), h.ann, m.ID, "carol@customer.test")
			if err != nil || !stopped.Stopping {
				t.Fatalf("%+v, %v", stopped, err)
			}
			time.Sleep(c.wait)
			close(answer)
			h.until(t, m.ID, func(m desk.Message) bool {
				return m.Deliveries[0].State == desk.DeliveryCancelled && m.Deliveries[1].State == desk.DeliverySent
			})
			if mails := h.sink.Mails(); len(mails) != 1 || mails[0].To[0] != "dave@customer.test" {
				t.Errorf("what left: %+v", mails)
			}
			stories, err := h.tickets.DeliveryStories(t.Context(), h.ann, m.ID)
			if err != nil || len(stories[0].Timeline) != 2 || stories[0].Timeline[0].Kind != desk.AttemptCancelled || !strings.Contains(stories[0].Timeline[1].Reply, "not sent: somebody stopped it") {
				t.Errorf("its story: %+v, %v", stories, err)
			}
			if len(stories[1].Timeline) != 1 {
				t.Errorf("the other's story: %+v", stories[1].Timeline)
			}
		})
	}
}

// An address that is suppressed is not tried, and the ticket says so; sent elsewhere, the same bytes leave for the other address, with a return path of its own.
func TestSuppressedAndRedirected(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	box := h.mailbox(t, "support@example.com")
	if _, err := h.tickets.Suppress(t.Context(), h.ann, "Carol@customer.test", "gone"); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	ticket, m := h.write(t, desk.NewTicket{MailboxID: box, To: []desk.Address{{Addr: "carol@Customer.test"}, {Addr: "dave@customer.test"}}})
	h.until(t, m.ID, func(m desk.Message) bool {
		return m.Deliveries[0].State == desk.DeliveryBounced && m.Deliveries[1].State == desk.DeliverySent
	})
	first := h.sink.Next(t)
	stories, err := h.tickets.DeliveryStories(t.Context(), h.ann, m.ID)
	if err != nil || len(stories[0].Timeline) != 1 || stories[0].Timeline[0].Kind != desk.AttemptSuppressed || stories[0].Attempts != 0 || stories[0].Suppressed == nil {
		t.Errorf("her story: %+v, %v", stories, err)
	}
	if now, err := h.tickets.Get(t.Context(), h.ann, ticket.ID); err != nil || !now.DeliveryProblem || now.Status != desk.StatusOpen {
		t.Errorf("the ticket: %+v, %v", now, err)
	}
	if err := h.tickets.RedirectDelivery(t.Context(), h.ann, m.ID, "carol@customer.test", "carol@other.test"); err != nil {
		t.Fatal(err)
	}
	h.until(t, m.ID, func(m desk.Message) bool { return len(m.Deliveries) == 3 && m.Deliveries[1].State == desk.DeliverySent })
	second := h.sink.Next(t)
	if second.To[0] != "carol@other.test" || string(second.Bytes) != string(first.Bytes) || second.From == first.From {
		t.Errorf("sent elsewhere: from %s to %v, first from %s", second.From, second.To, first.From)
	}
	if mails := h.sink.Mails(); len(mails) != 2 {
		t.Errorf("%d mails left", len(mails))
	}
}
