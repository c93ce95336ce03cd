// Package authres reads and writes Authentication-Results fields (RFC 8601), and takes out of a mail those that a stranger wrote in our name.
//
// What Format writes, Parse reads to the same results; nothing that a stranger chose can leave the place that it was given. Parse takes what others write beyond the grammar
// where it cannot be misread, and refuses the whole field otherwise.
package authres

import (
	"errors"
	"fmt"
	"strings"

	"postern/desk"
)

// Field is a field as read. Names and results are in lower case.
type Field struct {
	AuthServ string // who says so, as written
	Results  []Result
}

// Result is what a field says of one method.
type Result struct {
	Method string
	Value  desk.Result // as written: others know more words than we do
	Reason string      // reason=, as written
	Props  []Property
}

// Property is one thing that the method looked at. Type is empty where the writer gave none, as some do (action=none).
type Property struct{ Type, Name, Value string }

// Prop returns the value of a property such as header.from. It is false unless the result has exactly one of that name.
func (r Result) Prop(kind, name string) (string, bool) {
	value, count := "", 0
	for _, property := range r.Props {
		if property.Type == kind && property.Name == name {
			value = property.Value
			count++
		}
	}
	return value, count == 1
}

const (
	maxValue   = 64 << 10 // octets of a field
	maxResults = 100
	maxProps   = 50 // of one result
	maxDepth   = 20 // comments within comments
)

var (
	errTooLong = errors.New("it is longer than is read")
	errOpen    = errors.New("a comment or a quoted string has no end")
)

// Parse reads the value of an Authentication-Results field, folded or not. That of ARC-Authentication-Results is read the same way once its 'i=1;' is gone (RFC 8617 §4.1.1).
func Parse(value string) (Field, error) {
	field, err := parse(value)
	if err != nil {
		return Field{}, fmt.Errorf("reading authentication results: %w", err)
	}
	return field, nil
}

func parse(value string) (Field, error) {
	if len(value) > maxValue {
		return Field{}, errTooLong
	}
	s := scanner{text: value}
	field := Field{AuthServ: s.value(bare)}
	if field.AuthServ == "" {
		return Field{}, s.wrong("the name of who says so")
	}
	if s.peek() != ';' && !s.done() { // the version (RFC 8601 §2.2)
		if version := s.value(bare); version != "1" {
			return Field{}, fmt.Errorf("version %q is not known", version)
		}
	}
	for !s.done() {
		if s.peek() != ';' {
			return Field{}, s.wrong("a semicolon")
		}
		s.at++
		if s.peek() == ';' || s.done() { // an empty place, as some leave at the end
			continue
		}
		result, none, err := s.result()
		if err != nil {
			return Field{}, err
		}
		if none {
			continue
		}
		if field.Results = append(field.Results, result); len(field.Results) > maxResults {
			return Field{}, errTooLong
		}
	}
	return field, s.err
}

// result reads one resinfo, or the word none alone.
func (s *scanner) result() (result Result, none bool, err error) {
	result.Method = strings.ToLower(s.word())
	if result.Method == "none" && (s.done() || s.peek() == ';') {
		return Result{}, true, s.err
	}
	if s.take('/') {
		s.word()
	}
	if result.Method == "" || !s.take('=') {
		return Result{}, false, s.wrong("a method and its result")
	}
	result.Value = desk.Result(strings.ToLower(s.word()))
	if result.Value == "" {
		return Result{}, false, s.wrong("a result")
	}
	for !s.done() && s.peek() != ';' {
		property, err := s.property()
		switch {
		case err != nil:
			return Result{}, false, err
		case property.Type == "" && property.Name == "reason":
			result.Reason = property.Value
		default:
			result.Props = append(result.Props, property)
		}
		if len(result.Props) > maxProps {
			return Result{}, false, errTooLong
		}
	}
	return result, false, s.err
}

// property reads ptype.name=value or name=value.
func (s *scanner) property() (Property, error) {
	var property Property
	property.Name = strings.ToLower(s.word())
	if s.take('.') {
		property.Type, property.Name = property.Name, strings.ToLower(s.word())
	}
	if property.Name == "" || !s.take('=') {
		return Property{}, s.wrong("a property")
	}
	if !s.done() && s.peek() != ';' {
		property.Value = s.value(loose)
	}
	return property, s.err
}

// scanner reads tokens with comments and white space before them taken away.
type scanner struct {
	text string
	at   int
	err  error // the first thing that has no end; from then on there is nothing more to read
}

// done says whether only comments and white space are left.
func (s *scanner) done() bool {
	s.blank()
	return s.at >= len(s.text)
}

// peek is the next octet that is neither comment nor white space, or 0.
func (s *scanner) peek() byte {
	if s.done() {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) wrong(wanted string) error {
	if s.err != nil {
		return s.err
	}
	rest := s.text[min(s.at, len(s.text)):]
	return fmt.Errorf("%q stands where %s should", rest[:min(len(rest), 20)], wanted)
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.at = len(s.text)
}

// blank skips comments and white space (CFWS, RFC 5322 §3.2.2).
func (s *scanner) blank() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		case '(':
			s.comment()
		default:
			return
		}
	}
}

func (s *scanner) comment() {
	depth := 0
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\\':
			s.at++
		case '(':
			if depth++; depth > maxDepth {
				s.fail(errTooLong)
				return
			}
		case ')':
			if depth--; depth == 0 {
				s.at++
				return
			}
		}
	}
	s.fail(errOpen)
}

// word reads a Keyword: letters, digits, hyphens and underscores (RFC 8601 §2.2).
func (s *scanner) word() string {
	s.blank()
	start := s.at
	for s.at < len(s.text) && (isWord(s.text[s.at])) {
		s.at++
	}
	return s.text[start:s.at]
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// What ends a value that is not quoted, besides white space, comments and quotation marks.
const (
	bare  = ";=,<>@:\\/[]?" // tspecials (RFC 2045 §5.1), less what stands above
	loose = ";"             // many write addresses of clients and base64 without quoting them
)

// value reads a token, a quoted string, or an address whose local part is one ("a b"@example.com). stops are the octets that end a token.
func (s *scanner) value(stops string) string {
	s.blank()
	var out strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '"':
			s.quoted(&out)
			continue
		case c <= ' ' || c == 0x7F || c == '(' || c == ')' || strings.IndexByte(stops, c) >= 0:
			return out.String()
		}
		out.WriteByte(c)
		s.at++
	}
	return out.String()
}

// quoted reads a quoted-string (RFC 5322 §3.2.4). Line ends within it are folding, and no part of it.
func (s *scanner) quoted(out *strings.Builder) {
	for s.at++; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch c {
		case '\\':
			if s.at++; s.at < len(s.text) {
				out.WriteByte(s.text[s.at])
			}
			continue
		case '"':
			s.at++
			return
		case '\r', '\n':
			continue
		}
		out.WriteByte(c)
	}
	s.fail(errOpen)
}
