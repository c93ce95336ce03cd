package desk

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// notActs look like names of acts and are none: columns of texts with placeholders, and names of fields.
var notActs = []string{"ticket.number", "mailbox.name", "mailbox.address", "team.name", "field.order", "policy.dmarc", "policy.iprev", "suspended.csv", "access.json", "addresses.trial", "customer.name", "customer.first_name", "customer.address", "customer.example", "service.invalid"}

// putTogether are acts whose verbs stand apart from their noun.
var putTogether = []string{"ticket.accepted", "ticket.removed", "ticket.reply", "ticket.forward"}

// TestActsAreAClosedVocabulary finds every name of an act that the program writes, in Go and in SQL, and holds the vocabulary against it: no name without words, no word that is never said.
func TestActsAreAClosedVocabulary(t *testing.T) {
	written := actsWritten(t)
	for name, at := range written {
		if Acts[name].Words == "" {
			t.Errorf("%s writes %q into the audit log, which desk.Acts (desk/act.go) does not know: give it words there", at, name)
		}
	}
	for name := range Acts {
		if written[name] == "" && !slices.Contains(putTogether, name) {
			t.Errorf("nothing writes %q, which desk.Acts knows", name)
		}
	}
	if len(Acts) < 80 {
		t.Errorf("only %d acts are known", len(Acts))
	}
}

// actsWritten reads the whole program: what looks like the name of an act, is called for by a noun of the vocabulary, and where.
func actsWritten(t *testing.T) map[string]string {
	t.Helper()
	nouns := map[string]bool{}
	for name := range Acts {
		noun, _, _ := strings.Cut(name, ".")
		nouns[noun] = true
	}
	shape, inSQL := regexp.MustCompile(`^[a-z]+\.[a-z][a-z_-]*$`), regexp.MustCompile(`'([a-z]+\.[a-z][a-z_-]*)'`)
	written := map[string]string{}
	note := func(name, at string, sure bool) {
		noun, _, _ := strings.Cut(name, ".")
		if shape.MatchString(name) && (nouns[noun] || sure) && !slices.Contains(notActs, name) {
			written[name] = at
		}
	}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		slashed := strings.TrimPrefix(filepath.ToSlash(path), "../")
		room, _, inRoom := strings.Cut(slashed, "/")
		if entry.IsDir() {
			if slices.Contains([]string{"internal", "e2e", "testdata", "data", "bin"}, entry.Name()) || strings.HasPrefix(entry.Name(), ".") && path != ".." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || !inRoom || slashed == "desk/act.go" || slashed == "audit/detect.go" || strings.HasPrefix(slashed, "desk/setting_") || strings.HasPrefix(slashed, "cmd/") && !strings.HasPrefix(slashed, "cmd/postern/") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			at := ""
			if node != nil {
				at = slashed + ":" + strconv.Itoa(files.Position(node.Pos()).Line)
			}
			switch node := node.(type) {
			case *ast.BasicLit:
				if node.Kind != token.STRING {
					return true
				}
				value, err := strconv.Unquote(node.Value)
				if err != nil {
					t.Fatal(err)
				}
				note(value, at, false)
				if strings.Contains(value, "insert into audit") {
					for _, found := range inSQL.FindAllStringSubmatch(value, -1) {
						note(found[1], at, true)
					}
				}
			case *ast.KeyValueExpr: // an entry that is put together, of whatever noun
				key, is := node.Key.(*ast.Ident)
				if value, text := node.Value.(*ast.BasicLit); is && text && (key.Name == "action" || key.Name == "Action") {
					if name, err := strconv.Unquote(value.Value); err == nil && room != "portal" {
						note(name, at, true)
					}
				}
			case *ast.CallExpr: // tickets: an event in the conversation is an entry of the same name
				method, is := node.Fun.(*ast.SelectorExpr)
				if is && method.Sel.Name == "Audit" && len(node.Args) == 5 {
					if value, text := node.Args[2].(*ast.BasicLit); text {
						name, err := strconv.Unquote(value.Value)
						if err != nil {
							t.Fatal(err)
						}
						note(name, at, true)
					}
				}
				if room == "tickets" && is && method.Sel.Name == "event" && len(node.Args) > 0 {
					if verb, is := node.Args[0].(*ast.BasicLit); is {
						value, err := strconv.Unquote(verb.Value)
						if err != nil {
							t.Fatal(err)
						}
						note("ticket."+value, at, true)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return written
}
