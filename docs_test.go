package postern

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	goName   = regexp.MustCompile("`([a-z]+)\\.((?:[A-Za-z_]\\w*)(?:\\.[A-Za-z_]\\w*)?)`")
	testName = regexp.MustCompile(`\b((?:Test|Fuzz|Benchmark)[A-Z]\w+)`)
	fileLink = regexp.MustCompile("\\]\\((?:\\.\\./)?([\\w./-]+)(?:#[\\w-]+)?\\)|`((?:[a-z]\\w*/)+[\\w.-]+\\.\\w+)`")
)

// declared lists what the source declares: room.Name and room.Type.Method, and the bare names of tests.
func declared(t *testing.T) (names, tests map[string]bool) {
	t.Helper()
	names, tests = map[string]bool{}, map[string]bool{}
	for _, file := range sources(t) {
		for _, decl := range file.file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if file.test {
					tests[decl.Name.Name] = true
				}
				names[file.room+"."+receiver(decl)+decl.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						names[file.room+"."+spec.Name.Name] = true
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							names[file.room+"."+name.Name] = true
						}
					}
				}
			}
		}
	}
	return names, tests
}

func receiver(decl *ast.FuncDecl) string {
	if decl.Recv == nil || len(decl.Recv.List) == 0 {
		return ""
	}
	kind := decl.Recv.List[0].Type
	if star, ok := kind.(*ast.StarExpr); ok {
		kind = star.X
	}
	if ident, ok := kind.(*ast.Ident); ok {
		return ident.Name + "."
	}
	return ""
}

// Every name of the program, every test and every file that the documentation names is there.
func TestDocsNameWhatExists(t *testing.T) {
	names, tests := declared(t)
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob("docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(append(pages, decisions...), "README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range goName.FindAllStringSubmatch(string(text), -1) {
			if _, room := floors[found[1]]; room && !names[found[1]+"."+found[2]] {
				t.Errorf("%s names `%s.%s`, which the program does not have", page, found[1], found[2])
			}
		}
		for _, found := range testName.FindAllStringSubmatch(string(text), -1) {
			if !tests[found[1]] {
				t.Errorf("%s names the test %s, which does not exist", page, found[1])
			}
		}
		for _, found := range fileLink.FindAllStringSubmatch(string(text), -1) {
			path := found[1] + found[2]
			if strings.HasPrefix(path, "data/") || strings.HasPrefix(path, "bin/") || strings.HasPrefix(path, "minio/") {
				continue // what a running program makes
			}
			if _, err := os.Stat(path); err != nil {
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), path)); err != nil {
					t.Errorf("%s points to %s, which is not there", page, path)
				}
			}
		}
	}
}
