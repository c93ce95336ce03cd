// Command vulndb turns a copy of the Go vulnerability reports (the folder data/osv of golang/vulndb) into a database that govulncheck reads from disk, for machines that reach no other:
//
//	go run ./internal/vulndb path/to/data/osv DIR && go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db file://DIR ./...
//
// The layout is that of https://go.dev/doc/security/vuln/database#api.
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// report is what the indexes need of a report; its file is copied whole.
type report struct {
	ID        string     `json:"id"`
	Modified  time.Time  `json:"modified"`
	Withdrawn *time.Time `json:"withdrawn"`
	Aliases   []string   `json:"aliases"`
	Affected  []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
		Ranges []struct {
			Events []struct {
				Fixed string `json:"fixed"`
			} `json:"events"`
		} `json:"ranges"`
	} `json:"affected"`
}

type moduleVuln struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Fixed    string    `json:"fixed,omitempty"`
}

type module struct {
	Path  string       `json:"path"`
	Vulns []moduleVuln `json:"vulns"`
}

type vuln struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases,omitempty"`
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: vulndb OSV-FOLDER DATABASE-FOLDER"))
	}
	if err := build(os.Args[1], os.Args[2]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "vulndb:", err)
	os.Exit(1)
}

// build reads every report and writes the database.
func build(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "GO-*.json"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no reports in %s (%v)", from, err)
	}
	modules, vulns := map[string]*module{}, []vuln{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var one report
		if err := json.Unmarshal(raw, &one); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if one.Withdrawn != nil {
			continue
		}
		vulns = append(vulns, vuln{one.ID, one.Modified, one.Aliases})
		index(modules, one)
		if err := write(filepath.Join(to, "ID", one.ID+".json"), json.RawMessage(raw)); err != nil {
			return err
		}
	}
	var list []module
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		list = append(list, *modules[path])
	}
	for name, value := range map[string]any{"db": map[string]time.Time{"modified": time.Now().UTC().Truncate(time.Second)}, "modules": list, "vulns": vulns} {
		if err := write(filepath.Join(to, "index", name+".json"), value); err != nil {
			return err
		}
	}
	fmt.Printf("%d reports about %d modules\n", len(vulns), len(list))
	return nil
}

// index notes which modules a report is about, and what mends it last.
func index(modules map[string]*module, one report) {
	for _, affected := range one.Affected {
		path := affected.Package.Name
		if modules[path] == nil {
			modules[path] = &module{Path: path}
		}
		entry := moduleVuln{ID: one.ID, Modified: one.Modified}
		for _, r := range affected.Ranges {
			for _, event := range r.Events {
				if event.Fixed != "" {
					entry.Fixed = strings.TrimPrefix(event.Fixed, "v")
				}
			}
		}
		known := modules[path]
		if !slices.ContainsFunc(known.Vulns, func(v moduleVuln) bool { return v.ID == one.ID }) {
			known.Vulns = append(known.Vulns, entry)
		}
	}
}

func write(path string, value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o750)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	return err
}
