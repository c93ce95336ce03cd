package portal

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/desk"
	"postern/language"
)

// wordsOfTables are the texts that stand in tables and reach the catalogue by a variable.
func wordsOfTables() []string {
	var all []string
	for _, table := range []map[string]string{actions, rules, notices, customerNotices} {
		for _, text := range table {
			all = append(all, text)
		}
	}
	for _, pair := range heldNotices {
		all = append(all, pair[:]...)
	}
	for _, look := range failures {
		all = append(all, look.headline)
	}
	for _, step := range stepKinds {
		all = append(all, step.title, step.why)
		for _, purpose := range step.purposes {
			all = append(all, label(purpose))
		}
	}
	for _, text := range desk.Causes {
		all = append(all, text)
	}
	for _, cause := range desk.CauseList {
		all = append(all, label(cause))
	}
	for _, level := range dmarcChoices {
		all = append(all, level.Words, label(level.Level))
	}
	for _, one := range append(filterDowns, digests...) {
		all = append(all, one.Words)
	}
	for _, one := range filterDowns {
		all = append(all, label(one.Value))
	}
	for _, text := range actionWords {
		all = append(all, text)
	}
	for word := range labels {
		all = append(all, label(word))
	}
	for _, state := range desk.DeliveryStates {
		all = append(all, label(state), string(state))
	}
	for _, role := range roles {
		all = append(all, label(role))
	}
	for _, scope := range desk.Scopes {
		all = append(all, label(scope), string(scope))
	}
	for _, status := range desk.Statuses {
		state, _ := customerState(status)
		all = append(all, label(status), state)
	}
	for _, priority := range desk.Priorities {
		all = append(all, label(priority))
	}
	return all
}

func TestEveryWordOfATableHasItalian(t *testing.T) {
	for _, text := range wordsOfTables() {
		if !language.Italian.Knows(text) {
			t.Errorf("no Italian for %q", text)
		}
	}
}

// names are words that are the same in every language: the product, protocols, keys, examples of addresses.
var names = regexp.MustCompile(`\b(Postern|DKIM|DMARC|SPF|MTA-STS|SHA-256|HTML|Ctrl|Enter|Cmd|Esc|Cc|Bcc|https?|[\w*.+-]*@?[\w*-]*\.(example|com|org)[\w./-]*|kbd|min)\b|@?[\w*.-]+\.(?:example|com|org)|\banna\b`)

// TestTemplatesSayNothingByThemselves reads the templates as they stand: every word in them goes through the catalogue.
func TestTemplatesSayNothingByThemselves(t *testing.T) {
	files, err := filepath.Glob("template/*.html")
	check(t, err)
	if len(files) < 20 {
		t.Fatalf("only %d templates found: this test looks in the wrong place", len(files))
	}
	action, letters := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`\pL{2,}`)
	attributes := regexp.MustCompile(`(?s)\{\{define "to-work"\}\}.*?\{\{end\}\}`) // of a form, kept in one place
	verbatim := regexp.MustCompile(`(?s)<(code|kbd|samp|script|style|pre)\b[^<]*</(code|kbd|samp|script|style|pre)>|<!--.*?-->|<[^<>]*>`)
	attribute := regexp.MustCompile(`\b(title|placeholder|aria-label|alt|data-label|data-confirm|label|aria-description)="([^"]*)"`)
	button := regexp.MustCompile(`<input[^<>]*type="(?:submit|button|reset)"[^<>]*value="([^"]*)"`)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		check(t, err)
		text := action.ReplaceAllString(html.UnescapeString(attributes.ReplaceAllString(string(raw), "")), "\x00")
		wrong := func(what, words string) {
			if words = names.ReplaceAllString(words, ""); letters.MatchString(words) {
				t.Errorf("%s: %s does not go through the catalogue: %q", file, what, strings.TrimSpace(strings.ReplaceAll(words, "\x00", "…")))
			}
		}
		for _, found := range attribute.FindAllStringSubmatch(text, -1) {
			wrong("the attribute "+found[1], found[2])
		}
		for _, found := range button.FindAllStringSubmatch(text, -1) {
			wrong("the button", found[1])
		}
		for _, words := range verbatim.Split(text, -1) {
			wrong("a text", words)
		}
	}
}

// Who is not signed in gets the language that the browser asks for, until they choose one; who is, the one that they chose.
func TestTheReaderChoosesTheLanguage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stranger := h.reader("")
	stranger.accepts("it-IT,it;q=0.9,en;q=0.5").get("/sign-in").has(t, `<html lang="it">`, "Accedi", "Indirizzo e-mail")
	stranger.accepts("de").get("/sign-in").has(t, `<html lang="en">`, "Sign in")
	stranger.post("/language", "language", "it", "next", "/sign-in?next=%2Ftickets").has(t, `<html lang="it">`, `name="next" value="/tickets"`)
	stranger.post("/language", "language", "it", "next", "https://elsewhere.example/").lacks(t, "elsewhere")
	stranger.get("/sign-in").has(t, "Accedi")
	stranger.post("/sign-in", "email", "nobody@example.com", "password", "wrong").lacks(t, "Sign in", "password is wrong")

	agent := h.reader("ada@example.com")
	agent.get("/you").has(t, `<html lang="en">`, "Language and times")
	agent.post("/you/reading", "language", "xx", "zone", "").has(t, "There is no language")
	agent.post("/you/reading", "language", "it", "zone", "Europe/Nowhere").has(t, "is no time zone")
	agent.post("/you/reading", "language", "it", "zone", "Europe/Rome").has(t, `<html lang="it">`, "Salvato.", `value="Europe/Rome"`)
	agent.accepts("en").get("/you").has(t, `<html lang="it">`, "Lingua e orari")
	h.reader("ada@example.com").get("/suppressions").has(t, "Indirizzi esclusi")
	h.reader("olga@example.com").get("/audit").has(t, "Language and zone changed")
}
