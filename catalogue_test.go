package postern

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestCataloguesAgree keeps one translation for one text, whichever page says it.
func TestCataloguesAgree(t *testing.T) {
	files, err := filepath.Glob("language/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no catalogues found", err)
	}
	type place struct{ say, file string }
	known := map[string]map[string]place{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var words map[string]string
		if err := json.Unmarshal(text, &words); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		folder := filepath.Dir(file)
		if known[folder] == nil {
			known[folder] = map[string]place{}
		}
		for key, say := range words {
			if before, twice := known[folder][key]; twice && before.say != say {
				t.Errorf("%q is %q in %s and %q in %s: leave it out of one of them", key, before.say, before.file, say, file)
			}
			known[folder][key] = place{say, file}
		}
	}
}
