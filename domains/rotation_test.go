package domains

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// testSpans are round numbers: a day is an hour.
var testSpans = Spans{
	Day: time.Hour, Settle: 48 * time.Minute, Cached: 10 * time.Minute, Retired: 7 * time.Hour, UnderWay: time.Hour, Revoked: 30 * time.Minute, Grace: 5 * time.Minute, Memory: 15 * time.Second,
	Fallback: 4 * time.Minute, Dangling: 30 * time.Hour, Soon: time.Minute, Routine: time.Hour, Forgotten: 7 * time.Hour, Quiet: time.Minute,
}

// keysOf reads keys from lines like "1r signing seen=60 since=5400 ends=-1 grace=0", where numbers are minutes ago, and those of grace are seconds. The first word is slot and kind.
func keysOf(t *testing.T, lines ...string) (keys []store.DomainKey) {
	t.Helper()
	ago := func(minutes int) *time.Time {
		at := may2026.Add(-time.Duration(minutes) * time.Minute)
		return &at
	}
	for i, line := range lines {
		words := strings.Fields(line)
		key := store.DomainKey{ID: int64(i + 1), Slot: int16(words[0][0] - '0'), Role: desk.KeyRole(words[1]), Private: []byte{1}, CreatedAt: *ago(100000), Algorithm: string(RSA)}
		if key.Role == desk.KeyRetired || key.Role == desk.KeyRevoked {
			key.Private = nil
		}
		if words[0][1] == 'e' {
			key.Algorithm = string(Ed25519)
		}
		key.Selector = selectorOf(key.Slot, Algorithm(key.Algorithm))
		if key.Slot == 0 {
			key.Selector = fmt.Sprint("p", i, words[0][1:2])
		}
		for _, word := range words[2:] {
			name, number := "", 0
			if _, err := fmt.Sscanf(strings.Replace(word, "=", " ", 1), "%s %d", &name, &number); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			switch name {
			case "seen":
				key.SeenAt = ago(number)
			case "since":
				key.SignsSince = ago(number)
			case "ends":
				key.EndsAt = ago(number)
			case "grace":
				key.Grace = &number
			}
		}
		keys = append(keys, key)
	}
	return keys
}

// shown writes keys the way keysOf reads them.
func shown(keys []store.DomainKey) (lines []string) {
	for _, key := range keys {
		line := fmt.Sprintf("%d%c %s", key.Slot, key.Algorithm[0], key.Role)
		for _, at := range []struct {
			name string
			at   *time.Time
		}{{"seen", key.SeenAt}, {"since", key.SignsSince}, {"ends", key.EndsAt}} {
			if at.at != nil {
				line += fmt.Sprintf(" %s=%g", at.name, may2026.Sub(*at.at).Minutes())
			}
		}
		if key.Grace != nil {
			line += fmt.Sprintf(" grace=%d", *key.Grace)
		}
		if (key.Private == nil) != (key.Role == desk.KeyRetired || key.Role == desk.KeyRevoked) {
			line += fmt.Sprintf(" and its private part is %v", key.Private)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestTurn is what becomes of keys, step by step. Times are minutes ago; a day of the test is an hour, so that 90 days are 5400 minutes.
func TestTurn(t *testing.T) {
	t.Parallel()
	delegated := desk.Domain{State: desk.DomainActive, Publication: desk.PublishDelegated, RotateDays: 90}
	own := desk.Domain{State: desk.DomainActive, Publication: desk.PublishTXT, RotateDays: 90}
	with := func(d desk.Domain, change func(*desk.Domain)) desk.Domain {
		change(&d)
		return d
	}
	for _, c := range []struct {
		name   string
		domain desk.Domain
		before []string
		after  []string // nil: as before
		make   []int16
	}{
		{"young keys stay", delegated, []string{"1r signing seen=100 since=100", "1e signing seen=100 since=100", "2r next seen=100", "2e next seen=100"}, nil, nil},
		{"old keys make way for those that everybody has seen for two days", delegated,
			[]string{"1r signing seen=9000 since=5400", "1e signing seen=9000 since=5400", "2r next seen=48", "2e next seen=48"},
			[]string{"1r retired seen=9000 since=5400 ends=-420", "1e retired seen=9000 since=5400 ends=-420", "2r signing seen=48 since=0", "2e signing seen=48 since=0"}, nil},
		{"not yet seen for two days", delegated, []string{"1r signing seen=9000 since=9000", "2r next seen=47"}, nil, nil},
		{"not seen", delegated, []string{"1r signing seen=9000 since=9000", "2r next"}, nil, nil},
		{"nobody misses the Ed25519 key of the next pair", delegated, []string{"1r signing seen=9000 since=9000", "2r next seen=60", "2e next"},
			[]string{"1r retired seen=9000 since=9000 ends=-420", "2r signing seen=60 since=0", "2e signing since=0"}, nil},
		{"only by hand", with(delegated, func(d *desk.Domain) { d.RotateDays = 0 }), []string{"1r signing seen=9000 since=9000", "2r next seen=60"}, nil, nil},
		{"a broken domain does not turn of itself", with(delegated, func(d *desk.Domain) { d.State = desk.DomainDegraded }), []string{"1r signing since=9000", "2r next seen=60"}, nil, nil},
		{"a paused one neither", with(delegated, func(d *desk.Domain) { d.State = desk.DomainPaused }), []string{"1r signing since=9000", "2r next seen=60"}, nil, nil},
		{"a retired pair is revoked after its week", delegated, []string{"1r retired ends=0", "1e retired ends=1", "2r signing seen=420 since=420"},
			[]string{"1r revoked ends=-30", "1e revoked ends=-30", "2r signing seen=420 since=420"}, nil},
		{"before that it stays", delegated, []string{"1r retired ends=-1", "2r signing seen=420 since=420"}, nil, nil},
		{"a revoked pair makes room for the next", delegated, []string{"1r revoked ends=0", "1e revoked ends=0", "2r signing seen=450 since=450", "2e signing seen=450 since=450"},
			[]string{"2r signing seen=450 since=450", "2e signing seen=450 since=450"}, []int16{1}},
		{"an emergency does not wait two days", delegated, []string{"1r signing seen=100 since=100", "1e signing seen=100 since=100", "2r next seen=10 grace=300", "2e next seen=10 grace=300"},
			[]string{"1r retired seen=100 since=100 ends=-5 grace=300", "1e retired seen=100 since=100 ends=-5 grace=300", "2r signing seen=10 since=0", "2e signing seen=10 since=0"}, nil},
		{"but until caches have forgotten what was there", delegated, []string{"1r signing seen=100 since=100", "2r next seen=9 grace=300"}, nil, nil},
		{"with no grace, other processes still have a moment", delegated, []string{"1r signing seen=100 since=100", "2r next seen=10 grace=0"},
			[]string{"1r retired seen=100 since=100 ends=-0.25 grace=0", "2r signing seen=10 since=0"}, nil},
		{"an emergency in a broken domain", with(delegated, func(d *desk.Domain) { d.State = desk.DomainDegraded }), []string{"1r signing since=100", "2r next seen=10 grace=60"},
			[]string{"1r retired since=100 ends=-1 grace=60", "2r signing seen=10 since=0"}, nil},

		{"old keys with records of their own get successors", own, []string{"0r signing seen=5400 since=5400", "0e signing seen=5400 since=5400"}, nil, []int16{0}},
		{"which are not made twice", own, []string{"0r signing seen=5400 since=5400", "0r next"}, nil, nil},
		{"nor of itself where the admin wants none", with(own, func(d *desk.Domain) { d.RotateDays = 0 }), []string{"0r signing seen=9000 since=9000"}, nil, nil},
		{"each takes over from its kind as soon as it is seen", own, []string{"0r signing seen=9000 since=100", "0e signing seen=9000 since=100", "0r next seen=0", "0e next"},
			[]string{"0r retired seen=9000 since=100 ends=-420", "0e signing seen=9000 since=100", "0r signing seen=0 since=0", "0e next"}, nil},
		{"in an emergency all go, and are believed no more", own, []string{"0r signing seen=9000 since=100", "0e signing seen=9000 since=100", "0r next seen=0 grace=0", "0e next grace=0"},
			[]string{"0r revoked seen=9000 since=100 ends=-1800", "0e revoked seen=9000 since=100 ends=-1800", "0r signing seen=0 since=0", "0e next grace=0"}, nil},
		{"but not for an Ed25519 key alone", own, []string{"0r signing seen=9000 since=100", "0r next grace=0", "0e next seen=0 grace=0"}, nil, nil},
		{"which follows when its time comes", own, []string{"0r signing seen=9 since=9", "0e next seen=0 grace=0"}, []string{"0r signing seen=9 since=9", "0e signing seen=0 since=0"}, nil},
		{"a key that never signed is forgotten at once", own, []string{"0r signing", "0r next seen=0"}, []string{"0r revoked ends=0", "0r signing seen=0 since=0"}, nil},
		{"forgotten", own, []string{"0r revoked ends=0", "0r signing seen=0 since=0"}, []string{"0r signing seen=0 since=0"}, nil},

		{"from records of its own to CNAMEs: pairs are made", delegated, []string{"0r signing seen=100 since=100"}, nil, []int16{1, 2}},
		{"and sign as soon as they are seen", delegated, []string{"0r signing seen=100 since=100", "0e signing seen=100 since=100", "1r next seen=0", "2r next seen=0"},
			[]string{"0r retired seen=100 since=100 ends=-420", "0e retired seen=100 since=100 ends=-420", "1r signing seen=0 since=0", "2r next seen=0"}, nil},
		{"and back", own, []string{"1r signing seen=100 since=100", "0r next seen=0"}, []string{"1r retired seen=100 since=100 ends=-420", "0r signing seen=0 since=0"}, nil},
		{"removed", with(delegated, func(d *desk.Domain) { d.State = desk.DomainRemoved }), []string{"1r revoked ends=1"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := keysOf(t, c.before...)
			got := turn(c.domain, before, may2026, testSpans)
			want := c.after
			if want == nil {
				want = c.before
			}
			if !slices.Equal(shown(got.Keys), want) || !slices.Equal(got.Make, c.make) {
				t.Errorf("got\n%s\nand makes %v, want\n%s\nand makes %v", strings.Join(shown(got.Keys), "\n"), got.Make, strings.Join(want, "\n"), c.make)
			}
			if !slices.Equal(shown(before), c.before) {
				t.Error("what was handed in is changed")
			}
			if again := turn(c.domain, got.Keys, may2026, testSpans); len(again.Took) > 0 {
				t.Errorf("a second turn at the same time goes on: %v", again.Took)
			}
			if got.changes() != (c.after != nil || c.make != nil) {
				t.Errorf("changes: %v", got.changes())
			}
		})
	}
}
