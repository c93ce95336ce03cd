package portal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// longDetail is from how many bytes on a detail is folded away behind its beginning: certificates, whole rules.
const longDetail = 320

// detailWords writes what an entry of the audit log holds as 'name value, name value', and leaves out what is empty.
func detailWords(detail json.RawMessage) string {
	var fields map[string]any
	if err := json.Unmarshal(detail, &fields); err != nil {
		if text := string(detail); text != "null" {
			return text
		}
		return ""
	}
	if from, to, changed := beforeAndAfter(fields); changed {
		return changeWords(from, to)
	}
	return fieldWords(fields)
}

// fieldWords are the fields of a document that say something, by name.
func fieldWords(fields map[string]any) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if words := valueWords(fields[name]); words != "" {
			out = append(out, strings.ReplaceAll(name, "_", " ")+" "+words)
		}
	}
	return strings.Join(out, ", ")
}

// valueWords writes one value of a document: a list with 'and', what is deeper in brackets, a moment by the minute. What is empty has no words.
func valueWords(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return at.UTC().Format("2006-01-02 15:04 UTC")
		}
		return value
	case float64:
		if value == float64(int64(value)) {
			return fmt.Sprint(int64(value))
		}
	case []any:
		var out []string
		for _, one := range value {
			if words := valueWords(one); words != "" {
				out = append(out, words)
			}
		}
		return strings.Join(out, " and ")
	case map[string]any:
		if words := fieldWords(value); words != "" {
			return "(" + words + ")"
		}
		return ""
	}
	return fmt.Sprint(value)
}

// beforeAndAfter says whether a document holds the whole of something as it was and as it has become.
func beforeAndAfter(fields map[string]any) (from, to map[string]any, changed bool) {
	from, was := fields["from"].(map[string]any)
	to, is := fields["to"].(map[string]any)
	return from, to, was && is
}

// changeWords names what is different, and leaves out what is not.
func changeWords(from, to map[string]any) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(to)) {
		before, after := valueWords(from[name]), valueWords(to[name])
		if before != after {
			out = append(out, fmt.Sprintf("%s %s → %s", strings.ReplaceAll(name, "_", " "), orNothing(before), orNothing(after)))
		}
	}
	return strings.Join(out, ", ")
}

// orNothing names what is empty.
func orNothing(words string) string {
	if words == "" {
		return "nothing"
	}
	return words
}
