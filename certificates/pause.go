package certificates

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// Failure is why no certificate was obtained, which decides how soon it is tried again.
type Failure int

const (
	Unreachable Failure = iota // nobody said no: the way to the CA, the CA itself, or something of ours
	Refused                    // the CA looked and said no; public CAs count that, five times an hour for a name
	Limited                    // the CA has had too much of us
)

// longestProblem bounds what is kept of a CA's words, in bytes.
const longestProblem = 600

// The pauses after failures in a row; the last one repeats. Let's Encrypt allows five refused attempts for a name in an hour: the second row makes four.
var (
	unreachablePauses = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour}
	refusedPauses     = []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour}
	limitedPauses     = []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour}
)

// longestLimit bounds for how long a CA's word can keep us away: a week is the longest of the windows in which public CAs count.
const longestLimit = 8 * 24 * time.Hour

// failureOf tells what an error of the ACME client means, and what the CA said, for people.
func failureOf(err error) (kind Failure, words string) {
	var problem acme.Problem
	if !errors.As(err, &problem) {
		return Unreachable, clipped(err.Error())
	}
	words = clipped(strings.TrimSpace(problem.Detail))
	for _, part := range problem.Subproblems {
		words = clipped(words + "; " + part.Detail)
	}
	if words == "" {
		words = clipped(problem.Error())
	}
	switch {
	case problem.Type == acme.ProblemTypeRateLimited || problem.Status == http.StatusTooManyRequests:
		return Limited, words
	case problem.Type == acme.ProblemTypeServerInternal || problem.Status >= http.StatusInternalServerError:
		return Unreachable, words
	}
	return Refused, words
}

// retryAfter finds the moment in the words of a CA that limits us: "… retry after 2026-11-29 12:00:00 UTC: see https://…", as Let's Encrypt writes it.
var retryAfter = regexp.MustCompile(`(?i)retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d) ?(?:UTC|Z)`)

// nextTry says when to ask the CA again after so many failures in a row. jitter, from 0 to 1, makes the pause up to a fifth longer, so that machines and names do not march in step.
func nextTry(now time.Time, kind Failure, failures int, words string, jitter float64) time.Time {
	pauses := unreachablePauses
	switch kind {
	case Refused:
		pauses = refusedPauses
	case Limited:
		pauses = limitedPauses
	}
	pause := pauses[min(max(failures, 1), len(pauses))-1]
	next := now.Add(pause + time.Duration(jitter*float64(pause)/5))
	if kind != Limited {
		return next
	}
	if found := retryAfter.FindStringSubmatch(words); found != nil {
		if until, err := time.Parse(time.DateTime, strings.Replace(found[1], "T", " ", 1)); err == nil && until.After(next) {
			next = until.Add(time.Duration(jitter * float64(time.Minute)))
		}
	}
	if latest := now.Add(longestLimit); next.After(latest) {
		return latest
	}
	return next
}

// clipped is what may be kept of a stranger's words: valid, on one line, and short.
func clipped(words string) string {
	words = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(words, "�"), func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	if len(words) > longestProblem {
		words = strings.ToValidUTF8(words[:longestProblem], "") + "…"
	}
	return words
}
