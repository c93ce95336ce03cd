package spf

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	lettersOfName = "slodiphv"            // macros of names (RFC 7208 §7.2)
	lettersOfText = lettersOfName + "crt" // and those that only explanations may have
	delimiters    = ".-+,/_="             // RFC 7208 §7.1
	unreserved    = "-._~"                // with letters and digits: what a URL keeps (RFC 3986 §2.3)
	maxName       = 253                   // RFC 7208 §7.3
	maxExpansion  = 16 << 10              // octets; beyond that it is no name and no sentence
	allParts      = 1 << 20               // more parts than any value has
	hexDigits     = "0123456789ABCDEF"
)

// template is a macro-string (RFC 7208 §7.1), read once and expanded for every mail.
type template []piece

// piece is a part of a template: text, or a macro with its letter.
type piece struct {
	text    string // what stands there; of %% %_ %- what they stand for
	letter  byte   // lower case; 0: text
	escape  bool   // written in upper case: octets that a URL cannot hold are escaped
	reverse bool
	keep    int    // right-hand parts that are kept
	split   string // delimiters
	macro   bool   // also of %% %_ %-
}

// parseTemplate reads a macro-string in which the given macro letters are allowed.
func parseTemplate(s, letters string) (template, error) {
	out := template{}
	for s != "" {
		at := strings.IndexByte(s, '%')
		if at < 0 {
			return append(out, piece{text: s}), nil
		}
		if at > 0 {
			out = append(out, piece{text: s[:at]})
		}
		s = s[at+1:]
		if s == "" {
			return nil, errors.New("a lone percent sign")
		}
		switch s[0] {
		case '%':
			out, s = append(out, piece{text: "%", macro: true}), s[1:]
		case '_':
			out, s = append(out, piece{text: " ", macro: true}), s[1:]
		case '-':
			out, s = append(out, piece{text: "%20", macro: true}), s[1:]
		case '{':
			inside, rest, closed := strings.Cut(s[1:], "}")
			if !closed {
				return nil, errors.New("a macro without an end")
			}
			one, err := parseMacro(inside, letters)
			if err != nil {
				return nil, err
			}
			out, s = append(out, one), rest
		default:
			return nil, errors.New("a percent sign that begins no macro")
		}
	}
	return out, nil
}

// parseMacro reads what stands in braces: macro-letter transformers *delimiter.
func parseMacro(s, letters string) (piece, error) {
	if s == "" || !isAlpha(s[0]) || strings.IndexByte(letters, s[0]|0x20) < 0 {
		return piece{}, fmt.Errorf("no macro %.10q here", s)
	}
	one := piece{letter: s[0] | 0x20, escape: s[0] < 'a', keep: allParts, split: ".", macro: true}
	rest := strings.TrimLeft(s[1:], "0123456789")
	if digits := s[1 : len(s)-len(rest)]; digits != "" {
		keep, err := strconv.Atoi(digits)
		if keep = min(keep, allParts); err != nil {
			keep = allParts // more digits than a number has
		}
		if strings.Trim(digits, "0") == "" {
			return piece{}, errors.New("a macro that keeps no part (RFC 7208 §7.3)")
		}
		one.keep = keep
	}
	if rest != "" && rest[0]|0x20 == 'r' {
		one.reverse, rest = true, rest[1:]
	}
	if strings.Trim(rest, delimiters) != "" {
		return piece{}, fmt.Errorf("a macro with %.10q in it", rest)
	}
	if rest != "" {
		one.split = rest
	}
	return one, nil
}

// parseDomainSpec reads a domain-spec: a macro-string that ends in a macro or in a dot and a top label, after which one more dot may stand.
func parseDomainSpec(s string) (template, error) {
	if s == "" {
		return nil, errors.New("an empty domain")
	}
	out, err := parseTemplate(s, lettersOfName)
	if err != nil {
		return nil, err
	}
	last := out[len(out)-1]
	if last.macro {
		return out, nil
	}
	text := strings.TrimSuffix(last.text, ".")
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 || !isTopLabel(text[dot+1:]) {
		return nil, errors.New("not a full domain name")
	}
	return out, nil
}

// isTopLabel: letters, digits and hyphens, not all of them digits, no hyphen at either end (RFC 7208 §7.1).
func isTopLabel(label string) bool {
	if label == "" || !isAlnum(label[0]) || !isAlnum(label[len(label)-1]) {
		return false
	}
	digits := true
	for i := range len(label) {
		if !isAlnum(label[i]) && label[i] != '-' {
			return false
		}
		digits = digits && '0' <= label[i] && label[i] <= '9'
	}
	return !digits
}

// uses says whether a macro letter occurs.
func (t template) uses(letter byte) bool {
	return slices.ContainsFunc(t, func(p piece) bool { return p.letter == letter })
}

// expand puts values in place of the macros. It returns false when the outcome is too long to be anything.
func (t template) expand(value func(letter byte) string) (string, bool) {
	var out strings.Builder
	for _, p := range t {
		if p.letter == 0 {
			out.WriteString(p.text)
		} else {
			out.WriteString(p.transform(value(p.letter)))
		}
		if out.Len() > maxExpansion {
			return "", false
		}
	}
	return out.String(), true
}

// transform splits a value, turns it round, keeps its right-hand parts and escapes it, as the macro wants (RFC 7208 §7.3).
func (p piece) transform(value string) string {
	if p.keep < allParts || p.reverse || p.split != "." {
		parts := splitAny(value, p.split)
		if p.reverse {
			slices.Reverse(parts)
		}
		value = strings.Join(parts[max(0, len(parts)-p.keep):], ".")
	}
	if !p.escape {
		return value
	}
	var out strings.Builder
	for i := range len(value) {
		if c := value[i]; isAlnum(c) || strings.IndexByte(unreserved, c) >= 0 {
			out.WriteByte(c)
		} else {
			out.WriteByte('%')
			out.WriteByte(hexDigits[c>>4])
			out.WriteByte(hexDigits[c&15])
		}
	}
	return out.String()
}

// splitAny splits at every octet that is among the delimiters; parts may be empty.
func splitAny(value, split string) []string {
	var parts []string
	for {
		at := strings.IndexAny(value, split)
		if at < 0 {
			return append(parts, value)
		}
		parts, value = append(parts, value[:at]), value[at+1:]
	}
}
