package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
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
