package language

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern finds a sentence that was made from a format of the catalogue: deeper rooms speak English, in sentences that may be stored, and are understood by what they were made from.
type pattern struct {
	literal int // letters that stand in the format itself: the more, the surer
	start   string
	piece   string // the longest of the format's own: what lacks it needs no further look
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
		protected := strings.ReplaceAll(text, "%%", "\x00")
		if !verb.MatchString(protected) {
			continue
		}
		plain := verb.ReplaceAllString(protected, "")
		if len(plain) < leastLiteral {
			continue
		}
		pieces := verb.Split(strings.ReplaceAll(text, "%%", "\x00"), -1)
		for i := range pieces {
			pieces[i] = strings.ReplaceAll(pieces[i], "\x00", "%")
		}
		longest := slices.MaxFunc(pieces, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
		all = append(all, pattern{literal: len(plain), start: pieces[0], piece: longest, match: expression(text), say: numbered(say)})
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
	format = strings.ReplaceAll(format, "%%", "\x00") // two bytes for one, so that no verb begins at the second
	at := 0
	for _, place := range verb.FindAllStringSubmatchIndex(format, -1) {
		out.WriteString(regexp.QuoteMeta(strings.ReplaceAll(format[at:place[0]], "\x00", "%")))
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
	out.WriteString(regexp.QuoteMeta(strings.ReplaceAll(format[at:], "\x00", "%")) + `\z`)
	return regexp.MustCompile(out.String())
}

// numbered turns every value's place into that of a text.
func numbered(format string) string {
	next := 0
	format = strings.ReplaceAll(format, "%%", "\x00")
	return strings.ReplaceAll(verb.ReplaceAllStringFunc(format, func(found string) string {
		parts := verb.FindStringSubmatch(found)
		next++
		if parts[1] != "" {
			return "%[" + parts[1] + "]s"
		}
		return fmt.Sprintf("%%[%d]s", next)
	}), "\x00", "%%")
}

// deepest bounds how far sentences inside of sentences are looked for.
const deepest = 3

// Sentence is a sentence in this language that was written in English somewhere deeper, where no reader was known: whole, or by the format that it was made from, or clause by clause.
// A value in it that is a sentence of ours is said as one, the reason of a failure for example; every other value stays as it is, since it may be a stranger's words. What no catalogue knows stays English.
func (l *Language) Sentence(text string) string {
	if said, ok := l.understood(text, deepest); ok {
		return said
	}
	return text
}

// understood is the translation of a sentence, or of the clauses of it that are known; false: nothing of it is.
func (l *Language) understood(text string, depth int) (string, bool) {
	if depth == 0 || text == "" || len(l.words) == 0 {
		return text, false
	}
	if known, ok := l.words[text]; ok {
		return known, true
	}
	if said, known, of := l.clauses(text, "; ", depth); known == of && of > 1 { // else the last clauses would be taken for a value of the first
		return said, true
	}
	if said, ok := l.written(text, depth); ok {
		return said, true
	}
	for _, between := range []string{"; ", ". "} {
		if said, known, _ := l.clauses(text, between, depth); known > 0 {
			return said, true
		}
	}
	for at := 0; ; {
		next := strings.Index(text[at:], ": ")
		if next < 0 {
			return text, false
		}
		at += next + 2
		if said, ok := l.written(text[at:], depth); ok {
			before, _ := l.understood(text[:at-2], depth-1)
			return before + ": " + said, true
		}
	}
}

// mostClauses bounds the clauses of one text.
const mostClauses = 50

// clauses says a text clause by clause, and how many of them were known.
func (l *Language) clauses(text, between string, depth int) (said string, known, of int) {
	parts := strings.Split(text, between)
	if len(parts) < 2 || len(parts) > mostClauses {
		return text, 0, len(parts)
	}
	for i, part := range parts {
		understood, ok := l.understood(part, depth-1)
		if parts[i] = understood; ok {
			known++
		}
	}
	return strings.Join(parts, between), known, len(parts)
}

// written finds a sentence however it was written down: with a capital at its head or a stop at its end, or without.
func (l *Language) written(text string, depth int) (string, bool) {
	if said, ok := l.whole(text, depth); ok {
		return said, true
	}
	bare, stopped := strings.CutSuffix(text, ".")
	if stopped {
		if said, ok := l.whole(bare, depth); ok {
			return said + ".", true
		}
	} else if said, ok := l.whole(text+".", depth); ok {
		return strings.TrimSuffix(said, "."), true
	}
	first, size := utf8.DecodeRuneInString(bare)
	if !unicode.IsUpper(first) {
		return text, false
	}
	said, ok := l.whole(string(unicode.ToLower(first))+bare[size:], depth)
	if !ok || said == "" {
		return text, false
	}
	first, size = utf8.DecodeRuneInString(said)
	said = string(unicode.ToUpper(first)) + said[size:]
	if stopped {
		said += "."
	}
	return said, true
}

// whole finds a sentence as it stands in the catalogue, or by its format.
func (l *Language) whole(text string, depth int) (string, bool) {
	if known, ok := l.words[text]; ok {
		return known, true
	}
	for _, one := range l.patterns {
		if !strings.HasPrefix(text, one.start) || !strings.Contains(text, one.piece) {
			continue
		}
		if found := one.match.FindStringSubmatch(text); found != nil {
			values := make([]any, len(found)-1)
			for i, value := range found[1:] {
				if strings.Contains(value, " ") {
					value, _ = l.understood(value, depth-1)
				}
				values[i] = value
			}
			return fmt.Sprintf(one.say, values...), true
		}
	}
	return text, false
}
