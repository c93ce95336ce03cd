package desk

import "testing"

// T-LOOP, T-02: each limit by itself, at its edge.
func TestT_LOOP_Limits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent    AutomaticCounts
		granted bool
		hit     AutomaticLimit
	}{
		"nothing before":           {AutomaticCounts{}, true, NoLimit},
		"the address within a day": {AutomaticCounts{Address: 1}, false, NoLimit},
		"two on the ticket":        {AutomaticCounts{Ticket: 2}, true, NoLimit},
		"three on the ticket":      {AutomaticCounts{Ticket: 3}, false, NoLimit},
		"19 to the domain":         {AutomaticCounts{Domain: 19}, true, NoLimit},
		"20 to the domain":         {AutomaticCounts{Domain: 20}, false, DomainLimit},
		"499 to everybody":         {AutomaticCounts{All: 499}, true, NoLimit},
		"500 to everybody":         {AutomaticCounts{All: 500}, false, TotalLimit},
		"address before domain":    {AutomaticCounts{Address: 1, Domain: 20, All: 500}, false, NoLimit},
	} {
		if reason, hit := c.sent.Beyond(); (reason == "") != c.granted || hit != c.hit {
			t.Errorf("%s: %q, %d", name, reason, hit)
		}
	}
}
