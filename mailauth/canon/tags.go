package canon

import (
	"errors"
	"fmt"
	"strings"
)

// MaxTags bounds a tag list. Signatures have a dozen tags.
const MaxTags = 64

// Tags is a tag list (RFC 6376 §3.2): of a signature, or of a key record.
type Tags struct {
	list []tag
	cut  [2]int // the value of b= with the space around it
}

type tag struct{ name, value string }

// ParseTags reads a tag list. A tag that stands twice, an empty one and a name that is none make the whole list invalid; tags of unknown meaning do not.
func ParseTags(list string) (Tags, error) {
	var t Tags
	for at := 0; ; {
		spec, _, more := strings.Cut(list[at:], ";")
		if !more && trim(spec) == "" && len(t.list) > 0 {
			return t, nil // one semicolon may stand at the end
		}
		name, value, is := strings.Cut(spec, "=")
		if name = trim(name); !is || !isTagName(name) {
			return Tags{}, errors.New("the tag list has something that is no tag")
		}
		if t.Has(name) {
			return Tags{}, fmt.Errorf("the tag %.10s= stands twice", name)
		}
		if len(t.list) == MaxTags {
			return Tags{}, fmt.Errorf("the tag list has more than %d tags", MaxTags)
		}
		if name == "b" {
			t.cut = [2]int{at + len(spec) - len(value), at + len(spec)}
		}
		t.list = append(t.list, tag{name, trim(value)})
		at += len(spec) + 1
		if !more {
			return t, nil
		}
	}
}

// trim removes folding white space around a text.
func trim(s string) string { return strings.Trim(s, " \t\r\n") }

func isTagName(name string) bool {
	for i, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}

// Get returns the value of a tag without the space around it; empty when the tag is not there. Names are in the case in which RFC 6376 gives them.
func (t Tags) Get(name string) string {
	for _, one := range t.list {
		if one.name == name {
			return one.value
		}
	}
	return ""
}

// Has says whether a tag is there, be it empty.
func (t Tags) Has(name string) bool {
	for _, one := range t.list {
		if one.name == name {
			return true
		}
	}
	return false
}

// First returns the name of the first tag.
func (t Tags) First() string { return t.list[0].name }

// Split returns the items of a value that is a list with colons, without the space around each.
func (t Tags) Split(name string) []string {
	items := strings.Split(t.Get(name), ":")
	for i := range items {
		items[i] = trim(items[i])
	}
	return items
}

// Packed returns a value without any white space, as base64 is read (RFC 6376 §2.10).
func (t Tags) Packed(name string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			return -1
		}
		return c
	}, t.Get(name))
}

// Unsigned returns the field with the value of its b= removed, as it was when it was signed (RFC 6376 §3.5). t are the tags of this field.
func (f Field) Unsigned(t Tags) string {
	head := len(f.Raw) - len(f.Value())
	return f.Raw[:head+t.cut[0]] + f.Raw[head+t.cut[1]:]
}
