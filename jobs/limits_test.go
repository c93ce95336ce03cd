package jobs

import (
	"testing"
	"time"

	"postern/store"
)

// T-LOOP, T-02: each limit by itself, at its edge.
func TestT_LOOP_Limits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent    store.AcknowledgementCounts
		granted bool
		hit     limit
	}{
		"nothing before":           {store.AcknowledgementCounts{}, true, noLimit},
		"the address within a day": {store.AcknowledgementCounts{Address: 1}, false, noLimit},
		"two on the ticket":        {store.AcknowledgementCounts{Ticket: 2}, true, noLimit},
		"three on the ticket":      {store.AcknowledgementCounts{Ticket: 3}, false, noLimit},
		"19 to the domain":         {store.AcknowledgementCounts{Domain: 19}, true, noLimit},
		"20 to the domain":         {store.AcknowledgementCounts{Domain: 20}, false, domainLimit},
		"499 to everybody":         {store.AcknowledgementCounts{All: 499}, true, noLimit},
		"500 to everybody":         {store.AcknowledgementCounts{All: 500}, false, totalLimit},
		"address before domain":    {store.AcknowledgementCounts{Address: 1, Domain: 20, All: 500}, false, noLimit},
	} {
		if reason, hit := beyond(c.sent); (reason == "") != c.granted || hit != c.hit {
			t.Errorf("%s: %q, %d", name, reason, hit)
		}
	}
}

func TestUnwanted(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	good := store.Acknowledgement{On: true, Address: "carol@customer.test", Domain: "customer.test", WantedAt: now.Add(-tooLate)}
	if reason := unwanted(good, "mx.example.com", now); reason != "" {
		t.Errorf("refused: %s", reason)
	}
	for name, change := range map[string]func(*store.Acknowledgement){
		"switched off": func(a *store.Acknowledgement) { a.On = false },
		"ours":         func(a *store.Acknowledgement) { a.Ours = true },
		"our host":     func(a *store.Acknowledgement) { a.Domain = "mx.example.com" },
		"late":         func(a *store.Acknowledgement) { a.WantedAt = now.Add(-tooLate - 1) },
		"paused":       func(a *store.Acknowledgement) { a.Paused = true },
		"suppressed":   func(a *store.Acknowledgement) { a.Suppressed = true },
		"no-reply":     func(a *store.Acknowledgement) { a.Address = "no-reply@customer.test" },
	} {
		bad := good
		if change(&bad); unwanted(bad, "mx.example.com", now) == "" {
			t.Errorf("%s: granted", name)
		}
	}
}
