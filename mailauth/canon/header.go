// Package canon is a mail as signatures see it: header fields, tag lists, and the canonical forms of RFC 6376 §3.4, in linear time and with constant memory for the body.
//
// It verifies nothing and asks nobody. A header of more than MaxHeader octets or MaxFields fields is not read at all: what may cost n fields × n names has a small n.
// A line ends with LF, whether or not a CR stands before it, and counts as ended by CRLF: what comes over SMTP has no other line ends, and every reader of files agrees.
package canon

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a header that is read at all.
const (
	MaxHeader = 256 << 10 // octets, with the empty line
	MaxFields = 1000
)

// ErrHeader is returned for a header beyond the bounds.
var ErrHeader = errors.New("the header has more than 256 KiB or 1000 fields")

// Form is a canonical form of RFC 6376 §3.4.
type Form uint8

// The canonical forms.
const (
	Simple Form = iota
	Relaxed
)

// Field is one header field.
type Field struct {
	Name string // in lower case, without space; empty for a line that is no field
	Raw  string // as received, all lines of it, each ended by CRLF
}

// Value is what follows the colon, with folding and the final CRLF.
func (f Field) Value() string {
	_, value, _ := strings.Cut(f.Raw, ":")
	return value
}

// Mail is a header and where its body lies.
type Mail struct {
	Fields []Field
	Body   *io.SectionReader // empty for a mail that is all header

	named map[string][]int
}

// Read reads the header of a mail. It returns ErrHeader for one beyond the bounds; other errors are those of raw.
func Read(raw *io.SectionReader) (*Mail, error) {
	head, body, err := readHead(raw)
	if err != nil {
		return nil, err
	}
	m := Mail{Body: io.NewSectionReader(raw, body, raw.Size()-body), named: map[string][]int{}}
	for rest := unixless(head); rest != ""; {
		if len(m.Fields) == MaxFields {
			return nil, ErrHeader
		}
		end := 0
		for end == 0 || end < len(rest) && (rest[end] == ' ' || rest[end] == '\t') {
			end += strings.IndexByte(rest[end:], '\n') + 1
		}
		field := Field{Raw: rest[:end]}
		if name, _, is := strings.Cut(field.Raw, ":"); is {
			if name = strings.TrimRight(name, " \t"); strings.IndexFunc(name, notInName) < 0 {
				field.Name = strings.ToLower(name)
			}
		}
		m.named[field.Name] = append(m.named[field.Name], len(m.Fields))
		m.Fields, rest = append(m.Fields, field), rest[end:]
	}
	return &m, nil
}

// notInName says whether a field's name cannot have the character (RFC 5322 §3.6.8).
func notInName(c rune) bool { return c <= ' ' || c > '~' }

// readHead returns the header without the empty line that ends it, and where the body begins. Most headers are found with the first look.
func readHead(raw *io.SectionReader) (head []byte, body int64, err error) {
	for _, look := range []int64{8 << 10, MaxHeader} {
		buffer := make([]byte, min(look, raw.Size()))
		if n, err := raw.ReadAt(buffer, 0); err != nil && (err != io.EOF || n < len(buffer)) {
			return nil, 0, fmt.Errorf("reading the header: %w", err)
		}
		if end, after, found := emptyLine(buffer); found {
			return buffer[:end], int64(after), nil
		}
		if int64(len(buffer)) == raw.Size() {
			return buffer, raw.Size(), nil
		}
	}
	return nil, 0, ErrHeader
}

// emptyLine finds where the header ends and where the body begins.
func emptyLine(mail []byte) (end, after int, found bool) {
	for {
		line := bytes.IndexByte(mail[after:], '\n')
		if line < 0 {
			return 0, 0, false
		}
		end, after = after, after+line+1
		if line == 0 || line == 1 && mail[end] == '\r' {
			return end, after, true
		}
	}
}

// unixless gives every line its CRLF, the last one too.
func unixless(head []byte) string {
	feeds := bytes.Count(head, []byte{'\n'})
	whole := len(head) == 0 || head[len(head)-1] == '\n'
	if whole && feeds == bytes.Count(head, []byte("\r\n")) {
		return string(head)
	}
	var out strings.Builder
	out.Grow(len(head) + feeds + 2)
	for line := range bytes.Lines(head) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
		out.Write(line)
		out.WriteString("\r\n")
	}
	return out.String()
}

// Named returns the places of the fields with a name in lower case, from the top.
func (m *Mail) Named(name string) []int {
	if name == "" {
		return nil
	}
	return m.named[name]
}

// Selection is the part of a header that a signature covers.
type Selection struct {
	Form     Form
	Names    []string // of h=, in lower case: each takes the lowest field of that name that is not taken yet (RFC 6376 §5.4.2)
	Own      int      // place of the signature itself, which no name takes
	Unsigned string   // the signature itself without the value of b=
}

// Sum is the SHA-256 of what a signature covers of the header, the signature itself last (RFC 6376 §3.7). Names without a field count for nothing.
func (m *Mail) Sum(s Selection) [sha256.Size]byte {
	sum := sha256.New()
	taken := make(map[string]int, len(s.Names))
	var scratch []byte
	add := func(raw string) {
		scratch = s.Form.AppendField(scratch[:0], raw)
		sum.Write(scratch)
	}
	for _, name := range s.Names {
		places := m.Named(name)
		next := len(places) - 1 - taken[name]
		if next >= 0 && places[next] == s.Own {
			taken[name]++
			next--
		}
		if next >= 0 {
			taken[name]++
			add(m.Fields[places[next]].Raw)
		}
	}
	scratch = s.Form.AppendField(scratch[:0], s.Unsigned)
	sum.Write(bytes.TrimSuffix(scratch, []byte("\r\n")))
	var out [sha256.Size]byte
	sum.Sum(out[:0])
	return out
}

// AppendField appends the canonical form of a header field (RFC 6376 §3.4.1, §3.4.2).
func (f Form) AppendField(out []byte, raw string) []byte {
	if f == Simple {
		return append(out, raw...)
	}
	name, value, _ := strings.Cut(raw, ":")
	for _, c := range []byte(strings.TrimRight(name, " \t\r\n")) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	out = append(out, ':')
	space, begun := false, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == ' ' || c == '\t':
			space = true
		case c == '\n' || c == '\r' && i+1 < len(value) && value[i+1] == '\n': // unfolded
		default:
			if space && begun {
				out = append(out, ' ')
			}
			space, begun = false, true
			out = append(out, c)
		}
	}
	return append(out, "\r\n"...)
}
