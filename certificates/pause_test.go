package certificates

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mholt/acmez/v3/acme"
)

func TestFailureOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		err   error
		kind  Failure
		words string
	}{
		{"no way to it", errors.New("dial tcp: connection refused"), Unreachable, "dial tcp: connection refused"},
		{"out of order", acme.Problem{Type: acme.ProblemTypeServerInternal, Status: 500, Detail: "try later"}, Unreachable, "try later"},
		{"busy", acme.Problem{Status: 503, Detail: "busy"}, Unreachable, "busy"},
		{"looked in vain", fmt.Errorf("wrapped: %w", acme.Problem{Type: acme.ProblemTypeConnection, Status: 400, Detail: "connection\r\nrefused"}), Refused, "connection refused"},
		{"CAA", acme.Problem{Type: acme.ProblemTypeCAA, Status: 403, Detail: "CAA record forbids it"}, Refused, "CAA record forbids it"},
		{"too much", acme.Problem{Type: acme.ProblemTypeRateLimited, Status: 429, Detail: "too many"}, Limited, "too many"},
		{"parts", acme.Problem{Type: acme.ProblemTypeCompound, Status: 400, Detail: "several", Subproblems: []acme.Subproblem{{Problem: acme.Problem{Detail: "one"}}}}, Refused, "several; one"},
		{"says nothing", acme.Problem{Type: acme.ProblemTypeMalformed, Status: 400}, Refused, "HTTP 400 urn:ietf:params:acme:error:malformed - "},
	} {
		if kind, words := failureOf(c.err); kind != c.kind || words != strings.TrimSpace(c.words) && words != c.words {
			t.Errorf("%s: %v %q", c.name, kind, words)
		}
	}
}

// TestNextTry is the manual of the pauses.
func TestNextTry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name     string
		kind     Failure
		failures int
		words    string
		jitter   float64
		want     time.Duration
	}{
		{"nobody there", Unreachable, 1, "", 0, time.Minute},
		{"nobody there for long", Unreachable, 99, "", 0, time.Hour},
		{"a fifth of jitter", Unreachable, 3, "", 1, 6 * time.Minute},
		{"refused", Refused, 1, "", 0, 5 * time.Minute},
		{"refused for long", Refused, 99, "", 0, 6 * time.Hour},
		{"no count is a first one", Refused, 0, "", 0, 5 * time.Minute},
		{"limited", Limited, 1, "too many", 0, time.Hour},
		{"limited until", Limited, 1, "too many certificates already issued, retry after 2026-11-30 12:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/", 0, 24 * time.Hour},
		{"limited until, as it was written before", Limited, 1, "retry after 2026-11-29T18:00:00Z: see", 0, 6 * time.Hour},
		{"limited until long ago", Limited, 1, "retry after 2020-01-01 00:00:00 UTC", 0, time.Hour},
		{"limited until no day", Limited, 1, "retry after 2026-99-99 00:00:00 UTC", 0, time.Hour},
		{"limited for years", Limited, 1, "retry after 2036-01-01 00:00:00 UTC", 0, longestLimit},
	} {
		if got := nextTry(now, c.kind, c.failures, c.words, c.jitter).Sub(now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Let's Encrypt counts five refused attempts for a name in an hour, whatever becomes of our process.
func TestRefusedPausesStayBelowTheLimit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	var asked []time.Time
	for at, failures := now, 1; at.Before(now.Add(48 * time.Hour)); failures++ {
		asked = append(asked, at)
		at = nextTry(at, Refused, failures, "", 0)
	}
	for i := range asked {
		if i+5 < len(asked) && asked[i+5].Sub(asked[i]) < time.Hour {
			t.Errorf("six attempts between %v and %v", asked[i], asked[i+5])
		}
	}
}

func FuzzProblem(f *testing.F) {
	f.Add("retry after 2026-11-30 12:00:00 UTC")
	f.Add("\xff\x00\r\n" + strings.Repeat("é", 400))
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, detail string) {
		kind, words := failureOf(acme.Problem{Type: acme.ProblemTypeRateLimited, Detail: detail})
		if kind != Limited || !utf8.ValidString(words) || strings.ContainsAny(words, "\r\n\x00") || len(words) > longestProblem+10 {
			t.Errorf("%v %q", kind, words)
		}
		if next := nextTry(now, kind, 1, words, 1); next.Before(now.Add(time.Hour)) || next.After(now.Add(longestLimit)) {
			t.Errorf("next try %v", next)
		}
	})
}
