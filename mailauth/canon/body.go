package canon

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"slices"
)

// Whole is the length of a BodyPart that has no limit.
const Whole = -1

// chunk is how much of a body is read at once.
const chunk = 32 << 10

// manyBlank is how many empty lines in a row are no longer written together with the text after them.
const manyBlank = 16

// BodyPart is what a signature covers of the body.
type BodyPart struct {
	Form   Form
	Length int64 // l=: how many octets of the canonical body; Whole for all of it
}

// BodySum is the hash of a BodyPart.
type BodySum struct {
	Sum    [sha256.Size]byte
	Length int64 // of the whole canonical body; a part that is longer than this has no Sum
}

// SumBody hashes parts of the body, once for each canonical form, however many parts are asked for. Errors are those of reading and of ctx.
func (m *Mail) SumBody(ctx context.Context, parts []BodyPart) ([]BodySum, error) {
	var hashers [2]*hasher
	for _, part := range parts {
		if hashers[part.Form] == nil {
			hashers[part.Form] = newHasher(part.Form, sha256.New(), min(m.Body.Size(), chunk))
		}
		hashers[part.Form].mark(part.Length)
	}
	buffer := make([]byte, min(m.Body.Size()+1, chunk))
	for at := int64(0); len(parts) > 0 && at < m.Body.Size(); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := m.Body.ReadAt(buffer, at)
		for _, h := range hashers {
			h.write(buffer[:n])
		}
		if at += int64(n); err != nil && (err != io.EOF || at < m.Body.Size()) {
			return nil, fmt.Errorf("reading the body: %w", err)
		}
	}
	sums := make([]BodySum, len(parts))
	for i, part := range parts {
		sums[i] = hashers[part.Form].result(part.Length)
	}
	return sums, nil
}

// hasher makes the canonical form of a body (RFC 6376 §3.4.3, §3.4.4) and hashes it. What may turn out to be the end of the body is counted, not kept.
type hasher struct {
	form  Form
	sum   hash.Hash
	n     int64  // octets hashed
	out   []byte // made and not hashed yet
	blank int64  // line ends held back: those at the end of the body do not count
	space bool   // relaxed: white space held back, since it does not count at the end of a line
	cr    bool   // a CR at the end of a chunk, which may belong to a line end
	done  bool

	marks []mark // by length
	next  int    // the first mark that is not reached
}

type mark struct {
	length int64
	sum    [sha256.Size]byte
}

func newHasher(form Form, sum hash.Hash, size int64) *hasher {
	return &hasher{form: form, sum: sum, out: make([]byte, 0, size+4)}
}

// mark asks for the hash of the first octets.
func (h *hasher) mark(length int64) {
	at, found := slices.BinarySearchFunc(h.marks, length, func(m mark, length int64) int { return cmp.Compare(m.length, length) })
	if !found && length != Whole {
		h.marks = slices.Insert(h.marks, at, mark{length: length})
	}
}

// write takes the next chunk. A nil hasher ignores it.
func (h *hasher) write(p []byte) {
	switch {
	case h == nil || len(p) == 0:
		return
	case h.cr && p[0] != '\n':
		h.cr = false
		h.text([]byte{'\r'})
	}
	if h.form == Simple {
		h.simple(p)
	} else {
		h.relaxed(p)
	}
	h.flush()
}

func (h *hasher) simple(p []byte) {
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		held := len(line) > 0 && line[len(line)-1] == '\r'
		if held {
			line = line[:len(line)-1]
		}
		if len(line) > 0 {
			h.text(line)
		}
		if ended {
			h.blank++
		}
		h.cr = held && !ended
		p = rest
	}
}

func (h *hasher) relaxed(p []byte) {
	for i := 0; i < len(p); {
		switch c := p[i]; {
		case c == ' ' || c == '\t':
			h.space = true
			i++
		case c == '\n':
			h.blank++
			h.space, h.cr = false, false
			i++
		case c == '\r' && i+1 == len(p):
			h.cr = true
			i++
		case c == '\r' && p[i+1] == '\n':
			i++
		default:
			end := i + 1 + span(p[i+1:]) // a lone CR is text
			h.text(p[i:end])
			i = end
		}
	}
}

// span is how much of p stays as it is in relaxed form: words, and single spaces between them.
func span(p []byte) int {
	end := 0
	for end < len(p) {
		switch c := p[end]; {
		case c == '\r' || c == '\n' || c == '\t':
			return end
		case c != ' ':
			end++
		case end+1 < len(p) && p[end+1] > ' ':
			end += 2
		default:
			return end
		}
	}
	return end
}

// text adds what is no white space, after what was held back.
func (h *hasher) text(p []byte) {
	if h.blank > manyBlank {
		h.flush()
		run := bytes.Repeat([]byte("\r\n"), int(min(h.blank, chunk/2)))
		for h.blank > 0 {
			lines := min(h.blank, chunk/2)
			h.feed(run[:2*lines])
			h.blank -= lines
		}
	}
	for ; h.blank > 0; h.blank-- {
		h.out = append(h.out, "\r\n"...)
	}
	if h.space {
		h.out = append(h.out, ' ')
		h.space = false
	}
	h.out = append(h.out, p...)
}

func (h *hasher) flush() {
	h.feed(h.out)
	h.out = h.out[:0]
}

// feed hashes, and notes the hash at each mark on the way.
func (h *hasher) feed(p []byte) {
	for h.next < len(h.marks) && h.marks[h.next].length <= h.n+int64(len(p)) {
		m := &h.marks[h.next]
		upTo := m.length - h.n
		h.sum.Write(p[:upTo])
		h.sum.Sum(m.sum[:0])
		h.n, p = m.length, p[upTo:]
		h.next++
	}
	h.sum.Write(p)
	h.n += int64(len(p))
}

// finish ends the last line. A simple body that is empty is one empty line; a relaxed one is nothing (RFC 6376 §3.4.3, §3.4.4).
func (h *hasher) finish() {
	if h.done {
		return
	}
	h.done = true
	if h.cr {
		h.text([]byte{'\r'})
		h.flush()
	}
	if h.form == Simple || h.n > 0 {
		h.feed([]byte("\r\n"))
	} else {
		h.feed(nil)
	}
}

// result is the hash of the first octets, or of all.
func (h *hasher) result(length int64) BodySum {
	h.finish()
	out := BodySum{Length: h.n}
	if length == Whole {
		h.sum.Sum(out.Sum[:0])
		return out
	}
	for _, m := range h.marks[:h.next] {
		if m.length == length {
			out.Sum = m.sum
		}
	}
	return out
}
