package identity

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"postern/desk"
)

// throttled are those who may ask for little because of an alert, as they were read last.
type throttled struct {
	mu    sync.Mutex
	known map[string]bool
	until time.Time
}

// Throttled says under what key requests of somebody are counted who may ask for little because of an alert, and how many a minute; an empty key: they may ask as much as everybody. It costs a query a second at most.
// A person is slowed down wherever they are, and whoever is not signed in by their network.
func (s *Service) Throttled(ctx context.Context, actor desk.Actor) (key string, limit int, err error) {
	subject := slowNetwork(actor.IP)
	if actor.User.ID != 0 {
		subject = fmt.Sprintf("user/%d", actor.User.ID)
	}
	known, err := s.slowed(ctx)
	if err != nil || !known[subject] {
		return "", 0, err
	}
	values, err := s.Settings(ctx)
	return "throttled/" + subject, values.Number(desk.AlertRate), err
}

// slowNetwork is the network of an address as alerts name it: a /24 of IPv4, a /64 of IPv6.
func slowNetwork(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	bits := 24
	if address = address.Unmap().WithZone(""); address.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(address, bits).Masked().String()
}

func (s *Service) slowed(ctx context.Context) (map[string]bool, error) {
	s.slow.mu.Lock()
	defer s.slow.mu.Unlock()
	now := time.Now() // not the service's clock, as with settings
	if now.Before(s.slow.until) {
		return s.slow.known, nil
	}
	list, err := s.store.Throttles(ctx, s.now())
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, one := range list {
		known[one.Subject] = true
	}
	s.slow.known, s.slow.until = known, now.Add(settingsFor)
	return known, nil
}
