package language

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pattern finds a sentence that was made from a format of the catalogue: deeper rooms speak English, in sentences that may be stored, and are understood by what they were made from.
type pattern struct {
	literal int // letters that stand in the format itself: the more, the surer
	start   string
	match   *regexp.Regexp
	say     string // the translation, with every value as %[n]s
}

// verb is a value's place in a format: %s, %d, %q, %[2]s.
var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[-+# 0]*\d*(?:\.\d+)?([a-zA-Z])`)

// leastLiteral is how many letters a format needs to be recognised by: less would be found in sentences of others.
const leastLiteral = 6

// patternsOf makes the patterns of all formats of a catalogue, the surest first.
func patternsOf(words map[string]string) []pattern {
	var all []pattern
	for text, say := range words {
		if !verb.MatchString(text) {
			continue
		}
		plain := verb.ReplaceAllString(text, "")
		if len(plain) < leastLiteral {
			continue
		}
		all = append(all, pattern{literal: len(plain), start: text[:strings.IndexByte(text, '%')], match: expression(text), say: numbered(say)})
	}
	slices.SortFunc(all, func(a, b pattern) int {
		return cmp.Or(cmp.Compare(b.literal, a.literal), cmp.Compare(b.start, a.start), cmp.Compare(a.say, b.say))
	})
	return all
}

// expression matches what a format makes. A double percent sign is one.
func expression(format string) *regexp.Regexp {
	var out strings.Builder
	out.WriteString(`(?s)\A`)
	at := 0
	for _, place := range verb.FindAllStringSubmatchIndex(format, -1) {
		out.WriteString(regexp.QuoteMeta(strings.ReplaceAll(format[at:place[0]], "%%", "%")))
		switch format[place[4]:place[5]] {
		case "d":
			out.WriteString(`(-?\d+)`)
		case "q":
			out.WriteString(`("(?:[^"\\]|\\.)*")`)
		default:
			out.WriteString(`(.+?)`)
		}
		at = place[1]
	}
	out.WriteString(regexp.QuoteMeta(strings.ReplaceAll(format[at:], "%%", "%")) + `\z`)
	return regexp.MustCompile(out.String())
}

// numbered turns every value's place into that of a text.
func numbered(format string) string {
	next := 0
	return verb.ReplaceAllStringFunc(format, func(found string) string {
		parts := verb.FindStringSubmatch(found)
		next++
		if parts[1] != "" {
			return "%[" + parts[1] + "]s"
		}
		return fmt.Sprintf("%%[%d]s", next)
	})
}

// Sentence is a sentence in this language that was written in English somewhere deeper, where no reader was known: whole, or by the format that it was made from. What no catalogue knows stays as it is.
// Values in it stay as they are, since they may be a stranger's words.
func (l *Language) Sentence(text string) string {
	if known, ok := l.words[text]; ok {
		return known
	}
	for _, one := range l.patterns {
		if !strings.HasPrefix(text, one.start) {
			continue
		}
		if found := one.match.FindStringSubmatch(text); found != nil {
			values := make([]any, len(found)-1)
			for i, value := range found[1:] {
				values[i] = value
			}
			return fmt.Sprintf(one.say, values...)
		}
	}
	return text
}
