package mailout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/internal/testkit"
)

// T-BYTES: everybody's copy has a return path of its own, and all of them leave over one connection.
func TestT_BYTES_ReturnPathOfEachCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{NoTLS: true}, &testkit.Behaviour{})
	var recipients []string
	for i := range 48 {
		recipients = append(recipients, fmt.Sprintf("person%d@to.example", i))
	}
	for _, d := range w.sender().Deliver(t.Context(), mailTo(simpleMail, recipients...)) {
		if d.State != desk.DeliverySent {
			t.Errorf("%+v", d)
		}
	}
	mails := w.sinks[0].Mails()
	if len(mails) != len(recipients) || w.sinks[0].Sessions() != 1 || len(w.sinks[1].Mails()) != 0 {
		t.Fatalf("%d mails over %d connections", len(mails), w.sinks[0].Sessions())
	}
	for i, mail := range mails {
		if !slices.Equal(mail.To, recipients[i:i+1]) || mail.From != pathOf(recipients[i]) || string(mail.Bytes) != simpleMail {
			t.Errorf("%s → %v", mail.From, mail.To)
		}
	}
}

// T-LOOP: without a return path a mail leaves with the null sender, which nobody answers (RFC 3834 §3.3).
func TestT_LOOP_NullSender(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{})
	m := mailTo(simpleMail, "ann@to.example")
	m.ReturnPath = nil
	if got := w.sender().Deliver(t.Context(), m); got[0].State != desk.DeliverySent {
		t.Errorf("%+v", got)
	}
	if mail := w.sinks[0].Next(t); mail.From != "" {
		t.Errorf("it came from %q", mail.From)
	}
}

func TestBadReturnPathFailsItsCopyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{})
	m := mailTo(simpleMail, "ann@to.example", "bob@to.example")
	m.ReturnPath = func(recipient string) string {
		return map[string]string{"ann@to.example": "not an address", "bob@to.example": "b@example.com"}[recipient]
	}
	got := w.sender().Deliver(t.Context(), m)
	if !strings.HasPrefix(say(got[0]), "bounced@ 550 5.1.7") || got[1].State != desk.DeliverySent {
		t.Errorf("%+v", got)
	}
}

// T-DELIVERY: a server that takes one mail in a connection and then says 421 gets the others in further ones.
func TestT_DELIVERY_FewMailsInOneConnection(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	w := newWorld(t, twoMX, &testkit.Behaviour{NoTLS: true, Rcpt: func(string) *smtp.SMTPError {
		if asked.Add(1)%2 == 0 {
			return refusal(421, smtp.EnhancedCode{4, 7, 0}, "too many mails in this connection")
		}
		return nil
	}}, &testkit.Behaviour{})
	for _, d := range w.sender().Deliver(t.Context(), mailTo(simpleMail, "ann@to.example", "bob@to.example", "carl@to.example")) {
		if !strings.HasPrefix(say(d), "sent@mx1.example") {
			t.Errorf("%+v", d)
		}
	}
	if mails, sessions := w.sinks[0].Mails(), w.sinks[0].Sessions(); len(mails) != 3 || sessions != 3 {
		t.Errorf("%d mails over %d connections", len(mails), sessions)
	}
}

// A server that says 421 before it has taken anything is not asked again.
func TestBusyServerIsAskedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{NoTLS: true, Mail: refusal(421, smtp.EnhancedCode{4, 3, 2}, "busy")}, &testkit.Behaviour{})
	for _, d := range w.sender().Deliver(t.Context(), mailTo(simpleMail, "ann@to.example", "bob@to.example")) {
		if !strings.HasPrefix(say(d), "sent@mx2.example") {
			t.Errorf("%+v", d)
		}
	}
	if sessions := w.sinks[0].Sessions(); sessions != 1 {
		t.Errorf("it was asked %d times", sessions)
	}
}

// A server that hears a mail to its end and then says 421 is spared the others.
func TestServerThatBreaksDownIsSpared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{NoTLS: true, Data: refusal(421, smtp.EnhancedCode{4, 3, 0}, "out of memory")}, &testkit.Behaviour{})
	got := w.sender().Deliver(t.Context(), mailTo(simpleMail, "ann@to.example", "bob@to.example", "carl@to.example"))
	for i, want := range []string{"deferred@mx1.example 421 4.3.0 out of memory", "sent@mx2.example", "sent@mx2.example"} {
		if !strings.HasPrefix(say(got[i]), want) {
			t.Errorf("%+v, want %s", got[i], want)
		}
	}
	if sessions := w.sinks[0].Sessions(); sessions != 1 {
		t.Errorf("it was asked %d times", sessions)
	}
}

// A refusal of one recipient leaves the connection fit for the next one, whichever command it answers.
func TestRefusedCopiesDoNotDisturbTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{NoUTF8: true, Rcpt: func(to string) *smtp.SMTPError {
		if strings.HasPrefix(to, "gone") {
			return refusal(550, smtp.EnhancedCode{5, 1, 1}, "gone")
		}
		return nil
	}})
	got := w.sender().Deliver(t.Context(), mailTo(simpleMail, "gone1@to.example", "josé@to.example", "ann@to.example", "gone2@to.example", "bob@to.example"))
	for i, want := range []string{"bounced@mx1.example 550 5.1.1 gone", "bounced@mx1.example 553 5.6.7", "sent@mx1.example 250", "bounced@mx1.example 550 5.1.1 gone", "sent@mx1.example 250"} {
		if !strings.HasPrefix(say(got[i]), want) {
			t.Errorf("%d: %+v, want %s", i, got[i], want)
		}
	}
}

// What was sent is told before the next copy leaves; where nobody can write it down, no further copy leaves.
func TestSentIsToldAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{}, &testkit.Behaviour{})
	m := mailTo(simpleMail, "ann@to.example", "bob@to.example", "carl@to.example")
	var told []string
	m.Sent = func(d desk.Delivery) error {
		told = append(told, fmt.Sprint(d.Recipient, " ", d.State, " ", d.UpdatedAt.Equal(noon), " ", len(w.sinks[0].Mails())))
		if d.Recipient == "bob@to.example" {
			return errors.New("the database is away")
		}
		return nil
	}
	got := w.sender().Deliver(t.Context(), m)
	if !slices.Equal(told, []string{"ann@to.example sent true 1", "bob@to.example sent true 2"}) {
		t.Errorf("told %q", told)
	}
	if got[1].State != desk.DeliverySent || !strings.HasPrefix(say(got[2]), "deferred@ 451 4.3.0 not tried") || len(w.sinks[0].Mails()) != 2 || len(w.sinks[1].Mails()) != 0 {
		t.Errorf("%+v", got)
	}
}
