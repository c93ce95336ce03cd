package authres

import (
	"strconv"
	"strings"

	"postern/desk"
)

// Name is the name of the field.
const Name = "Authentication-Results"

const (
	maxWritten = 320     // octets of one value: the longest address (RFC 5321 §4.5.3.1)
	maxComment = 200     // octets of one reason
	maxMethods = 20      // DKIM signatures that are written
	usual      = 1 << 10 // octets of the whole field, as a rule
	width      = 78      // of a line, where what stands on it allows that (RFC 5322 §2.1.1)
)

// Format writes the field for a verdict, folded, with the CRLF at its end. authserv is our authserv-id: a host name.
// Every method is in it, those too that had nothing to check, in the order in which they were made: iprev, SPF, DKIM, DMARC, ARC.
func Format(authserv string, verdict desk.Verdict) string {
	w := writer{}
	w.out.Grow(usual)
	w.out.WriteString(Name + ":")
	w.column = w.out.Len()
	w.word(value(authserv))
	w.method("iprev", verdict.IPRev, property{"policy.iprev", verdict.IPRev.Identity})
	w.method("spf", verdict.Helo, property{"smtp.helo", verdict.Helo.Identity})
	mailFrom := verdict.SPF.Identity
	if mailFrom == "" {
		mailFrom = verdict.SPF.Domain
	}
	w.method("spf", verdict.SPF, property{"smtp.mailfrom", mailFrom})
	for _, signature := range verdict.DKIM[:min(len(verdict.DKIM), maxMethods)] {
		w.method("dkim", signature, property{"header.d", signature.Domain}, property{"header.i", signature.Identity}, property{"header.s", signature.Selector}, property{"header.a", signature.Algorithm})
	}
	if len(verdict.DKIM) == 0 {
		w.method("dkim", desk.Method{Result: desk.ResultNone, Reason: "no signature"})
	}
	w.method("dmarc", verdict.DMARC, property{"header.from", verdict.DMARC.Domain}, property{"policy.dmarc", verdict.DMARC.Policy})
	arc := verdict.ARC
	if verdict.Rescued != "" {
		arc.Reason = "trusted sealer " + verdict.Rescued
	}
	w.method("arc", arc, property{"header.d", arc.Domain}, property{"header.s", arc.Selector})
	w.out.WriteString("\r\n")
	return w.out.String()
}

// property is a name of ours and a value of a stranger.
type property struct{ name, value string }

// writer folds between words, so that no line gets longer than its longest word.
type writer struct {
	out    strings.Builder
	column int
}

// word writes a space and a word in parts, which has none in it but for those of a quoted string.
func (w *writer) word(parts ...string) {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	if w.column+1+length > width {
		w.fold()
	} else {
		w.out.WriteByte(' ')
		w.column++
	}
	for _, part := range parts {
		w.out.WriteString(part)
	}
	w.column += length
}

func (w *writer) fold() {
	w.out.WriteString("\r\n\t")
	w.column = 8
}

// method begins a line of its own. Properties without a value are left out.
func (w *writer) method(name string, method desk.Method, properties ...property) {
	w.out.WriteByte(';')
	w.fold()
	start := w.out.Len()
	w.out.WriteString(name)
	w.out.WriteByte('=')
	w.out.WriteString(result(method.Result))
	w.column += w.out.Len() - start
	w.comment(method)
	for _, property := range properties {
		if property.value != "" {
			w.word(property.name, "=", value(property.value))
		}
	}
}

// comment writes the size of the key and the reason as a comment (RFC 5322 §3.2.2).
func (w *writer) comment(method desk.Method) {
	text := clean(method.Reason, maxComment)
	if method.Bits > 0 {
		text = strconv.Itoa(method.Bits) + "-bit key " + text
	}
	open, held := "(", "" // the last word is the one that closes the comment
	for word := range strings.FieldsSeq(text) {
		if held != "" {
			w.word(open, held)
			open = ""
		}
		held = escape(word, `()\`)
	}
	if held != "" {
		w.word(open, held, ")")
	}
}

// result is a word of desk.Result; anything else would be a mistake of ours, and is not written as it stands.
func result(result desk.Result) string {
	switch result {
	case desk.ResultPass, desk.ResultFail, desk.ResultSoftFail, desk.ResultNeutral, desk.ResultTempError, desk.ResultPermError, desk.ResultPolicy:
		return string(result)
	}
	return string(desk.ResultNone)
}

// value writes a value bare where every reader understands it, else as a quoted-string. UTF-8 stays as it is (RFC 8616 §5).
func value(text string) string {
	text = clean(text, maxWritten)
	if text != "" && strings.IndexFunc(text, notBare) < 0 {
		return text
	}
	return `"` + escape(text, `"\`) + `"`
}

// notBare says whether a character keeps a value from standing without quotation marks.
func notBare(c rune) bool {
	return (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '.' && c != '-' && c != '_' && c != '+' && c != '@'
}

// escape puts a backslash before each of the given octets (quoted-pair, RFC 5322 §3.2.1).
func escape(text, special string) string {
	if !strings.ContainsAny(text, special) {
		return text
	}
	var out strings.Builder
	for i := range len(text) {
		if strings.IndexByte(special, text[i]) >= 0 {
			out.WriteByte('\\')
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// plainASCII says whether a text is fit as it stands, as most are.
func plainASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// clean makes a stranger's text fit to stand in one line: no control characters, no broken UTF-8, no line separators, at most so many octets.
func clean(text string, most int) string {
	text = text[:min(len(text), most)]
	if plainASCII(text) {
		return text
	}
	text = strings.ToValidUTF8(text, "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, text)
}
