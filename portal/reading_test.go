package portal

import (
	"testing"
	"time"

	"postern/language"
)

func TestInZone(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	at := time.Date(2026, 11, 28, 23, 30, 0, 0, time.UTC)
	mark := string(when(at))
	rome := zoneOf("Europe/Rome")
	for name, test := range map[string]struct {
		page string
		lang *language.Language
		zone *time.Location
		want string
	}{
		"a mark":             {"<p>" + mark + "</p>", language.English, rome, `<p><time datetime="2026-11-28T23:30:00Z">00:30</time></p>`},
		"two":                {mark + mark, language.English, time.UTC, `<time datetime="2026-11-28T23:30:00Z">28 Nov, 23:30 UTC</time><time datetime="2026-11-28T23:30:00Z">28 Nov, 23:30 UTC</time>`},
		"Italian":            {mark, language.Italian, zoneOf("America/New_York"), `<time datetime="2026-11-28T23:30:00Z">28 nov, 18:30</time>`},
		"one with words":     {`<time datetime="2026-11-28">a day</time>` + mark, language.English, time.UTC, `<time datetime="2026-11-28">a day</time><time datetime="2026-11-28T23:30:00Z">28 Nov, 23:30 UTC</time>`},
		"none":               {"<p>nothing</p>", language.English, rome, "<p>nothing</p>"},
		"escaped by a guest": {`&lt;time datetime=&#34;2026-11-28T23:30:00Z&#34;&gt;&lt;/time&gt;`, language.English, rome, `&lt;time datetime=&#34;2026-11-28T23:30:00Z&#34;&gt;&lt;/time&gt;`},
	} {
		now := now
		if name == "a mark" { // at this time it is today in Rome
			now = time.Date(2026, 11, 29, 1, 0, 0, 0, time.UTC)
		}
		if got := string(inZone([]byte(test.page), test.lang, test.zone, now)); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

func TestZoneOf(t *testing.T) {
	for name, want := range map[string]string{"": "UTC", "Europe/Rome": "Europe/Rome", "Local": "UTC", "../../etc/passwd": "UTC", "Nowhere/Here": "UTC"} {
		if got := zoneOf(name).String(); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestMarkup(t *testing.T) {
	got := markup(language.English, "Write to <strong>%s</strong>, %d times", []any{"<b>&", 3})
	if want := "Write to <strong>&lt;b&gt;&amp;</strong>, 3 times"; string(got) != want {
		t.Errorf("got %s", got)
	}
}
