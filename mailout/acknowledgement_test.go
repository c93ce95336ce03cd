package mailout

import (
	"strings"
	"testing"

	"postern/desk"
)

func acknowledgement() Acknowledgement {
	return Acknowledgement{
		From: desk.Address{Name: "Example Support", Addr: "support@example.com"}, ReplyTo: desk.Address{Name: "Example Support", Addr: "support+tok-1@example.com"}, To: "ann@customer.example",
		Ticket: 123, MessageID: "m1.abc@mx.example.com", Answers: "q1@customer.example", Date: noon, Loop: "mx.example.com",
	}
}

// T-LOOP: what no program may answer says so, in every word that programs know.
func TestT_LOOP_Acknowledgement(t *testing.T) {
	t.Parallel()
	message := compose(t, acknowledgement().Draft())
	sound(t, message)
	header, body, _ := strings.Cut(string(message), "\r\n\r\n")
	for _, line := range []string{
		"Auto-Submitted: auto-replied", "X-Auto-Response-Suppress: All", "Precedence: auto_reply", "X-Postern-Loop: mx.example.com", "To: ann@customer.example",
		"Subject: We have received your message [#123]", "In-Reply-To: <q1@customer.example>", "References: <q1@customer.example>", "Content-Type: text/plain; charset=utf-8",
	} {
		if !strings.Contains(header+"\r\n", line+"\r\n") {
			t.Errorf("%s is missing:\n%s", line, header)
		}
	}
	if words := strings.NewReplacer("=\r\n", "", "\r\n", " ").Replace(body); !strings.Contains(words, "Your reference is #123.") || strings.Contains(words, "{") {
		t.Errorf("it says %q", body)
	}
}

func TestAcknowledgementInTheMailboxesOwnWords(t *testing.T) {
	t.Parallel()
	a := acknowledgement()
	a.Text = "Danke! Vorgang {number}, bitte {number} angeben. {subject}"
	if d := a.Draft(); d.Text != "Danke! Vorgang 123, bitte 123 angeben. {subject}\n" {
		t.Errorf("it says %q", d.Text)
	}
	a.Text = " \n "
	if d := a.Draft(); !strings.HasPrefix(d.Text, "Thank you. We have received") {
		t.Errorf("it says %q", d.Text)
	}
}

// T-02: an id that could hold a message of its own is not named.
func TestT_02_OnlyPlainIDsAreAnswered(t *testing.T) {
	t.Parallel()
	for id, plain := range map[string]bool{
		"<CAF+abc=1_x.y@mail.gmail.example>": true, "1@x": true, "20261122.1@[192.0.2.1]": false, "": false, "x": false, "@": false, "Buy now at evil.example@x": false, "a@b@c": false,
		`"Buy now"@x`: false, "a@b\r\nSubject: Buy": false, "käufer@x": false, strings.Repeat("a", 200) + "@x": false, "synthetic": false,
	} {
		a := acknowledgement()
		a.Answers = id
		if d := a.Draft(); (d.InReplyTo != "") != plain || (len(d.References) > 0) != plain {
			t.Errorf("%q is answered: %v", id, d.InReplyTo)
		}
		compose(t, a.Draft())
	}
}

func TestAcknowledgementInItalian(t *testing.T) {
	t.Parallel()
	a := acknowledgement()
	a.Language = "it"
	draft := a.Draft()
	if draft.Subject != "Messaggio ricevuto [#123]" || !strings.Contains(draft.Text, "Il riferimento è #123.") {
		t.Errorf("%q: %q", draft.Subject, draft.Text)
	}
	a.Text = "We got it: {number}"
	if draft := a.Draft(); draft.Text != "We got it: 123\n" {
		t.Errorf("the mailbox's own words became %q", draft.Text)
	}
}
