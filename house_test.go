package postern

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors is the house: an import may only point down, or to nothing. docs/decisions/0001-house.md says why.
var floors = map[string]int{
	"cmd":    7,
	"jobs":   6,
	"portal": 5, "api": 5, "mailout": 5,
	"intake":  4,
	"tickets": 3, "identity": 3, "domains": 3, "smtpd": 3,
	"certificates": 3,                                                  // keeps what the CA gave in store, and shows it to smtpd and the web through cmd
	"audit":        3,                                                  // links, verifies and hands on what the rooms beside it record through store
	"filters":      2,                                                  // asks others' programs about a mail; intake, above it, decides
	"store":        2, "attachments": 2, "mailauth": 2, "threading": 2, // tickets writes the marks that threading reads
	"reports": 2, // what machines report is read out of a mail that mailtext has read
	"secret":  1, "mailtext": 1, "embedded": 1, "observe": 1,
	"desk": 0, "config": 0, "migrations": 0, "language": 0,
}

// doors says which rooms may use a foreign library, and why nobody else may.
var doors = []struct {
	library string
	rooms   []string
	why     string
}{
	{"github.com/jackc/pgx", []string{"store", "migrations", "cmd"}, "SQL lives in store only"},
	{"github.com/pressly/goose", []string{"migrations"}, "the schema changes in one place"},
	{"github.com/riverqueue/river", []string{"store", "jobs", "cmd", "migrations"}, "a job is enqueued in the transaction that wants it"},
	{"github.com/minio/minio-go", []string{"attachments"}, "nothing reaches the bucket unsealed"},
	{"github.com/minio/sio", []string{"attachments"}, "nothing reaches the bucket unsealed"},
	{"github.com/rclone/gofakes3", []string{"embedded"}, "the product speaks S3 only; the built-in store is one of many"},
	{"github.com/emersion/go-smtp", []string{"smtpd", "mailout", "cmd"}, "with its defaults it can lose mail: it is used behind a strict session only (cmd/bench compares with it bare)"},
	{"github.com/emersion/go-milter", []string{"filters"}, "it bounds one packet, not a conversation: deadline and sum of answers are set around it"},
	{"github.com/emersion/go-msgauth", []string{"mailauth", "mailout", "domains"}, "signatures are made and judged in one place each"},
	{"github.com/emersion/go-message", []string{"mailtext", "mailout"}, "reading mail is bounded in one place"},
	{"github.com/jhillyerd/enmime", []string{"mailtext", "mailout"}, "it is safe only behind bounds"},
	{"github.com/miekg/dns", []string{"domains", "mailauth", "mailout"}, "every look-up has a deadline and a cache"},
	{"github.com/alecthomas/kong", []string{"config", "cmd"}, "rooms get settings, not flags"},
	{"github.com/prometheus/client_golang", []string{"observe"}, "metrics are named in one place"},
	{"github.com/danielgtaylor/huma", []string{"api"}, "the API is described where it is served"},
	{"github.com/caddyserver/certmagic", []string{"certificates"}, "it opens ports, asks on standard input and retries as it likes: it is led by the hand"},
	{"github.com/mholt/acmez", []string{"certificates"}, "the CA is asked in one place, with pauses that outlive a restart"},
	{"go.uber.org/zap", []string{"certificates"}, "the product logs with log/slog"},
	{"github.com/crewjam/saml", []string{"identity"}, "its service provider takes SHA-1, DTDs, two assertions and replays (decision 0031): it writes requests, and reads nothing but metadata"},
	{"github.com/russellhaering/goxmldsig", []string{"identity"}, "a signature is believed only for the octets that it covers: what it returns is read, and what was handed in is not"},
	{"github.com/beevik/etree", []string{"identity"}, "documents of strangers are screened before there is a tree of them"},
	{"github.com/coreos/go-oidc", []string{"identity"}, "who a provider vouches for is decided in one place, which checks what the library leaves to its caller"},
	{"golang.org/x/oauth2", []string{"identity"}, "codes and secrets go to providers through one client, whose reach is bounded"},
	{"github.com/golang-jwt/jwt", []string{"identity"}, "it takes tokens without iat or of an hour ago: it is led by the hand"},
	{"github.com/go-jose/go-jose", []string{"identity"}, "keys of key sets are read where algorithms are pinned"},
	{"github.com/pquerna/otp", []string{"identity"}, "it takes a code twice: each is counted once around it"},
	{"github.com/go-webauthn/webauthn", []string{"identity"}, "it takes an answer twice and only warns of a copied key: both are refused around it"},
	{"github.com/boombuler/barcode", []string{"identity"}, "one picture is drawn, for authenticator apps"},
	{"github.com/ccojocar/zxcvbn-go", []string{"identity"}, "its time grows faster than what it is given: it gets the beginning only, and a few at a time"},
	{"github.com/mileusna/useragent", []string{"identity"}, "what a browser says of itself is cut and cleaned in one place"},
	{"github.com/oschwald/maxminddb-golang", []string{"identity"}, "where an address is says one file, which is read whole and bounded"},
	{"html/template", []string{"portal", "mailout"}, "pages are the portal's"},
	{"database/sql", []string{"migrations"}, "SQL lives in store only"},
}

// testsOnly are imports that product code must not have.
var testsOnly = []string{"testing", "postern/internal/testkit", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "github.com/chromedp", "pgregory.net/rapid", "github.com/crewjam/saml/samlidp", "github.com/oauth2-proxy/mockoidc", "github.com/zitadel/oidc", "github.com/descope/virtualwebauthn", "github.com/maxmind/mmdbwriter"}

// source is one Go file of this repository.
type source struct {
	path    string
	folder  string // relative to the root, with slashes
	room    string // first part of the folder
	test    bool
	imports []string
	file    *ast.File
}

// sources parses every Go file in this process: Go's test cache sees the files that a test reads, but not those that a child process reads.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if hidden := strings.HasPrefix(entry.Name(), ".") && name != "."; hidden || entry.Name() == "testdata" || name == "data" || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		one := source{path: filepath.ToSlash(name), folder: path.Dir(filepath.ToSlash(name)), test: strings.HasSuffix(name, "_test.go"), file: parsed}
		one.room, _, _ = strings.Cut(one.folder, "/")
		for _, spec := range parsed.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			one.imports = append(one.imports, target)
		}
		all = append(all, one)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: this test looks in the wrong place", len(all))
	}
	return all
}

// product are the files that become part of the binary.
func product(all []source) []source {
	return slices.DeleteFunc(slices.Clone(all), func(s source) bool { return s.test || s.room == "internal" || s.room == "e2e" || s.folder == "." })
}

func TestImportsPointDown(t *testing.T) {
	for _, file := range product(sources(t)) {
		floor, known := floors[file.room]
		if !known {
			t.Errorf("%s: %s is no room of the house; a new one gets a floor in house_test.go, with the reason in the commit", file.path, file.room)
			continue
		}
		for _, target := range file.imports {
			inside, ours := strings.CutPrefix(target, "postern/")
			room, _, _ := strings.Cut(inside, "/")
			if !ours || room == file.room {
				continue
			}
			if below, known := floors[room]; known && below >= floor {
				t.Errorf("%s imports %s: floor %d may not know floor %d, since imports point down only", file.path, room, floor, below)
			}
		}
	}
}

func TestForeignLibrariesComeThroughTheirDoor(t *testing.T) {
	for _, file := range product(sources(t)) {
		for _, target := range file.imports {
			for _, door := range doors {
				if (target == door.library || strings.HasPrefix(target, door.library+"/")) && !slices.Contains(door.rooms, file.room) {
					t.Errorf("%s imports %s, which is for %s only: %s", file.path, target, strings.Join(door.rooms, ", "), door.why)
				}
			}
		}
	}
}

func TestNoTestHelpersInProductCode(t *testing.T) {
	for _, file := range product(sources(t)) {
		for _, target := range file.imports {
			for _, banned := range testsOnly {
				if target == banned || strings.HasPrefix(target, banned+"/") {
					t.Errorf("%s imports %s: what only tests need stands in a _test.go file or in internal/testkit", file.path, target)
				}
			}
		}
	}
}

func TestEveryPackageHasItsPromise(t *testing.T) {
	promised := map[string]bool{}
	for _, file := range sources(t) {
		if file.test || file.folder == "." {
			continue
		}
		doc := file.file.Doc.Text()
		promised[file.folder] = promised[file.folder] || strings.HasPrefix(doc, "Package "+file.file.Name.Name+" ") || strings.HasPrefix(doc, "Command ")
	}
	for folder, has := range promised {
		if !has {
			t.Errorf("%s has no package comment: one sentence that promises what it does, then its limits", folder)
		}
	}
}

func TestRoomsHaveTradeNames(t *testing.T) {
	for _, file := range sources(t) {
		switch file.file.Name.Name {
		case "utils", "util", "common", "helpers", "models", "types", "misc":
			t.Errorf("%s: a package is named after a noun of the trade", file.path)
		}
	}
}

func TestNoInitAndNoBareGlobals(t *testing.T) {
	for _, file := range product(sources(t)) {
		for _, decl := range file.file.Decls {
			if function, ok := decl.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
				t.Errorf("%s has an init function: what runs stands in main, in the order in which it runs", file.path)
			}
		}
	}
}
