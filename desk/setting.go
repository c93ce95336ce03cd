package desk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SettingKind says what the value of a setting is. The words are part of the API.
type SettingKind string

const (
	SettingNumber SettingKind = "number" // a whole number between Least and Most
	SettingWord   SettingKind = "word"   // one of Words
	SettingSwitch SettingKind = "switch" // true or false
	SettingText   SettingKind = "text"   // one line of at most Most characters
	SettingList   SettingKind = "list"   // at most Most lines of text, each once
)

// Setting is one thing about accounts and access that can be set, for the whole installation. Every one of them stands in Settings, with its bounds and what it means.
type Setting struct {
	Key       string      `json:"key"` // in dotted small letters: passwords.staff.level
	Kind      SettingKind `json:"kind"`
	Default   any         `json:"default"` // int, string, bool or []string, by kind
	Words     []string    `json:"words,omitempty"`
	Least     int         `json:"least,omitempty"`
	Most      int         `json:"most,omitempty"`
	Unit      string      `json:"unit,omitempty"`
	OwnerOnly bool        `json:"owner_only,omitempty"` // an owner alone may change it; others need MayManageSecurity
	Guarded   bool        `json:"guarded,omitempty"`    // changed on a page of its own, or from the command line: a slip would lock people out
	Title     string      `json:"title"`                // its label on a page
	Doc       string      `json:"doc"`                  // what it means, in sentences
}

// Changer says who changes a setting. The words are part of the API.
type Changer string

const (
	ChangedByRight Changer = "security:manage" // whoever has that right
	ChangedByOwner Changer = "owner"           // an owner in person: no token of theirs
	ChangedOnPage  Changer = "own-page"        // the page or call that is made for it, or the command line
)

// ChangedBy says who changes the setting. Every change is audited.
func (s *Setting) ChangedBy() Changer {
	switch {
	case s.Guarded:
		return ChangedOnPage
	case s.OwnerOnly:
		return ChangedByOwner
	}
	return ChangedByRight
}

// longestLine is the longest line of a list, in characters.
const longestLine = 500

// Settings is the registry: every setting of accounts and access. What is not in it cannot be set.
var Settings = slices.Concat(
	sessionSettings,
	AccessSettings,
	passwordSettings,
	signonSettings,
	addressSettings,
	alertSettings,
	auditSettings,
	factorSettings, // security row 33
	DelegationSettings,
	commandSettings,
)

// SettingOf is the setting with that key, or nil.
func SettingOf(key string) *Setting {
	for _, one := range Settings {
		if one.Key == key {
			return one
		}
	}
	return nil
}

// Check brings a value into the form in which it is kept: what JSON made of it, or what somebody typed. The error is a Fault about the key.
func (s *Setting) Check(value any) (any, error) {
	switch s.Kind {
	case SettingNumber:
		return s.number(value)
	case SettingSwitch:
		return s.onOff(value)
	case SettingList:
		return s.lines(value)
	}
	text, is := value.(string)
	if text = strings.TrimSpace(text); !is {
		return nil, Wrong(s.Key, "%s is text", s.Key)
	}
	if s.Kind == SettingWord && !slices.Contains(s.Words, text) {
		return nil, Wrong(s.Key, "%s is one of %s", s.Key, strings.Join(s.Words, ", "))
	}
	if s.Kind == SettingText && (utf8.RuneCountInString(text) > s.Most || strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) })) {
		return nil, Wrong(s.Key, "%s is one line of at most %d characters", s.Key, s.Most)
	}
	return text, nil
}

func (s *Setting) number(value any) (any, error) {
	n, fits := 0, true
	switch value := value.(type) {
	case int:
		n = value
	case float64: // as JSON has it
		n, fits = int(value), value == float64(int(value))
	case string:
		typed, err := strconv.Atoi(strings.TrimSpace(value))
		n, fits = typed, err == nil
	default:
		fits = false
	}
	if !fits || n < s.Least || n > s.Most {
		return nil, Wrong(s.Key, "%s is a whole number from %d to %d", s.Key, s.Least, s.Most)
	}
	return n, nil
}

func (s *Setting) onOff(value any) (any, error) {
	switch value {
	case true, "true", "on":
		return true, nil
	case false, "false", "off", "":
		return false, nil
	}
	return nil, Wrong(s.Key, "%s is on or off", s.Key)
}

func (s *Setting) lines(value any) (any, error) {
	var typed []string
	switch value := value.(type) {
	case string:
		typed = strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })
	case []string:
		typed = value
	case []any: // as JSON has it
		for _, one := range value {
			typed = append(typed, fmt.Sprint(one))
		}
	default:
		return nil, Wrong(s.Key, "%s is a list of lines", s.Key)
	}
	lines := []string{}
	for _, line := range typed {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
		if utf8.RuneCountInString(line) > longestLine {
			return nil, Wrong(s.Key, "a line of %s has at most %d characters", s.Key, longestLine)
		}
	}
	if len(lines) > s.Most {
		return nil, Wrong(s.Key, "%s has at most %d lines", s.Key, s.Most)
	}
	return lines, nil
}

// Values is what is set, by key; what is not in it has its default. The zero value is an installation that has set nothing.
type Values map[string]any

// of is the value of a setting, in the form of Check.
func (v Values) of(s *Setting) any {
	if value, set := v[s.Key]; set {
		if checked, err := s.Check(value); err == nil {
			return checked
		}
	}
	return s.Default // also for what an older version kept and this one no longer takes
}

// Number is the value of a number.
func (v Values) Number(s *Setting) int { return v.of(s).(int) }

// Word is the value of a word or a text.
func (v Values) Word(s *Setting) string { return v.of(s).(string) }

// On says whether a switch is on.
func (v Values) On(s *Setting) bool { return v.of(s).(bool) }

// List is the value of a list. The caller must not change it.
func (v Values) List(s *Setting) []string { return v.of(s).([]string) }

// Value is the value of any setting.
func (v Values) Value(s *Setting) any { return v.of(s) }
