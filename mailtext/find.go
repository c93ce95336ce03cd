package mailtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sought is one word that a text is searched for, as Lexemes makes it.
type Sought struct {
	Lexeme string
	Begins bool // a word that only begins with it counts as well
}

// Place is where a word stands: bytes from From on, and not the one at To.
type Place struct{ From, To int }

// Find says where the words stand in a text, in order; places that touch, or that one character separates, are one. It folds as Lexemes does, so what an index of
// lexemes finds is found here as well. After most places it stops looking.
func Find(text string, sought []Sought, most int) []Place {
	var places []Place
	add := func(from, to int) {
		if n := len(places); n > 0 && from-places[n-1].To <= 1 {
			places[n-1].To = max(places[n-1].To, to)
			return
		}
		places = append(places, Place{from, to})
	}
	for i := 0; i < len(text) && len(places) < most && len(sought) > 0; {
		size, kind := classify(text[i:])
		switch kind {
		case inWord:
			end := wordEnd(text, i)
			if isSought(text[i:end], sought) {
				add(i, end)
			}
			i = end
		case dense:
			next := i + size
			if next < len(text) {
				if after, kind := classify(text[next:]); kind == dense && isSought(text[i:next+after], sought) {
					add(i, next+after)
				}
			}
			i = next
		default:
			i += size
		}
	}
	return places
}

// wordEnd is where the word that begins at start ends. An accent that stands as a character of its own belongs to its letter.
func wordEnd(text string, start int) int {
	end := start
	for end < len(text) {
		size, kind := classify(text[end:])
		if kind != inWord {
			r, _ := utf8.DecodeRuneInString(text[end:])
			if !unicode.Is(unicode.Mn, r) {
				break
			}
		}
		end += size
	}
	return end
}

func isSought(word string, sought []Sought) bool {
	word = foldText(word)
	for _, one := range sought {
		if word == one.Lexeme || one.Begins && strings.HasPrefix(word, one.Lexeme) {
			return true
		}
	}
	return false
}
