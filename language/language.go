// Package language promises that what Postern says to people can be said in their own language: a catalogue for each language, keyed by the English words themselves, and times and plurals as that language writes them.
//
// English is what the program is written in, so it needs no catalogue; a text without a translation is shown in English, never as an empty place. The package reads no request and keeps no state:
// whoever shows something picks the language once and asks it for words.
package language

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed it
var files embed.FS

// Language says things.
type Language struct {
	Code     string // as in <html lang>: en, it
	Name     string // what its speakers call it
	comma    string // between whole and fraction; empty: a point
	tag      language.Tag
	words    map[string]string
	patterns []pattern
	calendar calendar
}

// English and Italian are the languages that there are.
var (
	English = &Language{Code: "en", Name: "English", tag: language.English, calendar: englishCalendar}
	Italian = read(&Language{Code: "it", Name: "Italiano", comma: ",", tag: language.Italian, calendar: italianCalendar})
)

// All lists every language, the one that the program is written in first.
var All = []*Language{English, Italian}

// matcher picks the nearest of All for what a browser asks for (RFC 4647).
var matcher = language.NewMatcher([]language.Tag{language.English, language.Italian})

// read fills a language from its catalogue. A file that cannot be read is an error of the program and panics.
func read(l *Language) *Language {
	words, err := catalogue(files, l.Code)
	if err != nil {
		panic(err)
	}
	l.words, l.patterns = words, patternsOf(words)
	return l
}

// catalogue joins the files of a language. A text may stand in several files, with one translation: of two, which a test at the root finds, the first by the file's name counts.
func catalogue(from fs.FS, code string) (map[string]string, error) {
	names, err := fs.Glob(from, path.Join(code, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("language %s: %w", code, err)
	}
	words := map[string]string{}
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("language %s: %w", code, err)
		}
		var part map[string]string
		if err := json.Unmarshal(text, &part); err != nil {
			return nil, fmt.Errorf("language %s: %s: %w", code, name, err)
		}
		for key, value := range part {
			if _, known := words[key]; !known {
				words[key] = value
			}
		}
	}
	return words, nil
}

// Of is the language with this code, or nil where there is none.
func Of(code string) *Language {
	for _, one := range All {
		if one.Code == code {
			return one
		}
	}
	return nil
}

// Pick is the language for a person: the one that they chose, else the nearest to what their browser accepts (RFC 9110 §12.5.4), else English.
func Pick(chosen, accepted string) *Language {
	if one := Of(chosen); one != nil {
		return one
	}
	tags, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil || len(tags) == 0 {
		return English
	}
	_, at, confidence := matcher.Match(tags...)
	if confidence == language.No {
		return English
	}
	return All[at]
}

// Say is a text in this language, with its values in place. A text without values is taken as it stands, so that a percent sign in it is one.
func (l *Language) Say(text string, values ...any) string {
	if known, ok := l.words[text]; ok {
		text = known
	}
	if len(values) == 0 {
		return text
	}
	return fmt.Sprintf(text, values...)
}

// Count says how many there are, by the rule of this language for numbers: "one message", "%d messages". The number is the first value; a text without a place for it is taken as it stands.
// A language with more forms than English has them in its catalogue under the text for many, with # and the form's name behind it ("%d messages#few").
func (l *Language) Count(count int64, one, many string, values ...any) string {
	text := many
	switch form := plural.Cardinal.MatchPlural(l.tag, int(count), 0, 0, 0, 0); form {
	case plural.One:
		text = one
	case plural.Other:
	default:
		if special := many + "#" + formNames[form]; l.words[special] != "" {
			text = special
		}
	}
	if known, ok := l.words[text]; ok {
		text = known
	}
	if !strings.Contains(text, "%") {
		return text
	}
	return fmt.Sprintf(text, append([]any{count}, values...)...)
}

var formNames = map[plural.Form]string{plural.Zero: "zero", plural.Two: "two", plural.Few: "few", plural.Many: "many"}

// Knows says whether the catalogue holds a text. English knows everything.
func (l *Language) Knows(text string) bool {
	_, ok := l.words[text]
	return ok || l.tag == language.English
}

// Texts lists what the catalogue holds, sorted. English has none.
func (l *Language) Texts() []string { return slices.Sorted(maps.Keys(l.words)) }
