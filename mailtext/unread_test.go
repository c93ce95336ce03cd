package mailtext

import (
	"io"
	"strings"
	"testing"
)

// What nobody reads of one part must not count against the next: a long text before a file, and a file that its taker leaves unread.
func TestEachFilePassesOverWhatIsNotRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a line of text that nobody reads on the second walk\r\n", 8000) // over 400 KiB
	raw := "From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n" + long +
		"--x\r\nContent-Type: application/octet-stream; name=one.bin\r\n\r\n" + long + "--x\r\nContent-Type: application/octet-stream; name=two.bin\r\n\r\ntwo\r\n--x--\r\n"
	src := io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw)))
	mail, err := Read(t.Context(), src, Limits{})
	if err != nil || len(mail.Files) != 2 {
		t.Fatalf("%v, %d files", err, len(mail.Files))
	}
	var names []string
	err = EachFile(t.Context(), src, mail, func(f File, _ io.Reader) error { names = append(names, f.Name); return nil })
	if err != nil || strings.Join(names, " ") != "one.bin two.bin" {
		t.Errorf("handed out %q: %v", names, err)
	}
}

// A text that is longer than is shown must not hide the files after it.
func TestFilesAfterATextBeyondTheLimit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("words without end\r\n", 200_000) // 3.6 MiB
	raw := "From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n" + long +
		"--x\r\nContent-Type: application/octet-stream; name=one.bin\r\n\r\none\r\n--x--\r\n"
	mail, err := Read(t.Context(), io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))), Limits{})
	if err != nil || len(mail.Files) != 1 || mail.Files[0].Name != "one.bin" || len(mail.Text) == 0 {
		t.Errorf("%v: %d bytes of text, files %v, %v", err, len(mail.Text), mail.Files, mail.Problems)
	}
}
