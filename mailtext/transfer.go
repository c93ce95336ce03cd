package mailtext

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// quotedBuffer is more than a line of quoted-printable may have (RFC 2045 §6.7: 76); longer lines are read in pieces.
const quotedBuffer = 1024

// transferDecoder undoes a Content-Transfer-Encoding (RFC 2045 §6). It never fails for what the bytes are: what cannot be decoded is skipped or passed through, as people's mail programs do.
// known is false for an encoding that does not exist; the bytes then pass as they are.
func transferDecoder(encoding string, r io.Reader) (decoded io.Reader, known bool) {
	switch strings.ToLower(encoding) {
	case "", "7bit", "8bit", "binary":
		return r, true
	case "base64":
		return &base64Reader{src: r}, true
	case "quoted-printable":
		return &quotedReader{src: bufio.NewReaderSize(r, quotedBuffer)}, true
	case "x-uuencode", "uuencode", "x-uue", "x-uu":
		return &uuReader{src: bufio.NewReader(r)}, true
	}
	return r, false
}

// What base64Values says of a byte that carries no bits.
const (
	base64Padding = 0xFE
	base64Noise   = 0xFF
)

// base64Values maps a byte to its six bits.
var base64Values = func() (table [256]byte) {
	for i := range table {
		table[i] = base64Noise
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		table[c] = byte(i)
	}
	table['-'], table['_'] = 62, 63 // RFC 4648 §5: some programs write the alphabet for URLs
	table['='] = base64Padding
	return table
}()

// base64Bits decodes base64 and skips what does not belong to it (RFC 2045 §6.8: 'must be ignored'). Missing padding is understood, and so are lines that were encoded one by one.
type base64Bits struct {
	bits  uint32
	have  int  // sextets in bits
	ended bool // there was padding in this line
}

// decode appends the bytes that are complete to out.
func (b *base64Bits) decode(out, in []byte) []byte {
	for i := 0; i < len(in); i++ {
		if b.have == 0 && !b.ended { // as it is almost always: groups of four, one after the other
			for ; i+4 <= len(in); i += 4 {
				first, second, third, fourth := base64Values[in[i]], base64Values[in[i+1]], base64Values[in[i+2]], base64Values[in[i+3]]
				if first|second|third|fourth >= 64 {
					break
				}
				out = append(out, first<<2|second>>4, second<<4|third>>2, third<<6|fourth)
			}
			if i == len(in) {
				break
			}
		}
		c := in[i]
		v := base64Values[c]
		switch {
		case v < 64 && !b.ended:
			b.bits = b.bits<<6 | uint32(v)
			if b.have++; b.have == 4 {
				out = append(out, byte(b.bits>>16), byte(b.bits>>8), byte(b.bits))
				b.bits, b.have = 0, 0
			}
		case v == base64Padding:
			out = b.flush(out)
			b.ended = true
		case c == '\n':
			b.ended = false
		}
	}
	return out
}

// flush writes the whole bytes among the waiting sextets: at the end of the data, or at padding.
func (b *base64Bits) flush(out []byte) []byte {
	switch b.have {
	case 2:
		out = append(out, byte(b.bits>>4))
	case 3:
		out = append(out, byte(b.bits>>10), byte(b.bits>>2))
	}
	b.bits, b.have = 0, 0
	return out
}

// base64Reader is base64Bits as a stream.
type base64Reader struct {
	src  io.Reader
	bits base64Bits
	raw  [1536]byte
	done [1536/4*3 + 8]byte // decoded
	out  []byte             // the part of done that is not read yet
	err  error
}

func (b *base64Reader) Read(p []byte) (int, error) {
	for len(b.out) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		n, err := b.src.Read(b.raw[:])
		b.out = b.bits.decode(b.done[:0], b.raw[:n])
		if err != nil {
			b.err = err
			b.out = b.bits.flush(b.out)
		}
	}
	n := copy(p, b.out)
	b.out = b.out[n:]
	return n, nil
}

// quotedReader decodes quoted-printable (RFC 2045 §6.7). A = that is followed by no hexadecimal digits stands for itself, as note 2 there suggests.
type quotedReader struct {
	src   *bufio.Reader
	carry []byte // the end of an overlong line that may be half an escape
	buf   []byte
	out   []byte
	err   error
}

func (q *quotedReader) Read(p []byte) (int, error) {
	for len(q.out) == 0 {
		if q.err != nil {
			return 0, q.err
		}
		q.fill()
	}
	n := copy(p, q.out)
	q.out = q.out[n:]
	return n, nil
}

func (q *quotedReader) fill() {
	line, err := q.src.ReadSlice('\n')
	if len(q.carry) > 0 {
		line = append(q.carry, line...)
		q.carry = nil
	}
	whole := true
	switch err {
	case nil:
	case bufio.ErrBufferFull:
		whole = false
		if cut := bytes.LastIndexByte(line, '='); cut >= 0 && cut >= len(line)-3 {
			q.carry = append([]byte(nil), line[cut:]...)
			line = line[:cut]
		}
	default:
		q.err = err
	}
	q.buf = unquote(q.buf[:0], line, whole)
	q.out = q.buf
}

// unquote appends the decoded line to out. Of a whole line the white space before its end is transport's, not the sender's (rule 3), and a = at the end joins it with the next.
func unquote(out, line []byte, whole bool) []byte {
	end := ""
	if whole {
		text := bytes.TrimRight(line, " \t\r\n")
		switch {
		case bytes.HasSuffix(text, []byte("=")):
			text = text[:len(text)-1]
		case bytes.HasSuffix(line, []byte("\r\n")):
			end = "\r\n"
		case bytes.HasSuffix(line, []byte("\n")):
			end = "\n"
		}
		line = text
	}
	for {
		at := bytes.IndexByte(line, '=')
		if at < 0 {
			break
		}
		out = append(out, line[:at]...)
		line = line[at:]
		if len(line) >= 3 {
			if c, ok := hexByte(line[1], line[2]); ok {
				out = append(out, c)
				line = line[3:]
				continue
			}
		}
		out = append(out, '=')
		line = line[1:]
	}
	out = append(out, line...)
	return append(out, end...)
}

// hexByte reads two hexadecimal digits. Lower case is against rule 1 of RFC 2045 §6.7 and common.
func hexByte(high, low byte) (byte, bool) {
	h, ok1 := hexDigit(high)
	l, ok2 := hexDigit(low)
	return h<<4 | l, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// uuReader decodes uuencode (POSIX uuencode, historical algorithm) between 'begin' and 'end'.
type uuReader struct {
	src   *bufio.Reader
	begun bool
	out   []byte
	err   error
}

func (u *uuReader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		line, err := u.src.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			u.err = err
		}
		u.line(bytes.TrimRight(line, "\r\n"))
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *uuReader) line(line []byte) {
	switch {
	case !u.begun:
		u.begun = bytes.HasPrefix(line, []byte("begin "))
	case string(line) == "end":
		u.err = io.EOF
	case len(line) > 1:
		u.out = uuLine(line)
	}
}

// uuLine decodes one line: its length in the first character, then four characters for each three bytes.
func uuLine(line []byte) []byte {
	length := int(line[0]-' ') & 0x3F
	out := make([]byte, 0, length+3)
	sextet := func(i int) uint32 {
		if i >= len(line) {
			return 0
		}
		return uint32(line[i]-' ') & 0x3F
	}
	for i := 1; len(out) < length; i += 4 {
		bits := sextet(i)<<18 | sextet(i+1)<<12 | sextet(i+2)<<6 | sextet(i+3)
		out = append(out, byte(bits>>16), byte(bits>>8), byte(bits))
	}
	return out[:length]
}
