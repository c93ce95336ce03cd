package portal

import (
	"testing"

	"postern/language"
)

func TestLengthsOfTimeAsPeopleWriteThem(t *testing.T) {
	for typed, want := range map[string]int{"30 min": 30, "4h": 240, "4": 240, "1.5 h": 90, "1,5 ore": 90, "1 h 30 min": 90, "2 hours 5 minutes": 125, "90m": 90} {
		got, err := parseMinutes("answer", typed)
		if err != nil || got == nil || *got != want {
			t.Errorf("%q: %v, %v", typed, got, err)
			continue
		}
		if again, err := parseMinutes("answer", spanOf(language.English, got)); err != nil || *again != want {
			t.Errorf("%q is written %q and read as %v", typed, spanOf(language.English, got), again)
		}
	}
	if got, err := parseMinutes("answer", "  "); got != nil || err != nil {
		t.Errorf("nothing is %v, %v", got, err)
	}
	for _, typed := range []string{"soon", "4 d", "-4 h", "1..5 h", "h", "99999999999 h"} {
		if got, err := parseMinutes("answer", typed); err == nil {
			t.Errorf("%q is taken for %d minutes", typed, *got)
		}
	}
}
