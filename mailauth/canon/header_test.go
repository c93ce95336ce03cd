package canon

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestHeaderForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, relaxed string }{
		{"A: X\r\n", "a:X\r\n"}, // RFC 6376 §3.4.5
		{"B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		{"Subject:\r\n", "subject:\r\n"},
		{"SUBJECT: \t \r\n \r\n", "subject:\r\n"},
		{"X:a\rb\r\n", "x:a\rb\r\n"},
		{"no colon\r\n", "no colon:\r\n"},
	} {
		if got := string(Relaxed.AppendField(nil, c.raw)); got != c.relaxed {
			t.Errorf("%q: %q, want %q", c.raw, got, c.relaxed)
		}
		if got := string(Simple.AppendField(nil, c.raw)); got != c.raw {
			t.Errorf("%q: simple is %q", c.raw, got)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw    string
		fields []Field
		body   string
	}{
		{"", nil, ""},
		{"\r\n", nil, ""},
		{"\r\nA: b\r\n", nil, "A: b\r\n"},
		{"A: b\r\n", []Field{{"a", "A: b\r\n"}}, ""},
		{"A: b", []Field{{"a", "A: b\r\n"}}, ""},
		{"A: b\r\n c\r\n\td\r\nB :e\r\n\r\nbody", []Field{{"a", "A: b\r\n c\r\n\td\r\n"}, {"b", "B :e\r\n"}}, "body"},
		{"A: b\n c\nB: d\n\nbody\n", []Field{{"a", "A: b\r\n c\r\n"}, {"b", "B: d\r\n"}}, "body\n"},
		{" folded nothing\r\n more\r\nA: b\r\n\r\n", []Field{{"", " folded nothing\r\n more\r\n"}, {"a", "A: b\r\n"}}, ""},
		{"From nobody Mon\r\nA b: c\r\n: d\r\nA: b\r\n\r\n", []Field{{"", "From nobody Mon\r\n"}, {"", "A b: c\r\n"}, {"", ": d\r\n"}, {"a", "A: b\r\n"}}, ""},
		{"A: b\r\n \r\nB: c\r\n\r\n", []Field{{"a", "A: b\r\n \r\n"}, {"b", "B: c\r\n"}}, ""},
	} {
		m := mailOf(t, c.raw)
		body, err := io.ReadAll(m.Body)
		if fmt.Sprint(m.Fields) != fmt.Sprint(c.fields) || string(body) != c.body || err != nil {
			t.Errorf("%q: %q with body %q, %v, want %q with %q", c.raw, m.Fields, body, err, c.fields, c.body)
		}
		if len(m.Named("")) != 0 {
			t.Errorf("%q: a line that is no field can be named", c.raw)
		}
	}
}

// Pitfall 10: a header beyond the bounds is not read; one at the bounds is.
func TestReadBounds(t *testing.T) {
	t.Parallel()
	read := func(raw string) (*Mail, error) {
		return Read(io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
	}
	body := strings.Repeat("body\r\n", 100000)
	most := strings.Repeat("A: b\r\n", MaxFields)
	if m, err := read(most + "\r\n" + body); err != nil || len(m.Fields) != MaxFields || m.Body.Size() != int64(len(body)) {
		t.Errorf("%d fields: %v", MaxFields, err)
	}
	longest := "A: " + strings.Repeat("b", MaxHeader-len("A: \r\n\r\n")) + "\r\n"
	if m, err := read(longest + "\r\n" + body); err != nil || len(m.Fields) != 1 || m.Body.Size() != int64(len(body)) {
		t.Errorf("a header of %d octets: %v", len(longest)+2, err)
	}
	for name, raw := range map[string]string{
		"fields":             most + "A: b\r\n\r\n" + body,
		"20000 fields":       strings.Repeat("A: b\r\n", 20000) + "\r\n" + body,
		"octets":             "A" + longest + "\r\n" + body,
		"no end of a header": strings.Repeat("x", 10*MaxHeader),
	} {
		if _, err := read(raw); !errors.Is(err, ErrHeader) {
			t.Errorf("%s: %v, want ErrHeader", name, err)
		}
	}
}

func TestSum(t *testing.T) {
	t.Parallel()
	m := mailOf(t, "X-Sig: b=abc; x=1\r\nTo: top\r\nFrom: a\r\nTo:  bottom\r\nx-sig: older\r\n\r\n")
	tags, err := ParseTags(m.Fields[0].Value())
	if err != nil {
		t.Fatal(err)
	}
	unsigned := m.Fields[0].Unsigned(tags)
	if unsigned != "X-Sig: b=; x=1\r\n" {
		t.Fatalf("%q", unsigned)
	}
	for _, c := range []struct {
		form  Form
		names string
		want  string
	}{
		{Simple, "to from", "To:  bottom\r\nFrom: a\r\n"},
		{Relaxed, "to from to to date", "to:bottom\r\nfrom:a\r\nto:top\r\n"},
		{Simple, "x-sig x-sig x-sig", "x-sig: older\r\n"}, // never itself
		{Simple, "", ""},
	} {
		want := sha256.Sum256([]byte(c.want + strings.TrimSpace(string(c.form.AppendField(nil, unsigned)))))
		if got := m.Sum(Selection{Form: c.form, Names: strings.Split(c.names, " "), Unsigned: unsigned}); got != want {
			t.Errorf("%+v is another sum", c)
		}
	}
}

func TestParseTags(t *testing.T) {
	t.Parallel()
	good, err := ParseTags(" v=1 ; b= a\r\n\tb ;\r\n h = from : to;bh=;i_2==40 = ; ")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"v": "1", "b": "a\r\n\tb", "bh": "", "h": "from : to", "i_2": "=40 =", "V": ""} {
		if got := good.Get(name); got != want || good.Has(name) != (name != "V") {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	if good.Packed("b") != "ab" || fmt.Sprint(good.Split("h")) != "[from to]" || good.First() != "v" {
		t.Errorf("%+v", good)
	}
	for _, bad := range []string{"", " ", ";", "v", "v=1;;b=2", "v=1;b", "=1", "v=1; v=2", "1v=1", "v w=1", "v-w=1", "é=1", strings.Repeat("a;", 10), manyTags(MaxTags + 1)} {
		if tags, err := ParseTags(bad); err == nil {
			t.Errorf("%.40q: %+v", bad, tags)
		}
	}
	if _, err := ParseTags(manyTags(MaxTags)); err != nil {
		t.Error(err)
	}
}

func manyTags(n int) string {
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, "t%d=x;", i)
	}
	return list.String()
}

func TestUnsigned(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"S: a=1; b=xx; c=2\r\n":          "S: a=1; b=; c=2\r\n",
		"S: a=1; b =\r\n xx\r\n":         "S: a=1; b =",
		"S: b= xx ;bh=b=1\r\n":           "S: b=;bh=b=1\r\n",
		"S: bb=b=1; b=2;\r\n":            "S: bb=b=1; b=;\r\n",
		"S : b=2;\r\n":                   "S : b=;\r\n",
		"DKIM-Signature:b=1; b2=b=3\r\n": "DKIM-Signature:b=; b2=b=3\r\n",
	} {
		field := Field{Raw: raw}
		tags, err := ParseTags(field.Value())
		if err != nil {
			t.Fatal(err)
		}
		if got := field.Unsigned(tags); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}
