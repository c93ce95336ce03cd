package desk

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FieldKind is what a custom field holds. The words are part of the API.
type FieldKind string

const (
	FieldText     FieldKind = "text"
	FieldNumber   FieldKind = "number"
	FieldChoice   FieldKind = "choice" // one of a list
	FieldDate     FieldKind = "date"   // 2026-11-30
	FieldCheckbox FieldKind = "checkbox"
)

// FieldKinds lists every kind.
var FieldKinds = []FieldKind{FieldText, FieldNumber, FieldChoice, FieldDate, FieldCheckbox}

// Field is something that tickets can say beyond what every desk needs. Its key is for searches (field:key=value), placeholders and programs, and never changes.
type Field struct {
	ID          int64     `json:"id" db:"id"`
	Key         string    `json:"key" db:"key"`
	Name        string    `json:"name" db:"name"`
	Kind        FieldKind `json:"kind" db:"kind"`
	Choices     []string  `json:"choices" db:"choices"`
	Required    bool      `json:"required" db:"required"` // before the ticket is solved
	MailboxID   *int64    `json:"mailbox_id" db:"mailbox_id"`
	MailboxName string    `json:"mailbox_name" db:"mailbox_name"`
	Position    int       `json:"position" db:"position"`
}

const (
	// MostFields is what a panel can show.
	MostFields = 50
	// MostChoices is what a menu can show.
	MostChoices = 200
	// LongestValue of a field, in bytes.
	LongestValue = 1000
	// Checked is the value of a ticked checkbox; an empty value is one that is not.
	Checked = "yes"
)

var fieldKey = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// On says whether tickets of a mailbox have the field.
func (f Field) On(mailbox int64) bool { return f.MailboxID == nil || *f.MailboxID == mailbox }

// Check says what is wrong with a field that somebody typed.
func (f Field) Check() error {
	switch {
	case f.Name == "" || len(f.Name) > 100:
		return Wrong("name", "a field needs a name of at most 100 bytes")
	case !fieldKey.MatchString(f.Key):
		return Wrong("key", "a key is a word of small letters, digits, - and _, such as order-number")
	case !slices.Contains(FieldKinds, f.Kind):
		return Wrong("kind", "there is no kind of field %q", f.Kind)
	case f.Kind == FieldChoice && len(f.Choices) == 0:
		return Wrong("choices", "a choice needs something to choose from: one a line")
	case len(f.Choices) > MostChoices:
		return Wrong("choices", "there is room for %d choices", MostChoices)
	}
	for i, choice := range f.Choices {
		if choice == "" || len(choice) > 200 || slices.Contains(f.Choices[:i], choice) {
			return Wrong("choices", "each choice stands once, on a line of its own of at most 200 bytes")
		}
	}
	return nil
}

// Value is what was typed in the one form in which it is kept. The empty value is none, and always right.
func (f Field) Value(typed string) (string, error) {
	value := strings.Join(strings.Fields(typed), " ")
	if value == "" {
		return "", nil
	}
	switch f.Kind {
	case FieldNumber:
		number := strings.ReplaceAll(value, ",", ".")
		if _, err := strconv.ParseFloat(number, 64); err != nil || strings.ContainsAny(number, "xXpPnNiI_") {
			return "", Wrong("field", "%s: %q is no number", f.Name, value)
		}
		return number, nil
	case FieldChoice:
		for _, choice := range f.Choices {
			if strings.EqualFold(choice, value) {
				return choice, nil
			}
		}
		return "", Wrong("field", "%s: %q is none of the choices", f.Name, value)
	case FieldDate:
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return "", Wrong("field", "%s: %q is no day: write 2026-11-30", f.Name, value)
		}
	case FieldCheckbox:
		switch strings.ToLower(value) {
		case Checked, "on", "true", "1":
			return Checked, nil
		case "no", "off", "false", "0":
			return "", nil
		}
		return "", Wrong("field", "%s: %q is neither yes nor no", f.Name, value)
	default:
		if len(value) > LongestValue {
			return "", Wrong("field", "%s: %d bytes is the most", f.Name, LongestValue)
		}
	}
	return value, nil
}

// Lacking names the fields that must be filled in before a ticket of this mailbox is solved, and are not.
func Lacking(fields []Field, mailbox int64, values map[string]string) (names []string) {
	for _, f := range fields {
		if f.Required && f.On(mailbox) && values[f.Key] == "" {
			names = append(names, f.Name)
		}
	}
	return names
}

// FieldKey makes a key out of a name, for who leaves it to us: “Order number” becomes order-number. It is empty where no letter is left.
func FieldKey(name string) string {
	var key strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', key.Len() > 0 && r >= '0' && r <= '9':
			key.WriteRune(r)
		case key.Len() > 0 && !strings.HasSuffix(key.String(), "-"):
			key.WriteByte('-')
		}
	}
	return strings.Trim(key.String()[:min(key.Len(), 40)], "-")
}
