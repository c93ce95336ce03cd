package filters

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

const (
	mostFields = 2000     // fields of a mail that a milter hears of; each costs a question and an answer
	longField  = 60 << 10 // octets of a field that it hears of: libmilter hangs up at 64 KiB
)

// eachField reads the header of a mail and hands on each field as milters expect it: the value as it stands, without the one space after the colon, lines ended by LF alone.
// It stops when fn wants no more, and returns where the body begins. A line that can be no field ends the header, and the body begins with it.
func eachField(raw *io.SectionReader, fn func(name, value string) (more bool, err error)) (body int64, err error) {
	reader := bufio.NewReaderSize(io.NewSectionReader(raw, 0, raw.Size()), 4<<10)
	var pending []byte // the field that may go on in the next line
	count := 0
	flush := func() (more bool, err error) {
		if pending == nil || count == mostFields {
			return true, nil
		}
		count++
		name, value, _ := strings.Cut(strings.ReplaceAll(string(pending), "\x00", " "), ":")
		pending = nil
		return fn(strings.TrimRight(name, " \t"), strings.TrimPrefix(value, " "))
	}
	for at := int64(0); ; {
		line, length, err := readLine(reader)
		if err != nil {
			return at, err
		}
		if folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t') && pending != nil; folded {
			if room := longField - len(pending) - 1; room > 0 {
				pending = append(append(pending, '\n'), line[:min(len(line), room)]...)
			}
			at += length
			continue
		}
		if more, err := flush(); err != nil || !more {
			return at, err
		}
		switch {
		case length == 0: // the end: no body
			return at, nil
		case len(line) == 0:
			return at + length, nil
		case !isField(line):
			return at, nil
		}
		pending = line
		at += length
	}
}

// readLine reads a line without its end, and says how many octets it took; 0 at the end of the mail. What is longer than a field may be is cut off.
func readLine(reader *bufio.Reader) (line []byte, length int64, err error) {
	line = []byte{}
	for {
		piece, err := reader.ReadSlice('\n')
		length += int64(len(piece))
		line = append(line, piece[:min(len(piece), longField-len(line))]...)
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), length, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, length, err
		}
	}
}

// isField says whether a line begins a header field: a name of printable characters and a colon (RFC 5322 §2.2; white space before the colon is obsolete syntax, §4.5).
func isField(line []byte) bool {
	name, _, found := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	return found && len(name) > 0 && len(name) < 1000 && bytes.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
