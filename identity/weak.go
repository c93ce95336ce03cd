package identity

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/desk"
)

// common holds words that passwords are made of, one a line: those of published lists of leaked passwords, keyboard rows, and our own name.
//
//go:embed common.txt
var common string

const (
	leastWord   = 4 // a shorter word is found in passwords that have nothing to do with it
	leastLeft   = 6 // so many different characters have to be left when everything obvious is taken out
	mostEnding  = 6 // so many digits and signs before and behind a leaked password do not make another of it
	leastLeaked = 6 // a shorter core, with an ending, is nothing that the list could tell
)

// guessing is what somebody who guesses knows: the person, the place, and what has leaked.
type guessing struct {
	own    []string                         // words of the person: their name and address
	place  []string                         // words of the desk: its names, brands and domains
	leaked func(password string) bool       // on the list that the program carries, in small letters
	seen   func(plain string) (bool, error) // in the file of leaked passwords that the operator gave
}

// weakness is why a password is refused, in a sentence; empty: it is not.
func (g guessing) weakness(plain string, rule desk.PasswordRule) (reason string, err error) {
	if lacks := rule.Lacks(plain); len(lacks) > 0 {
		return lackSentence(lacks[0], rule, utf8.RuneCountInString(plain)), nil
	}
	lower := strings.ToLower(plain)
	forms := []string{lower, leet.Replace(lower), reversed(lower), reversed(leet.Replace(lower))}
	for _, word := range g.own {
		if utf8.RuneCountInString(word) >= leastWord && slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(form, word) }) {
			return "This password contains your name or address.", nil
		}
	}
	if slices.ContainsFunc(forms, g.isLeaked) {
		return "This password, or one very much like it, is on lists of leaked passwords.", nil
	}
	words := strings.Fields(common)
	for _, form := range forms {
		if surprises(form, words) < leastLeft {
			return "This password is made of what everybody uses.", nil
		}
	}
	words = append(words, g.place...)
	for _, form := range forms {
		if surprises(form, words) < leastLeft {
			return "This password is made of names that belong to this desk.", nil
		}
	}
	if g.seen == nil {
		return "", nil
	}
	seen, err := g.seen(plain)
	if err == nil && seen {
		return "This password, or one very much like it, is on lists of leaked passwords.", nil
	}
	return "", err
}

// isLeaked says whether it is a leaked password, or one with a few digits and signs around it.
func (g guessing) isLeaked(form string) bool {
	if g.leaked(form) {
		return true
	}
	core := strings.TrimFunc(form, func(r rune) bool { return !unicode.IsLetter(r) })
	around := utf8.RuneCountInString(form) - utf8.RuneCountInString(core)
	return around > 0 && around <= mostEnding && utf8.RuneCountInString(core) >= leastLeaked && g.leaked(core)
}

// lackSentence says what a password lacks.
func lackSentence(lack desk.PasswordLack, rule desk.PasswordRule, length int) string {
	switch lack {
	case desk.LacksLength:
		return fmt.Sprintf("This password has %d characters, and needs %d.", length, rule.Shortest)
	case desk.LacksLower:
		return "This password needs a small letter."
	case desk.LacksUpper:
		return "This password needs a capital letter."
	case desk.LacksDigit:
		return "This password needs a digit."
	case desk.LacksSpecial:
		return "This password needs a character that is no letter and no digit."
	case desk.LacksVariety:
		return fmt.Sprintf("This password has one character more than %d times in a row.", rule.Repeat)
	default:
		return fmt.Sprintf("This password has a sequence like abcd of more than %d characters.", rule.Sequence)
	}
}

// leet undoes the usual disguises of letters.
var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// reversed is the text from its end to its beginning.
func reversed(text string) string {
	runes := []rune(text)
	slices.Reverse(runes)
	return string(runes)
}

// surprises counts what is left of a password to guess when these words, repetitions and runs like abcd or 4321 are taken out.
func surprises(text string, words []string) int {
	for _, word := range words {
		text = strings.ReplaceAll(text, word, "\x00")
	}
	count, seen, last := 0, map[rune]bool{}, rune(-2)
	for _, r := range text {
		step := r - last
		last = r
		if r == 0 || unicode.IsSpace(r) || step >= -1 && step <= 1 || seen[r] {
			continue
		}
		seen[r] = true
		count++
	}
	return count
}

// ownWords are the words of a person.
func ownWords(user desk.User) []string {
	local, _ := desk.SplitAddress(user.Email)
	return wordsOf(user.Name, local)
}

// wordsOf takes texts apart into words in small letters, each once: whole without spaces and signs, and in pieces.
func wordsOf(texts ...string) (words []string) {
	for _, text := range texts {
		pieces := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, word := range append(pieces, strings.Join(pieces, "")) {
			if utf8.RuneCountInString(word) >= leastWord && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) }) // the longest are taken out first
	return words
}
