// Command findings reads what gosec has found (JSON, on standard input) and compares it with exceptions.txt: it fails on a finding without a reason, and on a reason that nothing needs any more.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed exceptions.txt
var exceptions string

// exception is a line of the table.
type exception struct {
	rule, place string
	used        bool
}

// finding is one of gosec's.
type finding struct {
	Rule    string `json:"rule_id"`
	Details string `json:"details"`
	File    string `json:"file"`
	Line    string `json:"line"`
}

func main() {
	wrong, err := compare()
	if err != nil {
		fmt.Fprintln(os.Stderr, "findings:", err)
		os.Exit(1)
	}
	for _, line := range wrong {
		fmt.Println(line)
	}
	if len(wrong) > 0 {
		os.Exit(1)
	}
}

// compare says what is wrong, a line each.
func compare() (wrong []string, err error) {
	var report struct {
		Issues []finding
	}
	if err := json.NewDecoder(os.Stdin).Decode(&report); err != nil {
		return nil, fmt.Errorf("read what gosec says: %w", err)
	}
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	table, err := read()
	if err != nil {
		return nil, err
	}
	for _, one := range report.Issues {
		path, err := filepath.Rel(root, one.File)
		if err != nil {
			return nil, err
		}
		if !excepted(table, one.Rule, filepath.ToSlash(path)) {
			wrong = append(wrong, fmt.Sprintf("%s:%s: %s: %s", path, one.Line, one.Rule, one.Details))
		}
	}
	for _, one := range table {
		if !one.used {
			wrong = append(wrong, fmt.Sprintf("internal/findings/exceptions.txt: nothing needs %s %s any more", one.rule, one.place))
		}
	}
	if len(wrong) == 0 {
		fmt.Printf("%d findings, each with its reason in internal/findings/exceptions.txt\n", len(report.Issues))
	}
	return wrong, nil
}

// read reads the table.
func read() (table []*exception, err error) {
	for line := range strings.Lines(exceptions) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) < 3 {
			return nil, fmt.Errorf("%q lacks its reason", line)
		}
		table = append(table, &exception{rule: words[0], place: words[1]})
	}
	return table, nil
}

// excepted finds the line for a finding.
func excepted(table []*exception, rule, path string) bool {
	for _, one := range table {
		if one.rule == rule && (one.place == path || strings.HasSuffix(one.place, "/") && strings.HasPrefix(path, one.place)) {
			one.used = true
			return true
		}
	}
	return false
}
