package portal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	xhtml "golang.org/x/net/html"

	"postern/audit"
	"postern/desk"
	"postern/language"
)

// wordsOfTables are the texts that stand in tables and reach the catalogue by a variable.
func wordsOfTables() []string {
	var all []string
	for _, table := range []map[string]string{rules, notices, customerNotices} {
		for _, text := range table {
			all = append(all, text)
		}
	}
	for _, words := range audit.DetectorWords {
		all = append(all, words)
	}
	for _, words := range remedies {
		all = append(all, words)
	}
	for _, kind := range readingKinds {
		all = append(all, label(kind))
	}
	for _, kind := range sinkKinds {
		all = append(all, label(kind))
	}
	for _, act := range desk.Acts {
		all = append(all, act.Words)
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
	for _, role := range desk.BuiltIn {
		all = append(all, label(role), builtInSays[role])
	}
	for _, row := range desk.Rights {
		all = append(all, row.Group, row.Says)
	}
	for _, place := range append(deskPlaces, adminPlaces...) {
		all = append(all, place.title)
	}
	for _, sight := range desk.Sights {
		all = append(all, sightSays[sight])
	}
	for _, mask := range desk.Masks {
		all = append(all, maskSays[mask])
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
	for _, one := range desk.Settings {
		all = append(all, one.Title, one.Doc)
		if one.Unit != "" {
			all = append(all, one.Unit)
		}
		for _, word := range one.Words {
			all = append(all, label(word))
		}
	}
	for _, one := range append(securityPlaces, ownSecurityPlaces...) {
		all = append(all, one.Title)
		if one.Path != "" { // not a heading
			all = append(all, one.Says)
		}
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
var names = regexp.MustCompile(`\b(Postern|Europe/Rome|Reply-To|Message-ID|cc|DKIM|DMARC|SPF|MTA-STS|SHA-256|HTML|Ctrl|Enter|Cmd|Esc|Cc|Bcc|https?|[\w*.+-]*@?[\w*-]*\.(example|com|org)[\w./-]*|kbd|min)\b|@?[\w*.-]+\.(?:example|com|org)|\banna\b`)

// TestTemplatesSayNothingByThemselves reads the templates as they stand: every word in them goes through the catalogue.
func TestTemplatesSayNothingByThemselves(t *testing.T) {
	files, err := filepath.Glob("template/*.html")
	check(t, err)
	if len(files) < 20 {
		t.Fatalf("only %d templates found: this test looks in the wrong place", len(files))
	}
	action, letters := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`\pL{2,}`)
	attributes := regexp.MustCompile(`(?s)\{\{define "to-[a-z]+"\}\}.*?\{\{end\}\}`) // of forms, kept in one place
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

// markers are words by which English is known. Italian has none of them.
var markers = regexp.MustCompile(`(?i)\b(the|and|of|with|this|that|these|those|is|are|was|were|been|your|you|not|nobody|nothing|anybody|somebody|who|which|when|what|where|has|have|will|until|since|ago|or|by|for|send|sent|reply|save|delete|search|close|people|held|waiting|days|hours?|minutes?|yes|never|always|everybody|everything)\b|\b(?-i:from)\b`)

// TestItalianPagesSpeakItalian walks through every page of the gallery in Italian. What is left of English is what a fixture says, the mail of a stranger for example, or a fault.
func TestItalianPagesSpeakItalian(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	readers := g.readers()
	g.sql(`update "user" set language = 'it'`)
	_, err := g.tickets.SetPolicy(t.Context(), g.owner, func(policy *desk.Policy) error { policy.Language = "it"; return nil })
	check(t, err)
	fixtures, left := fixtureWords(t), map[string]bool{} // each is told once
	readers[""].accepts("it")
	for _, pattern := range slices.Sorted(maps.Keys(places)) {
		for _, place := range places[pattern] {
			r := readers[place.who]
			if r == nil {
				r = readers[""]
			}
			page := r.get(strings.TrimPrefix(g.at(place), g.url))
			if !strings.Contains(page.body, `lang="it"`) {
				t.Errorf("%s is not in Italian", place.path)
			}
			for _, text := range textsOf(t, page.body) {
				own := text
				for _, words := range fixtures {
					own = strings.ReplaceAll(own, words, "")
				}
				known := language.Italian.Knows(text) && language.Italian.Say(text) != text && !slices.Contains(fixtures, text)
				piece := len(text) > 8 && slices.ContainsFunc(fixtures, func(words string) bool { return strings.Contains(words, text) }) // beside a word that a search found
				if (known || markers.MatchString(own)) && !piece && !left[text] && own != "" {
					left[text] = true
					t.Errorf("%s: English is left: %q", place.path, text)
				}
			}
		}
	}
}

// fixtureWords are the texts of which the gallery is made, the longest first.
func fixtureWords(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("gallery*_test.go")
	check(t, err)
	words := []string{"Urgent", "broken", "nothing-has-this-tag", "«nothing»", "invoice-2026-11-02-with-a-very-long-name-that-does-not-break.pdf"} // what a place asks for, and a name within a mail
	for _, file := range append(files, "house_test.go", "portal_test.go", "automations_test.go", "reports_test.go", "suspended_test.go", "senders_test.go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		check(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok { // what a test expects of a page is no fixture
				if method, ok := call.Fun.(*ast.SelectorExpr); ok && (method.Sel.Name == "has" || method.Sel.Name == "lacks") {
					return false
				}
			}
			if text, ok := node.(*ast.BasicLit); ok && text.Kind == token.STRING {
				value, err := strconv.Unquote(text.Value)
				check(t, err)
				for _, line := range strings.FieldsFunc(strings.NewReplacer("%d", "\n", "%s", "\n", ": ", "\n", " <", "\n", "{{", "\n", "}}", "\n", "'", "\n").Replace(value), func(r rune) bool { return r == '\n' }) {
					if line = strings.TrimSpace(line); len(line) > 3 && strings.ContainsAny(line, " -") || strings.Contains(line, "body") {
						words = append(words, line)
					}
				}
			}
			return true
		})
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	return words
}

// textsOf are the texts of a page that people read or hear: between tags, and in the attributes that are read out. Code, and mail in its frame, are not.
func textsOf(t *testing.T, page string) (texts []string) {
	t.Helper()
	document, err := xhtml.Parse(strings.NewReader(page))
	check(t, err)
	var walk func(*xhtml.Node)
	walk = func(node *xhtml.Node) {
		switch {
		case node.Type == xhtml.ElementNode && slices.Contains([]string{"script", "style", "code", "kbd", "iframe", "datalist"}, node.Data):
			return
		case node.Type == xhtml.TextNode:
			if text := strings.Join(strings.Fields(node.Data), " "); text != "" {
				texts = append(texts, text)
			}
		}
		for _, attribute := range node.Attr {
			if slices.Contains([]string{"title", "placeholder", "aria-label", "alt", "data-label"}, attribute.Key) && attribute.Val != "" {
				texts = append(texts, attribute.Val)
			}
			if attribute.Key == "class" && slices.Contains(strings.Fields(attribute.Val), "mono") || attribute.Key == "lang" && attribute.Val == "en" {
				return // the words of a server or a mail, as they came; what is marked as English
			}
		}
		for child := node.FirstChild; child != nil; child = child.NextSibling {
			walk(child)
		}
	}
	walk(document)
	return texts
}
