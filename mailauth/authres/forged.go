package authres

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/idna"
)

const (
	maxHeader = 4 << 20  // octets of a header that are searched for forgeries: no reader of ours goes further
	maxJudged = 16 << 10 // octets of one field that are judged; who says so stands at its beginning
	lineSize  = 4 << 10  // of the reader's buffer; a longer line is looked at in parts
)

// Forged says whether the value of an Authentication-Results field claims to be ours: whether a reader, strict or careless, could take its authserv-id for our own.
// Comments, quotation marks, folding, case, final dots and U-labels make no difference (RFC 8601 §5). Where the field cannot be read, our name anywhere in it is enough.
func Forged(value, authserv string) bool {
	ours := plain(authserv)
	if ours == "" {
		return false
	}
	name, err := speaker(value)
	if err != nil {
		return strings.Contains(plain(strings.Join(strings.Fields(value), "")), ours)
	}
	return plain(name) == ours
}

const notName = ";=<>,@:\\/[]?" // what ends an authserv-id, for the least careful reader

// speaker is the authserv-id of a field.
func speaker(value string) (string, error) {
	s := scanner{text: value}
	name := s.value(notName)
	for s.peek() == '.' || strings.HasSuffix(name, ".") && s.peek() != 0 { // 'mail. example .com' (RFC 5322 §4.4)
		more := s.value(notName)
		if more == "" {
			break
		}
		name += more
	}
	return name, s.err
}

// plain is the form in which authserv-ids are compared.
func plain(name string) string {
	name = strings.ToLower(strings.TrimRight(strings.TrimSpace(name), "."))
	for i := range len(name) {
		if name[i] >= 0x80 {
			if ascii, err := idna.Lookup.ToASCII(name); err == nil {
				return ascii
			}
			break
		}
	}
	return name
}

// Strip finds the Authentication-Results fields of a mail that claim to be ours. It returns the ranges [from, to) of the mail to leave out, in order and apart from each other.
// ARC-Authentication-Results stay: others' seals are over them, and nobody takes them for ours. A header without an end is searched up to 4 MiB.
func Strip(raw *io.SectionReader, authserv string) ([][2]int64, error) {
	search := search{authserv: authserv}
	lines := bufio.NewReaderSize(io.NewSectionReader(raw, 0, min(raw.Size(), maxHeader)), lineSize)
	starting := true
	for {
		line, err := lines.ReadSlice('\n')
		part := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !part && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("looking for forged authentication results: %w", err)
		}
		if starting && !part && len(bytes.TrimRight(line, "\r\n")) == 0 { // the end of the header, or of the mail
			break
		}
		search.take(line, starting)
		starting = !part
	}
	if search.at < maxHeader { // else the last field is only half read
		search.finish()
	}
	return search.cut, nil
}

// search goes through a header line by line and keeps no more of it than the field that it is in.
type search struct {
	authserv string
	at       int64 // where the next line begins
	begin    int64 // of the field that may be one of ours
	inside   bool  // one such was begun
	value    []byte
	cut      [][2]int64
}

// take reads a line, or a part of one that is longer than the buffer.
func (s *search) take(line []byte, starting bool) {
	if starting && line[0] != ' ' && line[0] != '\t' {
		s.finish()
		if name := line[:len(line)-len(bytes.TrimLeft(line, nameOctets))]; bytes.EqualFold(name, []byte(Name)) {
			s.inside, s.begin = true, s.at
			s.keep(line[len(name):])
		}
	} else if s.inside {
		s.keep(line)
	}
	s.at += int64(len(line))
}

const nameOctets = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

func (s *search) keep(text []byte) {
	s.value = append(s.value, text[:min(len(text), maxJudged-len(s.value))]...)
}

// finish judges the field that ends here. White space may stand before its colon (RFC 5322 §4.5).
func (s *search) finish() {
	if s.inside && s.forged() {
		if last := len(s.cut) - 1; last >= 0 && s.cut[last][1] == s.begin {
			s.cut[last][1] = s.at
		} else {
			s.cut = append(s.cut, [2]int64{s.begin, s.at})
		}
	}
	s.inside, s.value = false, s.value[:0]
}

func (s *search) forged() bool {
	before, value, _ := strings.Cut(string(s.value), ":")
	if strings.TrimSpace(before) != "" {
		return false // another name
	}
	if len(s.value) == maxJudged { // who says so is that far in for one reason only
		if name, err := speaker(value); err != nil || name == "" {
			return true
		}
	}
	return Forged(value, s.authserv)
}
