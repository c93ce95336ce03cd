package mailtext

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// visible part as a person sees it before unfolding anything.
func newPart(text string) string {
	quoteAt, signatureAt := quoteAndSignature(text)
	return text[:min(quoteAt, signatureAt)]
}

// T-QUOTE over the corpora of two other parsers: the share on which we agree with them may not fall. Where we differ is a matter of taste: names below a letter (-Abhishek, Regards) stay visible here.
func TestT_QUOTE_Corpora(t *testing.T) {
	t.Parallel()
	for folder, floor := range map[string]float64{"reply-crisp": 0.97, "reply-github": 0.90} {
		raw, err := os.ReadFile(filepath.Join("testdata", folder, "want.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]string
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		good := 0
		for name, visible := range want {
			mail, err := os.ReadFile(filepath.Join("testdata", folder, name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			text := readable(string(mail))
			if got := newPart(text); squash(got) == squash(visible) {
				good++
			} else {
				t.Logf("%s/%s:\n got %q\nwant %q", folder, name, got, visible)
			}
		}
		rate := float64(good) / float64(len(want))
		t.Logf("%s: %d of %d agree", folder, good, len(want))
		if rate < floor {
			t.Errorf("%s: %.3f agree, fewer than %.3f", folder, rate, floor)
		}
	}
}

func TestT_QUOTE(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{
		{"nothing", "Hello\n\nBye", "Hello\n\nBye"},
		{"empty", "", ""},
		{"signature", "Hello\n-- \nRita\nAccounting", "Hello\n"},
		{"only a signature is shown", "-- \nRita", "-- \nRita"},
		{"gmail", "Yes.\n\nOn Sun, Nov 22, 2026 at 10:00 AM Support <s@example.com>\nwrote:\n\n> Really?\n", "Yes.\n\n"},
		{"outlook", "Yes.\n\nFrom: Support <s@example.com>\nSent: Sunday, 22 November 2026 10:00\nTo: Rita <r@example.com>\nSubject: RE: Printer\n\nReally?", "Yes.\n\n"},
		{"outlook, bold and spaced", "Yes.\n\n________________________________\n*Von:* Support\n\n*Gesendet:* Sonntag\n\n*An:* Rita\n\n*Betreff:* AW: Drucker\n\nWirklich?", "Yes.\n\n"},
		{"chinese", "好的\n\n在 2026年11月22日 10:00,Support <s@example.com> 写道:\n> 真的?", "好的\n\n"},
		{"japanese", "はい\n\n2026年11月22日(日) 10:00 Support <s@example.com>:\n\n> 本当?", "はい\n\n"},
		{"french", "Oui.\n\nLe dim. 22 nov. 2026 à 10:00, Support <s@example.com> a écrit :\n> Vraiment ?", "Oui.\n\n"},
		{"spanish", "Sí.\n\nEl dom, 22 nov 2026 a las 10:00, Support (<s@example.com>) escribió:\n\n> ¿De verdad?", "Sí.\n\n"},
		{"german", "Ja.\n\nAm 22.11.26 um 10:00 schrieb Support:\n> Wirklich?", "Ja.\n\n"},
		{"czech", "Ano.\n\nne 22. 11. 2026 v 10:00 odesílatel Support <s@example.com> napsal:\n> Opravdu?", "Ano.\n\n"},
		{"dutch", "Ja.\n\nOp zo 22 nov 2026 om 10:00 schreef Support <s@example.com>:\n> Echt?", "Ja.\n\n"},
		{"swedish", "Ja.\n\nDen sön 22 nov. 2026 kl 10:00 skrev Support <s@example.com>:\n> Verkligen?", "Ja.\n\n"},
		{"turkish", "Evet.\n\nSupport <s@example.com>, 22 Kas 2026 Paz, 10:00 tarihinde şunu yazdı:\n> Gerçekten mi?", "Evet.\n\n"},
		{"korean", "네\n\n2026년 11월 22일 (일) 오전 10:00, Support <s@example.com>님이 작성:\n> 정말?", "네\n\n"},
		{"hebrew", "כן\n\n\u200fבתאריך יום א׳, 22 בנוב׳ 2026 ב-10:00 מאת Support <s@example.com>:\n> באמת?", "כן\n\n"},
		{"interleaved stays", "On Sun, Nov 22, 2026 at 10:00, S <s@example.com> wrote:\n> One?\nYes.\n> Two?\nNo.", "On Sun, Nov 22, 2026 at 10:00, S <s@example.com> wrote:\n> One?\nYes.\n> Two?\nNo."},
		{"bottom posting stays", "> Really?\n\nYes.", "> Really?\n\nYes."},
		{"what follows the last answer is folded", "> One?\nYes.\n> Two?\n> Three?\n", "> One?\nYes.\n"},
		{"a forward without words is shown", "---------- Forwarded message ---------\nFrom: A <a@example.com>\nDate: today\nSubject: x\n\nWords", "---------- Forwarded message ---------\nFrom: A <a@example.com>\nDate: today\nSubject: x\n\nWords"},
		{"a sentence about writing", "I read what you wrote:\nit is at 10:00.", "I read what you wrote:\nit is at 10:00."},
		{"fields in a text", "From: Berlin\nTo: Paris\nplease book it", "From: Berlin\nTo: Paris\nplease book it"},
		{"iphone, german", "Ja.\n\nVon meinem iPhone gesendet\n\n> Am 22.11.2026 um 10:00 schrieb Support <s@example.com>:\n> \n> Wirklich?", "Ja.\n\n"},
		{"outlook for phones", "Yes\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\nFrom: S <s@example.com>\nSent: Sunday\nTo: R\nSubject: x\n\nHm", "Yes\n\n"},
	}
	for _, c := range cases {
		if got := newPart(c.text); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// Text that is made to keep a finder of quotes busy takes no longer than other text of its size.
func TestQuoteIsLinear(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"On ", "On Sun, 22 Nov 2026 at 10:00 wrote", "From: a\n", "> ", "a\n", "> a\nb\n", "-----Original Message-----\n> x\ny\n", "On 1.1.2026 x wrote:\n> y\nz\n", "--\n", "_____\n", "wrote wrote\nwrote "} {
		text := strings.Repeat(line, (1<<20)/len(line))
		begin := time.Now()
		quoteAndSignature(text)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%q repeated: %v", line, took)
		}
	}
}
