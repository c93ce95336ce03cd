package desk

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A setting without bounds or words about it would be a door that nobody knows of.
func TestEverySettingIsWhole(t *testing.T) {
	t.Parallel()
	key, seen := regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)+$`), map[string]bool{}
	for _, one := range Settings {
		if !key.MatchString(one.Key) || seen[one.Key] {
			t.Errorf("%q is no key, or stands twice", one.Key)
		}
		seen[one.Key] = true
		if one.Title == "" || !strings.HasSuffix(one.Doc, ".") {
			t.Errorf("%s: nobody says what it means", one.Key)
		}
		if one.Kind == SettingNumber && one.Most <= one.Least || one.Kind == SettingWord && len(one.Words) < 2 || (one.Kind == SettingText || one.Kind == SettingList) && one.Most <= 0 {
			t.Errorf("%s has no bounds", one.Key)
		}
		if checked, err := one.Check(one.Default); err != nil || !cmp.Equal(checked, one.Default) {
			t.Errorf("%s: its default %v becomes %v, %v", one.Key, one.Default, checked, err)
		}
	}
}

func TestSettingCheck(t *testing.T) {
	t.Parallel()
	number := &Setting{Key: "a.n", Kind: SettingNumber, Default: 5, Least: 1, Most: 10}
	word := &Setting{Key: "a.w", Kind: SettingWord, Default: "off", Words: []string{"off", "on"}}
	list := &Setting{Key: "a.l", Kind: SettingList, Default: []string{}, Most: 2}
	line := &Setting{Key: "a.t", Kind: SettingText, Default: "", Most: 3}
	flag := &Setting{Key: "a.s", Kind: SettingSwitch, Default: false}
	for _, test := range []struct {
		of   *Setting
		in   any
		want any // nil: refused
	}{
		{number, 10, 10}, {number, " 7 ", 7}, {number, 3.0, 3}, {number, 3.5, nil}, {number, 11, nil}, {number, 0, nil}, {number, "x", nil}, {number, true, nil}, {number, 1e300, nil},
		{word, "on", "on"}, {word, "", nil}, {word, 1, nil},
		{list, "a\r\n\nb\na", []string{"a", "b"}}, {list, []any{"a"}, []string{"a"}}, {list, "a\nb\nc", nil}, {list, strings.Repeat("x", 501), nil}, {list, nil, nil},
		{line, "abc", "abc"}, {line, "abcd", nil}, {line, "a\nb", nil},
		{flag, true, true}, {flag, "on", true}, {flag, "", false}, {flag, "perhaps", nil},
	} {
		got, err := test.of.Check(test.in)
		var fault *Fault
		if test.want == nil && (!errors.As(err, &fault) || fault.Field != test.of.Key) || test.want != nil && (err != nil || !cmp.Equal(got, test.want)) {
			t.Errorf("%s: %v becomes %v, %v", test.of.Key, test.in, got, err)
		}
	}
}

func TestValuesFallBackToDefaults(t *testing.T) {
	t.Parallel()
	values := Values{StaffIdle.Key: 30.0, StaffLife.Key: "many", DeviceNotify.Key: "all"}
	if values.Number(StaffIdle) != 30 || values.Number(StaffLife) != StaffLife.Default || values.Word(DeviceNotify) != "all" || Values(nil).Number(StaffIdle) != StaffIdle.Default {
		t.Errorf("%v", values)
	}
	if !slices.Contains(Settings, SettingOf(StaffIdle.Key)) || SettingOf("no.such") != nil {
		t.Error("a setting is not found by its key")
	}
}
