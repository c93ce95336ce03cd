package mailout

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	gomail "github.com/emersion/go-message/mail"

	"postern/desk"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("", 3600))

func content(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

func attachment(name, mediaType, text string) File {
	return File{Name: name, MediaType: mediaType, Size: int64(len(text)), Open: content(text)}
}

func plainDraft() Draft {
	return Draft{
		From: desk.Address{Name: "Example Support", Addr: "support@example.com"}, To: []desk.Address{{Addr: "ann@customer.example"}},
		Subject: "Re: Printer", MessageID: "<m1.abc@example.com>", InReplyTo: "<q1@customer.example>", References: []string{"<q0@customer.example>", "<q1@customer.example>"},
		Date: noon, Text: "Hello Ann,\n\nplease turn it off and on again.\n.\nFrom here on it works.\n",
	}
}

func fullDraft() Draft {
	d := plainDraft()
	image := attachment("logo.png", "image/png", "\x89PNG not really")
	image.Inline, image.ContentID = true, "logo@example.com"
	d.From.Name, d.ReplyTo = "Müller & Söhne GmbH, Kundendienst", desk.Address{Name: `The "Desk"`, Addr: "support+tok-1@example.com"}
	d.To = []desk.Address{{Name: "Zoë Über-Straße", Addr: "zoe@Bücher.example"}, {Name: "田中太郎", Addr: "tanaka..taro@mobile.example"}}
	d.Cc = []desk.Address{{Name: "O'Neil, Pat", Addr: `"pat o neil"@customer.example`}, {Addr: "x@[192.0.2.1]"}}
	d.Subject = "Re: Störung bei Gerät Nr. 4711 – bitte um Rückmeldung bis Freitag, 日本語の件名もここにあります"
	d.Text, d.HTML = "Grüße\r\nZeile mit Leerzeichen am Ende   \nund ein sehr langer Satz, der die Grenze von sechsundsiebzig Zeichen weit überschreitet.", `<p>Grüße <img src="cid:logo@example.com"></p>`
	d.Files = []File{image, attachment("Rechnung März 2026.pdf", "application/pdf", strings.Repeat("pdf ", 40)),
		attachment(strings.Repeat("とても長いファイル名", 6)+".txt", `text/plain; charset="utf-8"`, "text"), attachment(`a "b".eml`, "message/rfc822", "Subject: inner\r\n\r\nbody\r\n")}
	return d
}

func drafts() map[string]Draft {
	long := plainDraft()
	long.Subject, long.Text = strings.Repeat("x", 2000), "Здравствуйте! "+strings.Repeat("Длинное письмо без единого перевода строки. ", 40)
	long.From.Name = strings.Repeat("Very Long Name ", 20)
	long.References = nil
	for i := range 60 {
		long.References = append(long.References, fmt.Sprintf("<%d@customer.example>", i), "not an id")
	}
	automatic := plainDraft()
	automatic.AutoSubmitted, automatic.Loop, automatic.InReplyTo = "auto-replied", "example.com/1", ""
	automatic.Text, automatic.Files = "", []File{attachment("only.bin", "", "\x00\x01\r\n.\r\n")}
	return map[string]Draft{"plain": plainDraft(), "full": fullDraft(), "long": long, "automatic": automatic}
}

func compose(t testing.TB, d Draft) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Compose(&out, d); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sound checks what must hold of every mail that leaves, whatever people typed.
func sound(t testing.TB, message []byte) {
	t.Helper()
	if strings.Count(string(message), "\r\n") != strings.Count(string(message), "\n") || strings.Count(string(message), "\r\n") != strings.Count(string(message), "\r") {
		t.Error("a CR or LF stands alone")
	}
	if !bytes.HasSuffix(message, []byte("\r\n")) {
		t.Error("the last line has no end")
	}
	inHeader := true
	for number, line := range strings.Split(string(message), "\r\n") {
		inHeader = inHeader && line != ""
		if limit := map[bool]int{true: 998, false: 76}[inHeader || strings.Contains(line, "filename") || strings.HasPrefix(line, "Content-")]; len(line) > limit {
			t.Errorf("line %d has %d octets", number+1, len(line))
		}
		if inHeader && len(line) > 78 && !strings.HasPrefix(line, "DKIM-Signature:") && strings.Contains(strings.TrimSpace(line[strings.Index(line, ":")+1:]), " ") {
			t.Errorf("line %d could have been folded: %s", number+1, line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
			t.Errorf("line %d is not seven-bit text: %q", number+1, line)
		}
	}
}

// fieldNames lists the names in the header, sorted.
func fieldNames(message []byte) []string {
	header, _, _ := strings.Cut(string(message), "\r\n\r\n")
	var names []string
	for _, line := range strings.Split(header, "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && line[0] != ' ' && line[0] != '\t' {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return names
}

// T-BYTES: every draft gives the same sound bytes, time after time.
func TestT_BYTES_Golden(t *testing.T) {
	t.Parallel()
	for name, draft := range drafts() {
		message := compose(t, draft)
		sound(t, message)
		if names := fieldNames(message); len(slices.Compact(slices.Clone(names))) != len(names) || slices.Contains(names, "bcc") {
			t.Errorf("%s: fields %v", name, names)
		}
		path := filepath.Join("testdata", name+".eml")
		if *update {
			if err := os.WriteFile(path, message, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(golden, message) {
			t.Errorf("%s differs from %s:\n%s", name, path, message)
		}
	}
}

// T-BYTES: go-message reads back what was composed.
func TestT_BYTES_ReadBack(t *testing.T) {
	t.Parallel()
	draft := fullDraft()
	r, err := gomail.CreateReader(bytes.NewReader(compose(t, draft)))
	if err != nil {
		t.Fatal(err)
	}
	if subject, err := r.Header.Subject(); err != nil || subject != draft.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	for field, want := range map[string][]desk.Address{
		"From": {draft.From}, "Reply-To": {draft.ReplyTo},
		"To": {{Name: draft.To[0].Name, Addr: "zoe@xn--bcher-kva.example"}, draft.To[1]}, "Cc": {{Name: "O'Neil, Pat", Addr: "pat o neil@customer.example"}, draft.Cc[1]},
	} {
		list, err := r.Header.AddressList(field)
		if err != nil || len(list) != len(want) {
			t.Fatalf("%s: %v, %v", field, list, err)
		}
		for i := range want {
			if list[i].Name != want[i].Name || list[i].Address != want[i].Addr {
				t.Errorf("%s %d: %+v, want %+v", field, i, list[i], want[i])
			}
		}
	}
	var texts, names, bodies []string
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		switch h := p.Header.(type) {
		case *gomail.InlineHeader:
			kind, _, _ := h.ContentType()
			texts = append(texts, kind+" "+string(body))
		case *gomail.AttachmentHeader:
			name, _ := h.Filename()
			names, bodies = append(names, name), append(bodies, string(body))
		}
	}
	wantTexts := []string{"text/plain " + canonicalLines(draft.Text), "text/html " + canonicalLines(draft.HTML), "image/png \x89PNG not really"}
	if !slices.Equal(texts, wantTexts) {
		t.Errorf("texts %q\nwant  %q", texts, wantTexts)
	}
	for i, file := range draft.Files[1:] {
		r, _ := file.Open()
		want, _ := io.ReadAll(r)
		if names[i] != file.Name || bodies[i] != string(want) {
			t.Errorf("file %d: %q %q", i, names[i], bodies[i])
		}
	}
}

// T-BYTES: Python's parser, which names every defect, finds none, and reads what was written.
func TestT_BYTES_Python(t *testing.T) {
	t.Parallel()
	mails := map[string][]byte{}
	for name, draft := range drafts() {
		mails[name] = compose(t, draft)
	}
	folder, _ := save(t, mails)
	for name, draft := range drafts() {
		var read struct {
			Subject, Text      string
			To, Files, Defects []string
		}
		out := run(t, "/usr/bin/python3", filepath.Join("testdata", "read.py"), filepath.Join(folder, name+".eml"))
		if err := json.Unmarshal([]byte(out), &read); err != nil {
			t.Fatal(err)
		}
		if len(read.Defects) > 0 || read.Subject != draft.Subject || len(read.To) != len(draft.To) {
			t.Errorf("%s: %+v", name, read)
		}
		if want := strings.ReplaceAll(canonicalLines(draft.Text), "\r\n", "\n"); strings.ReplaceAll(read.Text, "\r\n", "\n") != want {
			t.Errorf("%s: text %q, want %q", name, read.Text, want)
		}
		for i, file := range draft.Files {
			if i >= len(read.Files) || read.Files[i] != file.Name {
				t.Errorf("%s: files %q", name, read.Files)
			}
		}
	}
}

// T-BYTES: nobody's words become a field, an address or a part.
func TestT_BYTES_Injection(t *testing.T) {
	t.Parallel()
	want := fieldNames(compose(t, fullDraft()))
	for _, evil := range []string{
		"x\r\nBcc: victim@example.com", "x\nBcc: victim@example.com", "x\rBcc: victim@example.com", "x\r\n\r\nbody", "x\u2028Bcc: y@example.com", "x\x00\x0b\x0c\x1b[2J", "\x85Bcc: y@example.com",
		"\xff\xfe", "=?utf-8?q?=0D=0ABcc:_y@example.com?=", `"><x@example.com>, "`, "--=_" + strings.Repeat("a", 24), "; name=x\r\n y", strings.Repeat("é", 3000),
	} {
		for field, set := range map[string]func(*Draft){
			"subject":    func(d *Draft) { d.Subject = evil },
			"from name":  func(d *Draft) { d.From.Name = evil },
			"to name":    func(d *Draft) { d.To[0].Name = evil },
			"reference":  func(d *Draft) { d.References = append(d.References, "<"+evil+"@x>") },
			"text":       func(d *Draft) { d.Text = evil },
			"html":       func(d *Draft) { d.HTML = evil },
			"file name":  func(d *Draft) { d.Files[1].Name = evil },
			"media type": func(d *Draft) { d.Files[1].MediaType = "text/plain; charset=" + evil },
			"media kind": func(d *Draft) { d.Files[1].MediaType = "text/" + evil },
			"content id": func(d *Draft) { d.Files[0].ContentID = evil },
		} {
			d := fullDraft()
			set(&d)
			message := compose(t, d)
			sound(t, message)
			if got := fieldNames(message); !slices.Equal(got, want) {
				t.Errorf("%s %q: fields %v", field, evil, got)
			}
			r, err := gomail.CreateReader(bytes.NewReader(message))
			if err != nil {
				t.Fatalf("%s %q: %v", field, evil, err)
			}
			if subject, err := r.Header.Subject(); err != nil || subject != clean(d.Subject) {
				t.Errorf("%s %q: subject %q, %v", field, evil, subject, err)
			}
			if to, err := r.Header.AddressList("To"); err != nil || len(to) != 2 {
				t.Errorf("%s %q: To is %v, %v", field, evil, to, err)
			}
			parts := 0
			for _, err = r.NextPart(); err == nil; _, err = r.NextPart() {
				parts++
			}
			if err != io.EOF || parts != 6 {
				t.Errorf("%s %q: %d parts, %v", field, evil, parts, err)
			}
		}
	}
}

func TestComposeRefusesWhatIsNoMail(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Draft){
		"no recipients": func(d *Draft) { d.To = nil },
		"message-id":    func(d *Draft) { d.MessageID = "a b@example.com" },
		"from: ":        func(d *Draft) { d.From.Addr = "nobody" },
		"to: ":          func(d *Draft) { d.To[0].Addr = "a@example.com\r\nBcc: b@example.com" },
		"cc: ":          func(d *Draft) { d.Cc = []desk.Address{{Addr: "a@b..c"}} },
		"reply-to: ":    func(d *Draft) { d.ReplyTo.Addr = "a@" + strings.Repeat("b.", 200) + "example" },
		"the 5 octets":  func(d *Draft) { d.Files = []File{{Name: "f", Size: 5, Open: content("1234")}} },
		"the 3 octets":  func(d *Draft) { d.Files = []File{{Name: "f", Size: 3, Open: content("1234")}} },
		`opening the file "gone"`: func(d *Draft) {
			d.Files = []File{{Name: "gone", Open: func() (io.ReadCloser, error) { return nil, errors.New("lost") }}}
		},
	} {
		d := plainDraft()
		spoil(&d)
		if err := Compose(io.Discard, d); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReferencesKeepTheFirstAndTheLastTwenty(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 30 {
		ids = append(ids, fmt.Sprintf("<%d@x>", i))
	}
	tokens := idTokens(append(ids, "<29@x>", "29@x", "junk junk"))
	if len(tokens) != 21 || tokens[0] != "<0@x>" || tokens[1] != "<10@x>" || tokens[20] != "<29@x>" {
		t.Errorf("%d: %v", len(tokens), tokens)
	}
	if few := idTokens(ids[:21]); len(few) != 21 {
		t.Errorf("21 ids became %d", len(few))
	}
}

// An address that is not ASCII has no seven-bit form; everything else of the mail has.
func TestForeignLocalPart(t *testing.T) {
	t.Parallel()
	d := plainDraft()
	d.To[0].Addr = "josé@bücher.example"
	message := compose(t, d)
	if !bytes.Contains(message, []byte("To: josé@xn--bcher-kva.example\r\n")) {
		t.Errorf("%s", message)
	}
}

// watched is a source that samples the heap while it is read.
type watched struct {
	io.Reader
	read, next int64
	peak       *uint64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if w.read += int64(n); w.read >= w.next {
		w.next += 1 << 20
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		*w.peak = max(*w.peak, stats.HeapAlloc)
	}
	return n, err
}

func (w *watched) Close() error { return nil }

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Memory does not grow with the attachment. Not parallel: other tests' memory would be counted.
func TestAttachmentsAreStreamed(t *testing.T) {
	keys := testKeys(t)
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // what is counted shall be in use, not waiting to be collected: how much waits follows from what else the program holds
	for _, size := range []int64{64 << 10, 25 << 20} {
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		peak := before.HeapAlloc
		d := plainDraft()
		d.Files = []File{{Name: "big", Size: size, Open: func() (io.ReadCloser, error) {
			return &watched{Reader: io.LimitReader(zeros{}, size), peak: &peak}, nil
		}}}
		file, err := os.Create(filepath.Join(t.TempDir(), "mail"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := Compose(file, d); err != nil {
			t.Fatal(err)
		}
		if err := Sign(io.Discard, struct {
			io.Reader
			io.Seeker
		}{&watched{Reader: file, peak: &peak}, file}, keys, time.Time{}); err != nil {
			t.Fatal(err)
		}
		grown := int64(peak) - int64(before.HeapAlloc)
		t.Logf("%d KiB attached: heap grew by %d KiB at most", size>>10, grown>>10)
		if grown > 8<<20 {
			t.Errorf("%d octets attached, and the heap grew by %d", size, grown)
		}
	}
}

func BenchmarkComposeAndSign(b *testing.B) {
	keys := testKeys(b)
	for _, size := range []int64{0, 64 << 10, 25 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			d := fullDraft()
			if size > 0 {
				d.Files = append(d.Files, File{Name: "big", Size: size, Open: func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, size)), nil }})
			}
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				var out bytes.Buffer
				if err := Compose(&out, d); err != nil {
					b.Fatal(err)
				}
				if err := Sign(io.Discard, bytes.NewReader(out.Bytes()), keys, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Whatever strangers and agents type, the mail is sound and has the fields that it should have.
func FuzzCompose(f *testing.F) {
	f.Add("Re: Störung", "Ann", "note.txt", "<a@b>", "text")
	f.Add("x\r\nBcc: y@z", "\"", "a\x00b", "<a\r\nb@c>", "--=_\r\n.\r\n")
	want := fieldNames(compose(f, fullDraft()))
	f.Fuzz(func(t *testing.T, subject, name, file, reference, text string) {
		d := fullDraft()
		d.Subject, d.Text, d.HTML = "Re: "+subject, "a"+text, "a"+text
		d.From.Name, d.Files[1].Name, d.References = name, file, append(d.References, reference)
		message := compose(t, d)
		sound(t, message)
		if got := fieldNames(message); !slices.Equal(got, want) {
			t.Errorf("fields %v", got)
		}
		r, err := gomail.CreateReader(bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Header.Subject(); err != nil || got != clean(d.Subject) {
			t.Errorf("subject %q came back as %q, %v", clean(d.Subject), got, err)
		}
	})
}
