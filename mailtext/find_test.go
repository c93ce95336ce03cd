package mailtext

import (
	"strings"
	"testing"
)

// What the index finds is found in the text again: folded alike, whole words or beginnings.
func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, words string
		begins      bool
		want        string // the text with brackets around what is found
	}{
		{"My pump is broken. Pumps break.", "pump", false, "My [pump] is broken. Pumps break."},
		{"My pump is broken. Pumps break.", "pum", true, "My [pump] is broken. [Pumps] break."},
		{"Größe und GROSSE und grosse", "groß", true, "[Größe] und [GROSSE] und [grosse]"},
		{"Cafe\u0301 and café", "café", false, "[Cafe\u0301] and [café]"},
		{"carol@customer.test wrote", "carol@customer.test", false, "[carol@customer.test] wrote"},
		{"order 4711, order 4712", "order 4711", false, "[order 4711], [order] 4712"},
		{"お問い合わせありがとう", "合わせ", false, "お問い[合わせ]ありがとう"},
		{"<b>pump</b>", "pump", false, "<b>[pump]</b>"},
		{"\xff pump \xff", "pump", false, "\xff [pump] \xff"},
		{"", "pump", false, ""},
		{"nothing here", "pump", false, "nothing here"},
	} {
		var sought []Sought
		for _, lexeme := range Lexemes(c.words) {
			sought = append(sought, Sought{lexeme, c.begins})
		}
		var got strings.Builder
		last := 0
		for _, place := range Find(c.text, sought, 10) {
			got.WriteString(c.text[last:place.From] + "[" + c.text[place.From:place.To] + "]")
			last = place.To
		}
		got.WriteString(c.text[last:])
		if got.String() != c.want {
			t.Errorf("%q in %q: %s", c.words, c.text, got.String())
		}
	}
	if places := Find(strings.Repeat("pump and ", 50), []Sought{{"pump", false}}, 3); len(places) != 3 {
		t.Errorf("%d places, want 3", len(places))
	}
}
