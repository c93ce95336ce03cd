package attachments

import (
	"mime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafeName(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"report.pdf":                  "report.pdf",
		"Übersicht größe.pdf":         "Übersicht größe.pdf",
		"U\u0308ber.txt":              "Über.txt", // composed, as other systems write it
		"日本語の名前.docx":                 "日本語の名前.docx",
		"../../etc/passwd":            "_.._etc_passwd",
		`C:\Windows\system32\cmd.exe`: "C__Windows_system32_cmd.exe",
		"photo\u202egpj.exe":          "photogpj.exe", // shown as photoexe.jpg
		"a\u2066b\u200fc\ufeff.txt":   "abc.txt",
		"line\r\nSet-Cookie: x=1":     "lineSet-Cookie_ x=1",
		"tab\tand\u00a0space":         "taband space",
		`say "hi".txt`:                "say _hi_.txt",
		"a<b>c|d?e*f":                 "a_b_c_d_e_f",
		".htaccess":                   "htaccess",
		"..":                          "attachment",
		"  . ":                        "attachment",
		"":                            "attachment",
		"con":                         "_con",
		"NUL.txt":                     "_NUL.txt",
		"lpt1.tar.gz":                 "_lpt1.tar.gz",
		"console.txt":                 "console.txt",
		"bad\xff\xfename.txt":         "bad__name.txt",
		"emoji 👍🏽.png":                "emoji 👍🏽.png",
	} {
		if got := SafeName(given); got != want {
			t.Errorf("SafeName(%q) = %q, want %q", given, got, want)
		}
	}
	long := SafeName(strings.Repeat("é", 300) + ".pdf")
	if len(long) > mostSafeName || !strings.HasSuffix(long, "é.pdf") || !utf8.ValidString(long) {
		t.Errorf("a long name became %q", long)
	}
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"report.pdf":   `attachment; filename="report.pdf"`,
		"a b;c.pdf":    `attachment; filename="a b;c.pdf"`,
		"Größe.pdf":    `attachment; filename="Gr__e.pdf"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf`,
		"50%20off.txt": `attachment; filename="50_20off.txt"; filename*=UTF-8''50%2520off.txt`,
		"€ 'x'.txt":    `attachment; filename="_ 'x'.txt"; filename*=UTF-8''%E2%82%AC%20%27x%27.txt`,
	} {
		got := Disposition(given, AsAttachment)
		if got != want {
			t.Errorf("Disposition(%q) =\n%s, want\n%s", given, got, want)
		}
		if kind, params, err := mime.ParseMediaType(got); err != nil || kind != "attachment" || params["filename"] != given {
			t.Errorf("%s is read as %s %q, %v", got, kind, params["filename"], err)
		}
	}
	if got := Disposition("x.png", AsInline); got != `inline; filename="x.png"` {
		t.Error(got)
	}
}

// FuzzDisposition: whatever a stranger calls a file, the header is one line and can be parsed, and the name is no path.
func FuzzDisposition(f *testing.F) {
	for _, seed := range []string{"a.txt", "x\r\ny", "é\"\\;", "\u202e", "..\\..\\", "%%%", strings.Repeat("ü", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		value, safe := Disposition(name, AsAttachment), SafeName(name)
		_, params, err := mime.ParseMediaType(value)
		if err != nil || params["filename"] != safe {
			t.Errorf("%q: %q is read as %q, %v", name, value, params["filename"], err)
		}
		if safe == "" || safe == "." || safe == ".." || len(safe) > mostSafeName+1 || strings.ContainsAny(safe, "/\\\x00\r\n") || SafeName(safe) != safe {
			t.Errorf("%q became %q", name, safe)
		}
	})
}
