package language

import (
	"testing"
	"testing/fstest"
	"time"
)

func TestPick(t *testing.T) {
	for _, test := range []struct {
		chosen, accepted, want string
	}{
		{"", "", "en"},
		{"", "it", "it"},
		{"", "it-CH,de;q=0.8", "it"},
		{"", "de-DE,de;q=0.9", "en"},
		{"", "de,it;q=0.5,en;q=0.4", "it"},
		{"", "*", "en"},
		{"", "%%%;q=x", "en"},
		{"it", "en", "it"},
		{"en", "it", "en"},
		{"xx", "it", "it"},
	} {
		if got := Pick(test.chosen, test.accepted).Code; got != test.want {
			t.Errorf("chosen %q, accepted %q: %s, want %s", test.chosen, test.accepted, got, test.want)
		}
	}
}

// sample is a language of a few words.
func sample(t *testing.T) *Language {
	t.Helper()
	words, err := catalogue(fstest.MapFS{"it/a.json": {Data: []byte(`{
		"one message": "un messaggio", "%d messages": "%d messaggi", "100 % of it": "il 100 % di esso",
		"%s gave it to %s": "assegnato a %[2]s da %[1]s", "ticket #%d was merged into #%d: work there": "il ticket n. %d è stato unito al n. %d: si lavora lì",
		"there is no status %q": "non c’è uno stato %q", "%s %s": "%s, %s",
		"it was given up: %s": "è stato abbandonato: %s", "nobody was there": "non c’era nessuno", "%d%% passed": "il %d%% è passato"}`)}}, "it")
	if err != nil {
		t.Fatal(err)
	}
	return &Language{Code: "it", tag: Italian.tag, words: words, patterns: patternsOf(words), calendar: italianCalendar}
}

func TestSay(t *testing.T) {
	it := sample(t)
	for _, test := range []struct{ got, want string }{
		{it.Say("100 % of it"), "il 100 % di esso"},
		{it.Say("%s gave it to %s", "Ada", "Bo"), "assegnato a Bo da Ada"},
		{it.Say("unknown %d", 3), "unknown 3"},
		{it.Count(1, "one message", "%d messages"), "un messaggio"},
		{it.Count(0, "one message", "%d messages"), "0 messaggi"},
		{it.Count(21, "one message", "%d messages"), "21 messaggi"},
		{English.Count(1, "one message", "%d messages"), "one message"},
		{English.Count(1_000_000, "one message", "%d messages"), "1000000 messages"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestSentence(t *testing.T) {
	it := sample(t)
	for text, want := range map[string]string{
		"ticket #12 was merged into #7: work there": "il ticket n. 12 è stato unito al n. 7: si lavora lì",
		`there is no status "a \"b\" c"`:            `non c’è uno stato "a \"b\" c"`,
		"Ada gave it to Bo\nand Eve":                "assegnato a Bo\nand Eve da Ada",
		"one message":                               "un messaggio",
		"two words":                                 "two words", // "%s %s" has too little of its own to be known by
		"ticket #x was merged into #7: work there":  "ticket #x was merged into #7: work there",
		"":                                  "",
		"it was given up: nobody was there": "è stato abbandonato: non c’era nessuno",
		"It was given up: Ada. Nobody was there.": "È stato abbandonato: Ada. Non c’era nessuno.",
		"it was given up: x; nobody was there":    "è stato abbandonato: x; non c’era nessuno",
		"nobody was there; it was given up: x":    "non c’era nessuno; è stato abbandonato: x",
		"example.com: nobody was there":           "example.com: non c’era nessuno",
		"42% passed":                              "il 42% è passato",
	} {
		if got := it.Sentence(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A word of a stranger's inside a sentence is never taken for a format.
func TestSentenceKeepsValues(t *testing.T) {
	if got := sample(t).Sentence("%d%s gave it to 100 %!"); got != "assegnato a 100 %! da %d%s" {
		t.Errorf("got %q", got)
	}
}

func TestClock(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 29, 23, 30, 0, 0, time.UTC) // in Rome it is the 30th already
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 11, 30, 0, 5, 0, 0, rome), "00:05"},
		{time.Date(2026, 11, 29, 23, 5, 0, 0, rome), "29 nov, 23:05"},
		{time.Date(2025, 1, 2, 3, 4, 0, 0, rome), "2 gen 2025, 03:04"},
		{time.Date(2026, 11, 29, 1, 2, 0, 0, time.UTC), "01:02 UTC"},
	} {
		if got := Italian.Clock(test.at, now); got != test.want {
			t.Errorf("%s: %q, want %q", test.at, got, test.want)
		}
	}
	if got, want := Italian.Moment(time.Date(2026, 11, 29, 1, 2, 3, 0, rome)), "domenica 29 novembre 2026, 01:02:03 CET"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Of two translations of one text the first file's counts: a contradiction is for the test at the root to find, not for the program to stop at.
func TestCatalogueContradicts(t *testing.T) {
	words, err := catalogue(fstest.MapFS{"it/a.json": {Data: []byte(`{"Save": "Salva"}`)}, "it/b.json": {Data: []byte(`{"Save": "Registra"}`)}}, "it")
	if err != nil || words["Save"] != "Salva" {
		t.Error(words, err)
	}
}
