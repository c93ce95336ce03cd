package reports

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// otherEncoding says whether the XML declaration names an encoding other than UTF-8.
func otherEncoding(head []byte) bool {
	end := bytes.Index(head, []byte("?>"))
	if !bytes.HasPrefix(bytes.TrimSpace(trimBOM(head)), []byte("<?xml")) || end < 0 {
		return false
	}
	declaration := strings.ToLower(string(head[:end]))
	_, label, ok := strings.Cut(declaration, "encoding")
	return ok && !strings.Contains(label, "utf-8") && !strings.Contains(label, "utf8") && !strings.Contains(label, "ascii")
}

// trimBOM takes off the byte order mark that some reporters write.
func trimBOM(raw []byte) []byte { return bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")) }

// wholeRunes is how many bytes end with a whole character.
func wholeRunes(raw []byte) int {
	for back := 1; back <= min(utf8.UTFMax-1, len(raw)); back++ {
		at := len(raw) - back
		if utf8.RuneStart(raw[at]) {
			if !utf8.FullRune(raw[at:]) {
				return at
			}
			break
		}
	}
	return len(raw)
}

// xmlRune drops what XML 1.0 §2.2 does not allow.
func xmlRune(r rune) rune {
	if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
		return -1
	}
	return r
}
