package filters_test

import (
	"context"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/filters"
	"postern/internal/testkit"
)

// letter is a mail with a subject and a text, from a stranger to us.
func letter(subject, text string) filters.Mail {
	raw := "From: Ann <ann@example.org>\r\nTo: support@example.com\r\nSubject: " + subject + "\r\nMessage-ID: <1@example.org>\r\nDate: Sun, 22 Nov 2026 21:00:00 +0000\r\n\r\n" + text + "\r\n"
	return filters.Mail{
		Envelope: desk.Envelope{
			Source: desk.FromSMTP, Session: "s1", RemoteIP: netip.MustParseAddr("192.0.2.1"), Helo: "mx.example.org", MailFrom: "ann@example.org",
			Recipients: []string{"support@example.com", "sales@example.com"}, Protocol: "ESMTPS", TLS: "TLS1.3 TLS_AES_128_GCM_SHA256",
		},
		PTR: "mx.example.org",
		Raw: section(raw),
	}
}

func section(text string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(text), 0, int64(len(text)))
}

func chain(t *testing.T, cfg filters.Config) *filters.Chain {
	t.Helper()
	cfg.Hostname = "mail.example.com"
	c, err := filters.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answered(t *testing.T, o desk.Opinion) desk.Opinion {
	t.Helper()
	if len(o.Silent) > 0 {
		t.Fatalf("silent: %+v", o.Silent)
	}
	return o
}

func TestNothingConfigured(t *testing.T) {
	ctx := t.Context()
	mail := letter("hello", "hello")
	for name, c := range map[string]*filters.Chain{"nil": nil, "empty": chain(t, filters.Config{})} {
		if !c.Empty() || c.Ping(t.Context()) != nil || c.Learn(t.Context(), mail.Raw, filters.LearnSpam) != nil {
			t.Errorf("%s: not empty", name)
		}
		if cost := testing.AllocsPerRun(100, func() { c.Check(ctx, mail) }); cost > 0 {
			t.Errorf("%s: a question to nobody costs %v allocations", name, cost)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []filters.Config{
		{RspamdURL: "127.0.0.1:11333"}, {RspamdURL: "ftp://:hunter2@host/"}, {RspamdURL: "http://:hunter2@[::1"}, {RspamdURL: "http://:hunter2@h:port"},
		{Clamd: "/run/clamd.sock"}, {Clamd: "unix:"}, {Milters: []string{"host"}}, {Milters: []string{"inet:host:"}},
	} {
		if _, err := filters.New(cfg); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// TestAllAtOnce asks the three real programs about one mail that each has something to say about.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	results := make(chan string, 9)
	c := chain(t, filters.Config{
		RspamdURL: "http://" + testkit.Rspamd(t) + ":11333", Clamd: testkit.Clamd(t).TCP, Milters: []string{testkit.Milter(t, "Reject")},
		Observe: func(filter, result string, took time.Duration) { results <- strings.Fields(filter)[0] + "=" + result },
	})
	o := answered(t, c.Check(t.Context(), letter(testkit.SpamSubject, "here it is: "+testkit.MalwareText)))
	if o.Action != "add header" || !slices.Equal(o.Malware, []string{testkit.MalwareName}) || o.Refused != "This mail holds "+testkit.MalwareName {
		t.Errorf("%+v", o)
	}
	var seen []string
	for len(results) > 0 {
		seen = append(seen, <-results)
	}
	if slices.Sort(seen); !slices.Equal(seen, []string{"clamd=malware", "milter=refuse", "rspamd=add header"}) {
		t.Errorf("observed %v", seen)
	}

	o = answered(t, c.Check(t.Context(), letter("Your invoice", "Dear all, please find it attached.")))
	if o.Action != "no action" || o.Malware != nil || o.Refused+o.Deferred+o.Quarantined != "" {
		t.Errorf("an innocent mail: %+v", o)
	}
}

func TestRspamd(t *testing.T) {
	t.Parallel()
	host := testkit.Rspamd(t)
	scanner := chain(t, filters.Config{RspamdURL: "http://" + host + ":11333"})
	controller := chain(t, filters.Config{RspamdURL: "http://:open%20sesame@" + host + ":11334/"})
	for name, test := range map[string]struct {
		subject, text, action, symbol string
		score                         float64
	}{
		"ham":   {"Your invoice", "Good day", "no action", "", 0},
		"spam":  {testkit.SpamSubject, "Good day", "add header", "POSTERN_SPAM", 7.5},
		"junk":  {testkit.JunkSubject, "Good day", "reject", "POSTERN_JUNK", 20},
		"GTUBE": {"x", "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X", "reject", "GTUBE", 15},
	} {
		for which, c := range map[string]*filters.Chain{"scanner": scanner, "controller": controller} {
			o := answered(t, c.Check(t.Context(), letter(test.subject, test.text)))
			if o.Action != test.action || o.Score < test.score-4 || o.Score > test.score+6 || o.Required != 15 { // what another test teaches it may weigh in
				t.Errorf("%s by %s: %+v", name, which, o)
			}
			if test.symbol != "" && !slices.ContainsFunc(o.Symbols, func(s desk.Symbol) bool { return s.Name == test.symbol }) {
				t.Errorf("%s by %s: symbols %v", name, which, o.Symbols)
			}
		}
	}
	for range 4 {
		o := scanner.Check(t.Context(), letter(testkit.SpamSubject, strings.Repeat("x\r\n", testkit.FilterMost/3)))
		if len(o.Silent) != 1 || !o.Silent[0].Unable || !strings.Contains(o.Silent[0].Reason, "max_message") || o.Action != "" {
			t.Fatalf("too long: %+v", o)
		}
	}
	o := answered(t, scanner.Check(t.Context(), letter(testkit.SpamSubject, "Good day")))
	if o.Symbols[0].Name != "POSTERN_SPAM" || o.Symbols[0].Score != 7.5 || o.Symbols[0].Note != "the subject of spam" {
		t.Errorf("the weightiest symbol is %+v", o.Symbols[0])
	}
}

// TestEnvelope: what the SMTP dialogue said reaches rspamd, over HTTP and, played again, over the milter protocol.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	host := testkit.Rspamd(t)
	overHTTP := chain(t, filters.Config{RspamdURL: "http://" + host + ":11333"})
	overMilter := chain(t, filters.Config{Milters: []string{"inet:" + host + ":11332"}})
	for found, change := range map[string]func(*filters.Mail){
		"ip " + testkit.BadIP:          func(m *filters.Mail) { m.Envelope.RemoteIP = netip.MustParseAddr("::ffff:" + testkit.BadIP) },
		"ip " + testkit.BadIP6:         func(m *filters.Mail) { m.Envelope.RemoteIP = netip.MustParseAddr(testkit.BadIP6 + "%eth0") },
		"helo " + testkit.BadHelo:      func(m *filters.Mail) { m.Envelope.Helo = testkit.BadHelo },
		"ptr " + testkit.BadPTR:        func(m *filters.Mail) { m.PTR = testkit.BadPTR },
		"from " + testkit.BadSender:    func(m *filters.Mail) { m.Envelope.MailFrom = testkit.BadSender },
		"rcpt " + testkit.BadRecipient: func(m *filters.Mail) { m.Envelope.Recipients = append(m.Envelope.Recipients, testkit.BadRecipient) },
		"":                             func(m *filters.Mail) { m.Envelope.MailFrom = "" },
		"nothing":                      func(m *filters.Mail) { *m = filters.Mail{Envelope: desk.Envelope{Source: desk.FromFile}, Raw: m.Raw} },
	} {
		mail := letter("Your invoice", "Good day")
		change(&mail)
		bad := strings.Contains(found, " ")
		o := answered(t, overHTTP.Check(t.Context(), mail))
		known := slices.ContainsFunc(o.Symbols, func(s desk.Symbol) bool {
			return s.Name == "POSTERN_BAD_ENVELOPE" && s.Note == "the envelope is known: "+found
		})
		if known != bad || (o.Action == "reject") != bad {
			t.Errorf("%q over HTTP: %+v", found, o)
		}
		o = answered(t, overMilter.Check(t.Context(), mail))
		if (o.Refused != "") != bad {
			t.Errorf("%q over milter: %+v", found, o)
		}
	}
}

func TestLearn(t *testing.T) {
	t.Parallel()
	host := testkit.Rspamd(t)
	c := chain(t, filters.Config{RspamdURL: "http://:open%20sesame@" + host + ":11333"})
	spam := letter("Cheap watches", "Buy cheap golden watches, counterfeit handbags, unbelievable discount prices, offshore warehouse clearance")
	ham := letter("Printer", "Third floor printer jams, prints blank pages since firmware update, fuser unit smells burnt")
	for range 2 { // saying it twice is fine
		for mail, as := range map[*io.SectionReader]filters.Learning{spam.Raw: filters.LearnSpam, ham.Raw: filters.LearnHam} {
			if err := c.Learn(t.Context(), mail, as); err != nil {
				t.Fatal(err)
			}
		}
	}
	bayes := func(mail filters.Mail) (symbols string) {
		for _, s := range answered(t, c.Check(t.Context(), mail)).Symbols {
			if strings.HasPrefix(s.Name, "BAYES_") {
				symbols += s.Name
			}
		}
		return symbols
	}
	if got := bayes(spam); got != "BAYES_SPAM" {
		t.Errorf("what was learnt as spam is %q", got)
	}
	if got := bayes(ham); got != "BAYES_HAM" {
		t.Errorf("what was learnt as ham is %q", got)
	}
	if err := c.Learn(t.Context(), ham.Raw, filters.LearnSpam); err != nil {
		t.Errorf("changing one's mind: %v", err)
	}
	if err := c.Learn(t.Context(), section("Subject: x\r\n\r\nhi\r\n"), filters.LearnHam); err != nil {
		t.Errorf("too short to learn from: %v", err)
	}
	if err := c.Learn(t.Context(), ham.Raw, "ham/../spam"); err == nil {
		t.Error("learnt something else than ham or spam")
	}
	wrong := chain(t, filters.Config{RspamdURL: "http://:hunter2@" + host + ":11333"})
	if err := wrong.Learn(t.Context(), ham.Raw, filters.LearnHam); err == nil || !strings.Contains(err.Error(), "40") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("with a wrong password: %v", err)
	}
	gone := chain(t, filters.Config{RspamdURL: "http://:hunter2@" + closedPort(t)})
	if err := gone.Learn(t.Context(), ham.Raw, filters.LearnHam); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("with nobody there: %v", err)
	}
}

func TestClamd(t *testing.T) {
	t.Parallel()
	server := testkit.Clamd(t)
	big := strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 5000) // 225 KB: several chunks
	for which, address := range map[string]string{"TCP": server.TCP, "unix": server.Unix} {
		c := chain(t, filters.Config{Clamd: address})
		for name, test := range map[string]struct {
			mail  filters.Mail
			found []string
		}{
			"clean":        {letter("x", "hello"), nil},
			"infected":     {letter("x", "see "+testkit.MalwareText+" there"), []string{testkit.MalwareName}},
			"across":       {letter("x", big[:64<<10-170]+testkit.MalwareText+big), []string{testkit.MalwareName}}, // on the border of two chunks
			"at the end":   {letter("x", big+testkit.MalwareText), []string{testkit.MalwareName}},
			"base64":       {letter("x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64", "UE9TVEVSTi1WSVJVUy1URVNUIQ=="), []string{testkit.MalwareName}},
			"nothing":      {filters.Mail{Raw: section("")}, nil},
			"a big letter": {letter("x", big), nil},
		} {
			o := answered(t, c.Check(t.Context(), test.mail))
			if !slices.Equal(o.Malware, test.found) {
				t.Errorf("%s over %s: %q", name, which, o.Malware)
			}
		}
		// What it does not take is not clean. And it is no reason to ask it no more.
		for range 4 {
			o := c.Check(t.Context(), letter("x", strings.Repeat("x\r\n", testkit.FilterMost/3)+testkit.MalwareText))
			if len(o.Silent) != 1 || !o.Silent[0].Unable || !strings.Contains(o.Silent[0].Reason, "StreamMaxLength") || o.Malware != nil {
				t.Fatalf("too long over %s: %+v", which, o)
			}
		}
		if o := answered(t, c.Check(t.Context(), letter("x", testkit.MalwareText))); len(o.Malware) != 1 {
			t.Errorf("after those too long: %+v", o)
		}
	}
}

// TestClamavMilter: a filter built on libmilter, with each of the things that it can do to a mail.
func TestClamavMilter(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]desk.Opinion{
		"Reject":     {Refused: "This mail holds " + testkit.MalwareName},
		"Defer":      {Deferred: "put off by a mail filter"},
		"Blackhole":  {Quarantined: "a mail filter wanted it discarded"},
		"Quarantine": {Quarantined: "Detected"},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			c := chain(t, filters.Config{Milters: []string{testkit.Milter(t, action)}})
			o := answered(t, c.Check(t.Context(), letter("x", testkit.MalwareText)))
			if o.Refused != want.Refused || o.Deferred != want.Deferred || (o.Quarantined != "") != (want.Quarantined != "") {
				t.Errorf("infected: %+v", o)
			}
			t.Log(o.Quarantined)
			o = answered(t, c.Check(t.Context(), letter("x", strings.Repeat("clean\r\n", 30_000))))
			if o.Refused+o.Deferred+o.Quarantined != "" {
				t.Errorf("clean: %+v", o)
			}
			if notes := strings.Join(o.Notes, "\n"); !strings.Contains(notes, "wanted to add X-Virus-Status: Clean") {
				t.Errorf("notes: %s", notes)
			}
		})
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	host := testkit.Rspamd(t)
	milter := testkit.Milter(t, "Reject")
	c := chain(t, filters.Config{RspamdURL: "http://:open%20sesame@" + host + ":11333", Clamd: testkit.Clamd(t).Unix, Milters: []string{milter, "inet:" + closedPort(t), hanging(t)}})
	began := time.Now()
	all := c.Ping(t.Context())
	t.Logf("%v: %+v", time.Since(began), all)
	want := []struct{ filter, note, err string }{
		{"rspamd", "rspamd/", ""}, {"clamd", "ClamAV ", ""}, {"milter " + milter, "", ""}, {"milter inet:", "", "refused"}, {"milter inet:", "", "in time"}, {"rspamd learning", "rspamd/", ""},
	}
	if len(all) != len(want) {
		t.Fatalf("%d answers", len(all))
	}
	for i, w := range want {
		got := all[i]
		if !strings.HasPrefix(got.Filter, w.filter) || !strings.HasPrefix(got.Note, w.note) || (got.Err == nil) != (w.err == "") || (w.err != "" && !strings.Contains(got.Err.Error(), w.err)) {
			t.Errorf("%+v, want %+v", got, w)
		}
	}
	wrong := chain(t, filters.Config{RspamdURL: "http://:no@" + host + ":11333", Clamd: host + ":11333"}).Ping(context.Background())
	if wrong[0].Err != nil || wrong[1].Err == nil || wrong[2].Err == nil {
		t.Errorf("a wrong password, and a clamd that is none: %+v", wrong)
	}
}
