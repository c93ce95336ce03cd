package portal

import (
	"bytes"
	"fmt"
	"html/template"
	"time"

	"postern/language"
)

// A template does not know whose page it makes, so it writes a moment as a mark in UTC; when the page is whole, each mark becomes that moment in the reader's zone and language.
const (
	markStart = `<time datetime="`
	markEnd   = `"></time>`
)

// when is the mark of a moment.
func when(t time.Time) template.HTML {
	return template.HTML(markStart + t.UTC().Format(time.RFC3339) + markEnd)
}

// inZone turns the marks of a page into moments as its reader writes them. Only marks are empty <time> elements: what strangers write is escaped.
func inZone(page []byte, lang *language.Language, zone *time.Location, now time.Time) []byte {
	var out []byte
	for {
		start := bytes.Index(page, []byte(markStart))
		if start < 0 {
			break
		}
		from := start + len(markStart)
		end := bytes.Index(page[from:], []byte(markEnd))
		if end < 0 {
			break
		}
		at, err := time.Parse(time.RFC3339, string(page[from:from+end]))
		if err != nil { // another element, with words of its own
			out = append(out, page[:from]...)
			page = page[from:]
			continue
		}
		out = append(out, page[:from+end]...)
		out = fmt.Appendf(out, `">%s</time>`, template.HTMLEscapeString(lang.Clock(at.In(zone), now)))
		page = page[from+end+len(markEnd):]
	}
	return append(out, page...)
}

// markup is a text of the catalogue that holds markup of its own; the values in it are escaped.
func markup(lang *language.Language, text string, values []any) template.HTML {
	escaped := make([]any, len(values))
	for i, value := range values {
		switch value := value.(type) {
		case template.HTML:
			escaped[i] = string(value)
		case int, int64:
			escaped[i] = value
		default:
			escaped[i] = template.HTMLEscapeString(fmt.Sprint(value))
		}
	}
	return template.HTML(lang.Say(text, escaped...))
}

// wholeNumber takes the kinds of numbers that pages count with.
func wholeNumber(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	panic(fmt.Sprintf("portal: %T is no number to count with", n)) // an error of a template
}
