package desk

import (
	"slices"
	"testing"
)

func TestValuesOfFields(t *testing.T) {
	for _, c := range []struct {
		kind        FieldKind
		typed, want string
		wrong       bool
	}{
		{FieldText, "  two   words ", "two words", false},
		{FieldText, "", "", false},
		{FieldNumber, "12,5", "12.5", false},
		{FieldNumber, "-3", "-3", false},
		{FieldNumber, "twelve", "", true},
		{FieldNumber, "NaN", "", true},
		{FieldNumber, "0x10", "", true},
		{FieldNumber, "inf", "", true},
		{FieldChoice, "GOLD", "Gold", false},
		{FieldChoice, "Bronze", "", true},
		{FieldDate, "2026-02-28", "2026-02-28", false},
		{FieldDate, "2026-02-30", "", true},
		{FieldCheckbox, "on", Checked, false},
		{FieldCheckbox, "no", "", false},
		{FieldCheckbox, "perhaps", "", true},
	} {
		field := Field{Name: "It", Kind: c.kind, Choices: []string{"Gold", "Silver"}}
		got, err := field.Value(c.typed)
		if got != c.want || (err != nil) != c.wrong {
			t.Errorf("%s %q: %q, %v", c.kind, c.typed, got, err)
		}
		if again, err := field.Value(got); err != nil || again != got {
			t.Errorf("%s: the kept form %q is read as %q, %v", c.kind, got, again, err)
		}
	}
}

func TestWhatIsLackingBeforeATicketIsSolved(t *testing.T) {
	box := int64(7)
	fields := []Field{{Key: "a", Name: "A", Required: true}, {Key: "b", Name: "B"}, {Key: "c", Name: "C", Required: true, MailboxID: &box}}
	for _, c := range []struct {
		mailbox int64
		values  map[string]string
		want    []string
	}{
		{7, nil, []string{"A", "C"}},
		{8, nil, []string{"A"}},
		{7, map[string]string{"a": "x", "c": "y"}, nil},
	} {
		if got := Lacking(fields, c.mailbox, c.values); !slices.Equal(got, c.want) {
			t.Errorf("%d %v: %v, want %v", c.mailbox, c.values, got, c.want)
		}
	}
}

func TestKeysOfFields(t *testing.T) {
	for name, want := range map[string]string{"Order number": "order-number", "2nd try": "nd-try", "Größe (cm)": "gr-e-cm", "注文": "", "A": "a"} {
		if got := FieldKey(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
		if want != "" && (Field{Name: name, Key: want, Kind: FieldText}).Check() != nil {
			t.Errorf("%q is no key", want)
		}
	}
}
