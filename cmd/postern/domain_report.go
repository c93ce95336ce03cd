package main

import (
	"fmt"
	"io"
	"strings"

	"postern/desk"
	"postern/domains"
)

// report prints a domain with its records, as its page shows them: a line each, and under it what was found, where and since when, and what is wrong.
func (l listing) report(out io.Writer, domain desk.Domain, records []desk.Record) error {
	if l.JSON {
		return l.print(out, map[string]any{"domain": domain, "records": records}, nil, nil)
	}
	fmt.Fprintf(out, "%s is %s (checked %s)\n\n", domain.Name, domain.State, day(&domain.CheckedAt))
	for _, record := range records {
		fmt.Fprintf(out, "%s  %-12s %-5s %s\n", mark(record), record.Purpose, record.Type, record.Name)
		if under := explained(record); len(under) > 0 {
			fmt.Fprintf(out, "         %s\n", strings.Join(under, "\n         "))
		}
	}
	if domain.TestProblem != "" {
		fmt.Fprintf(out, "\nA mail signed by its keys is not believed: %s\n", domain.TestProblem)
	}
	return nil
}

// mark says in one word how a record is.
func mark(record desk.Record) string {
	switch {
	case record.OK && record.Warning != "":
		return "ok, but"
	case record.OK:
		return "ok     "
	case record.Required:
		return "MISSING"
	case record.Purpose == domains.PurposeObsolete:
		return "delete "
	}
	return "advised"
}

// explained are the lines under a record.
func explained(record desk.Record) (lines []string) {
	if !record.OK && record.Wanted != "" || record.OK && record.Warning != "" && !(len(record.Found) == 1 && record.Found[0] == record.Wanted) {
		lines = append(lines, "wanted: "+record.Wanted)
	}
	if len(record.Found) > 0 && (!record.OK || record.Warning != "") {
		lines = append(lines, "found:  "+strings.Join(record.Found, " | "))
	}
	if !record.Since.IsZero() {
		asked := "the resolver"
		if len(record.Servers) > 0 {
			asked = strings.Join(record.Servers, ", ")
		}
		lines = append(lines, fmt.Sprintf("so since %s, by %s", day(&record.Since), asked))
	}
	for _, words := range []string{record.Problem, record.Warning} {
		if words != "" {
			lines = append(lines, words)
		}
	}
	return lines
}
