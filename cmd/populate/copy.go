package main

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// rows gathers rows in the text form of COPY (PostgreSQL, "COPY: Text Format").
type rows struct {
	buf   bytes.Buffer
	begun bool // a row has its first value
}

func (r *rows) next() {
	if r.begun {
		r.buf.WriteByte('\t')
	}
	r.begun = true
}

// end closes the row.
func (r *rows) end() {
	r.buf.WriteByte('\n')
	r.begun = false
}

// null is no value.
func (r *rows) null() { r.next(); r.buf.WriteString(`\N`) }

// text is any text; what COPY would read as its own is escaped.
func (r *rows) text(s string) {
	r.next()
	for {
		i := strings.IndexAny(s, "\\\t\n\r")
		if i < 0 {
			r.buf.WriteString(s)
			return
		}
		r.buf.WriteString(s[:i])
		r.buf.WriteByte('\\')
		switch s[i] {
		case '\t':
			r.buf.WriteByte('t')
		case '\n':
			r.buf.WriteByte('n')
		case '\r':
			r.buf.WriteByte('r')
		default:
			r.buf.WriteByte('\\')
		}
		s = s[i+1:]
	}
}

func (r *rows) number(n int64) { r.next(); r.buf.WriteString(strconv.FormatInt(n, 10)) }

// id is a number that may be missing: 0.
func (r *rows) id(n int64) {
	if n == 0 {
		r.null()
		return
	}
	r.number(n)
}

// time is a moment that may be missing: zero.
func (r *rows) time(at time.Time) {
	if at.IsZero() {
		r.null()
		return
	}
	r.next()
	r.buf.WriteString(at.UTC().Format("2006-01-02 15:04:05.999999Z07:00"))
}

func (r *rows) truth(b bool) { r.next(); r.buf.WriteString(strconv.FormatBool(b)) }

var quoteLexeme = strings.NewReplacer(`'`, `''`, `\`, `\\`)

// words is a tsvector without positions, as array_to_tsvector makes it.
func (r *rows) words(lexemes []string) {
	var out strings.Builder
	for _, one := range lexemes {
		out.WriteString("'" + quoteLexeme.Replace(one) + "' ")
	}
	r.text(out.String())
}

// list is an array of plain words.
func (r *rows) list(items []string) { r.text("{" + strings.Join(items, ",") + "}") }

// uuid is sixteen bytes.
func (r *rows) uuid(b [16]byte) { r.next(); r.buf.WriteString(hex.EncodeToString(b[:])) }

// bytes is binary data, in hex behind the escaped backslash.
func (r *rows) bytes(b []byte) { r.next(); r.buf.WriteString(`\\x` + hex.EncodeToString(b)) }
