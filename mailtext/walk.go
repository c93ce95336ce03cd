package mailtext

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-message/textproto"
)

// place says where in the tree an entity stands.
type place struct {
	depth       int
	first       bool   // the first part of its multipart, or the mail itself
	parent      string // subtype of the multipart that it is a part of
	alternative bool   // somewhere within a multipart/alternative
	noText      bool   // what follows belongs to the HTML only: the other side of an alternative has been seen
	noHTML      bool   // what follows belongs to the text only
}

// beyondError stops a walk: the mail is larger in some respect than the limits.
type beyondError struct{ reason string }

func (b *beyondError) Error() string { return b.reason }

// errMalformed stops a walk where the reader does not understand the mail.
var errMalformed = errors.New("malformed")

// beyond makes the error for a limit that was passed, and notes it for people.
func (r *reading) beyond(format string, values ...any) error {
	r.problem(format, values...)
	return &beyondError{reason: fmt.Sprintf(format, values...)}
}

// sourceError stops a walk because the bytes could not be had: no fault of the mail.
type sourceError struct{ err error }

func (s *sourceError) Error() string { return s.err.Error() }
func (s *sourceError) Unwrap() error { return s.err }

// guard stands between the bytes and every parser. It ends a walk whose time is over, and it bounds how much may be read while a header is being read: textproto.ReadHeader keeps all it reads.
type guard struct {
	ctx      context.Context
	src      io.Reader
	deadline time.Time
	budget   int64 // bytes that may still be read while counting
	counting bool
	stop     error // why it reads no further; parsers wrap errors so that this cannot be seen in theirs
}

// errHeaderTooLong is what a parser gets when the budget of a header is used up.
var errHeaderTooLong = errors.New("header too long")

// errTooSlow is what a parser gets when the time is over.
var errTooSlow = errors.New("time is over")

func (g *guard) Read(p []byte) (n int, err error) {
	switch {
	case g.stop != nil:
	case g.ctx.Err() != nil:
		g.stop = g.ctx.Err()
	case time.Now().After(g.deadline):
		g.stop = errTooSlow
	case g.counting && g.budget <= 0:
		g.stop = errHeaderTooLong
	default:
		if g.counting {
			p = p[:min(int64(len(p)), g.budget)]
		}
		n, err = g.src.Read(p)
		g.budget -= int64(n)
		if err != nil && err != io.EOF {
			g.stop = err
		}
		return n, err
	}
	return 0, g.stop
}

// header lets read a header of at most limit bytes. Readers above hold up to slack bytes that they have read ahead.
func (g *guard) header(limit, slack int64, read func() error) error {
	g.counting, g.budget = true, limit+slack
	err := read()
	g.counting = false
	return err
}

// streamed walks over the mail with go-message: one pass, memory for one buffer a level.
func (r *reading) streamed() error {
	r.guard = &guard{ctx: r.ctx, src: r.src, deadline: r.deadline}
	buffer := bufio.NewReaderSize(r.guard, rootBuffer(r.src.Size()))
	var h textproto.Header
	err := r.guard.header(r.lim.HeaderBytes, 0, func() (err error) {
		h, err = textproto.ReadHeader(buffer)
		return err
	})
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	if err != nil {
		return r.explain(err)
	}
	if h.Len() == 0 {
		return errMalformed
	}
	root, err := r.streamedEntity(h, buffer, 0, typePlain)
	if err != nil {
		return err
	}
	r.root(root)
	if err := r.entity(root, &place{first: true}); err != nil {
		return err
	}
	if r.hand == nil && len(r.mail.Files)+len(r.body.text)+len(r.body.html)+len(r.spare) == 0 {
		return errMalformed // parts within parts, and nothing in them: their boundaries were misunderstood
	}
	return nil
}

// rootBuffer is the size of the buffer over the whole mail: small for an ordinary mail, which lies in memory, and large for one that comes from a file.
func rootBuffer(size int64) int {
	if size <= 64<<10 {
		return 2 << 10
	}
	return 32 << 10
}

// streamedEntity makes an entity of what go-message read; body is what follows the header.
func (r *reading) streamedEntity(h textproto.Header, body io.Reader, depth int, fallback string) (*entity, error) {
	e, err := r.newEntity(h, body, fallback)
	if err != nil {
		return nil, err
	}
	kind := e.multipart()
	if kind == "" {
		return e, nil
	}
	boundary := e.content.params["boundary"]
	if boundary == "" || len(boundary) > 1000 { // RFC 2046 §5.1.1 says 70; textproto needs less than its buffer of 4096
		return nil, errMalformed
	}
	parts := textproto.NewMultipartReader(body, boundary)
	childType := typePlain
	if kind == "digest" { // RFC 2046 §5.1.5
		childType = typeMessage
	}
	e.next = func() (*entity, error) { return r.nextPart(parts, depth, childType) }
	return e, nil
}

// nextPart reads the header of the next part; io.EOF after the last.
func (r *reading) nextPart(parts *textproto.MultipartReader, depth int, childType string) (*entity, error) {
	const readAhead = 4096 // textproto's buffer, one a level
	var part *textproto.Part
	err := r.guard.header(r.lim.HeaderBytes, int64(depth+2)*readAhead, func() (err error) {
		part, err = parts.NextPart()
		return err
	})
	if err == io.EOF {
		return nil, err
	}
	if err != nil {
		return nil, r.explain(err)
	}
	return r.streamedEntity(part.Header, part, depth+1, childType)
}

// explain tells what an error of a parser means: a limit that was passed, bytes that could not be read, an end that came too early, or a mail that it does not understand.
func (r *reading) explain(err error) error {
	switch stop := r.guard.stop; {
	case stop == errHeaderTooLong:
		return r.beyond("A header is longer than %d bytes.", r.lim.HeaderBytes)
	case stop == errTooSlow:
		return r.beyond("Reading took longer than %v.", r.lim.Time)
	case stop != nil:
		return &sourceError{stop}
	case strings.HasSuffix(err.Error(), io.EOF.Error()): // 'unexpected EOF' too; textproto wraps with %v
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %v", errMalformed, err)
}

// entity reads one entity and all below it.
func (r *reading) entity(e *entity, at *place) error {
	if r.parts++; r.parts > r.lim.Parts {
		return r.beyond("The mail has more than %d parts.", r.lim.Parts)
	}
	if e.next == nil {
		if err := r.leaf(e, at); err != nil {
			return err
		}
		passOver(e.body)
		return nil
	}
	if at.depth >= r.lim.Depth {
		return r.beyond("The parts of the mail are nested more than %d deep.", r.lim.Depth)
	}
	below := place{depth: at.depth + 1, first: true, parent: e.multipart(), alternative: at.alternative, noText: at.noText, noHTML: at.noHTML}
	before := r.body.marks()
	if below.parent == "alternative" {
		below.alternative = true
	}
	for {
		part, err := e.next()
		if err == io.EOF {
			break
		}
		if err == io.ErrUnexpectedEOF {
			r.problem(problemCut)
			break
		}
		if err != nil {
			return err
		}
		if err := r.entity(part, &below); err != nil {
			return err
		}
		below.first = false
	}
	if below.parent == "alternative" && !at.alternative {
		r.body.settle(before)
	}
	return nil
}

// passOver reads what nobody wanted of a part. The library would skip it by itself, but within the budget of the header that follows: a long text would make the next part's header too long.
// What goes wrong here goes wrong again when the next part is looked for, and is judged there.
func passOver(body io.Reader) { _, _ = io.Copy(io.Discard, body) }
