package mailtext

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gogs/chardet"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// guessBytes is how much of a text is looked at to guess its charset: more makes it slower, not surer.
const guessBytes = 8 << 10

// decodeCharset makes valid UTF-8 of text that says that it is in the charset label. It never fails: an unknown or lying label is met with a guess, and what is left is Windows-1252, in which every byte means something.
func decodeCharset(raw []byte, label string) string {
	label = normalLabel(label)
	switch label {
	case "utf-7", "unicode-1-1-utf-7":
		return decodeUTF7(raw)
	case "", "utf-8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252":
		// The three that are claimed without thought. Text in them that is not ASCII and yet valid UTF-8 is UTF-8: by chance that hardly happens.
		if utf8.Valid(raw) && !isISO2022(raw, label) {
			return string(raw)
		}
		if label == "iso-8859-1" || label == "latin1" || label == "windows-1252" {
			return decodeWith(charmap.Windows1252, raw)
		}
		return decodeGuessed(raw)
	}
	if enc := lookupCharset(label); enc != nil {
		return decodeWith(enc, raw)
	}
	if utf8.Valid(raw) {
		return string(raw)
	}
	return decodeGuessed(raw)
}

// normalLabel takes off what programs wrongly put around a charset's name.
func normalLabel(label string) string {
	label = strings.ToLower(strings.Trim(label, " \t\r\n\"'"))
	switch label {
	case "utf8", "utf_8", "utf-8n", "unicode-1-1-utf-8", "default", "unknown", "x-unknown", "unknown-8bit":
		return "utf-8"
	}
	return label
}

// isISO2022 says whether unlabelled text switches charsets by escape sequences (RFC 1468).
func isISO2022(raw []byte, label string) bool {
	return label == "" && (bytes.Contains(raw, []byte("\x1b$B")) || bytes.Contains(raw, []byte("\x1b$@")))
}

// lookupCharset finds a charset by its name, first as browsers understand names, then as IANA registers them; nil when nobody knows it.
func lookupCharset(label string) encoding.Encoding {
	switch label {
	case "hz-gb-2312":
		return simplifiedchinese.HZGB2312 // browsers refuse it, mail from the 1990s does not
	case "gb2312", "gb_2312-80", "gbk", "x-gbk", "cp936":
		return simplifiedchinese.GB18030 // the superset of all three
	case "cp932", "ms932", "x-sjis", "sjis":
		return japanese.ShiftJIS
	case "ks_c_5601-1987", "cp949", "ks_c_5601", "euc_kr":
		return korean.EUCKR
	case "utf-16":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM) // RFC 2781 §4.3
	case "macintosh", "x-mac-roman", "mac":
		return charmap.Macintosh
	}
	for _, prefix := range []string{"cp-", "cp", "windows", "win-", "x-cp"} {
		if digits, found := strings.CutPrefix(label, prefix); found && len(digits) == 4 && digits[:2] == "12" {
			label = "windows-" + digits
		}
	}
	if enc, err := htmlindex.Get(label); err == nil && enc != encoding.Replacement {
		return enc
	}
	if enc, err := ianaindex.MIME.Encoding(label); err == nil && enc != nil {
		return enc
	}
	if enc, err := ianaindex.IANA.Encoding(label); err == nil && enc != nil {
		return enc
	}
	return nil
}

// decodeWith decodes; bytes that mean nothing become U+FFFD.
func decodeWith(enc encoding.Encoding, raw []byte) string {
	out, err := enc.NewDecoder().Bytes(raw)
	if err != nil {
		return strings.ToValidUTF8(string(raw), "�")
	}
	return string(out)
}

// decodeGuessed decodes text whose charset is not known.
func decodeGuessed(raw []byte) string {
	if isISO2022(raw, "") {
		return decodeWith(japanese.ISO2022JP, raw)
	}
	// One damaged character in a long text of UTF-8 does not make it something else.
	if broken, multi := countUTF8(raw); multi > 0 && broken*8 <= multi {
		return strings.ToValidUTF8(string(raw), "�")
	}
	// A guess needs something to go by: of a few words, Windows-1252 is as good.
	if len(raw) >= 16 {
		if guess, err := chardet.NewTextDetector().DetectBest(raw[:min(len(raw), guessBytes)]); err == nil && guess.Confidence >= 30 {
			if enc := lookupCharset(strings.ToLower(guess.Charset)); enc != nil {
				return decodeWith(enc, raw)
			}
		}
	}
	return decodeWith(charmap.Windows1252, raw)
}

// countUTF8 counts the bytes that are no UTF-8 and the characters of several bytes that are.
func countUTF8(raw []byte) (broken, multi int) {
	for len(raw) > 0 {
		c, size := utf8.DecodeRune(raw)
		switch {
		case c == utf8.RuneError && size == 1:
			broken++
		case size > 1:
			multi++
		}
		raw = raw[size:]
	}
	return broken, multi
}

// decodeUTF7 decodes RFC 2152, which x/text does not know. What is broken stays as written.
func decodeUTF7(raw []byte) string {
	var out strings.Builder
	out.Grow(len(raw))
	for len(raw) > 0 {
		plus := bytes.IndexByte(raw, '+')
		if plus < 0 {
			break
		}
		out.WriteString(plainText(string(raw[:plus])))
		raw = raw[plus+1:]
		end := 0
		for end < len(raw) && base64Values[raw[end]] < 64 && raw[end] != '-' && raw[end] != '_' {
			end++
		}
		if end == 0 { // +- stands for +
			out.WriteByte('+')
		} else {
			out.WriteString(utf16Text(raw[:end]))
		}
		if end < len(raw) && raw[end] == '-' {
			end++
		}
		raw = raw[end:]
	}
	out.WriteString(plainText(string(raw)))
	return strings.ToValidUTF8(out.String(), "�")
}

// utf16Text decodes base64 of UTF-16, big endian, without padding.
func utf16Text(b64 []byte) string {
	units, err := base64.RawStdEncoding.DecodeString(string(b64))
	if err != nil && len(units) == 0 {
		return string(b64)
	}
	words := make([]uint16, 0, len(units)/2)
	for i := 0; i+1 < len(units); i += 2 {
		words = append(words, uint16(units[i])<<8|uint16(units[i+1]))
	}
	return string(utf16.Decode(words))
}

// readable makes decoded text fit to be shown and stored: \n line ends, no byte order mark, no NUL and no other controls but tab and line feed.
func readable(s string) string {
	s = strings.TrimPrefix(s, "\uFEFF")
	at := nextControl(s, 0)
	if at == len(s) {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	kept := 0 // up to where s is dealt with
	for ; at < len(s); at = nextControl(s, at+1) {
		out.WriteString(s[kept:at])
		kept = at + 1
		if s[at] == '\r' && (kept == len(s) || s[kept] != '\n') {
			out.WriteByte('\n')
		}
	}
	out.WriteString(s[kept:])
	return out.String()
}

// nextControl is the place of the next control that may not stay, or len(s).
func nextControl(s string, at int) int {
	for at < len(s) && !isControl(s[at]) {
		at++
	}
	return at
}

// isControl is for bytes of ASCII: a NUL cannot be stored as text in PostgreSQL, an escape means mischief in a terminal, and \r is half a line end.
func isControl(c byte) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7F }
