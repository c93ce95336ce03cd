package domains

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// TestDue is how often a domain is looked at.
func TestDue(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) time.Time { return may2026.Add(-d) }
	young, old := ago(time.Hour), ago(8*24*time.Hour)
	waiting, standby, unseen := []string{"0r next"}, []string{"1r signing seen=9", "2r next seen=9"}, []string{"2r next"}
	for _, c := range []struct {
		name    string
		state   desk.DomainState
		keys    []string
		created time.Time
		since   time.Duration // since the last look; 0: none
		want    bool
	}{
		{"never", desk.DomainAdded, nil, young, 0, true},
		{"added lately", desk.DomainAdded, nil, young, 5 * time.Minute, true},
		{"just now", desk.DomainAdded, nil, young, 4 * time.Minute, false},
		{"ready", desk.DomainReady, nil, young, 5 * time.Minute, true},
		{"added and forgotten", desk.DomainAdded, nil, old, time.Hour, false},
		{"a day later", desk.DomainAdded, nil, old, 24 * time.Hour, true},
		{"active", desk.DomainActive, standby, old, 23 * time.Hour, false},
		{"active, a day later", desk.DomainActive, standby, old, 24 * time.Hour, true},
		{"broken", desk.DomainDegraded, standby, old, 5 * time.Minute, true},
		{"broken, just now", desk.DomainDegraded, standby, old, 4 * time.Minute, false},
		{"paused", desk.DomainPaused, standby, old, 23 * time.Hour, false},
		{"removed", desk.DomainRemoved, nil, old, 23 * time.Hour, false},
		{"removed, a day later", desk.DomainRemoved, nil, old, 24 * time.Hour, true},
		{"keys wait for their records", desk.DomainActive, waiting, old, 5 * time.Minute, true},
		{"a fresh pair was not seen yet", desk.DomainActive, unseen, old, 5 * time.Minute, true},
		{"an emergency waits for caches", desk.DomainActive, []string{"2r next seen=1 grace=60"}, old, 5 * time.Minute, true},
	} {
		d := desk.Domain{State: c.state, CreatedAt: c.created}
		if c.since > 0 {
			d.CheckedAt = ago(c.since)
		}
		keys := keysOf(t, c.keys...)
		for i := range keys {
			keys[i].CreatedAt = young
		}
		if got := due(d, keys, may2026, DefaultSpans()); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A domain that breaks and mends is told of: once each, to whoever looks and to managers by mail; what breaks all the time is told of once in a while.
func TestAlerts(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	o.now = time.Now().UTC().Truncate(time.Second) // the database keeps it to the microsecond
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.verify(t, records)
	due := func() (kinds string) {
		t.Helper()
		alerts, err := o.DueAlerts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, alert := range alerts {
			kinds += alert.Kind + " "
		}
		return kinds
	}
	tend := func(published []desk.Record) {
		t.Helper()
		o.now = o.now.Add(24 * time.Hour)
		o.dns.Set(t, zoneOf(published))
		o.restart()
		if err := o.Tend(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := due(); got != "" {
		t.Errorf("all is well, and managers hear of %s", got)
	}
	broken := slices.Delete(slices.Clone(records), 1, 2)
	tend(broken)
	open, err := o.Alerts(ctx, cli)
	if err != nil || len(open) != 1 || open[0].Kind != alertBroken || open[0].Domain != "example.com" || !strings.Contains(open[0].Text, records[1].Name) || !open[0].At.Equal(o.now) {
		t.Errorf("broken: %+v, %v", open, err)
	}
	if got := due() + due(); got != "broken " {
		t.Errorf("managers hear of %s", got)
	}
	tend(broken) // still so
	if got := due(); got != "" {
		t.Errorf("told again: %s", got)
	}
	tend(records)
	if got := due(); got != "mended " {
		t.Errorf("managers hear of %s", got)
	}
	if open, err := o.Alerts(ctx, cli); err != nil || len(open) != 0 {
		t.Errorf("mended: %+v, %v", open, err)
	}
	tend(broken)
	o.now = o.now.Add(-23*time.Hour - 59*time.Minute) // a minute after they were told of the end of the last one
	if got := due(); got != "" {
		t.Errorf("a domain that flickers is told of at once: %s", got)
	}
	o.now = o.now.Add(2 * time.Hour)
	if got := due(); got != "broken " {
		t.Errorf("and never: %s", got)
	}
	agent := desk.Actor{User: desk.User{ID: 1, Role: desk.RoleAgent}, Via: "portal"}
	if _, err := o.Alerts(ctx, agent); !fault(err, desk.Forbidden) {
		t.Errorf("an agent sees alerts: %v", err)
	}

	if err := o.Remove(ctx, cli, "example.com"); err != nil {
		t.Fatal(err)
	}
	tend(records[1:2])
	if got := due(); got != "delete " {
		t.Errorf("its record stays behind: managers hear of %s", got)
	}
	tend(nil)
	if _, err := o.store.Domain(ctx, "example.com"); !fault(err, desk.NotFound) {
		t.Errorf("nothing of it is left in the DNS, and it is not forgotten: %v", err)
	}
	if open, err := o.Alerts(ctx, cli); err != nil || len(open) != 0 {
		t.Errorf("forgotten: %+v, %v", open, err)
	}
}

// Several processes tend and change the same domains: the zone ends up as it should be, and each change happens once.
func TestTogether(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	knot := testkit.StartKnot(t, "dkim.operator.example")
	o.zone, o.spans = zoneAt(knot), testSpans
	o.restart()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.tend(t, knot, records)
	o.now = o.now.Add(testSpans.Cached)
	o.world(t, knot, records)
	var together sync.WaitGroup
	for i := range 4 {
		one := NewService(o.cfg)
		together.Go(func() {
			if i == 0 {
				if _, err := one.Emergency(ctx, cli, "example.com", 0); err != nil {
					t.Error(err)
				}
			}
			if err := one.Tend(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	if names, active := o.selectorsOf(t); names != "postern2 postern2e" || !active {
		t.Errorf("%s sign, active %v", names, active)
	}
	zone, err := o.ZoneRecords(ctx, cli)
	if err != nil {
		t.Fatal(err)
	}
	held := knot.Texts(t)
	if len(held) != len(zone) {
		t.Errorf("the zone holds %d names, and should %d", len(held), len(zone))
	}
	for _, record := range zone {
		if !slices.Equal(held[record.Name], []string{record.Wanted}) {
			t.Errorf("%s holds %v, want %s", record.Name, held[record.Name], record.Wanted)
		}
	}
}

// What a look finds counts for the keys that it looked for: not for a fresh key that took their place meanwhile, nor when somebody has looked later.
func TestLookThatIsOvertaken(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	knot := testkit.StartKnot(t, "dkim.operator.example")
	o.zone, o.spans = zoneAt(knot), testSpans
	o.restart()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.tend(t, knot, records)
	began, err := o.read(ctx, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	found := look{before: began, checked: slices.Clone(began.records), at: o.now.Add(time.Second)}
	for i := range found.checked {
		found.checked[i].CheckedAt = found.at
	}
	o.now = o.now.Add(testSpans.Cached)
	for range 2 { // the second has to make a fresh pair in slot 1
		if _, err := o.Emergency(ctx, cli, "example.com", 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.store.Write(ctx, func(tx *store.Tx) error { _, err := o.keep(ctx, tx, cli, found); return err }); err != nil {
		t.Fatal(err)
	}
	after, err := o.read(ctx, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range after.keys {
		if key.Role == desk.KeyNext && key.SeenAt != nil {
			t.Errorf("the fresh key %s counts as seen, by a look for the one before it", key.Selector)
		}
	}
	found.at, found.before.domain = o.now.Add(-time.Hour), after.domain
	for i := range found.checked {
		found.checked[i].OK, found.checked[i].CheckedAt = false, found.at
	}
	if err := o.store.Write(ctx, func(tx *store.Tx) error { _, err := o.keep(ctx, tx, cli, found); return err }); err != nil {
		t.Fatal(err)
	}
	if d, err := o.store.Domain(ctx, "example.com"); err != nil || d.State != desk.DomainActive {
		t.Errorf("an older look makes the domain %s, %v", d.State, err)
	}
}
