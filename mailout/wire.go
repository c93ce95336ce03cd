package mailout

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const maxWireLine = 1000 // octets with CR LF (RFC 5321 §4.5.3.1.6)

// unfitError is a mail that must not leave as it is. Nothing here changes a signed octet, so it does not leave at all.
type unfitError struct{ why string }

func (e *unfitError) Error() string { return "the mail " + e.why }

// sourceError is a mail whose own bytes could not be read.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// body sends a mail as the content of DATA, dots stuffed (RFC 5321 §4.5.2), but not the final one. It is the last gate before the network: what is not made of lines of 7-bit text that end in CR LF
// is refused with an unfitError, for servers disagree about what ends a mail where CR and LF go their own ways (T-12). With SMTPUTF8 the header may hold UTF-8 (RFC 6532).
func (d *dialogue) body(r io.Reader, foreignHeader bool) error {
	if d.lines == nil {
		d.lines = bufio.NewReaderSize(nil, 16<<10)
	}
	lines := d.lines
	lines.Reset(r)
	inHeader := true
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		last := errors.Is(err, io.EOF)
		if last && len(line) == 0 {
			return nil
		}
		if err != nil && !last && !errors.Is(err, bufio.ErrBufferFull) {
			return sourceError{err}
		}
		if last {
			line = append(line[:len(line):len(line)], '\r', '\n') // ReadSlice's own buffer ends here
		}
		if why := unfitLine(line, inHeader && foreignHeader); why != "" {
			return &unfitError{fmt.Sprintf("holds %s in line %d", why, number)}
		}
		inHeader = inHeader && len(line) > len("\r\n")
		if line[0] == '.' {
			if err := d.out.WriteByte('.'); err != nil {
				return err
			}
		}
		if _, err := d.out.Write(line); err != nil {
			return err
		}
	}
}

// unfitLine says what keeps a line from leaving; empty: nothing.
func unfitLine(line []byte, foreign bool) string {
	text, ended := bytes.CutSuffix(line, []byte("\r\n"))
	switch {
	case len(line) > maxWireLine:
		return "more than 998 octets"
	case !ended:
		return "a bare LF"
	}
	for _, octet := range text {
		switch {
		case octet == '\r':
			return "a bare CR"
		case octet == 0:
			return "a NUL"
		case octet >= 0x80 && !foreign:
			return "an octet that is not ASCII"
		}
	}
	return ""
}

// end sends the final dot. While it returns an error the server has not heard the dot: what could not be written whole did not arrive whole.
func (d *dialogue) end() error {
	_, _ = d.out.WriteString(".\r\n")
	return d.out.Flush()
}
