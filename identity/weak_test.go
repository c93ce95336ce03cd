package identity

import (
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity/breached"
	"postern/store"
)

// What is refused whatever the level, and what is not.
func TestWeakPasswords(t *testing.T) {
	t.Parallel()
	g := guessing{own: ownWords(desk.User{Name: "Ada Lovelace-Byron", Email: "countess.ada@example.com"}), place: wordsOf("Brunel Steamships", "greatwestern.example"), leaked: breached.Common().Has}
	low := desk.PasswordRule{Shortest: 8}
	for password, words := range map[string]string{
		"correct horse battery staple":     "",
		"zwölf Füße tragen grün":           "",
		"gk7#tq2V":                         "",
		"密码是很长的一句话":                        "",
		"brunel had a tunnel under rivers": "",
		"password":                         "leaked",
		"Password1":                        "leaked",
		"pa$$w0rd":                         "leaked",
		"DROWSSAP":                         "leaked",
		"iloveyou2!":                       "leaked",
		"!!manchester99":                   "leaked",
		"1234567890":                       "leaked",
		"qwertyuiop[]":                     "leaked",
		"my Lovelace is blue":              "your name",
		"my L0vel4ce is blue":              "your name",
		"ecalevoL tsrif":                   "your name",
		"countess of nothing":              "your name",
		"lovelacebyron is us":              "your name",
		"aaaaaaaa-bbbbbbbb":                "everybody uses",
		"abcdefgh87654321":                 "everybody uses",
		"Sommer2026Sommer2026":             "everybody uses",
		"Brunel-Steamships-2026":           "names that belong",
		"xgreatwesternexample":             "names that belong",
		"lenurb-spihsmaets":                "names that belong",
		"short":                            "5 characters, and needs 8",
	} {
		reason, err := g.weakness(password, low)
		if err != nil || (reason == "") != (words == "") || !strings.Contains(reason, words) {
			t.Errorf("%q: %q, %v, want %q", password, reason, err, words)
		}
	}
	for _, lack := range []desk.PasswordLack{desk.LacksLength, desk.LacksLower, desk.LacksUpper, desk.LacksDigit, desk.LacksSpecial, desk.LacksVariety, desk.LacksDisorder} {
		if lackSentence(lack, desk.PasswordRule{Shortest: 8, Repeat: 2, Sequence: 3}, 7) == "" {
			t.Errorf("no words for %s", lack)
		}
	}
}

// A password is the same in every way of writing it, is never cut, and has a longest form.
func TestPreparedPasswords(t *testing.T) {
	t.Parallel()
	same := func(a, b string) {
		t.Helper()
		first, err := prepare(a)
		second, err2 := prepare(b)
		if err != nil || err2 != nil || first != second {
			t.Errorf("%q and %q are %q and %q, %v, %v", a, b, first, second, err, err2)
		}
	}
	same("cafe\u0301 au lait", "caf\u00e9 au lait")
	same("a\u00a0b\u3000c words", "a b c words") // every space is one
	same(strings.Repeat("e\u0301", 64), strings.Repeat("\u00e9", 64))
	if first, _ := prepare("Case Counts"); first != "Case Counts" {
		t.Errorf("case was folded: %q", first)
	}
	if first, err := prepare("  spaces at both ends  "); err != nil || first != "  spaces at both ends  " {
		t.Errorf("%q, %v", first, err)
	}
	longest := strings.Repeat("🐎", desk.PasswordLongest)
	if plain, err := prepare(longest); err != nil || plain != longest {
		t.Errorf("128 characters: %v", err)
	}
	for _, bad := range []string{"", longest + "x", "a\x00b", "tab\tin it", "bell\a", "zero\u200dwidth joiner", "half \xff byte"} {
		if plain, err := prepare(bad); err == nil {
			t.Errorf("%q became %q", bad, plain)
		}
	}
}

// The file of leaked passwords is searched where it lies: every line is found, and nothing else, at any size and with either end of a line.
func TestLeakFile(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3, 1000} {
		for _, end := range []string{"\n", "\r\n"} {
			var lines []string
			for i := range size {
				lines = append(lines, fmt.Sprintf("%X:%d", sha1.Sum([]byte(fmt.Sprintf("password %d", i))), rand.IntN(1_000_000)))
			}
			slices.Sort(lines)
			for _, last := range []string{"", end} {
				name := filepath.Join(t.TempDir(), "leaked.txt")
				if err := os.WriteFile(name, []byte(strings.Join(lines, end)+last), 0o600); err != nil {
					t.Fatal(err)
				}
				file := LeakFile(name)
				for i := range size {
					if has, err := file.Has(fmt.Sprintf("password %d", i)); !has || err != nil {
						t.Fatalf("of %d lines, password %d: %v, %v", size, i, has, err)
					}
					if has, err := file.Has(fmt.Sprintf("another %d", i)); has || err != nil {
						t.Fatalf("of %d lines, another %d: %v, %v", size, i, has, err)
					}
				}
				if err := file.Check(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	for what, text := range map[string]string{"other lines": "root:x:0:0:root:/root:/bin/bash\n", "one long line": strings.Repeat("A", 5000), "bytes": "\x00\x01\x02"} {
		name := filepath.Join(t.TempDir(), "other")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LeakFile(name).Has("password"); err == nil {
			t.Errorf("a file with %s was taken", what)
		}
	}
	if err := LeakFile("/nowhere/at/all").Check(); err == nil {
		t.Error("a file that is not there was taken")
	}
}

// How long attempts wait: the free ones not at all, then doubling; a list of passwords makes everybody slow but known browsers.
func TestBrakes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	custom := desk.Values{"passwords.staff.level": "custom", "passwords.staff.custom.attempts": 3, "passwords.staff.custom.lock": 30}
	for _, test := range []struct {
		name   string
		values desk.Values
		failed store.Failures
		want   time.Duration
	}{
		{"none failed", nil, store.Failures{}, 0},
		{"four failed", nil, store.Failures{Account: 4, AccountLast: at}, 0},
		{"five failed", nil, store.Failures{Account: 5, AccountLast: at}, time.Second},
		{"eight failed", nil, store.Failures{Account: 8, AccountLast: at}, 8 * time.Second},
		{"very many failed", nil, store.Failures{Account: 5000, AccountLast: at}, 10 * time.Minute},
		{"twenty from one place", nil, store.Failures{Place: 20, PlaceLast: at}, time.Second},
		{"some time ago", nil, store.Failures{Account: 8, AccountLast: at.Add(-7 * time.Second)}, time.Second},
		{"three, where three are free", custom, store.Failures{Account: 3, AccountLast: at}, 30 * time.Minute},
		{"two, where three are free", custom, store.Failures{Account: 2, AccountLast: at}, 0},
		{"the stricter counts for everybody", desk.Values{"passwords.customers.level": "custom", "passwords.customers.custom.attempts": 20, "passwords.customers.custom.lock": 1}, store.Failures{Account: 5, AccountLast: at}, time.Second},
		{"a list is tried", nil, store.Failures{Account: 1, AccountLast: at, Everybody: 500}, time.Second},
		{"a list is tried from one place", nil, store.Failures{Place: 4, PlaceLast: at, Everybody: 500}, 2 * time.Second},
		{"a list is tried, and the owner comes", nil, store.Failures{Account: 1, AccountLast: at, Place: 400, PlaceLast: at, Everybody: 500, Known: true}, 0},
	} {
		if got := brakesOf(test.values).wait(test.failed, at); max(got, 0) != test.want {
			t.Errorf("%s: %s, not %s", test.name, got, test.want)
		}
	}
}

// However the settings are, no more than sixty guesses an hour get through on one account.
func TestGuessesAnHour(t *testing.T) {
	t.Parallel()
	for _, attempts := range []int{3, 5, 20} {
		for _, lock := range []int{1, 10, 60} {
			values := desk.Values{}
			for _, who := range []string{"staff", "customers"} {
				values["passwords."+who+".level"], values["passwords."+who+".custom.attempts"], values["passwords."+who+".custom.lock"] = "custom", attempts, lock
			}
			for name, values := range map[string]desk.Values{"custom": values, "recommended": nil} {
				start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
				var guesses []time.Time
				for now := start; now.Before(start.Add(3 * time.Hour)); now = now.Add(time.Second) {
					within := slices.DeleteFunc(slices.Clone(guesses), func(at time.Time) bool { return !at.After(now.Add(-failuresFor)) })
					failed := store.Failures{Account: len(within)}
					if len(within) > 0 {
						failed.AccountLast = within[len(within)-1]
					}
					if brakesOf(values).wait(failed, now) > 0 {
						continue
					}
					guesses = append(guesses, now)
					if len(within)+1 > 60 {
						t.Fatalf("%s with %d attempts and %d minutes: %d guesses within an hour", name, attempts, lock, len(within)+1)
					}
				}
			}
		}
	}
}
