package mailtext

import (
	"strings"
	"unicode/utf8"

	"postern/desk"
)

// maxAddresses bounds the addresses of one kind of field; a mail to more people than that is read, but nobody answers all of them.
const maxAddresses = 1000

// addressScanner reads an address-list (RFC 5322 §3.4) as people's programs write it, not as the grammar wants it.
type addressScanner struct {
	s       string
	at      int
	words   []string // the phrase or bare address so far
	begun   bool     // one of words holds an @
	comment string   // the last comment: John's name in 'john@example.com (John)'
	angle   string   // what stood between < and >
	found   []desk.Address
	bad     int // entries that are no address
}

// parseAddresses reads a list. Groups are flattened: 'Team: a@x, b@x;' gives its members. bad counts the entries that hold no usable address.
func parseAddresses(s string) (found []desk.Address, bad int) {
	scan := addressScanner{s: s}
	for scan.at < len(scan.s) && len(scan.found) < maxAddresses {
		scan.step()
	}
	scan.finish()
	return scan.found, scan.bad
}

func (a *addressScanner) step() {
	switch c := a.s[a.at]; c {
	case ' ', '\t', '\r', '\n':
		a.at++
	case ',', ';':
		a.at++
		a.finish()
	case '"':
		a.words = append(a.words, a.quoted())
	case '(':
		a.comment = a.parens()
	case '<':
		rest := a.s[a.at+1:]
		end := strings.IndexByte(rest, '>')
		if end < 0 {
			end = len(rest)
			if cut := strings.IndexAny(rest, ",;"); cut >= 0 {
				end = cut
			}
			a.angle, a.at = rest[:end], a.at+1+end
			return
		}
		a.angle, a.at = rest[:end], a.at+end+2
	case ':':
		// The name of a group ends here (RFC 5322 §3.4), unless an address was begun.
		if a.angle == "" && !a.begun {
			a.words = a.words[:0]
		}
		a.at++
	default:
		word := a.atom()
		a.begun = a.begun || strings.IndexByte(word, '@') >= 0
		a.words = append(a.words, word)
	}
}

// atom reads up to the next delimiter. An encoded-word may hold commas and parentheses, against RFC 2047 §5, so it is read as one.
func (a *addressScanner) atom() string {
	start := a.at
	if strings.HasPrefix(a.s[start:], "=?") {
		if _, length := parseWord(a.s[start:]); length > 0 {
			a.at += length
			return a.s[start:a.at]
		}
	}
	for a.at < len(a.s) && strings.IndexByte(" \t\r\n,;:<(", a.s[a.at]) < 0 {
		if a.s[a.at] == '"' && a.at > start && !strings.HasSuffix(a.s[start:a.at], ".") {
			break
		}
		a.at++
	}
	return a.s[start:a.at]
}

// quoted reads a quoted-string. When an @ follows at once it is the local part of an address and keeps its quotation marks.
func (a *addressScanner) quoted() string {
	start := a.at
	var out strings.Builder
	for a.at++; a.at < len(a.s); a.at++ {
		switch c := a.s[a.at]; {
		case c == '\\' && a.at+1 < len(a.s):
			a.at++
		case c == '"':
			a.at++
			if a.at < len(a.s) && a.s[a.at] == '@' {
				return a.s[start:a.at] + a.atom()
			}
			return out.String()
		}
		out.WriteByte(a.s[a.at])
	}
	// Never closed: this mark, and the escaped ones after it, were part of the text. Taking them all out keeps the reading linear.
	a.s, a.at = strings.ReplaceAll(a.s[start+1:], `"`, ""), 0
	return ""
}

// parens reads a comment, which may hold others.
func (a *addressScanner) parens() string {
	start, depth := a.at+1, 0
	for ; a.at < len(a.s); a.at++ {
		switch a.s[a.at] {
		case '\\':
			a.at++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				a.at++
				return a.s[start : a.at-1]
			}
		}
	}
	a.at = len(a.s)
	return a.s[min(start, len(a.s)):]
}

// finish makes an address of what was gathered.
func (a *addressScanner) finish() {
	if len(a.words) == 0 && a.angle == "" && a.comment == "" {
		return
	}
	spec, name := a.angle, strings.Join(a.words, " ")
	if spec == "" || !strings.Contains(spec, "@") && strings.Contains(name, "@") {
		spec, name = bareAddress(a.words)
	}
	if name == "" {
		name = a.comment
	}
	addr, ok := cleanAddress(spec)
	switch {
	case ok:
		a.found = append(a.found, desk.Address{Name: displayName(name, addr), Addr: addr})
	case spec != "" || name != "":
		a.bad++
	}
	a.words, a.begun, a.angle, a.comment = a.words[:0], false, "", ""
}

// bareAddress finds the address in a list of words without < and >; the others are the name.
func bareAddress(words []string) (spec, name string) {
	rest := make([]string, 0, len(words))
	for _, word := range words {
		if spec == "" && strings.IndexByte(word, '@') > 0 {
			spec = word
			continue
		}
		rest = append(rest, word)
	}
	if spec == "" { // 'john @ example.com' (RFC 5322 §4.4)
		if joined := strings.Join(words, ""); strings.Contains(joined, "@") {
			return joined, ""
		}
	}
	return spec, strings.Join(rest, " ")
}

// cleanAddress checks an addr-spec and returns it with its domain in lower case. A source route (RFC 5322 §4.4) is dropped.
func cleanAddress(spec string) (string, bool) {
	spec = strings.TrimSpace(spec)
	if strings.HasPrefix(spec, "@") {
		if colon := strings.IndexByte(spec, ':'); colon >= 0 {
			spec = spec[colon+1:]
		}
	}
	spec = strings.TrimPrefix(spec, "mailto:")
	spec = strings.TrimSuffix(strings.Trim(spec, "'"), ".")
	if strings.Contains(spec, "=?") {
		spec = decodeWords(spec)
	}
	if !strings.HasPrefix(spec, `"`) {
		spec = strings.Join(strings.Fields(spec), "")
	}
	local, domain := desk.SplitAddress(spec)
	// RFC 5321 §4.5.3.1: 64 octets for the local part, 255 for the domain. Real local parts of VERP senders are longer, so only the sum is bounded.
	if local == "" || len(spec) > 320 || !utf8.ValidString(spec) {
		return "", false
	}
	if strings.ContainsFunc(spec, func(c rune) bool { return c < ' ' || c == 0x7F }) || strings.ContainsAny(domain, " \t\"(),:;<>\\@") && !strings.HasPrefix(domain, "[") {
		return "", false
	}
	if !strings.HasPrefix(local, `"`) && strings.ContainsAny(local, " \t(),:;<>@[]\\\"") {
		return "", false
	}
	return local + "@" + strings.ToLower(domain), true
}

// displayName decodes a name for people; one that only repeats the address is none.
func displayName(name, addr string) string {
	name = oneLine(visible(decodeWords(name)))
	// Outlook writes 'name' in apostrophes within the quotation marks.
	if len(name) > 2 && name[0] == '\'' && name[len(name)-1] == '\'' {
		name = name[1 : len(name)-1]
	}
	if strings.EqualFold(name, addr) {
		name = ""
	}
	if name == "" {
		return internationalised(addr)
	}
	return name
}

// internationalised is the address with its A-labels shown as U-labels (RFC 5890), or nothing where it has none or they would deceive.
func internationalised(addr string) string {
	local, domain := desk.SplitAddress(addr)
	if !strings.Contains(domain, "xn--") {
		return ""
	}
	if shown := ShownAddress(local + "@" + domain); shown != addr {
		return shown
	}
	return ""
}

// visible drops what changes the order or the look of text without being seen: direction overrides and isolates, zero-width characters. They serve to make one name look like another.
func visible(s string) string {
	if !strings.ContainsFunc(s, isHidden) {
		return s
	}
	return strings.Map(func(c rune) rune {
		if isHidden(c) {
			return -1
		}
		return c
	}, s)
}

func isHidden(c rune) bool {
	switch {
	case c >= 0x202A && c <= 0x202E, c >= 0x2066 && c <= 0x2069: // embeddings, overrides, isolates
		return true
	case c == 0x200B, c == 0x2060, c == 0xFEFF: // zero-width space, word joiner, byte order mark
		return true
	}
	return false
}
