package portal

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/language"
)

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for since, want := range map[time.Duration]string{
		0: "now", 59 * time.Second: "now", time.Minute: "1 min", 59 * time.Minute: "59 min", time.Hour: "1 h", 23 * time.Hour: "23 h",
		24 * time.Hour: "1 d", 364 * 24 * time.Hour: "364 d", 800 * 24 * time.Hour: "2 y", -time.Hour: "now",
	} {
		at := now.Add(-since)
		if got := ago(language.English, at, now); got != want {
			t.Errorf("ago %v = %q, want %q", since, got, want)
		}
		if got := ago(language.English, &at, now); got != want {
			t.Errorf("ago of a pointer to %v = %q, want %q", since, got, want)
		}
	}
	if got := ago(language.English, (*time.Time)(nil), now) + ago(language.English, time.Time{}, now); got != "" {
		t.Errorf("no time = %q", got)
	}
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Anna Rossi": "AR", "anna": "A", "a.rossi@example.com": "AR", "李小龙": "李", "Ada  de la Cruz": "AC", "": "?", "@": "?", "«Élan» Ötzi": "ÉÖ",
	} {
		if got := initials(name); got != want {
			t.Errorf("initials of %q = %q, want %q", name, got, want)
		}
	}
}

func TestAddressesAsPeopleTypeThem(t *testing.T) {
	for typed, want := range map[string][]desk.Address{
		"":                                    nil,
		" , ":                                 nil,
		"a@example.com":                       {{Addr: "a@example.com"}},
		"a@example.com; b@example.com,":       {{Addr: "a@example.com"}, {Addr: "b@example.com"}},
		"Anna <a@example.com>\nb@example.com": {{Name: "Anna", Addr: "a@example.com"}, {Addr: "b@example.com"}},
		`"Rossi, Anna" <a@example.com>`:       {{Name: "Rossi, Anna", Addr: "a@example.com"}},
		"Zoë Ötzi <a@bücher.example>":         {{Name: "Zoë Ötzi", Addr: "a@bücher.example"}},
		"李小龙 <li@example.com>, plain@example.com": {{Name: "李小龙", Addr: "li@example.com"}, {Addr: "plain@example.com"}},
	} {
		got, err := parseAddresses("to", typed)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q = %v, %v; want %v", typed, got, err, want)
			continue
		}
		again, err := parseAddresses("to", formatAddresses(got))
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%q does not survive being shown: %q = %v, %v", typed, formatAddresses(got), again, err)
		}
	}
	for _, typed := range []string{"anna", "a@b@c", "<a@example.com", "a@example.com b@example.com"} {
		if got, err := parseAddresses("to", typed); asFault(err) == nil || asFault(err).Field != "to" {
			t.Errorf("%q = %v, %v; want a fault of the field", typed, got, err)
		}
	}
}

func TestLinkify(t *testing.T) {
	for text, want := range map[string]string{
		"no link":                              "no link",
		"see https://a.example/x.":             "see [https://a.example/x].",
		"(http://a.example)":                   "([http://a.example])",
		"https://a.example/Foo_(bar) end":      "[https://a.example/Foo_(bar)] end",
		"two http://a.example, https://b.test": "two [http://a.example], [https://b.test]",
		"<https://a.example/?q=1&r=2>":         "<[https://a.example/?q=1&r=2]>",
		"https://":                             "https://",
		"javascript:alert(1)":                  "javascript:alert(1)",
		"http://ü.example/ü next":              "[http://ü.example/ü] next",
	} {
		var got strings.Builder
		for _, part := range linkify(text) {
			if part.URL == "" {
				got.WriteString(part.Text)
			} else {
				got.WriteString("[" + part.URL + "]")
			}
		}
		if got.String() != want {
			t.Errorf("%q = %q, want %q", text, got.String(), want)
		}
	}
}

// FuzzLinkify: every character of the mail is on the page, once and in its place.
func FuzzLinkify(f *testing.F) {
	for _, seed := range []string{"", "https://a.example/x.", "http://http://", "https://ü)", "x http:// y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var whole strings.Builder
		for _, part := range linkify(text) {
			whole.WriteString(part.Text)
			if part.URL != "" && !strings.HasPrefix(part.URL, "http://") && !strings.HasPrefix(part.URL, "https://") {
				t.Errorf("link to %q", part.URL)
			}
		}
		if whole.String() != text {
			t.Errorf("%q became %q", text, whole.String())
		}
	})
}

func TestLocalPathNeverLeavesTheSite(t *testing.T) {
	for path, want := range map[string]string{
		"/tickets/1?view=mine": "/tickets/1?view=mine", "": "/x", "https://evil.example/": "/x", "//evil.example/": "/x", `/\evil.example`: "/x", "/%09/evil": "/%09/evil",
		"javascript:alert(1)": "/x", "tickets": "/x", "/\tevil": "/x",
	} {
		if got := localPath(path, "/x"); got != want {
			t.Errorf("localPath(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestDetailWords(t *testing.T) {
	for detail, want := range map[string]string{`{}`: "", `null`: "", `{"to":"open","from":"new"}`: "from new, to open", `{"count":3,"known":true,"none":null}`: "count 3, known true", `[1]`: "[1]",
		`{"scopes":["read","write"],"networks":[],"expires_at":"2026-12-05T04:27:35.041933849Z"}`:       "expires at 2026-12-05 04:27 UTC, scopes read and write",
		`{"name":"Example AG","settings":{"saml":{"slo":"","sso":"https://a.example"},"create":false}}`: "name Example AG, settings (create false, saml (sso https://a.example))",
		`{"from":{"team":null,"tags":["a"]},"to":{"team":7,"tags":["a"]}}`:                              "team nothing → 7"} {
		if got := detailWords(json.RawMessage(detail)); got != want {
			t.Errorf("%s = %q, want %q", detail, got, want)
		}
	}
}

func TestEventsOfOneMomentShareALine(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	event := func(after time.Duration, who string, e desk.Event) card {
		one := card{Message: desk.Message{Kind: desk.KindEvent, AuthorName: who, At: at.Add(after)}, Facts: desk.MessageFacts{Event: &e}}
		one.Event = eventLine(language.English, one)
		return one
	}
	cards := joinEvents([]card{
		event(0, "Ada", desk.Event{Verb: "assigned", To: "Ada"}), event(time.Second, "Ada", desk.Event{Verb: "status", From: "new", To: "hold"}),
		event(2*time.Second, "", desk.Event{Verb: "bounced", To: "c@customer.example"}), event(time.Hour, "", desk.Event{Verb: "status", To: "closed"}),
	})
	var got []string
	for _, one := range cards {
		got = append(got, one.Event)
	}
	want := []string{"Ada took it, set the status to on hold", "Postern could not deliver to c@customer.example", "Postern set the status to closed"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func TestOnlyPicturesAskedForAreNamed(t *testing.T) {
	clean := `<p>img</p><img data-src="https://track.example/p.gif" alt="x"><img src="https://track.example/q.gif" srcset="https://track.example/r.gif 2x"><img src="javascript:1">`
	var out bytes.Buffer
	check(t, new(Portal).placePictures(nil, &out, desk.Message{HTML: clean}, false))
	if strings.Contains(out.String(), "track.example") || !strings.Contains(out.String(), "<p>img</p>") || !strings.Contains(out.String(), `alt="x"`) {
		t.Errorf("without asking: %s", out.String())
	}
	out.Reset()
	check(t, new(Portal).placePictures(nil, &out, desk.Message{HTML: clean}, true))
	if !strings.Contains(out.String(), `src="https://track.example/p.gif"`) || strings.Contains(out.String(), "javascript") || strings.Contains(out.String(), "srcset") {
		t.Errorf("asked for: %s", out.String())
	}
}
