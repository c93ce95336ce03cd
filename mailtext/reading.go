package mailtext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-message/textproto"
)

// reader names the one that understood a mail.
type reader int

const (
	byStream   reader = iota // go-message, from beginning to end
	byPiece                  // go-message, up to where it did not understand; the original is the last file
	byRescue                 // enmime
	byOriginal               // nobody: the original is the only file
)

// reading is one walk over one mail.
type reading struct {
	ctx      context.Context
	src      *io.SectionReader
	lim      Limits
	deadline time.Time
	guard    *guard

	mail    *Mail
	body    body
	spare   []bodyItem // text out of a winmail.dat, for a mail that has no other
	parts   int
	scratch []byte // text before its charset is undone

	known []File                          // in a second walk: the files that the first found
	hand  func(f File, r io.Reader) error // in a second walk: who gets them
	given int                             // how many were handed out
}

const (
	maxProblems = 50
	problemLong = "The text is longer than %d bytes; the rest is in the original only."
	problemCut  = "The mail ends before its last part is complete."
)

func newReading(ctx context.Context, src *io.SectionReader, lim Limits) *reading {
	src = withoutEnvelopeLine(io.NewSectionReader(src, 0, src.Size()))
	r := &reading{ctx: ctx, src: src, lim: lim, deadline: time.Now().Add(lim.Time)}
	r.start()
	return r
}

// start puts the reading to the beginning of the mail, with nothing found yet.
func (r *reading) start() {
	r.src = io.NewSectionReader(r.src, 0, r.src.Size())
	r.mail, r.body, r.spare, r.parts, r.given = &Mail{}, body{}, nil, 0, 0
}

// problem notes a sentence for people, once.
func (r *reading) problem(format string, values ...any) {
	sentence := fmt.Sprintf(format, values...)
	if len(r.mail.Problems) < maxProblems && !slices.Contains(r.mail.Problems, sentence) {
		r.mail.Problems = append(r.mail.Problems, sentence)
	}
}

// cascade lets the readers try in turn: go-message, which streams; enmime, which forgives more and needs the mail in memory; and in the end the mail is shown as it stands. Nothing is lost on the way down: what could not be taken apart is kept as a file.
func (r *reading) cascade() (*Mail, error) {
	err := r.streamed()
	if err == nil {
		r.finish(byStream)
		return r.mail, nil
	}
	var source *sourceError
	if errors.As(err, &source) {
		return nil, fmt.Errorf("reading a mail: %w", source.err)
	}
	var tooMuch *beyondError
	if errors.As(err, &tooMuch) {
		return r.beyondLimits()
	}
	pieces, found := *r, r.parts > 0 && (len(r.mail.Files) > 0 || len(r.body.text)+len(r.body.html) > 0)
	r.start()
	if err := r.rescued(); err == nil {
		r.finish(byRescue)
		return r.mail, nil
	}
	if found {
		*r = pieces
		r.problem("A part of the mail could not be understood. The original is attached.")
		r.addOriginal()
		r.finish(byPiece)
		return r.mail, nil
	}
	r.start()
	return r.bare()
}

// beyondLimits keeps the header fields and the text that was found before the limit, and the original instead of the files.
func (r *reading) beyondLimits() (*Mail, error) {
	if r.parts == 0 { // the header itself was too much
		problems := r.mail.Problems
		r.start()
		r.mail.Problems = problems
		h, _, err := r.looseHeader()
		if err != nil {
			return nil, err
		}
		r.readFields(&h)
	}
	r.mail.Files, r.mail.Events = nil, nil
	r.addOriginal()
	r.finish(byOriginal)
	return r.mail, nil
}

// addOriginal makes the whole mail a file.
func (r *reading) addOriginal() {
	r.mail.Files = append(r.mail.Files, File{
		Name: "message.eml", MediaType: typeMessage, Origin: OriginOriginal, Index: len(r.mail.Files), Size: r.src.Size(),
	})
}

// finish turns what was gathered into what is shown.
func (r *reading) finish(by reader) {
	r.mail.by, r.mail.lim = by, r.lim
	if isBlank(r.body.text) && isBlank(r.body.html) {
		for _, item := range r.spare {
			r.body.add(item, &place{parent: "alternative"})
		}
		r.body.settle(bodyMarks{})
	}
	r.body.show(r)
	r.mail.QuoteAt, r.mail.SignatureAt = quoteAndSignature(r.mail.Text)
	r.inlineOpenPGP()
}

// again hands out the files, by the same reader as before.
func (r *reading) again(by reader) error {
	var err error
	switch by {
	case byStream:
		err = r.streamed()
	case byPiece:
		if err = r.streamed(); errors.Is(err, errMalformed) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		if err == nil {
			err = r.giveOriginal()
		}
	case byRescue:
		err = r.rescued()
	case byOriginal:
		err = r.giveOriginal()
	}
	if err != nil {
		return fmt.Errorf("handing out the files of a mail: %w", err)
	}
	if r.given != len(r.known) {
		return fmt.Errorf("handing out the files of a mail: found %d of %d: these are not the bytes that were read", r.given, len(r.known))
	}
	return nil
}

func (r *reading) giveOriginal() error {
	return r.give(io.NewSectionReader(r.src, 0, r.src.Size()))
}

// give hands out the next file.
func (r *reading) give(content io.Reader) error {
	if r.given >= len(r.known) {
		return errors.New("more files than were found before: these are not the bytes that were read")
	}
	f := r.known[r.given]
	r.given++
	return r.hand(f, content)
}

// root reads what the header of the whole mail says.
func (r *reading) root(e *entity) {
	if r.hand != nil {
		return
	}
	r.readFields(&e.header)
	if e.content.value == "multipart/report" {
		r.mail.Report = oneLine(plainText(e.content.params["report-type"]))
		if r.mail.Automatic == "" {
			r.mail.Automatic = "multipart/report: " + r.mail.Report
		}
	}
}

// looseHeader reads the fields of a header that a strict reader refuses: lines that are no field are skipped, and so is what lies beyond the limits. length is that of the header with the empty line after it.
func (r *reading) looseHeader() (h textproto.Header, length int, err error) {
	raw := make([]byte, min(r.lim.HeaderBytes, r.src.Size()))
	n, err := r.src.ReadAt(raw, 0)
	if err != nil && err != io.EOF {
		return h, 0, fmt.Errorf("reading the header of a mail: %w", err)
	}
	h, length = parseLoose(raw[:n], r.lim.HeaderFields)
	return h, length, nil
}
