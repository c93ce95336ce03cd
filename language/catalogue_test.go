package language

import (
	"encoding/json"
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
	"text/template/parse"
)

// source is a text that people read, and where it stands.
type source struct{ text, at string }

// said is what the program says: the texts that Go code and templates give to the catalogue, the formats of faults, and every other string of the program, of which sentences may be made.
type said struct {
	texts   []source
	faults  []source
	strings map[string]bool
}

// silent are rooms whose words no page shows: the API, the command line and the benchmarks speak English.
var silent = []string{"api", "cmd", "e2e", "internal", "observe", "config", "migrations", "embedded"}

// hear reads the whole program.
func hear(t *testing.T) said {
	t.Helper()
	all := said{strings: map[string]bool{}}
	walk(t, "..", func(path string, text []byte) {
		switch {
		case strings.HasSuffix(path, "_test.go"):
		case strings.HasSuffix(path, ".go"):
			all.hearCode(t, path)
		case strings.HasSuffix(path, ".html"):
			all.hearTemplate(t, path, string(text))
		}
	})
	if len(all.texts) < 300 || len(all.faults) < 100 {
		t.Fatalf("only %d texts and %d faults found: this test looks in the wrong place", len(all.texts), len(all.faults))
	}
	return all
}

// walk reads the files of the repository.
func walk(t *testing.T, root string, read func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name != root && strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "data" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".html") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			read(path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// places say which arguments of a function are texts for people. A text that is not a literal is a word of a table, which a test beside the table looks after.
var places = map[string][]int{"Say": {0}, "Count": {1, 2}, "framed": {1}, "bare": {1}}

func (s *said) hearCode(t *testing.T, path string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	room, _, _ := strings.Cut(strings.TrimPrefix(filepath.ToSlash(path), "../"), "/")
	ast.Inspect(file, func(node ast.Node) bool {
		if text, ok := literal(node); ok {
			s.strings[text] = true
		}
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		at := filepath.ToSlash(path) + ":" + strconv.Itoa(files.Position(call.Pos()).Line)
		name := nameOf(call.Fun)
		for _, i := range places[name] {
			if i >= len(call.Args) || slices.Contains(silent, room) || name == "Count" && len(call.Args) < 3 {
				continue
			}
			if text, ok := literal(call.Args[i]); ok {
				s.texts = append(s.texts, source{text, at})
			}
		}
		if (name == "Faultf" || name == "Wrong") && len(call.Args) > 1 && !slices.Contains(silent, room) {
			if text, ok := literal(call.Args[1]); ok && len(verb.ReplaceAllString(text, "")) >= leastLiteral {
				s.faults = append(s.faults, source{text, at})
			}
		}
		return true
	})
}

func nameOf(function ast.Expr) string {
	switch function := function.(type) {
	case *ast.SelectorExpr:
		return function.Sel.Name
	case *ast.Ident:
		return function.Name
	}
	return ""
}

// literal is a string that stands in the code, also one in pieces.
func literal(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.BasicLit:
		if node.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(node.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, ok := literal(node.X)
		right, ok2 := literal(node.Y)
		return left + right, ok && ok2 && node.Op == token.ADD
	}
	return "", false
}

func (s *said) hearTemplate(t *testing.T, path, text string) {
	t.Helper()
	tree := parse.New(path)
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		t.Fatal(err)
	}
	for _, one := range trees {
		if one.Root != nil {
			s.hearNode(path, one.Root)
		}
	}
}

// hearNode looks for t, th and n in all that a node of a template holds.
func (s *said) hearNode(path string, node parse.Node) {
	pipe := func(p *parse.PipeNode) {
		if p != nil {
			s.hearNode(path, p)
		}
	}
	list := func(l *parse.ListNode) {
		if l != nil {
			s.hearNode(path, l)
		}
	}
	branch := func(b *parse.BranchNode) { pipe(b.Pipe); list(b.List); list(b.ElseList) }
	switch node := node.(type) {
	case *parse.ListNode:
		for _, one := range node.Nodes {
			s.hearNode(path, one)
		}
	case *parse.ActionNode:
		pipe(node.Pipe)
	case *parse.TemplateNode:
		pipe(node.Pipe)
	case *parse.IfNode:
		branch(&node.BranchNode)
	case *parse.RangeNode:
		branch(&node.BranchNode)
	case *parse.WithNode:
		branch(&node.BranchNode)
	case *parse.PipeNode:
		for _, one := range node.Cmds {
			s.hearNode(path, one)
		}
	case *parse.CommandNode:
		s.hearCommand(path, node)
	}
}

func (s *said) hearCommand(path string, command *parse.CommandNode) {
	from, to := 0, 0
	if name, ok := command.Args[0].(*parse.IdentifierNode); ok {
		switch name.Ident {
		case "t", "th":
			from, to = 1, 2
		case "n":
			from, to = 2, 4
		}
	}
	for i, arg := range command.Args {
		if text, ok := arg.(*parse.StringNode); ok && i >= from && i < to {
			s.texts = append(s.texts, source{text.Text, filepath.ToSlash(path)})
		}
		s.hearNode(path, arg)
	}
}

// TestEveryTextHasItalian is the promise of the catalogue: nobody who reads Italian meets English because somebody forgot.
func TestEveryTextHasItalian(t *testing.T) {
	all := hear(t)
	missing := map[string]string{}
	for _, one := range slices.Concat(all.texts, all.faults) {
		if !Italian.Knows(one.text) && regexp.MustCompile(`\pL{2}`).MatchString(verb.ReplaceAllString(one.text, "")) {
			missing[one.text] = one.at
		}
	}
	for text, at := range missing {
		t.Errorf("%s: no Italian for %q", at, text)
	}
}

// TestTranslationsFit makes sure that a translation takes the values and the markup of its text.
func TestTranslationsFit(t *testing.T) {
	tag := regexp.MustCompile(`</?[a-z][^>]*>`)
	for _, text := range Italian.Texts() {
		say := Italian.words[text]
		if strings.TrimSpace(say) == "" {
			t.Errorf("%q has an empty translation", text)
		}
		if got, want := kinds(say), kinds(text); !slices.Equal(got, want) {
			t.Errorf("%q takes %v and its translation %q takes %v", text, want, say, got)
		}
		if got, want := sorted(tag.FindAllString(say, -1)), sorted(tag.FindAllString(text, -1)); !slices.Equal(got, want) {
			t.Errorf("%q has the markup %v and its translation %q has %v", text, want, say, got)
		}
	}
}

// kinds are the values that a format takes: the kind of each by its number.
func kinds(format string) []string {
	var all []string
	next := 0
	for _, found := range verb.FindAllStringSubmatch(strings.ReplaceAll(format, "%%", ""), -1) {
		next++
		number := strconv.Itoa(next)
		if found[1] != "" {
			number = found[1]
			next, _ = strconv.Atoi(number)
		}
		all = append(all, number+found[2])
	}
	return sorted(all)
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// TestNoTranslationIsIdle finds translations of texts that the program does not say any more. A sentence of a deeper room may be put together there: then its pieces are found.
func TestNoTranslationIsIdle(t *testing.T) {
	all := hear(t)
	var every strings.Builder
	for text := range all.strings {
		every.WriteString(strings.ToLower(text) + "\n")
	}
	for _, one := range all.texts {
		every.WriteString(strings.ToLower(one.text) + "\n")
	}
	program := every.String()
	for _, text := range Italian.Texts() {
		plain, _, _ := strings.Cut(text, "#few")
		for _, piece := range verb.Split(strings.ToLower(plain), -1) {
			if piece = strings.Trim(piece, " .,;:()"); !spoken(program, piece, 2) {
				t.Errorf("the program never says %q: %q", piece, text)
				break
			}
		}
	}
}

// spoken says whether the program says a piece of a sentence, at once or put together where it is cut, so many times at most.
func spoken(program, piece string, cuts int) bool {
	if len(piece) < 3 || strings.Contains(program, piece) {
		return true
	}
	for at := range len(piece) {
		if cuts > 0 && piece[at] == ' ' && strings.Contains(program, strings.Trim(piece[:at], " ,;:")) && spoken(program, strings.Trim(piece[at:], " ,;:"), cuts-1) {
			return true
		}
	}
	return false
}

// TestCataloguesAgree keeps one translation for one text, whichever page says it.
func TestCataloguesAgree(t *testing.T) {
	files, err := filepath.Glob("*/*.json")
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
