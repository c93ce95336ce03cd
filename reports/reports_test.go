package reports

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// dsn is a notification as Postfix writes it, with the fields about its recipient, and the header of our mail.
func dsn(fields, returned string) []byte {
	return []byte(strings.ReplaceAll(`Return-Path: <>
From: MAILER-DAEMON@mx.example.net
To: bounce@desk.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Original-Envelope-Id: 42.abc

`+fields+`
--b
Content-Type: text/rfc822-headers

`+returned+`
--b--
`, "\n", "\r\n"))
}

const ours = `From: Support <support@desk.example>
Reply-To: Support <support+1.abc@desk.example>
To: Ann <ann@example.org>
Message-ID: <m1.abc@desk.example>
References: <first@example.org> <m0.abc@desk.example>
Subject: =?utf-8?q?R=C3=A9?=`

// T-DSN: 5.x.x bounces, 4.x.x delays, success reports neither; what matches the mail comes with it.
func TestDSN(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, fields  string
		want          desk.DeliveryReport
		bounce, waits bool
	}{
		{
			"T-DSN bounce", "Final-Recipient: rfc822; ann@mx.example.org\nOriginal-Recipient: rfc822;Ann@example.org\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.example.org\nDiagnostic-Code: smtp; 550 5.1.1 no such\n user here",
			desk.DeliveryReport{Final: "ann@mx.example.org", Original: "Ann@example.org", Action: "failed", Status: "5.1.1", Code: 550, Diagnostic: "550 5.1.1 no such user here", Host: "mx.example.org", Reason: desk.ReasonUserUnknown, Hard: true}, true, false,
		},
		{
			"T-DSN delay", "Final-Recipient: rfc822; ann@example.org\nAction: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; connect to mx.example.org[192.0.2.1]:25: Connection refused",
			desk.DeliveryReport{Final: "ann@example.org", Action: "delayed", Status: "4.4.1", Diagnostic: "connect to mx.example.org[192.0.2.1]:25: Connection refused", Host: "mx.example.net", Reason: desk.ReasonNetwork}, false, true,
		},
		{
			"given up after 4xx", "Final-Recipient: rfc822; ann@example.org\nAction: failed\nStatus: 4.4.7\nDiagnostic-Code: smtp; 451 4.4.7 delivery time expired",
			desk.DeliveryReport{Final: "ann@example.org", Action: "failed", Status: "4.4.7", Code: 451, Diagnostic: "451 4.4.7 delivery time expired", Host: "mx.example.net", Reason: desk.ReasonExpired}, true, false,
		},
		{
			"delivered (RFC 3461 NOTIFY=SUCCESS)", "Final-Recipient: rfc822; ann@example.org\nAction: relayed\nStatus: 2.0.0\nDiagnostic-Code: smtp; 250 2.0.0 Ok",
			desk.DeliveryReport{Final: "ann@example.org", Action: "relayed", Status: "2.0.0", Code: 250, Diagnostic: "250 2.0.0 Ok", Host: "mx.example.net", Reason: desk.ReasonDelivered}, false, false,
		},
		{
			"internationalized (RFC 6533)", "Final-Recipient: utf-8; ünï@example.org\nAction: failed\nStatus: 5.2.2",
			desk.DeliveryReport{Final: "ünï@example.org", Action: "failed", Status: "5.2.2", Host: "mx.example.net", Reason: desk.ReasonMailboxFull}, true, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := mustRead(t, dsn(c.fields, ours))
			if r.Kind != Delivery || len(r.Recipients) != 1 || r.Recipients[0] != c.want {
				t.Fatalf("%+v,\nwant %+v", r, c.want)
			}
			if r.Bounced() != c.bounce || r.Delayed() != c.waits {
				t.Errorf("bounced %v, delayed %v", r.Bounced(), r.Delayed())
			}
			if r.EnvelopeID != "42.abc" || r.Reporter != "mx.example.net" {
				t.Errorf("envelope %q, reporter %q", r.EnvelopeID, r.Reporter)
			}
			b := r.Returned
			if b.MessageID != "m1.abc@desk.example" || b.From != "support@desk.example" || b.ReplyTo != "support+1.abc@desk.example" || b.Subject != "Ré" || !slices.Equal(b.To, []string{"ann@example.org"}) || len(b.References) != 2 {
				t.Errorf("returned: %+v", b)
			}
		})
	}
}

func TestDSNManyRecipients(t *testing.T) {
	t.Parallel()
	fields := strings.Repeat("Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.0.0\n\n", 3)
	for i := range 500 {
		fields += "Final-Recipient: rfc822; " + strings.Repeat("b", i%200+1) + strings.Repeat("c", i/200) + "@example.org\nAction: failed\nStatus: 5.0.0\n\n"
	}
	if r := mustRead(t, dsn(fields, ours)); len(r.Recipients) != maxRecipients || r.Recipients[1].Final != "b@example.org" {
		t.Errorf("%d recipients, %+v", len(r.Recipients), r.Recipients[:2])
	}
}

// What is written to be slow is not: notices as large as the limits, of the parts that cost most.
func TestNastyNoticesAreQuick(t *testing.T) {
	t.Parallel()
	head := "Return-Path: <>\r\nFrom: MAILER-DAEMON@example.net\r\nSubject: Mail delivery failed\r\n"
	for name, raw := range map[string]string{
		"failed recipients": head + "X-Failed-Recipients: " + strings.Repeat("abc@example.org, ", 3000) + "\r\n\r\nThe following address(es) failed:\r\n" + strings.Repeat("  no 550 5.1.1 \r\n", 10000),
		"recipients":        head + "\r\nThe following address(es) failed:\r\n" + strings.Repeat("  a@b.example: 550 x\r\n", 10000),
		"dashes":            head + "\r\nThe following address(es) failed:\r\n" + strings.Repeat(strings.Repeat("-", 60)+"\r\n", 10000),
		"openings":          head + "\r\n" + strings.Repeat("undeliverable \r\n", 40000),
		"brackets":          head + "\r\nundeliverable to " + strings.Repeat("<", 60000),
		"status":            string(dsn(strings.Repeat("Final-Recipient: rfc822; a@example.org\nAction: failed\nDiagnostic-Code: smtp; "+strings.Repeat("5 ", 4000)+"\n\n", 200), ours)),
		"long part":         string(dsn("Final-Recipient: rfc822; a@example.org\nAction: failed\n\n"+strings.Repeat("x\n", 1<<20), ours)),
		"folds":             string(dsn("Final-Recipient: rfc822; a@example.org\nAction: failed\nDiagnostic-Code: x"+strings.Repeat("\n x", 80000), ours)),
	} {
		begun := time.Now()
		r := mustRead(t, []byte(raw))
		if took := time.Since(begun); took > 5*time.Second { // tens of milliseconds on a machine that does nothing else
			t.Errorf("%s took %v", name, took)
		} else {
			t.Logf("%s: %v, %d recipients", name, took, len(r.Recipients))
		}
	}
}

// A person who writes about a bounce, sends one on or answers one is a person.
func TestDSNOfAPersonIsMail(t *testing.T) {
	t.Parallel()
	notice := "This message was created automatically by mail delivery software.\r\nThe following address(es) failed:\r\n\r\n  ann@example.org\r\n    550 5.1.1 User unknown\r\n\r\nFinal-Recipient: rfc822; ann@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	head := "Return-Path: <joe@example.org>\r\nFrom: Joe <joe@example.org>\r\nSubject: "
	for name, raw := range map[string]string{
		"about":     head + "What does this mean?\r\n\r\n" + notice,
		"forwarded": head + "Fwd: Mail delivery failed: returning message to sender\r\n\r\n" + notice,
		"answered":  head + "Re: Undelivered Mail Returned to Sender\r\n\r\nI got\r\n> " + strings.ReplaceAll(notice, "\r\n", "\r\n> "),
	} {
		if r := mustRead(t, []byte(raw)); r.Kind != None {
			t.Errorf("%s: %+v", name, r)
		}
	}
	from := "Return-Path: <>\r\nFrom: Mail Delivery System <Mailer-Daemon@example.net>\r\nSubject: Mail delivery failed\r\n\r\n" + notice
	if r := mustRead(t, []byte(from)); r.Kind != Delivery || !r.Bounced() {
		t.Errorf("the same from a machine: %+v", r)
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words string
		code  int
		said  string
	}{
		{"550 5.1.1 <a@b>... User unknown", 550, "5.1.1"},
		{"550-5.7.26 one\n550 5.7.26 two", 550, "5.7.26"},
		{"554 4.4.7 Message expired <421 4.4.2 Connection timed out>", 421, "4.4.2"},
		{"550 #5.1.0 Address rejected.", 550, "5.1.0"},
		{"552 over quota (#5.1.1)", 552, "5.1.1"},
		{"5.1.0 - Unknown address error 550-'5.2.2 <a@b>... Mailbox Full'", 550, "5.2.2"},
		{"220-laposte 421 4.2.1 Service refuse", 421, "4.2.1"},
		{"connect to mx[192.0.2.250]:25: No route to host", 0, ""},
		{"within 500000 seconds, 1500 bytes, 10.5.1.250", 0, ""},
		{"999 nonsense 600 5.1", 0, ""},
		{"", 0, ""},
	} {
		if r := readReply(c.words); r.code != c.code || r.said != c.said {
			t.Errorf("%q: %d %q, want %d %q", c.words, r.code, r.said, c.code, c.said)
		}
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	got := blocks("A : 1\r\n b\r\nno field\r\nB:2\n\n\n c\nD: 3\n--end\nE: 4\n")
	if len(got) != 2 || got[0].get("a") != "1 b" || got[0].get("b") != "2" || got[1].get("d") != "3" {
		t.Errorf("%q", got)
	}
	if all := blocks(strings.Repeat("A: "+strings.Repeat("x", 9000)+"\n", maxFields+100)); len(all) != 1 || len(all[0]) > maxFields || len(all[0][0].value) > maxValue {
		t.Errorf("%d groups", len(all))
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{" a\r\n\tb\x00\x1b c ": "a b c", "\xff": "\uFFFD", strings.Repeat("é", 400): strings.Repeat("é", 248) + "…"} {
		if got := short(text); got != want {
			t.Errorf("%.20q: %q, want %q", text, got, want)
		}
	}
}

// T-DSN: feedback reports likewise.
func TestFeedbackAsMailAuthReadsIt(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/mail-auth/arf/*.eml")
	if len(files) < 5 {
		t.Fatalf("%d files", len(files))
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".eml") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Type      string   `json:"feedback_type"`
			Agent     string   `json:"user_agent"`
			MailFrom  string   `json:"original_mail_from"`
			RcptTo    string   `json:"original_rcpt_to"`
			SourceIP  string   `json:"source_ip"`
			ID        string   `json:"original_envelope_id"`
			Incidents int64    `json:"incidents"`
			Arrival   int64    `json:"arrival_date"`
			Domains   []string `json:"reported_domain"`
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		want.MailFrom, want.RcptTo = strings.Trim(want.MailFrom, "<>"), strings.Trim(want.RcptTo, "<>")
		r := mustRead(t, raw)
		if r.Kind != Feedback {
			t.Errorf("%s: %q", file, r.Kind)
			continue
		}
		c := r.Complaint
		if strings.ReplaceAll(c.Type, "-", "") != strings.ToLower(want.Type) || c.Agent != want.Agent || c.MailFrom != want.MailFrom || r.EnvelopeID != want.ID || c.Incidents != want.Incidents || !slices.Equal(c.Domains, want.Domains) && len(want.Domains) > 0 {
			t.Errorf("%s: %+v, want %+v", file, c, want)
		}
		if want.SourceIP != "" && c.SourceIP.String() != want.SourceIP || want.Arrival != 0 && c.Arrived.Unix() != want.Arrival || want.RcptTo != "" && !slices.Contains(c.Recipients, want.RcptTo) {
			t.Errorf("%s: %+v, want %+v", file, c, want)
		}
	}
}

func TestFeedbackCorpus(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct {
		kind       string
		recipients int
	}{
		"bounces/mail/arf-12.eml": {"opt-out", 1}, "bounces/mail/arf-16.eml": {"abuse", 7}, "bounces/mail/arf-17.eml": {"abuse", 2}, "bounces/mail/arf-20.eml": {"auth-failure", 0},
		"bounces/mail/arf-24.eml": {"abuse", 1}, "bounces/mail/arf-26.eml": {"opt-out", 1}, "bounces/mail/lhost-amazonses-11.eml": {"abuse", 1},
		"parsedmarc/failure/dmarc_ruf_report_linkedin.eml": {"auth-failure", 1}, "parsedmarc/failure/[Netease DMARC Failure Report] Rent Reminder.eml": {"auth-failure", 0},
	} {
		raw, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if r := mustRead(t, raw); r.Kind != Feedback || r.Complaint.Type != want.kind || len(r.Complaint.Recipients) != want.recipients {
			t.Errorf("%s: %+v %+v", file, r, r.Complaint)
		}
	}
}

// T-OOO: an automatic answer is one, by its field or by its subject and what it answers.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		head string
		want Kind
	}{
		{"Auto-Submitted: auto-replied (vacation)\r\nSubject: Away", Answer},
		{"Precedence: auto_reply\r\nSubject: Away", Answer},
		{"X-Autoreply: yes\r\nSubject: Away", Answer},
		{"X-Auto-Response-Suppress: All\r\nSubject: Automatic reply: Hello", Answer},
		{"In-Reply-To: <a@b.example>\r\nSubject: Abwesenheit: Hello", Answer},
		{"Subject: Out of office party", None},
		{"Auto-Submitted: auto-generated\r\nSubject: Your invoice", None},
		{"Auto-Submitted: no\r\nSubject: Hello", None},
		{"In-Reply-To: <a@b.example>\r\nSubject: Re: Automatic reply: Hello", None},
	} {
		raw := "Return-Path: <joe@example.org>\r\nFrom: joe@example.org\r\n" + c.head + "\r\n\r\nHello\r\n"
		if r := mustRead(t, []byte(raw)); r.Kind != c.want {
			t.Errorf("%d: %q is %q", i, c.head, r.Kind)
		}
	}
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	raw := "From: ann@example.org\r\nSubject: Read: hello\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nread\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nReporting-UA: x\r\nFinal-Recipient: rfc822;ann@example.org\r\nOriginal-Message-ID: <m1@desk.example>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n--b--\r\n"
	if r := mustRead(t, []byte(raw)); r.Kind != Disposition || r.Returned.MessageID != "m1@desk.example" || len(r.Returned.To) != 1 {
		t.Errorf("%+v", r)
	}
}

// BenchmarkRead reads the reports of mails that are read already.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"lhost-exim-02", "rhost-cox-01", "is-not-bounce-01"} {
		b.Run(name, func(b *testing.B) { benchRead(b, name) })
	}
}
