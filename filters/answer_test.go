package filters

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/desk"
)

func TestParseClamd(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]struct {
		found []string
		wrong string
	}{
		"stream: OK":                    {nil, ""},
		"stream: Eicar-Signature FOUND": {[]string{"Eicar-Signature"}, ""},
		"stream: Win.Test(44d88612fea8a8f36de82e1278abb02f:68) FOUND": {[]string{"Win.Test"}, ""},
		"stream: A FOUND\nstream: B FOUND\n":                          {[]string{"A", "B"}, ""},
		"stream: A FOUND\nstream: Can't open file ERROR":              {[]string{"A"}, ""},
		"INSTREAM size limit exceeded. ERROR":                         {nil, "StreamMaxLength"},
		"stream: Can't allocate memory ERROR":                         {nil, "allocate"},
		"stream: OK\nINSTREAM size limit exceeded. ERROR":             {nil, "StreamMaxLength"},
		"stream:  FOUND":                {[]string{"(without a name)"}, ""},
		"stream: FOUND":                 {nil, "answered"},
		"":                              {nil, "empty"},
		"OK":                            {nil, "answered"},
		"stream: a\x1b[2J\u202eb FOUND": {[]string{"a [2Jb"}, ""},
	} {
		found, err := parseClamd(answer)
		if !slices.Equal(found, want.found) || (err == nil) != (want.wrong == "") || (err != nil && !strings.Contains(err.Error(), want.wrong)) {
			t.Errorf("%q: %q, %v", answer, found, err)
		}
	}
}

func TestParseRspamd(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 200 {
		fmt.Fprintf(&many, `,"S%03d":{"score":%d}`, i, i-150)
	}
	opinion, err := parseRspamd([]byte(`{"score":8.5,"required_score":15,"action":"add header","symbols":{"X":{"score":0.1,"description":"what\u0000 it\nis","options":["a",7,"b\u202e"]}` + many.String() + `}}`))
	if err != nil || opinion.Score != 8.5 || opinion.Required != 15 || opinion.Action != "add header" {
		t.Fatalf("%+v, %v", opinion, err)
	}
	if len(opinion.Symbols) != mostSymbols || opinion.Symbols[0].Name != "S000" || opinion.Symbols[0].Score != -150 || opinion.Symbols[49].Score != -101 {
		t.Errorf("symbols %v", opinion.Symbols)
	}
	opinion, err = parseRspamd([]byte(`{"is_skipped":true,"score":-1,"action":"no action","symbols":{"X":{"score":0.1,"description":"what\u0000 it\nis","options":["a",7,"b\u202e"]}}}`))
	if want := []desk.Symbol{{Name: "X", Score: 0.1, Note: "what  it is: a, b"}}; err != nil || !reflect.DeepEqual(opinion.Symbols, want) {
		t.Errorf("%+v, %v", opinion, err)
	}
	for _, broken := range []string{``, `[]`, `{}`, `{"score":1}`, `{"action":"reject"}`, `{"score":"1","action":"x"}`, `{"score":1e999,"action":"x"}`, `{"score":1,"action":"x","symbols":[]}`, `{"score":NaN,"action":"x"}`} {
		if opinion, err := parseRspamd([]byte(broken)); err == nil {
			t.Errorf("%s: %+v", broken, opinion)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	got := merge([]desk.Opinion{
		{Silent: []desk.Silence{{Filter: "clamd"}}},
		{Refused: "one", Notes: slices.Repeat([]string{"n"}, 15)},
		{Score: 3, Action: "greylist"},
		{Refused: "two", Deferred: "later", Notes: slices.Repeat([]string{"m"}, 15), Silent: []desk.Silence{{Filter: "x"}}},
	})
	if got.Refused != "one" || got.Deferred != "later" || got.Score != 3 || len(got.Notes) != mostNotes || len(got.Silent) != 2 {
		t.Errorf("%+v", got)
	}
}

// TestPanicIsCaught: a mistake in the client of a filter must not end the program.
func TestPanicIsCaught(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Clamd: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	o := c.Check(t.Context(), Mail{}) // no mail at all: a nil reader
	if len(o.Silent) != 1 {
		t.Errorf("%+v", o)
	}
	c.filters[0].asker = &rspamd{}
	if o := c.Check(t.Context(), Mail{}); len(o.Silent) != 1 || !o.Silent[0].Unable {
		t.Errorf("%+v", o)
	}
}

func TestEachField(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for raw, want := range map[string]struct {
		fields string
		body   string
	}{
		"A: 1\r\nB: 2\r\n\r\nbody":               {"A=1|B=2", "body"},
		"A: 1\nB: 2\n\nbody":                     {"A=1|B=2", "body"},
		"A: 1\r\n folded\r\n\r\n\r\nb":           {"A=1\n folded", "\r\nb"},
		"A: 1":                                   {"A=1", ""},
		"A: 1\r\n":                               {"A=1", ""},
		"":                                       {"", ""},
		"\r\nA: 1\r\n":                           {"", "A: 1\r\n"},
		"no header":                              {"", "no header"},
		"A: 1\r\nno field\r\nB: 2\r\n":           {"A=1", "no field\r\nB: 2\r\n"},
		" folded first\r\nA: 1\r\n":              {"", " folded first\r\nA: 1\r\n"},
		": no name\r\n\r\n":                      {"", ": no name\r\n\r\n"},
		"Ä: 1\r\n\r\n":                           {"", "Ä: 1\r\n\r\n"},
		"A:  \x00two: 3\r\n\r\n":                 {"A=  two: 3", ""},
		"A: " + long + "\r\nB: 2\r\n\r\nc":       {"A=" + long[:longField-3] + "|B=2", "c"},
		"A: 1\r\n " + long + "\r\nB: 2\r\n\r\nc": {"A=1\n " + long[:longField-6] + "|B=2", "c"},
		strings.Repeat("A: 1\r\n", 3000) + "\r\nc": {strings.Repeat("A=1|", 1999) + "A=1", "c"},
	} {
		var fields []string
		src := io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw)))
		at, err := eachField(src, func(name, value string) (bool, error) {
			fields = append(fields, name+"="+value)
			return true, nil
		})
		if got := strings.Join(fields, "|"); err != nil || got != want.fields || raw[at:] != want.body {
			t.Errorf("%.50q: %d octets of fields %.100q…, body %.50q, %v", raw, len(got), got, raw[at:], err)
		}
	}
	boom := errors.New("boom")
	if _, err := eachField(io.NewSectionReader(strings.NewReader("A: 1\r\n\r\n"), 0, 8), func(string, string) (bool, error) { return true, boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"stream: OK", "stream: Postern.Test.Signature.UNOFFICIAL(5b5d3a3bb9b7e1a2:19) FOUND", "INSTREAM size limit exceeded. ERROR", "UNKNOWN COMMAND",
		`{"is_skipped":false,"score":8.0,"required_score":15.0,"action":"add header","symbols":{"SAW_IP":{"name":"SAW_IP","score":0.500000,"metric_score":0.500000,"description":"what was told","options":["192.0.2.7","ptr.example"]},"POSTERN_MID":{"name":"POSTERN_MID","score":7.500000,"metric_score":7.500000,"description":"the subject of the test"}},"messages":{},"message-id":"x@example.com","time_real":0.072122}`,
		`{"is_skipped":true,"score":15.0,"required_score":15.0,"action":"reject","symbols":{"GTUBE":{"name":"GTUBE","score":0.0,"metric_score":0.0}},"messages":{"smtp_message":"Gtube pattern"}}`,
		"550-5.7.1 one\r\n550 5.7.1 two %%", "451 4.7.1 later",
	} {
		f.Add(seed)
	}
	fit := func(t *testing.T, text string, most int) {
		if len(text) > most || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\r\n\x1b\u202e") {
			t.Errorf("not fit to keep: %q", text)
		}
	}
	f.Fuzz(func(t *testing.T, answer string) {
		found, err := parseClamd(answer)
		for _, name := range found {
			fit(t, name, longText)
		}
		if len(found) > mostMalware || (err != nil && found != nil) {
			t.Errorf("%q, %v", found, err)
		}
		opinion, err := parseRspamd([]byte(answer))
		if fit(t, opinion.Action, 40); err == nil && opinion.Action == "" || len(opinion.Symbols) > mostSymbols {
			t.Errorf("%+v", opinion)
		}
		for _, symbol := range opinion.Symbols {
			fit(t, symbol.Name, 100)
			fit(t, symbol.Note, longText)
		}
		fit(t, replyText(answer, "otherwise"), longText)
	})
}

func FuzzFields(f *testing.F) {
	f.Add("A: 1\r\nB: 2\r\n\tfolded\r\n\r\nbody\r\n")
	f.Add("From x\nA : 1\n\nbody")
	f.Add("A: " + strings.Repeat("x", longField) + "\r\n y\r\n\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		body, err := eachField(io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))), func(name, value string) (bool, error) {
			if name == "" || strings.ContainsAny(name, "\r\n\x00: ") || strings.ContainsAny(value, "\x00") || len(name)+len(value) > longField {
				t.Errorf("field %q: %.100q", name, value)
			}
			return true, nil
		})
		if err != nil || body < 0 || body > int64(len(raw)) {
			t.Errorf("body at %d of %d, %v", body, len(raw), err)
		}
	})
}
