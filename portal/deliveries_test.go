package portal

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"postern/desk"
	"postern/language"
)

// replied answers a mail to two people and returns the message.
func (h *house) replied() desk.Message {
	h.t.Helper()
	outcome := h.mail(question)
	sent, err := h.tickets.Reply(h.t.Context(), h.agent, desk.ReplyRequest{Ticket: outcome.Ticket, Text: "We looked into it.",
		To: []desk.Address{{Name: "Anna Rossi", Addr: "anna@customer.example"}}, Cc: []desk.Address{{Addr: "bert@customer.example"}}})
	check(h.t, err)
	return sent
}

// tells records what became of a recipient, with a line of the story.
func (h *house) tells(message int64, d desk.Delivery, story ...desk.Attempt) {
	h.t.Helper()
	d.UpdatedAt, d.Attempts, d.Story = time.Now(), 1, story
	check(h.t, h.tickets.Delivered(h.t.Context(), message, []desk.Delivery{d}))
}

// The log finds a delivery by whatever is known of it, and the story of each recipient tells it in the server's own words, with what its encryption showed.
func TestDeliveriesAreFoundAndTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sent := h.replied()
	facts := desk.TLSFacts{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Names: []string{"mx.customer.example"}, Issuer: "Example CA", Policy: desk.PolicySTSEnforce, Proof: desk.ProofPKIX}
	now := time.Now()
	h.tells(sent.ID, desk.Delivery{Recipient: "anna@customer.example", State: desk.DeliverySent, Host: "mx.customer.example", TLS: "TLS 1.3", Proof: desk.ProofPKIX, Reply: "250 2.0.0 taken as 17"},
		desk.Attempt{At: now, Kind: desk.AttemptTried, State: desk.DeliverySent, Host: "mx.customer.example", Addr: "192.0.2.7:25", TLS: &facts, Reply: "250 2.0.0 taken as 17"})
	h.tells(sent.ID, desk.Delivery{Recipient: "bert@customer.example", State: desk.DeliveryDeferred, Host: "mx.customer.example", Reply: "451 4.7.1 greylisted", NextAt: now.Add(time.Minute)},
		desk.Attempt{At: now, Kind: desk.AttemptTried, State: desk.DeliveryDeferred, Host: "mx.customer.example", Addr: "192.0.2.7:25", Reply: "451 4.7.1 greylisted"})
	owner, agent := h.reader("olga@example.com"), h.reader("ada@example.com")

	owner.get("/deliveries").has(t, "anna@customer.example", "bert@customer.example", "TLS 1.3, proved", "451 4.7.1 greylisted", "1 sent", "1 had to wait", "Try now", "Stop")
	for query, want := range map[string]string{"state=deferred": "bert", "to=bert": "bert", "to=@customer.example": "anna", "words=greylisted": "bert", fmt.Sprintf("ticket=%%23%d", sent.TicketID): "anna"} {
		owner.get("/deliveries?"+query).has(t, want+"@customer.example</a>")
	}
	owner.get("/deliveries?state=deferred").lacks(t, "anna@customer.example</a>")
	owner.get("/deliveries?to=@elsewhere.example").has(t, "Nothing like that.", "Show everything")
	if got := owner.get("/deliveries?state=whim"); got.status != http.StatusOK {
		t.Errorf("a state that is none gives %d", got.status)
	} else {
		got.has(t, `role="alert"`)
	}
	story := fmt.Sprintf("/messages/%d/deliveries", sent.ID)
	agent.get(story).has(t, "mx.customer.example took it over TLS 1.3", "MTA-STS of their domain, enforced", "Example CA", "192.0.2.7:25", "mx.customer.example did not take it for now: 451 4.7.1 greylisted", "Send to another address")
	agent.get(fmt.Sprintf("/tickets/%d", sent.TicketID)).has(t, "TLS 1.3, proved", story+"#to-anna@customer.example")
}

// An agent stops a delivery, or sends it elsewhere; the story of both addresses tells it.
func TestDeliveriesAreSteered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sent := h.replied()
	h.tells(sent.ID, desk.Delivery{Recipient: "bert@customer.example", State: desk.DeliveryBounced, Host: "mx.customer.example", Reply: "550 5.1.1 no such user"})
	agent := h.reader("ada@example.com")
	story := fmt.Sprintf("/messages/%d", sent.ID)
	wrong := agent.post(story+"/redirect", "recipient", "bert@customer.example", "to", "nobody")
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("an address that is none gives %d", wrong.status)
	}
	wrong.has(t, `value="nobody"`, `role="alert"`)
	agent.post(story+"/redirect", "recipient", "bert@customer.example", "to", "berta@customer.example").has(t, "It goes to the other address now.", "berta@customer.example", "instead")
	agent.post(story+"/cancel", "recipient", "anna@customer.example", "next", story+"/deliveries").has(t, "Ada", "stopped it")
	if got := agent.post(story+"/cancel", "recipient", "anna@customer.example"); got.status != http.StatusConflict {
		t.Errorf("stopped twice: %d", got.status)
	}
}

// Addresses that bounce are shown before somebody writes to them in vain, and lifted by a click.
func TestSuppressedAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	outcome := h.mail(question)
	agent := h.reader("ada@example.com")
	agent.get("/suppressions").has(t, "No address is suppressed.")
	agent.post("/suppressions", "address", "anna@customer.example", "note", "asked for peace").has(t, "anna@customer.example", "asked for peace", "By hand")
	if got := agent.post("/suppressions", "address", "anna"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an address that is none gives %d", got.status)
	}
	agent.get(fmt.Sprintf("/tickets/%d", outcome.Ticket)).has(t, "anna@customer.example would get nothing", "asked for peace")
	agent.post("/suppressions/lift", "address", "anna@customer.example").has(t, "Lifted", "No address is suppressed.")
	agent.get(fmt.Sprintf("/tickets/%d", outcome.Ticket)).lacks(t, "would get nothing")
}

// Rules for destinations are an admin's; what is wrong with one is said where it was typed.
func TestDestinationRules(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	owner.post("/destinations", "pattern", "Bank.example", "tls", "verify", "connections", "2", "per_minute", "60", "note", "by contract").has(t, "bank.example", "Encrypted, and the server proved", "2 at once", "60 a minute", "by contract")
	for _, wrong := range [][]string{{"pattern", "@", "tls", "verify"}, {"pattern", "x.example", "tls", "whim"}, {"pattern", "x.example", "tls", "verify", "connections", "many"}} {
		if got := owner.post("/destinations", wrong...); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%v gives %d", wrong, got.status)
		}
	}
	owner.post("/destinations/remove", "pattern", "bank.example").has(t, "No rules.")
}

func TestBarsOfFigures(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	part := drawFigures(language.English, desk.DeliveryFigures{Since: day, Days: []desk.DeliveryDay{{Day: day, Sent: 90, Deferred: 8, Bounced: 2}, {Day: day.AddDate(0, 0, 1)}}, Total: desk.DeliveryDay{Sent: 90, Deferred: 8, Bounced: 2}})
	one := part.Days[0]
	if part.Most != 100 || one.Sent != (bar{"12", "108"}) || one.Deferred != (bar{"2.4", "9.6"}) || one.Bounced != (bar{"0", "2.4"}) || part.Days[1].All() != 0 || one.Width != "500" {
		t.Errorf("%+v", part)
	}
	if want := "From 28 Nov 2026 to 29 Nov 2026: 90 sent, 8 had to wait, 2 bounced. The busiest day had 100."; part.Summary != want {
		t.Error(part.Summary)
	}
}
