package intake

import "testing"

// A group waits a moment only for senders who have just proved to come: never for a lone one, nor for one who came over a new connection.
func TestGroupKnowsWhoIsOnTheWayBack(t *testing.T) {
	senders := func(names ...string) map[string]bool {
		set := map[string]bool{}
		for _, name := range names {
			set[name] = true
		}
		return set
	}
	for _, c := range []struct {
		name         string
		before, last map[string]bool
		here         map[string]bool
		want         bool
	}{
		{"the first group", nil, nil, senders("a"), false},
		{"a lone sender", senders("a"), senders("a"), senders("a"), false},
		{"a lone sender over a new connection", senders("a"), senders("a"), senders("b"), false},
		{"two halves: the other half is on its way", senders("a", "b"), senders("c", "d"), senders("a", "b"), true},
		{"all are here", senders("a", "b"), senders("c"), senders("a", "b", "c"), false},
		{"somebody of the last group has not come yet", nil, senders("a", "b", "c"), senders("a", "b"), true},
	} {
		g := &groups{before: [2]map[string]bool{c.last, c.before}}
		if got := g.missing(c.here); got != c.want {
			t.Errorf("%s: missing = %v", c.name, got)
		}
	}
}
