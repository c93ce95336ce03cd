package attachments

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// mostSafeName is the longest name in bytes that SafeName gives: file systems take 255, and people add to names.
const mostSafeName = 200

// DispositionKind is whether a browser is asked to save a file or may show it (RFC 6266 §4.2).
type DispositionKind string

const (
	AsAttachment DispositionKind = "attachment"
	AsInline     DispositionKind = "inline"
)

// SafeName makes a name that every file system takes and that says what it seems to say, of the name that a stranger gave a file. Letters of any language stay as they are.
// What steers text (control characters, overrides of direction, which make exe.jpg of gpj.exe) is dropped; what has a meaning in paths, or none at all, becomes an underscore.
func SafeName(name string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(name) {
		switch {
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r): // formatting, of which the bidirectional controls are a part
		case r == '\u2028', r == '\u2029': // separators of lines and paragraphs
		case strings.ContainsRune(`/\<>:"|?*`, r), r == utf8.RuneError, unicode.Is(unicode.Co, r):
			b.WriteByte('_')
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	// Windows drops spaces and dots at the end; elsewhere a dot in front hides a file, and . and .. are folders.
	// Normalized again, since a byte that was no character kept what stands behind it from being so.
	safe := strings.Trim(shorten(norm.NFC.String(strings.TrimSpace(b.String()))), ". ")
	if safe == "" {
		return "attachment"
	}
	if reserved(safe) {
		return "_" + safe
	}
	return safe
}

// shorten cuts a name in front of its extension, between characters.
func shorten(name string) string {
	if len(name) <= mostSafeName {
		return name
	}
	extension := path.Ext(name)
	if len(extension) > 20 {
		extension = ""
	}
	cut := mostSafeName - len(extension)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + extension
}

// reserved says whether Windows takes the name for a device, with whatever extension.
func reserved(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch stem = strings.TrimSpace(stem); stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9'
}

// Disposition is the value of a Content-Disposition header (RFC 6266) for a file of that name. A name beyond plain ASCII stands in it twice:
// whole as filename* (RFC 8187 §3.2), and with underscores for what does not fit as filename, for programs that know only that.
func Disposition(name string, kind DispositionKind) string {
	name = SafeName(name)
	var plain, encoded strings.Builder
	for _, r := range name {
		// RFC 6266 appendix D: browsers decode % in the plain form, some of them.
		if r < 0x20 || r > 0x7e || r == '%' {
			plain.WriteByte('_')
		} else {
			plain.WriteRune(r)
		}
	}
	value := fmt.Sprintf(`%s; filename="%s"`, kind, plain.String()) // SafeName leaves neither quotes nor backslashes
	if plain.String() == name {
		return value
	}
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 { // attr-char
			encoded.WriteByte(c)
		} else {
			fmt.Fprintf(&encoded, "%%%02X", c)
		}
	}
	return value + "; filename*=UTF-8''" + encoded.String()
}
