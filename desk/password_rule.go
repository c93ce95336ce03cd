package desk

import (
	"time"
	"unicode"
	"unicode/utf8"
)

// PasswordLevel names a set of rules for passwords. The words are those of the setting.
type PasswordLevel string

const (
	PasswordLow         PasswordLevel = "low"
	PasswordMedium      PasswordLevel = "medium"
	PasswordHigh        PasswordLevel = "high"
	PasswordRecommended PasswordLevel = "recommended"
	PasswordCustom      PasswordLevel = "custom"
)

// Lengths of passwords in code points (NIST SP 800-63B-4 §3.1.1.2: 15 where a password is all there is, 8 beside a second factor, and at least 64 taken).
const (
	PasswordFloor     = 8   // no rule allows less
	PasswordLongest   = 128 // a bound on work, not on people; longer ones are refused, never cut
	passwordAlone     = 15
	passwordWithOther = 10
)

// Throttling of guesses where no rule says otherwise (ASVS 6.3.1): so many cost nothing, then waiting doubles from a second up to the longest.
const (
	PasswordAttempts = 5
	PasswordWait     = 10 * time.Minute
)

// PasswordRule is what a password has to keep to. Whatever the level, common, leaked and obvious passwords are refused: that is no rule of its own.
type PasswordRule struct {
	Level    PasswordLevel
	Shortest int // in code points

	Lower, Upper, Digit, Special bool          // has to hold one of each that is set
	Repeat                       int           // the longest run of one character; 0: any
	Sequence                     int           // the longest run like abcd or 4321; 0: any
	History                      int           // so many earlier passwords are refused
	Expiry                       time.Duration // has to be changed after so long; 0: never
	Attempts                     int           // wrong ones that cost nothing
	Lock                         time.Duration // the longest wait after more of them
	LockAtOnce                   bool          // waiting does not double, it is Lock from the first on
}

// rules are those of the levels; recommended depends on whether a second factor is required, custom on settings.
var rules = map[PasswordLevel]PasswordRule{
	PasswordLow:         {Shortest: PasswordFloor},
	PasswordMedium:      {Shortest: 10},
	PasswordHigh:        {Shortest: 12, History: 5},
	PasswordRecommended: {Shortest: passwordAlone},
}

// RuleOf is the rule of these settings, for people of whom a second factor is required or not.
func (p PasswordSettings) RuleOf(values Values, factorRequired bool) PasswordRule {
	level := PasswordLevel(values.Word(p.Level))
	rule, known := rules[level]
	if known {
		rule.Level, rule.Attempts, rule.Lock = level, PasswordAttempts, PasswordWait
		if level == PasswordRecommended && factorRequired {
			rule.Shortest = passwordWithOther
		}
		return rule
	}
	const day = 24 * time.Hour
	return PasswordRule{
		Level: PasswordCustom, Shortest: max(PasswordFloor, values.Number(p.Length)),
		Lower: values.On(p.Lower), Upper: values.On(p.Upper), Digit: values.On(p.Digit), Special: values.On(p.Special),
		Repeat: values.Number(p.Repeat), Sequence: values.Number(p.Sequence), History: values.Number(p.History),
		Expiry:   time.Duration(expiryOf(values.Number(p.Expiry))) * day,
		Attempts: values.Number(p.Attempts), Lock: time.Duration(values.Number(p.Lock)) * time.Minute, LockAtOnce: true,
	}
}

// Stricter says whether a password that keeps to other may break r, so that existing ones have to be looked at.
func (r PasswordRule) Stricter(other PasswordRule) bool {
	return r.Shortest > other.Shortest || r.Lower && !other.Lower || r.Upper && !other.Upper || r.Digit && !other.Digit || r.Special && !other.Special ||
		tighter(r.Repeat, other.Repeat) || tighter(r.Sequence, other.Sequence)
}

// Weaker says whether r allows anything that other does not.
func (r PasswordRule) Weaker(other PasswordRule) bool {
	return other.Stricter(r) || r.History < other.History || tighter(int(other.Expiry), int(r.Expiry)) || r.Attempts > other.Attempts || r.Lock < other.Lock
}

// tighter compares bounds of which 0 means that there is none.
func tighter(a, b int) bool { return a != 0 && (b == 0 || a < b) }

// Disputed says whether the rule asks for what NIST SP 800-63B-4 §3.1.1.2 and ASVS 6.2.5 and 6.2.10 forbid: classes of characters, and a change after some time.
func (r PasswordRule) Disputed() bool {
	return r.Lower || r.Upper || r.Digit || r.Special || r.Expiry > 0
}

// PasswordLack is one thing that a password lacks.
type PasswordLack string

const (
	LacksLength   PasswordLack = "length"
	LacksLower    PasswordLack = "lower"
	LacksUpper    PasswordLack = "upper"
	LacksDigit    PasswordLack = "digit"
	LacksSpecial  PasswordLack = "special"
	LacksVariety  PasswordLack = "repeat"   // one character too often in a row
	LacksDisorder PasswordLack = "sequence" // too long a run like abcd
)

// Lacks says what a password that is in its prepared form lacks by the letter of the rule; nil: nothing.
func (r PasswordRule) Lacks(password string) (lacks []PasswordLack) {
	has := map[PasswordLack]bool{}
	for _, c := range password {
		switch {
		case unicode.IsLower(c):
			has[LacksLower] = true
		case unicode.IsUpper(c):
			has[LacksUpper] = true
		case unicode.IsDigit(c):
			has[LacksDigit] = true
		case !unicode.IsLetter(c): // letters of scripts without case count as neither
			has[LacksSpecial] = true
		}
	}
	repeat, sequence := runs(password)
	for _, one := range []struct {
		lack PasswordLack
		is   bool
	}{
		{LacksLength, utf8.RuneCountInString(password) < r.Shortest},
		{LacksLower, r.Lower && !has[LacksLower]}, {LacksUpper, r.Upper && !has[LacksUpper]}, {LacksDigit, r.Digit && !has[LacksDigit]}, {LacksSpecial, r.Special && !has[LacksSpecial]},
		{LacksVariety, r.Repeat > 0 && repeat > r.Repeat}, {LacksDisorder, r.Sequence > 0 && sequence > r.Sequence},
	} {
		if one.is {
			lacks = append(lacks, one.lack)
		}
	}
	return lacks
}

// runs is the longest run of one character, and the longest of characters that follow each other up or down.
func runs(text string) (repeat, sequence int) {
	same, up, down := 0, 0, 0
	last := rune(-1)
	for _, c := range text {
		next := func(run int, goes bool) int {
			if goes {
				return run + 1
			}
			return 1
		}
		same, up, down = next(same, c == last), next(up, last >= 0 && c == last+1), next(down, last >= 0 && c == last-1)
		repeat, sequence, last = max(repeat, same), max(sequence, up, down), c
	}
	return repeat, sequence
}

// leastExpiry is the shortest time, in days, after which a password has to be changed: more often, people write it down.
const leastExpiry = 30

// expiryOf is the setting in days; 0: never.
func expiryOf(days int) int {
	if days == 0 {
		return 0
	}
	return max(days, leastExpiry)
}
