package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

func TestStrangersDoNotCommandTheTerminal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "",
		"An ordinary  subject":              "An ordinary subject",
		"two\r\nlines\tand a tab":           "two lines and a tab",
		"\x1b]0;title\x07red \x1b[31m":      "]0;title red [31m",
		"C1 \u009b31m":                      "C1 31m",
		"turned \u202egnp.exe\u202c around": "turned gnp.exe around",
		"not UTF-8 \xff\xfe":                "not UTF-8 \ufffd",
		"日本語 👩\u200d🔧":                      "日本語 👩\u200d🔧",
	} {
		if got := plain(text); got != want {
			t.Errorf("plain(%q) is %q, want %q", text, got, want)
		}
	}
	if got := short(strings.Repeat("ä", 61), 60); len([]rune(got)) != 60 || !strings.HasSuffix(got, "ä…") {
		t.Errorf("cut short: %q", got)
	}
	if got := short(strings.Repeat("ä", 60), 60); strings.HasSuffix(got, "…") {
		t.Errorf("cut without need: %q", got)
	}
}

func TestLifetimeOfARule(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"12h": now.Add(12 * time.Hour), "30d": now.AddDate(0, 0, 30), "2w": now.AddDate(0, 0, 14), "36500d": now.Add(36500 * 24 * time.Hour),
		"2027-01-31": time.Date(2027, 1, 31, 0, 0, 0, 0, time.Local),
	} {
		var l lifetime
		if err := l.UnmarshalText([]byte(text)); err != nil || !l.end(now).Equal(want) {
			t.Errorf("%s: ends %v (%v), want %v", text, l.end(now), err, want)
		}
	}
	for _, text := range []string{"", "d", "0d", "-3d", "30", "30m", "1.5d", "30 d", "36501d", "99999999999999999999d", "1048575w", "31.1.2027", "2027-02-30"} {
		if err := new(lifetime).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if end := (lifetime{}).end(now); end != nil {
		t.Errorf("a rule without a lifetime ends %v", end)
	}
}

// What the API can change, the command line can: every field has its key, and what show prints, set takes.
func TestEveryPolicySettingHasItsKey(t *testing.T) {
	t.Parallel()
	want := map[string]any{}
	policy := policyNow{Policy: desk.DefaultPolicy(), AgentsByMail: desk.AgentsByMailOn}
	policy.ARCSealers = []string{"a.example", "b.example"}
	text, err := json.Marshal(policy)
	if err != nil || json.Unmarshal(text, &want) != nil {
		t.Fatal(err)
	}
	var copied policyNow
	var names []string
	for _, key := range policyKeys() {
		names = append(names, key.name)
		if err := key.set(&copied, key.text(policy)); err != nil {
			t.Errorf("%s: %v", key.name, err)
		}
	}
	if !reflect.DeepEqual(copied, policy) {
		t.Errorf("set from what was shown: %+v, want %+v", copied, policy)
	}
	for name := range want {
		if !slices.Contains(names, name) {
			t.Errorf("%s cannot be set", name)
		}
	}
	if len(names) != len(want) {
		t.Errorf("%d keys for %d settings", len(names), len(want))
	}
}

func TestBarShowsWhateverThereIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		total, passed, most int64
		want                string
	}{
		{0, 0, 100, ""}, {100, 100, 100, strings.Repeat("#", 40)}, {100, 0, 100, strings.Repeat("x", 40)}, {50, 25, 100, "##########xxxxxxxxxx"},
		{1, 1, 1_000_000, "#"}, {1, 0, 1_000_000, "x"}, {2, 1, 1_000_000, "#x"}, {1_000_000, 999_999, 1_000_000, strings.Repeat("#", 39) + "x"},
		{1_000_000, 1, 1_000_000, "#" + strings.Repeat("x", 39)}, {1 << 62, 1 << 61, 1 << 62, strings.Repeat("#", 20) + strings.Repeat("x", 20)},
	} {
		if got := bar(desk.ReportDay{Total: c.total, Passed: c.passed}, c.most); got != c.want {
			t.Errorf("%d of %d, most %d: %q, want %q", c.passed, c.total, c.most, got, c.want)
		}
	}
}
