package canon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// recorder is a hash that keeps what it is fed.
type recorder struct {
	bytes.Buffer
	writes int
}

func (r *recorder) Write(p []byte) (int, error) {
	r.writes++
	return r.Buffer.Write(p)
}
func (r *recorder) Sum(b []byte) []byte {
	sum := sha256.Sum256(r.Bytes())
	return append(b, sum[:]...)
}
func (*recorder) Size() int      { return sha256.Size }
func (*recorder) BlockSize() int { return sha256.BlockSize }

// canonical is the canonical form of a body that comes in pieces of a size.
func canonical(form Form, body string, size int) string {
	r := &recorder{}
	h := newHasher(form, r, int64(size))
	for piece := range slices.Chunk([]byte(body), size) {
		h.write(piece)
	}
	h.finish()
	return r.String()
}

// reference says the same as RFC 6376 §3.4.3 and §3.4.4 in their own order, however slowly.
func reference(form Form, body string) string {
	body = regexp.MustCompile(`\r?\n`).ReplaceAllString(body, "\r\n")
	if form == Relaxed {
		body = regexp.MustCompile(`[ \t]+(\r\n|$)`).ReplaceAllString(body, "$1")
		body = regexp.MustCompile(`[ \t]+`).ReplaceAllString(body, " ")
	}
	for strings.HasSuffix(body, "\r\n") {
		body = strings.TrimSuffix(body, "\r\n")
	}
	if form == Relaxed && body == "" {
		return ""
	}
	return body + "\r\n"
}

func TestBodyForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ body, simple, relaxed string }{
		{" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"}, // RFC 6376 §3.4.5
		{"", "\r\n", ""},
		{"\r\n\r\n", "\r\n", ""},
		{" \t\r\n \r\n", " \t\r\n \r\n", ""},
		{"no line end", "no line end\r\n", "no line end\r\n"},
		{"\r\n\r\na", "\r\n\r\na\r\n", "\r\n\r\na\r\n"},
		{"a\nb\n", "a\r\nb\r\n", "a\r\nb\r\n"},
		{"a \r b\r", "a \r b\r\r\n", "a \r b\r\r\n"},
		{"a" + strings.Repeat("\r\n", 100) + "b", "a" + strings.Repeat("\r\n", 100) + "b\r\n", "a" + strings.Repeat("\r\n", 100) + "b\r\n"},
	} {
		for size := 1; size <= len(c.body)+1; size++ {
			if got := canonical(Simple, c.body, size); got != c.simple {
				t.Errorf("simple %q in pieces of %d: %q", c.body, size, got)
			}
			if got := canonical(Relaxed, c.body, size); got != c.relaxed {
				t.Errorf("relaxed %q in pieces of %d: %q", c.body, size, got)
			}
		}
	}
}

func TestBodyFormsAgreeWithReference(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var body strings.Builder
		for range random.IntN(60) {
			body.WriteString([]string{"a", "bc", " ", "\t", "\r\n", "\r\n", "\n", "\r", "\r\n\r\n"}[random.IntN(9)])
		}
		for _, form := range []Form{Simple, Relaxed} {
			size := 1 + random.IntN(9)
			if got, want := canonical(form, body.String(), size), reference(form, body.String()); got != want {
				t.Fatalf("form %d of %q in pieces of %d: %q, want %q", form, body.String(), size, got, want)
			}
		}
	}
}

func mailOf(t testing.TB, raw string) *Mail {
	t.Helper()
	m, err := Read(io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Parts of a body have the hash that they have alone, and the body is hashed once for all of them.
func TestBodyParts(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("one  two\r\n", 10000)
	m := mailOf(t, "From: a@b.example\r\n\r\n"+body)
	parts := []BodyPart{{Simple, Whole}, {Relaxed, 7}, {Relaxed, Whole}, {Simple, 0}, {Relaxed, 90000}, {Simple, 32768}, {Relaxed, 7}, {Relaxed, 90001}}
	sums, err := m.SumBody(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range parts {
		whole := reference(part.Form, body)
		want := BodySum{Length: int64(len(whole))}
		switch {
		case part.Length == Whole:
			want.Sum = sha256.Sum256([]byte(whole))
		case part.Length <= want.Length:
			want.Sum = sha256.Sum256([]byte(whole[:part.Length]))
		}
		if sums[i] != want {
			t.Errorf("%+v: %+v, want %+v", part, sums[i], want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.SumBody(ctx, parts); err == nil {
		t.Error("a body was hashed after the end of its time")
	}
}

// Pitfall 10: eight MiB of empty lines, at the end and before a last word, cost no more than any other body: what is hashed is no longer than the body, and in large pieces.
func TestBodyOfEmptyLines(t *testing.T) {
	t.Parallel()
	lines := strings.Repeat("\r\n", 4<<20)
	for _, form := range []Form{Simple, Relaxed} {
		for _, body := range []string{lines + "x", "x" + lines, strings.Repeat("\r\n\r\nx", 1<<18)} {
			r := &recorder{}
			h := newHasher(form, r, chunk)
			for piece := range slices.Chunk([]byte(body), chunk) {
				h.write(piece)
			}
			h.finish()
			if r.Len() > len(body)+2 || r.writes > len(body)/8000+10 || cap(h.out) > 2*chunk {
				t.Errorf("form %d: %d octets in %d pieces hashed of a body of %d, with %d kept", form, r.Len(), r.writes, len(body), cap(h.out))
			}
		}
	}
}

func BenchmarkBodyOfEmptyLines(b *testing.B) {
	body := strings.Repeat("\r\n", 4<<20) + "x"
	m := mailOf(b, "From: a@b.example\r\n\r\n"+body)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := m.SumBody(b.Context(), []BodyPart{{Simple, Whole}, {Relaxed, Whole}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBodyOfText(b *testing.B) {
	body := strings.Repeat("A line of text as people write them, with some words and spaces.\r\n", 1<<14)
	m := mailOf(b, "From: a@b.example\r\n\r\n"+body)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := m.SumBody(b.Context(), []BodyPart{{Relaxed, Whole}}); err != nil {
			b.Fatal(err)
		}
	}
}
