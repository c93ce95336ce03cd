package reports

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxFields = 1000    // of one part
	maxValue  = 8 << 10 // bytes of one field
	maxShort  = 500     // bytes of what is kept of a field
)

// field is one field of a header; its name is in lower case.
type field struct{ name, value string }

// block is a header, or one group of fields of a delivery status (RFC 3464 §2.1).
type block []field

// get is the first value of a field.
func (b block) get(name string) string {
	for _, f := range b {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// all are the values of a field, in order.
func (b block) all(name string) []string {
	var values []string
	for _, f := range b {
		if f.name == name {
			values = append(values, f.value)
		}
	}
	return values
}

// blocks reads groups of fields with empty lines between them. Programs write spaces before the colon and text between the groups; what is no field is passed over, and the end of a MIME part ends it all.
func blocks(text string) []block {
	var all []block
	var now block
	flush := func() {
		if len(now) > 0 {
			all = append(all, now)
		}
		now = nil
	}
	fields, seen := 0, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
			flush()
			continue
		case (line[0] == ' ' || line[0] == '\t') && len(now) > 0:
			if last := &now[len(now)-1]; len(last.value) < maxValue {
				last.value += " " + strings.TrimSpace(line)
			}
			continue
		case strings.HasPrefix(line, "--") && seen && !strings.Contains(line, " "):
			flush()
			return all
		}
		name, value, ok := cutField(line)
		if !ok {
			continue
		}
		if fields++; fields > maxFields {
			flush()
			return all
		}
		seen = true
		now = append(now, field{name, value[:min(len(value), maxValue)]})
	}
	flush()
	return all
}

// cutField takes a line of a header apart.
func cutField(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	if name = strings.TrimRight(name, " \t"); !ok || name == "" || len(name) > 100 {
		return "", "", false
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f {
			return "", "", false
		}
	}
	return strings.ToLower(name), strings.TrimSpace(value), true
}

// short makes one line of at most maxShort bytes of what a stranger wrote.
func short(text string) string {
	if text = strings.TrimSpace(text); len(text) <= maxShort && !slices.ContainsFunc([]byte(text), odd) && !strings.Contains(text, "  ") {
		return text
	}
	if len(text) > 4*maxShort {
		text = text[:4*maxShort]
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxShort {
		return text
	}
	cut := maxShort - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// odd says whether a byte needs a closer look.
func odd(c byte) bool { return c < ' ' || c >= 0x7f }

// typed takes the type off a value such as 'rfc822; joe@example.org' (RFC 3464 §2.1.2).
func typed(value string) string {
	kind, rest, ok := strings.Cut(value, ";")
	if !ok || strings.ContainsAny(strings.TrimSpace(kind), " @<") {
		return strings.TrimSpace(value)
	}
	return strings.TrimSpace(rest)
}

// bare is the address in a value such as 'rfc822;<joe@example.org>'; what is no address (a file, a program) is kept as one line.
func bare(value string) string {
	value = short(typed(value))
	if open := strings.LastIndexByte(value, '<'); open >= 0 {
		if inner, _, ok := strings.Cut(value[open+1:], ">"); ok && inner != "" {
			return inner
		}
	}
	return strings.Trim(value, "<>\"' ")
}
