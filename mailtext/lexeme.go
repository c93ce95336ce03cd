package mailtext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxLexemes    = 2000 // words of one text: a word that comes after so many others finds nothing that they do not
	maxLexemeRune = 64   // runes of one word; longer runs are keys and base64
)

// Lexemes are the words by which a text is found: runs of letters and digits, in lower case and without accents, each once. An e-mail address counts whole and by its parts.
// Scripts that write without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) give overlapping pairs of characters. A query is taken apart by the same function.
func Lexemes(s string) []string {
	s = foldText(s)
	set := newLexemes(len(s))
	start := -1 // where the current word began
	for i := 0; i < len(s) && len(set.list) < maxLexemes; {
		size, kind := classify(s[i:])
		if kind == inWord {
			if start < 0 {
				start = i
			}
			i += size
			continue
		}
		if start >= 0 {
			set.add(s[start:i])
			start = -1
		}
		switch {
		case kind == dense:
			i += set.addPairs(s[i:])
		case s[i] == '@':
			set.addAddress(s, i)
			i++
		default:
			i += size
		}
	}
	if start >= 0 {
		set.add(s[start:])
	}
	return set.list
}

// lexemes gathers words, each once. The words share the memory of the folded text; a table of hashes with open addresses finds repetitions several times faster than a map of strings, which was most of the work.
type lexemes struct {
	list  []string
	table []uint16 // places in list, from 1; 0 is free
}

// newLexemes makes room for the words of a text of so many bytes. The table stays at most half full.
func newLexemes(size int) *lexemes {
	most := min(size/2+1, maxLexemes)
	slots := 16
	for slots < 2*most {
		slots *= 2
	}
	return &lexemes{list: make([]string, 0, min(size/12+4, maxLexemes)), table: make([]uint16, slots)}
}

func (l *lexemes) add(word string) {
	if len(l.list) >= maxLexemes || len(word) > maxLexemeRune && utf8.RuneCountInString(word) > maxLexemeRune {
		return
	}
	hash := uint32(2166136261) // FNV-1a; words made to collide cost at most maxLexemes comparisons each
	for i := range len(word) {
		hash = (hash ^ uint32(word[i])) * 16777619
	}
	mask := uint32(len(l.table) - 1)
	slot := (hash ^ hash>>15) & mask
	for ; l.table[slot] != 0; slot = (slot + 1) & mask {
		if l.list[l.table[slot]-1] == word {
			return
		}
	}
	l.list = append(l.list, word)
	l.table[slot] = uint16(len(l.list))
}

// addAddress adds the address around the @ at position at; its parts are added as words by the caller.
func (l *lexemes) addAddress(s string, at int) {
	start, end := at, at+1
	for start > 0 && isAddressByte(s[start-1]) {
		start--
	}
	for end < len(s) && isAddressByte(s[end]) {
		end++
	}
	address := strings.Trim(s[start:end], ".-_+%")
	if inner := strings.IndexByte(address, '@'); inner > 0 && inner < len(address)-1 {
		l.add(address)
	}
}

func isAddressByte(c byte) bool {
	return isAlnum(c) || c >= utf8.RuneSelf || strings.IndexByte(".-_+%", c) >= 0
}

// addPairs adds a run of characters of a dense script as overlapping pairs and returns how long the run is.
func (l *lexemes) addPairs(s string) int {
	before, end := -1, 0 // before: where the last character began
	pairs := 0
	for end < len(s) {
		size, kind := classify(s[end:])
		if kind != dense {
			break
		}
		if before >= 0 {
			l.add(s[before : end+size])
			pairs++
		}
		before = end
		end += size
	}
	if pairs == 0 {
		l.add(s[:end])
	}
	return end
}

// wordKind says what a character is to a word.
type wordKind int

const (
	between wordKind = iota // white space, punctuation
	inWord                  // a letter or digit
	dense                   // a letter of a script without spaces between words
)

// classify looks at the first character of s.
func classify(s string) (size int, kind wordKind) {
	c := s[0]
	if c < utf8.RuneSelf {
		if isAlnum(c) {
			return 1, inWord
		}
		return 1, between
	}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case isDense(r):
		return size, dense
	case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Mc, r):
		return size, inWord
	}
	return size, between
}

func isDense(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// foldText is text in lower case without accents. Compatibility forms are unified (NFKD), marks dropped, and what is left composed again, so that Korean syllables stay whole.
func foldText(s string) string {
	ascii, lower := true, true
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
		lower = lower && (s[i] < 'A' || s[i] > 'Z')
	}
	if ascii {
		if lower {
			return s
		}
		return strings.ToLower(s)
	}
	decomposed := norm.NFKD.String(strings.ToValidUTF8(s, " "))
	var out strings.Builder
	out.Grow(len(decomposed))
	for _, r := range decomposed {
		switch {
		case r < utf8.RuneSelf:
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			out.WriteByte(byte(r))
		case unicode.Is(unicode.Mn, r):
		case r == 'ß':
			out.WriteString("ss")
		case r == 'ø' || r == 'Ø':
			out.WriteByte('o')
		case r == 'ł' || r == 'Ł':
			out.WriteByte('l')
		case r == 'ı':
			out.WriteByte('i')
		default:
			out.WriteRune(unicode.ToLower(r))
		}
	}
	return norm.NFC.String(out.String())
}

// Snippet is the beginning of the new part of a text as one line of at most n characters, for lists. It ends in … where something was left out.
func Snippet(text string, n int) string {
	quoteAt, signatureAt := quoteAndSignature(text)
	if fresh := text[:min(quoteAt, signatureAt)]; strings.TrimSpace(fresh) != "" {
		text = fresh
	}
	var out strings.Builder
	count, space := 0, false
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = count > 0
			continue
		}
		if isHidden(r) {
			continue
		}
		need := 1
		if space {
			need = 2
		}
		if count+need > n {
			out.WriteString("…")
			break
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteRune(r)
		count += need
	}
	return out.String()
}
