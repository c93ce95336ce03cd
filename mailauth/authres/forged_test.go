package authres_test

import (
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"postern/mailauth/authres"
)

const ours = "mail.desk.example"

func TestForged(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"mail.desk.example; dmarc=pass":                           true,
		" MAIL.Desk.Example; dmarc=pass":                          true,
		"mail.desk.example 1; dmarc=pass":                         true,
		"mail.desk.example.; dmarc=pass":                          true,
		"mail.desk.example...; dmarc=pass":                        true,
		`"mail.desk.example"; dmarc=pass`:                         true,
		`"mail\.desk.example"; dmarc=pass`:                        true,
		`mail."desk".example; dmarc=pass`:                         true,
		"(a (b) \\) ;) mail.desk.example (c); dmarc=pass":         true,
		"\r\n\tmail.desk.example\r\n\t; dmarc=pass":               true,
		"mail . desk.\r\n example ; dmarc=pass":                   true,
		"mail.(x)desk.example; dmarc=pass":                        true,
		"mail.desk.example/1; dmarc=pass":                         true,
		"mail.desk.example dmarc=pass":                            true,
		"mail.desk.example":                                       true,
		"mail.desk.example, b.example; dmarc=pass":                true,
		"ｍａｉｌ.desk.example; dmarc=pass":                           true,
		"mail。desk.example; dmarc=pass":                           true,
		"(open mail.desk.example; dmarc=pass":                     true, // cannot be read: our name in it is enough
		`"open mail.desk.example; dmarc=pass`:                     true,
		"mx.google.com; dmarc=pass":                               false,
		"mail.desk.example.evil.test; dmarc=pass":                 false,
		"mail.desk.example.org; dmarc=pass":                       false,
		"xmail.desk.example; dmarc=pass":                          false,
		"desk.example; dmarc=pass":                                false,
		"mx.google.com (mail.desk.example); dmarc=pass":           false,
		"mx.google.com; dmarc=pass header.from=mail.desk.example": false,
		"":                    false,
		"(open; dmarc=pass":   false,
		"i=1; mx.example.com": false,
	} {
		if got := authres.Forged(value, ours); got != want {
			t.Errorf("Forged(%q) = %v", value, got)
		}
	}
	if !authres.Forged("xn--bcher-kva.example; none", "bücher.example") || !authres.Forged("BÜCHER.example; none", "xn--bcher-kva.example") {
		t.Error("U-labels and A-labels are told apart")
	}
	if authres.Forged("; none", "") {
		t.Error("without a name of ours nothing is forged")
	}
}

func section(text string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(text), 0, int64(len(text)))
}

func TestStrip(t *testing.T) {
	t.Parallel()
	long, returns := strings.Repeat(" ", 70_000), strings.Repeat("\r", 70_000)
	for name, tc := range map[string]struct{ mail, want string }{
		"none":                {"A: b\r\n\r\nbody", "A: b\r\n\r\nbody"},
		"one":                 {"A: b\r\nAuthentication-Results: mail.desk.example; dmarc=pass\r\nC: d\r\n\r\nbody", "A: b\r\nC: d\r\n\r\nbody"},
		"first and last":      {"Authentication-Results: mail.desk.example; none\r\nA: b\r\nAuthentication-Results: mail.desk.example; none\r\n\r\nbody", "A: b\r\n\r\nbody"},
		"folded":              {"authentication-results:\r\n\tmail.desk.example;\r\n dmarc=pass\r\nC: d\r\n\r\n", "C: d\r\n\r\n"},
		"two in a row":        {"Authentication-Results: mail.desk.example; none\r\nAUTHENTICATION-RESULTS: mail.desk.example; none\r\nC: d\r\n\r\n", "C: d\r\n\r\n"},
		"space before colon":  {"Authentication-Results \t: mail.desk.example; none\r\nC: d\r\n\r\n", "C: d\r\n\r\n"},
		"colon on the next":   {"Authentication-Results\r\n : mail.desk.example; none\r\nC: d\r\n\r\n", "C: d\r\n\r\n"},
		"bare line feeds":     {"A: b\nAuthentication-Results: mail.desk.example; none\nC: d\n\nbody", "A: b\nC: d\n\nbody"},
		"another's":           {"Authentication-Results: mx.google.com; dmarc=pass\r\n\r\n", "Authentication-Results: mx.google.com; dmarc=pass\r\n\r\n"},
		"ARC":                 {"ARC-Authentication-Results: i=1; mail.desk.example; none\r\n\r\n", "ARC-Authentication-Results: i=1; mail.desk.example; none\r\n\r\n"},
		"like it":             {"Authentication-Results-X: mail.desk.example; none\r\n\r\n", "Authentication-Results-X: mail.desk.example; none\r\n\r\n"},
		"in the body":         {"A: b\r\n\r\nAuthentication-Results: mail.desk.example; none\r\n", "A: b\r\n\r\nAuthentication-Results: mail.desk.example; none\r\n"},
		"no body":             {"A: b\r\nAuthentication-Results: mail.desk.example; none", "A: b\r\n"},
		"after a broken line": {"no field at all\r\nAuthentication-Results: mail.desk.example; none\r\n\r\n", "no field at all\r\n\r\n"},
		"white line within":   {"Authentication-Results: mail.desk.example;\r\n \t\r\n dmarc=pass\r\nC: d\r\n\r\n", "C: d\r\n\r\n"},
		"spaces before colon": {"Authentication-Results" + long + ": mail.desk.example; none\r\nC: d\r\n\r\n", "C: d\r\n\r\n"},
		"spaces before it":    {"Authentication-Results:" + long + "mail.desk.example; none\r\nC: d\r\n\r\n", "C: d\r\n\r\n"},
		"comment before it":   {"Authentication-Results: (" + long + ") mail.desk.example; none\r\nC: d\r\n\r\n", "C: d\r\n\r\n"},
		"long, another's":     {"Authentication-Results: mx.example; spf=pass (" + long + ")\r\nC: d\r\n\r\n", "Authentication-Results: mx.example; spf=pass (" + long + ")\r\nC: d\r\n\r\n"},
		"carriage returns":    {returns + "\nAuthentication-Results: mail.desk.example; none\r\nC: d\r\n\r\n", returns + "\nC: d\r\n\r\n"},
		"empty":               {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cut, err := authres.Strip(section(tc.mail), ours)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(authres.Stamp(section(tc.mail), "", cut))
			if err != nil || string(got) != tc.want {
				t.Errorf("got %.200q, %v, want %.200q (cut %v)", got, err, tc.want, cut)
			}
		})
	}
}

func TestStripIsBounded(t *testing.T) {
	t.Parallel()
	one := "Authentication-Results: mail.desk.example; none\r\nX: y\r\n"
	mail := strings.Repeat(one, 100_000) // 5 MB of header
	cut, err := authres.Strip(section(mail), ours)
	if err != nil {
		t.Fatal(err)
	}
	if searched := cut[len(cut)-1][1]; searched > 4<<20 || searched < 4<<20-200 {
		t.Errorf("the header was searched up to %d", searched)
	}
	for i := range cut[1:] {
		if cut[i][1] > cut[i+1][0] {
			t.Fatalf("ranges %v and %v overlap", cut[i], cut[i+1])
		}
	}
}

func TestStamp(t *testing.T) {
	t.Parallel()
	mail := "0123456789abcdefghij"
	for name, tc := range map[string]struct {
		cut  [][2]int64
		want string
	}{
		"nothing cut":    {nil, "F: g\r\n0123456789abcdefghij"},
		"a piece":        {[][2]int64{{3, 6}}, "F: g\r\n0126789abcdefghij"},
		"both ends":      {[][2]int64{{0, 2}, {18, 20}}, "F: g\r\n23456789abcdefgh"},
		"everything":     {[][2]int64{{0, 20}}, "F: g\r\n"},
		"overlapping":    {[][2]int64{{2, 6}, {4, 8}}, "F: g\r\n0189abcdefghij"},
		"beyond the end": {[][2]int64{{15, 30}, {40, 50}}, "F: g\r\n0123456789abcde"},
		"an empty range": {[][2]int64{{4, 4}}, "F: g\r\n0123456789abcdefghij"},
	} {
		t.Run(name, func(t *testing.T) {
			stamped := authres.Stamp(section(mail), "F: g\r\n", tc.cut)
			if err := iotest.TestReader(stamped, []byte(tc.want)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStampAtAnyOffset(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	mail := strings.Repeat("The quick brown fox. ", 500)
	for range 50 {
		var cut [][2]int64
		var want strings.Builder
		want.WriteString("Field: x\r\n")
		from := 0
		for from < len(mail) {
			begin := min(len(mail), from+random.IntN(300))
			end := min(len(mail), begin+random.IntN(100))
			want.WriteString(mail[from:begin])
			cut, from = append(cut, [2]int64{int64(begin), int64(end)}), end
		}
		stamped := authres.Stamp(section(mail), "Field: x\r\n", cut)
		if stamped.Size() != int64(want.Len()) {
			t.Fatalf("%d octets, want %d", stamped.Size(), want.Len())
		}
		for range 50 {
			at := random.IntN(want.Len() + 10)
			buffer := make([]byte, random.IntN(400))
			n, err := stamped.ReadAt(buffer, int64(at))
			rest := want.String()[min(at, want.Len()):]
			if expected := rest[:min(len(rest), len(buffer))]; string(buffer[:n]) != expected || err != nil && err != io.EOF || n < len(buffer) && err == nil {
				t.Fatalf("%d octets at %d: %q, %v, want %q", len(buffer), at, buffer[:n], err, expected)
			}
		}
	}
}

func TestStampTellsOfAShortMail(t *testing.T) {
	t.Parallel()
	mail := io.NewSectionReader(strings.NewReader("short"), 0, 100) // the file is shorter than it was when it was opened
	if _, err := io.ReadAll(authres.Stamp(mail, "F: g\r\n", nil)); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v", err)
	}
}
