package canon

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// FuzzMail reads a mail: nothing of the header is lost, no field is outside the bounds, and both forms of the body are those of the reference, however it comes.
func FuzzMail(f *testing.F) {
	f.Add([]byte("A: b\r\n c\r\nB : d\r\n\r\n C \r\nD \t E\r\n\r\n\r\n"), 3)
	f.Add([]byte(" x\n\ny \r z\r\r\n"), 1)
	f.Fuzz(func(t *testing.T, raw []byte, size int) {
		if len(raw) > 64<<10 {
			return
		}
		m, err := Read(io.NewSectionReader(bytes.NewReader(raw), 0, int64(len(raw))))
		if err != nil {
			return
		}
		header := 0
		for _, field := range m.Fields {
			header += len(field.Raw)
			if !strings.HasSuffix(field.Raw, "\r\n") || strings.ToLower(field.Name) != field.Name {
				t.Fatalf("%q", field)
			}
		}
		if header > MaxHeader*2 || len(m.Fields) > MaxFields {
			t.Fatalf("%d fields of %d octets", len(m.Fields), header)
		}
		body, err := io.ReadAll(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []Form{Simple, Relaxed} {
			if got, want := canonical(form, string(body), 1+(size&0xff)), reference(form, string(body)); got != want {
				t.Fatalf("form %d of %q: %q, want %q", form, body, got, want)
			}
		}
	})
}
