package mailtext

import (
	"bytes"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

const (
	shownFields = 300     // fields of a header that a page shows
	shownValue  = 4 << 10 // bytes of one of them
)

// Field is one field of a header as it stands in the mail, and what it says.
type Field struct {
	Name    string
	Raw     string // as it came, with its line breaks
	Decoded string // on one line, without encoded words (RFC 2047)
}

// Fields takes a header apart for somebody who looks at it: every field in its order, also of a header that is broken. rest is where the body begins; cut says that fields, or parts of them, were left out.
func Fields(raw []byte) (fields []Field, rest int, cut bool) {
	if len(raw) > HeaderBytes {
		raw = raw[:HeaderBytes]
	}
	var values [][]byte
	left := raw
	for len(left) > 0 {
		line, after, _ := bytes.Cut(left, []byte("\n"))
		left = after
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			break
		}
		if n := len(fields); (line[0] == ' ' || line[0] == '\t') && n > 0 {
			values[n-1] = append(append(values[n-1], '\n'), line...)
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		name = bytes.TrimSpace(name)
		switch {
		case !ok || !isFieldName(name):
		case len(fields) == shownFields:
			cut = true
		default:
			fields, values = append(fields, Field{Name: string(name)}), append(values, bytes.Clone(bytes.TrimSpace(value)))
		}
	}
	for i, value := range values {
		if len(value) > shownValue {
			value, cut = value[:shownValue], true
		}
		fields[i].Raw = readable(decodeCharset(value, ""))
		fields[i].Decoded = oneLine(readable(decodeWords(strings.ReplaceAll(string(value), "\n", " "))))
	}
	return fields, len(raw) - len(left), cut
}

// Hop is one server on a mail's way, as that server wrote it into Received (RFC 5321 §4.4). Only what our own server wrote is sure: everything before it could be made up.
type Hop struct {
	From string // the name and address that the other side had
	By   string
	With string // the protocol: ESMTPS is encrypted
	For  string
	At   time.Time     // zero: cannot be read
	Took time.Duration // since the hop before; negative where clocks disagree
}

// Hops is the way of a mail, its first server first.
func Hops(fields []Field) []Hop {
	var hops []Hop
	for _, field := range fields {
		if strings.EqualFold(field.Name, "Received") {
			hops = append([]Hop{hopOf(field.Decoded)}, hops...)
		}
	}
	var before time.Time
	for i := range hops {
		if at := hops[i].At; !at.IsZero() {
			if !before.IsZero() {
				hops[i].Took = at.Sub(before)
			}
			before = at
		}
	}
	return hops
}

// hopWords begin the parts of a Received field.
var hopWords = map[string]bool{"from": true, "by": true, "via": true, "with": true, "id": true, "for": true}

// hopOf reads one Received field. Comments stay with the word before them: the address of the other side stands in one.
func hopOf(value string) Hop {
	var hop Hop
	clause, date := value, ""
	if at := strings.LastIndexByte(value, ';'); at >= 0 {
		clause, date = value[:at], strings.TrimSpace(value[at+1:])
	}
	hop.At, _ = mail.ParseDate(date)
	parts, word := map[string][]string{}, ""
	depth := 0
	for _, token := range strings.Fields(clause) {
		if depth == 0 && hopWords[strings.ToLower(token)] {
			word = strings.ToLower(token)
			continue
		}
		depth += strings.Count(token, "(") - strings.Count(token, ")")
		depth = max(depth, 0)
		parts[word] = append(parts[word], token)
	}
	said := func(word string) string { return strings.Join(parts[word], " ") }
	hop.From, hop.By, hop.With, hop.For = said("from"), said("by"), said("with"), strings.Trim(said("for"), "<>")
	return hop
}

// Finding is one result in an Authentication-Results field (RFC 8601 §2.2).
type Finding struct {
	Method string // spf, dkim, dmarc, arc, …
	Result string // pass, fail, …
	About  string // the domain or address that it was found for; empty: it is not said
}

// Findings are what one server says that it found.
type Findings struct {
	Server string // as it calls itself; anybody could have written that
	List   []Finding
}

var (
	comment  = regexp.MustCompile(`\([^()]*\)`)
	property = regexp.MustCompile(`(?:header\.(?:d|i|from)|smtp\.(?:mailfrom|helo)|policy\.iprev)=("?)([^\s;"]+)`)
)

// FindingsOf reads every Authentication-Results field of a header, and those that forwarders have sealed (RFC 8617).
func FindingsOf(fields []Field) []Findings {
	var all []Findings
	for _, field := range fields {
		value := field.Decoded
		switch strings.ToLower(field.Name) {
		case "authentication-results":
		case "arc-authentication-results":
			_, value, _ = strings.Cut(value, ";") // i=1
		default:
			continue
		}
		for range 3 { // comments nest, seldom
			value = comment.ReplaceAllString(value, "")
		}
		parts := strings.Split(value, ";")
		server, _, _ := strings.Cut(strings.TrimSpace(parts[0]), " ")
		found := Findings{Server: server}
		for _, part := range parts[1:] {
			method, rest, ok := strings.Cut(strings.TrimSpace(part), "=")
			if !ok {
				continue
			}
			one := Finding{Method: strings.ToLower(strings.TrimSpace(method))}
			if words := strings.Fields(rest); len(words) > 0 {
				one.Result = strings.ToLower(words[0])
			}
			if about := property.FindStringSubmatch(part); about != nil {
				one.About = about[2]
			}
			found.List = append(found.List, one)
		}
		all = append(all, found)
	}
	return all
}
