package mailtext

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		in   string
		want []desk.Address
		bad  int
	}{
		{`a@example.com`, []desk.Address{{Addr: "a@example.com"}}, 0},
		{`Rita <Rita@EXAMPLE.com>`, []desk.Address{{Name: "Rita", Addr: "Rita@example.com"}}, 0},
		{`"Example, Rita" <r@example.com>, Bob<b@example.com>`, []desk.Address{{Name: "Example, Rita", Addr: "r@example.com"}, {Name: "Bob", Addr: "b@example.com"}}, 0},
		{`r@example.com (Rita (of Accounting))`, []desk.Address{{Name: "Rita (of Accounting)", Addr: "r@example.com"}}, 0},
		{`=?utf-8?q?M=C3=BCller=2C_Jan?= <j@example.com>`, []desk.Address{{Name: "Müller, Jan", Addr: "j@example.com"}}, 0},
		{`=?utf-8?q?M=C3=BCller,_Jan?= <j@example.com>`, []desk.Address{{Name: "Müller, Jan", Addr: "j@example.com"}}, 0},
		{`"=?utf-8?q?M=C3=BCller?=" <j@example.com>`, []desk.Address{{Name: "Müller", Addr: "j@example.com"}}, 0},
		{`'r@example.com' <r@example.com>`, []desk.Address{{Addr: "r@example.com"}}, 0},
		{`<@a.example,@b.example:r@example.com>`, []desk.Address{{Addr: "r@example.com"}}, 0},
		{`r@example.com; b@example.com`, []desk.Address{{Addr: "r@example.com"}, {Addr: "b@example.com"}}, 0},
		{`"john doe"@example.com`, []desk.Address{{Addr: `"john doe"@example.com`}}, 0},
		{`Rita <r@example.com`, []desk.Address{{Name: "Rita", Addr: "r@example.com"}}, 0},
		{`Rita r@example.com`, []desk.Address{{Name: "Rita", Addr: "r@example.com"}}, 0},
		{`john @ example.com`, []desk.Address{{Addr: "john@example.com"}}, 0},
		{`root@[192.0.2.1]`, []desk.Address{{Addr: "root@[192.0.2.1]"}}, 0},
		{`Rita, <r@example.com>`, []desk.Address{{Addr: "r@example.com"}}, 1},
		{`nobody`, nil, 1},
		{`<>`, nil, 0},
		{`a@b@example.com`, nil, 1},
		{`"unclosed <r@example.com>`, []desk.Address{{Name: "unclosed", Addr: "r@example.com"}}, 0},
		{`A:b@example.com;`, []desk.Address{{Addr: "b@example.com"}}, 0},
		{"Rita \u202Emoc.live <r@example.com>", []desk.Address{{Name: "Rita moc.live", Addr: "r@example.com"}}, 0},
	}
	for _, c := range cases {
		if got, bad := parseAddresses(c.in); !slices.Equal(got, c.want) || bad != c.bad {
			t.Errorf("%s:\n got %q, %d bad\nwant %q, %d bad", c.in, got, bad, c.want, c.bad)
		}
	}
}

// What is made to be slow to read takes no longer than its size asks for.
func TestFieldsAreLinear(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{`"`, `\"`, `(`, `()`, `<`, `:`, `@:`, `a@b,`, `=?`, `=?a?q?`, `=?utf-8?q?a?= `, `;`, `;a="`, `;a*0="x"`, "<a@", "@"} {
		long := strings.Repeat(piece, (64<<10)/len(piece))
		begin := time.Now()
		parseAddresses(long)
		parseParameterised(long, 100)
		decodeWords(long)
		messageIDs([]string{long})
		parseDate(long)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%q repeated: %v", piece, took)
		}
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	cases := []struct{ in, name, want string }{
		{`a/b; name=x.pdf`, "name", "x.pdf"},
		{`a/b; NAME="x y.pdf"; z=1`, "name", "x y.pdf"},
		{`a/b; name="a\"b;c"`, "name", `a"b;c`},
		{`a/b; name = x (comment)`, "name", "x"},
		{`attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf`, "filename", "Grüße.pdf"},
		{`attachment; filename*=iso-8859-1'de'Gr%FC%DFe.pdf`, "filename", "Grüße.pdf"},
		{`attachment; filename*=us-ascii''Gr%C3%BC%C3%9Fe.pdf`, "filename", "Grüße.pdf"}, // a lying charset
		{`attachment; filename*0="long "; filename*1="name.pdf"`, "filename", "long name.pdf"},
		{`attachment; filename*1="name.pdf"; filename*0="long "`, "filename", "long name.pdf"},
		{`attachment; filename*0*=utf-8''Gr%C3; filename*1*=%BC%C3%9Fe; filename*2=".pdf"`, "filename", "Grüße.pdf"}, // split inside a character
		{`attachment; filename="=?utf-8?q?Gr=C3=BC=C3=9Fe.pdf?="`, "filename", "Grüße.pdf"},
		{"attachment; filename=\"Gr\xfc\xdfe.pdf\"", "filename", "Grüße.pdf"},
		{`attachment; filename=plain.pdf; filename*=utf-8''better.pdf`, "filename", "better.pdf"},
		{`attachment; filename="unclosed.pdf; size=3`, "filename", "unclosed.pdf"},
		{`attachment;; ; filename=x.pdf;`, "filename", "x.pdf"},
	}
	for _, c := range cases {
		if got := parseParameterised(c.in, 100); got.params[c.name] != c.want {
			t.Errorf("%s: %q, want %q", c.in, got.params[c.name], c.want)
		}
	}
	for in, want := range map[string]string{`C:\Users\me\x.pdf`: "x.pdf", "../../etc/passwd": "passwd", "..": "", "a/": "a", "日本語.pdf": "日本語.pdf", "a\nb\x00.pdf": "a b.pdf"} {
		if got := fileName(in); got != want {
			t.Errorf("fileName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTransferDecoding(t *testing.T) {
	t.Parallel()
	cases := []struct{ encoding, in, want string }{
		{"base64", "aGVsbG8=", "hello"},
		{"BASE64", "aGVs\r\nbG8", "hello"},
		{"base64", "aGVs!bG8=trailing", "hello"},
		{"base64", "aGk=\naGk=", "hihi"},
		{"base64", "aGVsbG8=\r\n-", "hello"},
		{"quoted-printable", "a=3Db=\r\nc=3d", "a=bc="},
		{"quoted-printable", "trailing   \r\nx= \r\ny", "trailing\r\nxy"},
		{"quoted-printable", "100=ZZ =", "100=ZZ "},
		{"quoted-printable", strings.Repeat("x", 4095) + "=41" + strings.Repeat("y", 4092) + "=42", strings.Repeat("x", 4095) + "A" + strings.Repeat("y", 4092) + "B"},
		{"x-uuencode", "text\nbegin 644 a\n%:&5L;&\\\n`\nend\nmore", "hello"},
		{"7bit", "as=20is", "as=20is"},
	}
	for _, c := range cases {
		r, known := transferDecoder(c.encoding, strings.NewReader(c.in))
		got, err := io.ReadAll(r)
		if !known || err != nil || string(got) != c.want {
			t.Errorf("%s %.40q: %.60q, %v, want %.60q", c.encoding, c.in, got, err, c.want)
		}
	}
}

func TestCharsets(t *testing.T) {
	t.Parallel()
	cases := []struct{ label, in, want string }{
		{"utf-7", "Hi Mom +Jjo-!+-", "Hi Mom ☺!+"},
		{"iso-8859-15", "\xa4", "€"},
		{"windows-1251", "\xcf\xf0\xe8", "При"},
		{"koi8-r", "\xf0\xd2\xc9", "При"},
		{"euc-kr", "\xb0\xa1", "가"},
		{"ks_c_5601-1987", "\xb0\xa1", "가"},
		{"big5", "\xa4\xa4", "中"},
		{"hz-gb-2312", "~{VPND~}", "中文"},
		{"iso-2022-jp", "\x1b$BF|K\\\x1b(B", "日本"},
		{"utf-16", "\xfe\xff\x00a", "a"},
		{"utf-16le", "a\x00", "a"},
		{"cp437", "\x81", "ü"},
		{"cp1252", "\x80", "€"},
		{"iso-8859-1", "\x80", "€"},
		{`"utf-8"`, "ü", "ü"},
		{"", "caf\xe9", "café"},
	}
	for _, c := range cases {
		if got := decodeCharset([]byte(c.in), c.label); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.label, c.in, got, c.want)
		}
	}
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	const head = "From: a@example.com\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:16010101T000000\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT\n"
	const tail = "\nBEGIN:VALARM\nSUMMARY:no\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR\n"
	cases := []struct{ name, event, want string }{
		{"utc", "SUMMARY:Visit\\, with tea\nDTSTART:20261122T100000Z\nDTEND:20261122T110000Z\nLOCATION:Room 1", "Visit, with tea|Room 1||2026-11-22T10:00:00Z|2026-11-22T11:00:00Z|false"},
		{"zone", "SUMMARY:Visit\nDTSTART;TZID=Europe/Berlin:20261122T100000\nDURATION:PT1H30M", "Visit|||2026-11-22T09:00:00Z|2026-11-22T10:30:00Z|false"},
		{"zone of windows", "SUMMARY:Visit\nDTSTART;TZID=\"W. Europe Standard Time\":20260722T100000", "Visit|||2026-07-22T08:00:00Z|0001-01-01T00:00:00Z|false"},
		{"all day", "SUMMARY:Visit\nDTSTART;VALUE=DATE:20261122\nDTEND;VALUE=DATE:20261123", "Visit|||2026-11-22T00:00:00Z|2026-11-23T00:00:00Z|true"},
		{"folded, organizer", "SUMMARY:Vi\n sit\nDTSTART:20261122T100000Z\nORGANIZER;CN=\"Rita: E\":mailto:r@example.com", "Visit||Rita: E <r@example.com>|2026-11-22T10:00:00Z|0001-01-01T00:00:00Z|false"},
	}
	for _, c := range cases {
		m := mustRead(t, crlf(head+c.event+tail))
		if len(m.Events) != 1 || len(m.Files) != 1 || m.Files[0].Origin != OriginCalendar || m.Files[0].Name != "invitation.ics" {
			t.Errorf("%s: %+v", c.name, m)
			continue
		}
		e := m.Events[0]
		got := fmt.Sprintf("%s|%s|%s|%s|%s|%v", e.Summary, e.Location, e.Organizer, e.Start.Format(time.RFC3339), e.End.Format(time.RFC3339), e.AllDay)
		if got != c.want || e.Method != "REQUEST" {
			t.Errorf("%s: %s %s, want %s", c.name, e.Method, got, c.want)
		}
	}
}

// tnefMail puts a winmail.dat into a mail.
func tnefMail(raw []byte) []byte {
	return append([]byte("From: a@example.com\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: binary\r\n\r\n"), raw...)
}

// The samples of Teamwork's decoder: what is in them comes out, and what is damaged stays as it is.
func TestTNEF(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/tnef/*.tnef")
	if err != nil || len(paths) < 18 {
		t.Fatalf("%d samples, %v", len(paths), err)
	}
	want := map[string]string{
		"MAPI_ATTACH_DATA_OBJ.tnef":   "VIA_Nytt_1402.doc VIA_Nytt_1402.pdf VIA_Nytt_14021.htm; text 2003, html 0",
		"MAPI_OBJECT.tnef":            "Untitled_Attachment; text 330, html 0",
		"attachments.tnef":            "zappa_av1.jpg bookmark.htm; text 101, html 0",
		"badchecksum.tnef":            "winmail.dat; text 0, html 0",
		"body.tnef":                   "winmail.dat; text 3721, html 5056",
		"data-before-name.tnef":       "AUTOEXEC.BAT CONFIG.SYS boot.ini; text 4, html 0",
		"garbage-at-end.tnef":         "winmail.dat; text 0, html 0",
		"long-filename.tnef":          "allproductsmar2000.dat; text 709, html 0",
		"missing-filenames.tnef":      "generpts.src TechlibDEC99.doc TechlibDEC99-JAN00.doc TechlibNOV99.doc; text 937, html 0",
		"multi-value-attribute.tnef":  "208225__5_seconds__Voice_Mail.mp3; text 61, html 442",
		"one-file.tnef":               "AUTHORS; text 0, html 0",
		"panic.tnef":                  "image001.jpg image002.jpg image003.png; text 3817, html 9426",
		"rtf.tnef":                    "winmail.dat; text 236, html 0",
		"triples.tnef":                "winmail.dat; text 18, html 0",
		"two-files.tnef":              "AUTHORS README; text 0, html 0",
		"unicode-mapi-attr-name.tnef": "spaconsole2.cfg image001.png image002.png image003.png; text 1450, html 4038",
		"unicode-mapi-attr.tnef":      "example.dat; text 14, html 168",
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := mustRead(t, tnefMail(raw))
		var files []string
		for _, f := range m.Files {
			files = append(files, f.Name)
		}
		got := fmt.Sprintf("%s; text %d, html %d", strings.Join(files, " "), len(m.Text), len(m.HTML))
		if w := want[filepath.Base(path)]; w != "" && w != got {
			t.Errorf("%s:\n got %s\nwant %s", path, got, w)
		}
	}
}

func TestLexemes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"The printer, the PRINTER!", []string{"the", "printer"}},
		{"Größe Café naïve ØŁ", []string{"grosse", "cafe", "naive", "ol"}},
		{"mail to Rita.E@Example.com now", []string{"mail", "to", "rita", "e", "rita.e@example.com", "example", "com", "now"}},
		{"a@ @b", []string{"a", "b"}},
		{"ticket#123-45", []string{"ticket", "123", "45"}},
		{"日本語 漢", []string{"日本", "本語", "漢"}},
		{"한국어 문서", []string{"한국어", "문서"}},
		{"ﬁle Ⅳ", []string{"file", "iv"}},
		{strings.Repeat("x", 65) + " ok", []string{"ok"}},
	}
	for _, c := range cases {
		if got := Lexemes(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	var many strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&many, "w%d ", i)
	}
	if got := len(Lexemes(many.String())); got != maxLexemes {
		t.Errorf("%d words, want %d", got, maxLexemes)
	}
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	cases := []struct {
		in   string
		n    int
		want string
	}{
		{"Hello\n\n  you\n\nOn Sun, 22 Nov 2026 at 10:00, S <s@example.com> wrote:\n> x", 80, "Hello you"},
		{"Hello you", 7, "Hello y…"},
		{"> only\n> quoted", 80, "> only > quoted"},
		{"日本語のテキスト", 3, "日本語…"},
		{"", 5, ""},
	}
	for _, c := range cases {
		if got := Snippet(c.in, c.n); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestHandedOutFilesStopWithTheContext(t *testing.T) {
	t.Parallel()
	raw := tnefMail(nil)
	m := mustRead(t, append(raw, "x"...))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := EachFile(ctx, section(append(raw, "x"...)), m, func(File, io.Reader) error { return nil }); err == nil {
		t.Error("a walk that was called off went on")
	}
}
