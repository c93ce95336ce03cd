package mailout

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	foldAt   = 78  // longest header line where words allow it (RFC 5322 §2.1.1)
	wordSize = 64  // longest encoded-word: RFC 2047 §2 allows 75, and the first shares its line with the field's name
	atomSize = 256 // longest run of ASCII that is left as it is; longer ones are encoded, so that they can be folded
)

// header collects fields. Every value passes through tokens that hold neither CR nor LF, and only add puts line ends between them, so nobody's words can start a field.
type header struct{ bytes.Buffer }

// field is a name and its tokens, between which a line may be folded.
type field struct {
	name   string
	tokens []string
}

func (h *header) fields(list []field) {
	for _, f := range list {
		h.add(f.name, f.tokens...)
	}
}

// add writes one field, folded between tokens (RFC 5322 §2.2.3). Without tokens there is no field.
func (h *header) add(name string, tokens ...string) {
	if len(tokens) == 0 {
		return
	}
	h.WriteString(name + ":")
	length := len(name) + 1
	for i, token := range tokens {
		if i > 0 && length+1+len(token) > foldAt {
			h.WriteString("\r\n")
			length = 0
		}
		h.WriteString(" " + token)
		length += 1 + len(token)
	}
	h.WriteString("\r\n")
}

// clean makes one line of a text: white space of any kind becomes a space, control characters vanish, broken UTF-8 is replaced.
func clean(text string) string {
	line := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(line)
}

// textTokens writes unstructured text (RFC 5322 §2.2.1): words as they are where they are plain, else encoded-words.
func textTokens(text string) []string {
	text = clean(text)
	if text == "" {
		return nil
	}
	words := strings.Split(text, " ")
	for _, word := range words {
		// An empty word is a second space, which folding would lose; =? would be read as an encoded-word.
		if word == "" || len(word) > atomSize || !printable(word) || strings.Contains(word, "=?") {
			return encodedWords(text)
		}
	}
	return words
}

// phraseTokens writes a display name (RFC 5322 §3.2.5): atoms, else a quoted string, else encoded-words.
func phraseTokens(name string) []string {
	name = clean(name)
	tokens := textTokens(name) // one token an atom, or already encoded-words
	switch {
	case len(tokens) == 0 || strings.Trim(name, atext+" ") == "" || strings.Join(tokens, " ") != name:
		return tokens
	case len(name) > wordSize:
		return encodedWords(name)
	}
	return []string{quote(name)}
}

// quote makes a quoted string (RFC 5322 §3.2.4) of printable ASCII.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// printable says whether a text is ASCII without control characters.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// plainWord is what the Q encoding leaves as it is in a phrase (RFC 2047 §5 (3)): safe everywhere else too.
const plainWord = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"

// encodedWords writes a text as RFC 2047 encoded-words, in whichever encoding is shorter. Each word holds whole characters (§5).
func encodedWords(text string) []string {
	const room = wordSize - len("=?utf-8?q??=")
	encoding, cost := "q", func(n, plain int) int { return 3*(n-plain) + plain }
	plain := 0
	for i := range len(text) {
		if text[i] == ' ' || strings.IndexByte(plainWord, text[i]) >= 0 {
			plain++
		}
	}
	if cost(len(text), plain) > base64.StdEncoding.EncodedLen(len(text)) {
		encoding, cost = "b", func(n, _ int) int { return base64.StdEncoding.EncodedLen(n) }
	}
	var words []string
	start, inWord := 0, 0
	for i, r := range text {
		width, isPlain := utf8.RuneLen(r), 0
		if r == ' ' || r < utf8.RuneSelf && strings.IndexByte(plainWord, byte(r)) >= 0 {
			isPlain = 1
		}
		if cost(i+width-start, inWord+isPlain) > room {
			words = append(words, encodeWord(encoding, text[start:i]))
			start, inWord = i, 0
		}
		inWord += isPlain
	}
	return append(words, encodeWord(encoding, text[start:]))
}

func encodeWord(encoding, text string) string {
	if encoding == "b" {
		return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
	}
	var word strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == ' ':
			word.WriteByte('_')
		case strings.IndexByte(plainWord, c) >= 0:
			word.WriteByte(c)
		default:
			fmt.Fprintf(&word, "=%02X", c)
		}
	}
	return "=?utf-8?q?" + word.String() + "?="
}

// paramTokens writes a MIME parameter: quoted where it is short ASCII (RFC 2045 §5.1), else in RFC 2231's form, in pieces where it is long (§3, §4).
func paramTokens(name, value string) []string {
	value = clean(value)
	switch {
	case value == "":
		return nil
	case printable(value) && len(value) <= wordSize && !strings.Contains(value, "=?"):
		return []string{name + "=" + quote(value)}
	}
	var pieces []string
	piece := "utf-8''"
	for _, r := range value {
		escaped := percent(string(r))
		if len(piece)+len(escaped) > wordSize-len(name) {
			pieces, piece = append(pieces, piece), ""
		}
		piece += escaped
	}
	pieces = append(pieces, piece)
	if len(pieces) == 1 {
		return []string{name + "*=" + piece}
	}
	for i := range pieces {
		pieces[i] = name + "*" + strconv.Itoa(i) + "*=" + pieces[i]
		if i < len(pieces)-1 {
			pieces[i] += ";"
		}
	}
	return pieces
}

// percent escapes what is not an attribute-char (RFC 2231 §7).
func percent(text string) string {
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; c < utf8.RuneSelf && (strings.IndexByte("!#$&+-.^_`{|}~", c) >= 0 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
