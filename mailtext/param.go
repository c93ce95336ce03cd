package mailtext

import (
	"strconv"
	"strings"
)

// parameterised is a field of a value and parameters: Content-Type or Content-Disposition (RFC 2045 §5.1, RFC 2183 §2).
type parameterised struct {
	value  string            // in lower case
	params map[string]string // names in lower case, values decoded (RFC 2231, and RFC 2047 where programs misuse it)
	beyond bool              // there were more parameters than the limit
}

// segment is one piece of a parameter that was written in several (RFC 2231 §3).
type segment struct {
	number  int
	value   string
	encoded bool
}

// parseParameterised reads such a field leniently: stray semicolons, missing quotes and white space around = are understood. At most limit parameters are looked at.
func parseParameterised(field string, limit int) parameterised {
	value, rest := cutParam(field)
	p := parameterised{value: strings.ToLower(oneLine(plainText(stripComments(value))))}
	if rest == "" {
		return p
	}
	p.params = make(map[string]string, 2)
	var pieces map[string][]segment
	for count := 0; rest != ""; {
		var one string
		one, rest = cutParam(rest)
		name, raw, found := strings.Cut(one, "=")
		name = strings.ToLower(strings.TrimSpace(stripComments(name)))
		if !found || name == "" {
			continue
		}
		if count++; count > limit {
			p.beyond = true
			break
		}
		raw = unquoteParam(raw)
		base, number, encoded, split := splitSegment(name)
		if !split {
			if _, twice := p.params[name]; !twice {
				p.params[name] = decodeWords(raw)
			}
			continue
		}
		if pieces == nil {
			pieces = make(map[string][]segment)
		}
		pieces[base] = append(pieces[base], segment{number: number, value: raw, encoded: encoded})
	}
	for name, list := range pieces {
		p.params[name] = joinSegments(list, limit)
	}
	return p
}

// cutParam cuts at the first semicolon that stands neither in a quoted string nor, closed, in a comment.
func cutParam(s string) (first, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if quoted {
				i++
			}
		case '"':
			// A quotation mark that is never closed belongs to the text; else one forgotten mark would swallow all that follows.
			if quoted || strings.IndexByte(s[i+1:], '"') >= 0 {
				quoted = !quoted
			}
		case ';':
			if !quoted {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

// unquoteParam takes the quotation marks and escapes off a value.
func unquoteParam(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || s[0] != '"' {
		return strings.TrimSpace(stripComments(s))
	}
	s = s[1:]
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return out.String()
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'): // other backslashes are folders of a Windows path
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// stripComments replaces (comments) outside of quoted strings by a space (RFC 5322 §3.2.2). One that is never closed stays.
func stripComments(s string) string {
	if strings.IndexByte(s, '(') < 0 {
		return s
	}
	var out strings.Builder
	depth, kept := 0, 0 // kept: up to where s is dealt with
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			if depth++; depth == 1 {
				out.WriteString(s[kept:i])
				kept = i
			}
		case ')':
			if depth--; depth == 0 {
				out.WriteByte(' ')
				kept = i + 1
			}
			depth = max(depth, 0)
		}
	}
	out.WriteString(s[kept:])
	return out.String()
}

// splitSegment takes the name of a parameter apart: filename*1* is piece 1, percent-encoded, of filename; filename* is the whole, encoded.
func splitSegment(name string) (base string, number int, encoded, split bool) {
	base, tail, found := strings.Cut(name, "*")
	if !found {
		return name, 0, false, false
	}
	digits := strings.TrimSuffix(tail, "*")
	if tail == "" {
		return base, 0, true, true
	}
	number, err := strconv.Atoi(digits)
	if err != nil || number < 0 {
		return name, 0, false, false
	}
	return base, number, digits != tail, true
}

// joinSegments puts the pieces of a parameter in their order and decodes them as a whole: a character may be split between two pieces.
func joinSegments(list []segment, limit int) string {
	ordered := make([]*segment, min(limit, len(list)+16))
	for i, piece := range list {
		if piece.number < len(ordered) && ordered[piece.number] == nil {
			ordered[piece.number] = &list[i]
		}
	}
	var raw []byte
	charset, encoded := "", false
	for i, piece := range ordered {
		if piece == nil {
			continue
		}
		value := piece.value
		if piece.encoded {
			encoded = true
			if label, after, ok := cutCharset(value); ok && i == 0 {
				charset, value = label, after
			}
			raw = unpercent(raw, value)
			continue
		}
		raw = append(raw, value...)
	}
	if !encoded {
		return decodeWords(string(raw))
	}
	return decodeCharset(raw, charset)
}

// cutCharset cuts utf-8'en'text (RFC 2231 §4) after its second apostrophe.
func cutCharset(s string) (charset, rest string, ok bool) {
	charset, rest, ok = strings.Cut(s, "'")
	if !ok {
		return "", s, false
	}
	_, rest, ok = strings.Cut(rest, "'")
	return charset, rest, ok
}

func unpercent(out []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, ok := hexByte(s[i+1], s[i+2]); ok {
				out = append(out, c)
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}
