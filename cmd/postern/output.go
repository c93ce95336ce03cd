package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"postern/desk"
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

// atLeastOne checks a --limit.
func atLeastOne(limit int) error {
	if limit < 1 {
		return fmt.Errorf("--limit must be at least 1 but got %d", limit)
	}
	return nil
}

// rest says whether there is more than was listed.
type rest bool

// tell says so to whoever reads the list.
func (r rest) tell(term terminal, count int) error {
	if r {
		fmt.Fprintf(term.err, "there are more: these are the newest %d, and --limit shows as many as you like\n", count)
	}
	return nil
}

// some gathers the pages of a list until it has so many items.
func some[T any](limit int, page func(cursor string, limit int) (desk.Page[T], error)) (items []T, more rest, err error) {
	items = []T{}
	for cursor := ""; ; {
		got, err := page(cursor, min(100, limit-len(items)))
		if err != nil {
			return nil, false, err
		}
		items = append(items, got.Items...)
		if cursor = got.Next; cursor == "" || len(items) >= limit {
			return items, cursor != "", nil
		}
	}
}

// day writes a time as people read it in a table; nothing for never.
func day(at *time.Time) string {
	if at == nil || at.IsZero() {
		return "-"
	}
	return at.Local().Format("2006-01-02 15:04")
}

// plain makes a stranger's text safe to print: one line, without what a terminal would obey and without what turns the direction of writing around.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	return strings.Join(strings.Fields(text), " ")
}

// short is plain, and cut to so many characters.
func short(text string, most int) string {
	if runes := []rune(plain(text)); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return plain(text)
}

// joined lists words with commas.
func joined[T ~string](words []T) string {
	var all []string
	for _, word := range words {
		all = append(all, string(word))
	}
	return strings.Join(all, ", ")
}

// onOff is how a switch is written.
func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
