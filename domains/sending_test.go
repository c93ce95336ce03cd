package domains

import (
	"testing"
	"time"

	"postern/desk"
)

// TestDecide is what becomes of mail in the name of a domain, by its state and its setting.
func TestDecide(t *testing.T) {
	t.Parallel()
	broken := may2026.Add(-time.Hour)
	long := may2026.Add(-4 * time.Hour)
	for _, c := range []struct {
		state    desk.DomainState
		onBroken desk.OnBroken
		since    time.Time
		want     SendDecision
		until    time.Time
	}{
		{desk.DomainActive, desk.BrokenHold, time.Time{}, SendUse, time.Time{}},
		{desk.DomainActive, desk.BrokenFallback, time.Time{}, SendUse, time.Time{}},
		{desk.DomainDegraded, desk.BrokenHold, broken, SendHold, time.Time{}},
		{desk.DomainDegraded, desk.BrokenHold, long, SendHold, time.Time{}},
		{desk.DomainDegraded, desk.BrokenFallback, broken, SendHold, broken.Add(4 * time.Hour)},
		{desk.DomainDegraded, desk.BrokenFallback, long, SendFallback, time.Time{}},
		{desk.DomainPaused, desk.BrokenHold, long, SendHold, time.Time{}},
		{desk.DomainPaused, desk.BrokenFallback, may2026, SendFallback, time.Time{}},
		{desk.DomainAdded, desk.BrokenHold, time.Time{}, SendFallback, time.Time{}},
		{desk.DomainOwned, desk.BrokenHold, time.Time{}, SendFallback, time.Time{}},
		{desk.DomainReady, desk.BrokenHold, time.Time{}, SendFallback, time.Time{}},
		{desk.DomainRemoved, desk.BrokenHold, time.Time{}, SendFallback, time.Time{}},
	} {
		got := decide(desk.Domain{Name: "example.com", State: c.state, OnBroken: c.onBroken, BrokenSince: c.since}, may2026, DefaultSpans())
		if got.Do != c.want || !got.Until.Equal(c.until) || (got.Do == SendHold && !got.Since.Equal(c.since)) || (got.Do == SendUse) != (got.Why == "") {
			t.Errorf("%s, %s, since %s: %+v, want %s until %s", c.state, c.onBroken, c.since, got, c.want, c.until)
		}
	}
}

// TestBelieved is when kept bytes are sent as they are, and when they are signed anew. Times are minutes ago.
func TestBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		key    string
		signed int
		want   bool
	}{
		{"the key signs", "1r signing", 10, true},
		{"it is retired, with time left", "1r retired ends=-61", 10, true},
		{"its record goes soon", "1r retired ends=-60", 10, false},
		{"it was retired in a hurry", "1r retired ends=-400 grace=3600", 10, false},
		{"revoked", "1r revoked ends=-400", 10, false},
		{"another key had the selector then", "1r signing", 200000, false},
		{"a key that never signed", "1r next", 10, false},
	} {
		key := keysOf(t, c.key)[0]
		if got := believed(key, may2026.Add(-time.Duration(c.signed)*time.Minute), may2026, testSpans); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	made := keysOf(t, "1r signing")[0]
	made.CreatedAt = may2026.Add(700 * time.Millisecond)
	if !believed(made, may2026, may2026.Add(time.Second), testSpans) {
		t.Error("signatures count whole seconds: one of the second in which the key was made is its own")
	}
}

// SendingAs follows the domain, also when another process has changed it.
func TestSendingAs(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	sending := func(domain string) Sending {
		t.Helper()
		got, err := o.SendingAs(ctx, domain)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, stranger := range []string{"example.com", "no name at all", ""} {
		if got := sending(stranger); got.Do != SendFallback || got.Why == "" || got.Keys != nil {
			t.Errorf("%q is not here: %+v", stranger, got)
		}
	}
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	if got := sending("Example.com"); got.Do != SendFallback || got.Keys != nil {
		t.Errorf("nothing is proved: %+v", got)
	}
	o.verify(t, records)
	if got := sending("example.com."); got.Do != SendUse || len(got.Keys) != 2 {
		t.Errorf("active: %+v", got)
	}
	if _, err := o.store.Pool().Exec(ctx, `update domain set state = 'paused', broken_since = $1`, o.now); err != nil {
		t.Fatal(err)
	}
	if got := sending("example.com"); got.Do != SendUse {
		t.Errorf("what another process did is known before anybody told: %+v", got)
	}
	o.Forget()
	if got := sending("example.com"); got.Do != SendHold || !got.Since.Equal(o.now) || got.Keys != nil {
		t.Errorf("told: %+v", got)
	}
	if _, err := o.store.Pool().Exec(ctx, `update domain set state = 'active'`); err != nil {
		t.Fatal(err)
	}
	o.now = o.now.Add(DefaultSpans().Memory)
	if got := sending("example.com"); got.Do != SendUse {
		t.Errorf("not told, after a while: %+v", got)
	}
	if valid, err := o.Valid(ctx, "example.com", []string{"unknown"}, o.now); err != nil || valid {
		t.Errorf("a selector that is not here: %v, %v", valid, err)
	}
	if valid, err := o.Valid(ctx, "elsewhere.example", []string{"s"}, o.now); err != nil || valid {
		t.Errorf("a domain that is not here: %v, %v", valid, err)
	}
	if valid, err := o.Valid(ctx, "example.com", nil, o.now); err != nil || !valid {
		t.Errorf("what is not signed needs no key: %v, %v", valid, err)
	}
}
