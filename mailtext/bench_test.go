package mailtext

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jhillyerd/enmime/v2"
	"github.com/microcosm-cc/bluemonday"
)

// letter is the text of an ordinary mail of about size bytes.
func letter(size int) (text, html string) {
	paragraph := "The printer on the second floor stopped working this morning. We tried to switch it off and on, and it says that the toner is empty, though it was changed on Monday. Could somebody have a look at it, please? My telephone is 555-0199 and I am in room 204 until five.\n\n"
	text = "Hello,\n\n" + strings.Repeat(paragraph, size/2/len(paragraph)+1) + "Kind regards\nRita\n\n-- \nRita Example, Accounting\n"
	var out strings.Builder
	out.WriteString(`<html><head><style>p{margin:0}</style></head><body lang="EN-GB" link="#0563C1"><div class="WordSection1"><table border="0" cellpadding="0" width="600" style="width:600px;border-collapse:collapse"><tr><td style="padding:8px;font-family:Arial,sans-serif">`)
	for i := 0; out.Len() < size/2; i++ {
		fmt.Fprintf(&out, `<p class="MsoNormal" style="margin:0cm 0cm 8pt;font-size:11pt"><span lang="EN-US" style="color:#1F497D">The printer on the <b>second</b> floor stopped working &amp; says that the toner is empty. <a href="https://example.com/help?id=%d">Here</a> is its page.</span></p>`, i)
	}
	out.WriteString(`</td></tr></table><img src="cid:logo@example.com" width="100" alt="Logo"></div></body></html>`)
	return text, out.String()
}

// ordinary is a mail as a person's program writes it: multipart/alternative.
func ordinary(size int) []byte {
	text, html := letter(size)
	mail := `Received: from mail.example.com (mail.example.com [192.0.2.1]) by mx.example.net with ESMTPS id 4XyZ; Sun, 22 Nov 2026 10:00:00 +0000
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1; t=1795341600; h=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=dGhpcyBpcyBubyBzaWduYXR1cmUsIGJ1dCBhcyBsb25nIGFzIG9uZQ==
Message-ID: <4f2c8a@example.com>
Date: Sun, 22 Nov 2026 10:00:00 +0000
From: Rita Example <rita@example.com>
To: Support <support@example.net>
Cc: Bob <bob@example.com>
Subject: Printer on the =?utf-8?q?second_floor_=E2=80=93_again?=
In-Reply-To: <first@example.net>
References: <zero@example.net> <first@example.net>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b1"

--b1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

` + text + `
--b1
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 7bit

` + html + `
--b1--
`
	return []byte(strings.ReplaceAll(mail, "\n", "\r\n"))
}

func benchmarkRead(b *testing.B, raw []byte) {
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(context.Background(), section(raw), Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead4K(b *testing.B)  { benchmarkRead(b, ordinary(4<<10)) }
func BenchmarkRead64K(b *testing.B) { benchmarkRead(b, ordinary(64<<10)) }

// A mail of HTML only, whose text has to be made.
func BenchmarkReadHTML(b *testing.B) {
	_, html := letter(16 << 10)
	benchmarkRead(b, []byte("From: a@example.com\r\nSubject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"+html))
}

func BenchmarkReadAttachment1M(b *testing.B) {
	line := strings.Repeat("QUJD", 19) + "\r\n"
	benchmarkRead(b, []byte("From: a@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"+strings.Repeat(line, (1<<20)/len(line))+"\r\n--x--\r\n"))
}

func BenchmarkClean4K(b *testing.B) {
	_, html := letter(8 << 10)
	b.SetBytes(int64(len(html)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Clean(html); err != nil {
			b.Fatal(err)
		}
	}
}

// What the library of the trade costs for the same: the reason that Clean is written over the tokenizer.
func BenchmarkBluemonday4K(b *testing.B) {
	_, html := letter(8 << 10)
	policy := bluemonday.UGCPolicy()
	policy.AllowStyles("color", "margin", "font-size", "padding", "width", "font-family", "border-collapse").Globally()
	policy.AllowURLSchemes("cid", "http", "https", "mailto", "tel")
	b.SetBytes(int64(len(html)))
	b.ReportAllocs()
	for b.Loop() {
		io.WriteString(io.Discard, policy.Sanitize(html))
	}
}

// The same mail read with enmime as it comes, text conversion and all: what reading cost before anything was decided.
func BenchmarkEnmime4K(b *testing.B) {
	raw := ordinary(4 << 10)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := enmime.ReadEnvelope(section(raw)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLexemes4K(b *testing.B) {
	text, _ := letter(8 << 10)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		Lexemes(text)
	}
}

// Text whose words are all different, and none of them ASCII only.
func BenchmarkLexemesUnicode4K(b *testing.B) {
	var text strings.Builder
	for i := 0; text.Len() < 4<<10; i++ {
		fmt.Fprintf(&text, "Größe%d façade%d ", i, i*7)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		Lexemes(text.String())
	}
}

func BenchmarkQuote4K(b *testing.B) {
	text, _ := letter(4 << 10)
	text += "\nOn Sun, 22 Nov 2026 at 10:00, Support <support@example.net> wrote:\n> " + strings.ReplaceAll(text, "\n", "\n> ")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		quoteAndSignature(text)
	}
}
