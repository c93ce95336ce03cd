package desk

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// The levels of security row 32, and what each asks of a password.
func TestPasswordLevels(t *testing.T) {
	long := strings.Repeat("ß", PasswordLongest)
	for _, test := range []struct {
		name   string
		values Values
		factor bool
		short  string // lacks length
		fits   string
	}{
		{"default", nil, false, "14 characters.", "15 characters.."},
		{"recommended with a second factor", nil, true, "9 letters", "10 letters"},
		{"high", Values{"passwords.staff.level": "high"}, false, "11 letters!", "12 letters!!"},
		{"medium", Values{"passwords.staff.level": "medium"}, true, "9 letters", "10 letters"},
		{"low", Values{"passwords.staff.level": "low"}, false, "seven7!", "eight8!!"},
		{"of the customers only", Values{"passwords.customers.level": "low"}, false, "14 characters.", "15 characters.."},
		{"custom without more", Values{"passwords.staff.level": "custom"}, false, "14 characters.", "15 characters.."},
		{"custom, short", Values{"passwords.staff.level": "custom", "passwords.staff.custom.length": 8}, false, "1234567", "    8   "},
		{"custom, as long as can be", Values{"passwords.staff.level": "custom", "passwords.staff.custom.length": 128}, false, long[2:], long},
		{"in code points, not in bytes", Values{"passwords.staff.level": "low"}, false, "ßßßßßßß", "ßßßßßßßß"},
		{"a word that nobody knows any more", Values{"passwords.staff.level": "paranoid"}, false, "14 characters.", "15 characters.."},
	} {
		rule := StaffPasswords.RuleOf(test.values, test.factor)
		if lacks := rule.Lacks(test.short); !reflect.DeepEqual(lacks, []PasswordLack{LacksLength}) {
			t.Errorf("%s: %q lacks %v", test.name, test.short, lacks)
		}
		if lacks := rule.Lacks(test.fits); lacks != nil {
			t.Errorf("%s: %q lacks %v", test.name, test.fits, lacks)
		}
	}
}

// What the level custom can ask for.
func TestCustomPasswords(t *testing.T) {
	custom := func(more Values) PasswordRule {
		values := Values{"passwords.customers.level": "custom", "passwords.customers.custom.length": 8}
		for key, value := range more {
			values["passwords.customers.custom."+key] = value
		}
		return CustomerPasswords.RuleOf(values, false)
	}
	for _, test := range []struct {
		more     Values
		password string
		lacks    []PasswordLack
	}{
		{Values{"lower": true}, "ALL CAPS 1!", []PasswordLack{LacksLower}},
		{Values{"upper": true}, "no caps 1!", []PasswordLack{LacksUpper}},
		{Values{"digit": true}, "No digits!", []PasswordLack{LacksDigit}},
		{Values{"digit": true}, "Arabic ٣ is one", nil},
		{Values{"special": true}, "NoSigns123", []PasswordLack{LacksSpecial}},
		{Values{"special": true}, "A space is one", nil},
		{Values{"special": true}, "密码密码密码密码", []PasswordLack{LacksSpecial}},
		{Values{"lower": true, "upper": true, "digit": true, "special": true}, "Passt so, 1 a!", nil},
		{Values{"lower": true, "upper": true, "digit": true, "special": true}, "        ", []PasswordLack{LacksLower, LacksUpper, LacksDigit}},
		{Values{"repeat": 2}, "aabbccddaa", nil},
		{Values{"repeat": 2}, "aabbbccddaa", []PasswordLack{LacksVariety}},
		{Values{"sequence": 3}, "abc1cba2xyz", nil},
		{Values{"sequence": 3}, "abcd-tree", []PasswordLack{LacksDisorder}},
		{Values{"sequence": 3}, "tree-4321", []PasswordLack{LacksDisorder}},
		{Values{"repeat": 0, "sequence": 0}, "aaaaaaaa", nil},
	} {
		if lacks := custom(test.more).Lacks(test.password); !reflect.DeepEqual(lacks, test.lacks) {
			t.Errorf("%v: %q lacks %v, not %v", test.more, test.password, lacks, test.lacks)
		}
	}
	if rule := custom(Values{"expiry": 7, "history": 24, "attempts": 3, "lock": 60}); rule.Expiry != 30*24*time.Hour || rule.History != 24 || rule.Attempts != 3 || rule.Lock != time.Hour || !rule.Disputed() {
		t.Errorf("%+v", rule)
	}
	if rule := custom(nil); rule.Disputed() || rule.Expiry != 0 {
		t.Errorf("%+v", rule)
	}
}

// Which change of the rules has existing passwords looked at, and of which owners are told.
func TestStricterAndWeaker(t *testing.T) {
	levels := map[string]PasswordRule{}
	for _, level := range StaffPasswords.Level.Words {
		levels[level] = StaffPasswords.RuleOf(Values{"passwords.staff.level": level}, false)
	}
	levels["factor"] = StaffPasswords.RuleOf(nil, true)
	levels["classes"] = StaffPasswords.RuleOf(Values{"passwords.staff.level": "custom", "passwords.staff.custom.digit": true}, false)
	levels["expiring"] = StaffPasswords.RuleOf(Values{"passwords.staff.level": "custom", "passwords.staff.custom.expiry": 90}, false)
	for _, test := range []struct {
		from, to         string
		stricter, weaker bool
	}{
		{"low", "medium", true, false}, {"medium", "low", false, true}, {"medium", "high", true, false}, {"high", "recommended", true, true}, // the history is gone
		{"recommended", "factor", false, true}, {"factor", "recommended", true, false},
		{"custom", "classes", true, false}, {"classes", "custom", false, true}, {"expiring", "custom", false, true}, {"custom", "expiring", false, false},
		{"recommended", "recommended", false, false},
	} {
		stricter, weaker := levels[test.to].Stricter(levels[test.from]), levels[test.to].Weaker(levels[test.from])
		if stricter != test.stricter || weaker != test.weaker {
			t.Errorf("from %s to %s: stricter %v, weaker %v", test.from, test.to, stricter, weaker)
		}
	}
}
