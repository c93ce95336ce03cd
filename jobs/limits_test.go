package jobs

import (
	"testing"
	"time"

	"postern/store"
)

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
