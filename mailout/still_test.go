package mailout

import (
	"errors"
	"strings"
	"testing"

	"postern/desk"
	"postern/internal/testkit"
)

// A copy that is stopped before MAIL, or when the server has said yes to it already, does not arrive; those after it do, over a new connection where that one was given up in the middle of a mail.
func TestStill(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asks     int // at which question about ben the answer is no
		sessions int // two for each connection: one before STARTTLS, and one after
	}{
		"before it begins":     {1, 2},
		"before its bytes":     {2, 4},
		"nobody stops anybody": {3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "to.example. 60 IN MX 10 mx1.example.", &testkit.Behaviour{})
			mail := mailTo(simpleMail, "anna@to.example", "ben@to.example", "carol@to.example")
			asked := 0
			mail.Still = func(recipient string) error {
				if recipient == "ben@to.example" {
					if asked++; asked == c.asks {
						return errors.New("somebody stopped it")
					}
				}
				return nil
			}
			got := w.sender().Deliver(t.Context(), mail)
			for i, one := range got {
				want := desk.DeliverySent
				if i == 1 && c.asks < 3 {
					want = desk.DeliveryDeferred
					if !strings.Contains(one.Reply, "not sent: somebody stopped it") {
						t.Errorf("ben's reply: %s", one.Reply)
					}
				}
				if one.State != want || len(one.Story) != 1 {
					t.Errorf("%s: %+v", one.Recipient, one)
				}
			}
			arrived := 0
			for _, mail := range w.sinks[0].Mails() {
				if mail.To[0] != "ben@to.example" || c.asks == 3 {
					arrived++
				}
			}
			if arrived != len(w.sinks[0].Mails()) || arrived < 2 || w.sinks[0].Sessions() != c.sessions {
				t.Errorf("%d mails arrived over %d connections", len(w.sinks[0].Mails()), w.sinks[0].Sessions())
			}
		})
	}
}
