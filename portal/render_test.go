package portal

import (
	"regexp"
	"testing"
)

// All pages share one set of templates, in which a second block of a name would quietly take the place of the first. Only the content of a page has the same name in each.
func TestBlocksStandOnce(t *testing.T) {
	t.Parallel()
	files, err := templateFiles.ReadDir("template")
	check(t, err)
	define, where := regexp.MustCompile(`\{\{define "([^"]+)"\}\}`), map[string]string{}
	for _, file := range files {
		text, err := templateFiles.ReadFile("template/" + file.Name())
		check(t, err)
		for _, found := range define.FindAllStringSubmatch(string(text), -1) {
			name := found[1]
			if name == "content" {
				name += " of " + file.Name()
			}
			if other, twice := where[name]; twice {
				t.Errorf("%q is defined in %s and in %s", name, other, file.Name())
			}
			where[name] = file.Name()
		}
	}
	if len(where) < 100 {
		t.Errorf("only %d blocks found", len(where))
	}
}
