package mailtext

import (
	"strings"
	"unicode/utf8"
)

// encodedWord is one =?charset?encoding?text?= (RFC 2047 §2), still in its charset.
type encodedWord struct {
	charset string
	bytes   []byte
}

// decodeWords decodes the encoded-words in a field, and the raw 8-bit text between them, into valid UTF-8.
// Neighbours of the same charset are joined before they are decoded: RFC 2047 §5 forbids to split a character between two, and many programs do.
func decodeWords(s string) string {
	at := strings.Index(s, "=?")
	if at < 0 {
		return plainText(s)
	}
	var out strings.Builder
	out.Grow(len(s))
	var waiting encodedWord
	flush := func() {
		if waiting.bytes != nil {
			out.WriteString(decodeCharset(waiting.bytes, waiting.charset))
			waiting = encodedWord{}
		}
	}
	for at >= 0 {
		word, length := parseWord(s[at:])
		if length == 0 {
			flush()
			out.WriteString(plainText(s[:at+2]))
			s = s[at+2:]
			at = strings.Index(s, "=?")
			continue
		}
		between := s[:at]
		joined := waiting.bytes != nil && strings.Trim(between, " \t\r\n") == "" // RFC 2047 §6.2: white space between two encoded-words is not shown
		if !joined || !strings.EqualFold(waiting.charset, word.charset) {
			flush()
		}
		if !joined {
			out.WriteString(plainText(between))
		}
		waiting.charset = word.charset
		waiting.bytes = append(waiting.bytes, word.bytes...)
		s = s[at+length:]
		at = strings.Index(s, "=?")
	}
	flush()
	out.WriteString(plainText(s))
	return out.String()
}

// parseWord reads one encoded-word at the start of s; length is 0 when there is none. White space within the text is against RFC 2047 §2 and understood in Q, where programs write it.
func parseWord(s string) (word encodedWord, length int) {
	charset, rest, ok := strings.Cut(s[2:], "?")
	if !ok || len(charset) == 0 || len(charset) > 64 || strings.ContainsAny(charset, " \t\r\n\"<>") || len(rest) < 2 || rest[1] != '?' {
		return encodedWord{}, 0
	}
	encoding := rest[0]
	text, after, ok := strings.Cut(rest[2:], "?=")
	if !ok || len(text) > 16<<10 {
		return encodedWord{}, 0
	}
	// =?utf-8?q?=?= holds a lone =; the ?= that ends it comes one later.
	if text == "" && strings.HasPrefix(after, "?=") {
		text, after = "=", after[2:]
	}
	charset, _, _ = strings.Cut(charset, "*") // RFC 2231 §5: a language may follow
	word = encodedWord{charset: charset}
	switch encoding {
	case 'q', 'Q':
		word.bytes = decodeQ(text)
	case 'b', 'B':
		word.bytes = decodeB(text)
	default:
		return encodedWord{}, 0
	}
	return word, len(s) - len(after)
}

// decodeQ is the Q encoding (RFC 2047 §4.2).
func decodeQ(text string) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '_':
			out = append(out, ' ')
		case text[i] == '=' && i+2 < len(text):
			c, ok := hexByte(text[i+1], text[i+2])
			if !ok {
				out = append(out, '=')
				continue
			}
			out = append(out, c)
			i += 2
		default:
			out = append(out, text[i])
		}
	}
	return out
}

// decodeB is the B encoding (RFC 2047 §4.1), with bad characters skipped and padding optional.
func decodeB(text string) []byte {
	var b base64Bits
	return b.flush(b.decode(make([]byte, 0, len(text)/4*3+3), []byte(text)))
}

// plainText makes valid UTF-8 of text that stands raw in a header. RFC 6532 says that it is UTF-8; where it is not, the charset is guessed.
func plainText(s string) string {
	if utf8.ValidString(s) {
		if strings.IndexByte(s, 0x1B) >= 0 { // raw ISO-2022-JP is all ASCII
			return decodeCharset([]byte(s), "")
		}
		return s
	}
	return decodeCharset([]byte(s), "")
}

// oneLine makes text fit for a place with one line: controls become spaces, runs of white space one space, and the ends are trimmed.
func oneLine(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7F || s[i] == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7F }), " ")
}
