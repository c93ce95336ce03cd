package mailtext

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// rtfDictionary is what the window of the compression holds at the beginning (MS-OXRTFCP §2.1.2.1).
const rtfDictionary = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` +
	"\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// decompressRTF undoes the compression of PidTagRtfCompressed (MS-OXRTFCP §3.1.1.1.2). At most limit bytes come out; ok is false where the bytes make no sense.
func decompressRTF(raw []byte, limit int64) (rtf []byte, ok bool) {
	const header = 16 // sizes, type, checksum
	if len(raw) < header {
		return nil, false
	}
	switch string(raw[8:12]) {
	case "MELA":
		return raw[header:], true
	case "LZFu":
	default:
		return nil, false
	}
	size := min(int64(binary.LittleEndian.Uint32(raw[4:])), limit)
	var window [4096]byte
	at := copy(window[:], rtfDictionary)
	raw = raw[header:]
	put := func(c byte) {
		window[at] = c
		at = (at + 1) % len(window)
		rtf = append(rtf, c)
	}
	for len(raw) > 0 && int64(len(rtf)) < size {
		control := raw[0]
		raw = raw[1:]
		for bit := 0; bit < 8 && len(raw) > 0 && int64(len(rtf)) < size; bit++ {
			if control>>bit&1 == 0 {
				put(raw[0])
				raw = raw[1:]
				continue
			}
			if len(raw) < 2 {
				return rtf, true
			}
			token := binary.BigEndian.Uint16(raw)
			raw = raw[2:]
			from, length := int(token>>4), int(token&0xF)+2
			if from == at { // the end
				return rtf, true
			}
			for ; length > 0; length-- {
				put(window[from])
				from = (from + 1) % len(window)
			}
		}
	}
	return rtf, true
}

// rtfState is what a group in braces inherits.
type rtfState struct {
	hidden bool // a destination whose content is no text
	skipUC int  // characters that stand in for one \u (\uc)
}

// rtfReader takes text, or the HTML that was packed into RTF (MS-OXRTFEX), out of it.
type rtfReader struct {
	src      []byte
	at       int
	state    rtfState
	stack    []rtfState
	out      strings.Builder
	pending  []byte // bytes in the codepage
	codepage string
	html     bool // RTF that was made of HTML: \fromhtml1
	skip     int  // characters to leave out after \u
}

// bodyOfRTF is the HTML that Outlook packed into RTF, else the plain text.
func bodyOfRTF(rtf []byte) bodyItem {
	r := rtfReader{src: rtf, codepage: "windows-1252", state: rtfState{skipUC: 1}}
	r.html = strings.Contains(string(rtf[:min(len(rtf), 1024)]), `\fromhtml1`)
	r.read()
	return bodyItem{html: r.html, content: readable(strings.ToValidUTF8(r.out.String(), "�"))}
}

func (r *rtfReader) read() {
	for r.at < len(r.src) {
		c := r.src[r.at]
		r.at++
		switch c {
		case '{':
			if len(r.stack) < 1000 {
				r.stack = append(r.stack, r.state)
			}
		case '}':
			r.flush()
			if n := len(r.stack); n > 0 {
				r.state, r.stack = r.stack[n-1], r.stack[:n-1]
			}
		case '\\':
			r.control()
		case '\r', '\n':
		default:
			r.char(c)
		}
	}
	r.flush()
}

func (r *rtfReader) char(c byte) {
	switch {
	case r.skip > 0:
		r.skip--
	case !r.state.hidden:
		r.pending = append(r.pending, c)
	}
}

func (r *rtfReader) text(s string) {
	if !r.state.hidden {
		r.flush()
		r.out.WriteString(s)
	}
}

func (r *rtfReader) flush() {
	if len(r.pending) > 0 {
		r.out.WriteString(decodeCharset(r.pending, r.codepage))
		r.pending = r.pending[:0]
	}
}

// control reads what follows a backslash: a symbol, or a word with perhaps a number.
func (r *rtfReader) control() {
	if r.at >= len(r.src) {
		return
	}
	c := r.src[r.at]
	if c|0x20 < 'a' || c|0x20 > 'z' {
		r.at++
		r.symbol(c)
		return
	}
	start := r.at
	for r.at < len(r.src) && isAlnum(r.src[r.at]) && !isDigit(r.src[r.at]) {
		r.at++
	}
	word := string(r.src[start:r.at])
	digits := r.at
	if r.at < len(r.src) && r.src[r.at] == '-' {
		r.at++
	}
	for r.at < len(r.src) && isDigit(r.src[r.at]) && r.at-digits < 10 {
		r.at++
	}
	number, err := strconv.Atoi(string(r.src[digits:r.at]))
	if r.at < len(r.src) && r.src[r.at] == ' ' {
		r.at++
	}
	r.word(word, number, err == nil)
}

func (r *rtfReader) symbol(c byte) {
	switch c {
	case '\'':
		if r.at+1 < len(r.src) {
			if value, ok := hexByte(r.src[r.at], r.src[r.at+1]); ok {
				r.at += 2
				r.char(value)
			}
		}
	case '\\', '{', '}':
		r.char(c)
	case '~':
		r.text("\u00A0")
	case '_':
		r.text("-")
	case '*':
		// A destination that old readers do not know; the one that we do holds the tags of packed HTML.
		r.state.hidden = !(r.html && strings.HasPrefix(string(r.src[r.at:min(r.at+9, len(r.src))]), `\htmltag`))
	}
}

func (r *rtfReader) word(word string, number int, has bool) {
	switch word {
	case "par", "line":
		r.text("\n")
	case "tab":
		r.text("\t")
	case "emdash":
		r.text("—")
	case "endash":
		r.text("–")
	case "lquote":
		r.text("‘")
	case "rquote":
		r.text("’")
	case "ldblquote":
		r.text("“")
	case "rdblquote":
		r.text("”")
	case "bullet":
		r.text("•")
	case "u":
		r.text(string(rune(uint16(number))))
		r.skip = r.state.skipUC
	case "uc":
		r.state.skipUC = max(0, min(number, 16))
	case "ansicpg":
		r.codepage = "windows-" + strconv.Itoa(number)
	case "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "listtable", "listoverridetable":
		r.state.hidden = true
	case "htmlrtf": // what stands between htmlrtf and htmlrtf0 was added for readers of RTF
		if r.html {
			r.flush()
			r.state.hidden = !has || number != 0
		}
	}
}
