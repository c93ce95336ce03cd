package jobs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/internal/testkit"
	"postern/mailout"
)

// T-DELIVERY: mails to a destination that gets one at a time all arrive, each as its first attempt: waiting for a turn is none.
func TestT_DELIVERY_Turns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{NoTLS: true, Rcpt: func(string) *smtp.SMTPError {
		time.Sleep(700 * time.Millisecond)
		return nil
	}})
	h.activate(t, "example.com")
	mailbox := h.mailbox(t, "support@example.com")
	if _, err := h.tickets.SetDestination(t.Context(), h.ann, desk.Destination{Pattern: "customer.test", Connections: 1}); err != nil {
		t.Fatal(err)
	}
	h.config.Sender.Destinations = mailout.NewDestinations(h.store.Destinations)
	h.start(t)
	began := time.Now()
	var messages []int64
	for i := range 5 {
		_, message := h.write(t, desk.NewTicket{MailboxID: mailbox, To: []desk.Address{{Addr: fmt.Sprintf("carol%d@customer.test", i)}}})
		messages = append(messages, message.ID)
	}
	slowest := 0
	for _, id := range messages {
		sent := h.until(t, id, all(desk.DeliverySent))
		if one := sent.Deliveries[0]; one.Attempts != 1 || one.Reply == "" || !one.NextAt.IsZero() {
			t.Errorf("%+v", one)
		}
		slowest = max(slowest, int(sent.Deliveries[0].UpdatedAt.Sub(began).Seconds()))
	}
	var to []string
	for _, mail := range h.sink.Mails() {
		to = append(to, mail.To...)
	}
	slices.Sort(to)
	if len(slices.Compact(to)) != 5 || len(to) != 5 {
		t.Errorf("%q arrived", to)
	}
	if slowest < 2 {
		t.Errorf("nobody had to come back: the slowest took %d s", slowest)
	}
}
