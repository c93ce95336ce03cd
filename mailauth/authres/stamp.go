package authres

import (
	"errors"
	"io"
	"sort"
	"strings"
)

// Stamp is a mail with a field in front and without what is cut out of it, as Strip found it. Nothing is copied: the mail has to stay open for as long as what is returned is read.
// Ranges have to be in order; what lies outside of the mail, or is named twice, is left out once.
func Stamp(raw *io.SectionReader, field string, cut [][2]int64) *io.SectionReader {
	pieces := pieces{}
	pieces.add(strings.NewReader(field), 0, int64(len(field)))
	from := int64(0)
	for _, gap := range cut {
		if gap[0] > from {
			pieces.add(raw, from, min(gap[0], raw.Size()))
		}
		from = max(from, gap[1])
	}
	pieces.add(raw, from, raw.Size())
	return io.NewSectionReader(&pieces, 0, pieces.size)
}

// pieces are parts of others, one after the other.
type pieces struct {
	list []piece
	size int64
}

type piece struct {
	source io.ReaderAt
	from   int64 // in the source
	begin  int64 // in the whole
	end    int64
}

func (p *pieces) add(source io.ReaderAt, from, to int64) {
	if to <= from {
		return
	}
	p.list = append(p.list, piece{source: source, from: from, begin: p.size, end: p.size + to - from})
	p.size += to - from
}

var errBeforeStart = errors.New("reading a mail before its beginning")

// ReadAt implements io.ReaderAt.
func (p *pieces) ReadAt(buffer []byte, at int64) (int, error) {
	if at < 0 {
		return 0, errBeforeStart
	}
	done := 0
	first := sort.Search(len(p.list), func(i int) bool { return p.list[i].end > at })
	for _, piece := range p.list[first:] {
		if done == len(buffer) {
			return done, nil
		}
		part := buffer[done:min(int64(len(buffer)), int64(done)+piece.end-at)]
		n, err := piece.source.ReadAt(part, piece.from+at-piece.begin)
		done, at = done+n, at+int64(n)
		if n < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // the mail is shorter than it was
			}
			return done, err
		}
	}
	if done < len(buffer) {
		return done, io.EOF
	}
	return done, nil
}
