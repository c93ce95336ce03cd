package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// listing is how every command that lists prints: a table for people, or JSON for programs.
type listing struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// print writes rows as JSON, or as a table with the given head.
func (l listing) print(out io.Writer, items any, head []string, rows [][]string) error {
	if l.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(items)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, "none")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, strings.ToUpper(strings.Join(head, "\t")))
	for _, row := range rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// day writes a time as people read it in a table; nothing for never.
func day(at *time.Time) string {
	if at == nil || at.IsZero() {
		return "-"
	}
	return at.Local().Format("2006-01-02 15:04")
}
