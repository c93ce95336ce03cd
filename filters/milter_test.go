package filters_test

import (
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-milter"

	"postern/desk"
	"postern/filters"
)

// policy is a milter of our own that does what the real ones at hand do not: it judges each stage by a word in what it hears.
type policy struct {
	mu    *sync.Mutex
	heard *[]string // every stage
}

// respond turns a word into a response: reject, tempfail, discard, accept, 450…, 550…; else it goes on.
func (p policy) respond(stage, text string) (milter.Response, error) {
	p.mu.Lock()
	*p.heard = append(*p.heard, stage+" "+text)
	p.mu.Unlock()
	for word, response := range map[string]milter.Response{
		stage + "-reject": milter.RespReject, stage + "-tempfail": milter.RespTempFail, stage + "-discard": milter.RespDiscard, stage + "-accept": milter.RespAccept,
		stage + "-450": milter.NewResponseStr('y', "450 4.7.1 Come 100%% later"), stage + "-550": milter.NewResponseStr('y', "550-5.7.1 We do not\r\n550 5.7.1 like\x07this"),
		stage + "-554": milter.NewResponseStr('y', "554 "),
	} {
		if strings.Contains(text, word) {
			return response, nil
		}
	}
	return milter.RespContinue, nil
}

func (p policy) Connect(host, family string, port uint16, addr net.IP, _ *milter.Modifier) (milter.Response, error) {
	return p.respond("connect", fmt.Sprintf("%s %s %v", host, family, addr))
}
func (p policy) Helo(name string, _ *milter.Modifier) (milter.Response, error) {
	return p.respond("helo", name)
}
func (p policy) MailFrom(from string, m *milter.Modifier) (milter.Response, error) {
	return p.respond("mail", from+" "+m.Macros["i"])
}
func (p policy) RcptTo(to string, _ *milter.Modifier) (milter.Response, error) {
	return p.respond("rcpt", to)
}
func (p policy) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	return p.respond("header", name+"="+value)
}
func (p policy) Headers(textproto.MIMEHeader, *milter.Modifier) (milter.Response, error) {
	return p.respond("eoh", "")
}
func (p policy) BodyChunk(chunk []byte, _ *milter.Modifier) (milter.Response, error) {
	return p.respond("body", fmt.Sprintf("%d %s", len(chunk), chunk[:min(len(chunk), 30)]))
}
func (p policy) Abort(*milter.Modifier) error { return nil }

func (p policy) Body(m *milter.Modifier) (milter.Response, error) {
	p.mu.Lock()
	all := strings.Join(*p.heard, "\n")
	p.mu.Unlock()
	if strings.Contains(all, "wishful") {
		for _, wish := range []error{
			m.AddHeader("X-Added", "yes"), m.InsertHeader(1, "X-Inserted", "a\r\n b"), m.ChangeHeader(1, "Subject", "changed"), m.ChangeHeader(1, "To", ""), m.AddRecipient("x@example.com"),
			m.DeleteRecipient("y@example.com"), m.ReplaceBody([]byte("new")), m.ChangeFrom("z@example.com"),
		} {
			if wish != nil {
				return nil, wish
			}
		}
		for range 100 {
			if err := m.AddHeader("X-Many", "more"); err != nil {
				return nil, err
			}
		}
	}
	if strings.Contains(all, "suspicious") {
		if err := m.Quarantine("smells of fish"); err != nil {
			return nil, err
		}
	}
	return p.respond("end", all)
}

// own starts the milter and returns its address and what it will have heard.
func own(t *testing.T, protocol milter.OptProtocol) (address string, heard func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var list []string
	server := &milter.Server{
		NewMilter: func() milter.Milter { return policy{&mu, &list} },
		Actions:   milter.OptAddHeader | milter.OptChangeHeader | milter.OptAddRcpt | milter.OptRemoveRcpt | milter.OptChangeBody | milter.OptQuarantine,
		Protocol:  protocol,
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return "inet:" + l.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		got := list
		list = nil
		return got
	}
}

// TestMilterStages: each answer that the protocol knows, at each stage. The server speaks version 2 of the protocol, as old milters do.
func TestMilterStages(t *testing.T) {
	t.Parallel()
	address, heard := own(t, 0)
	c := chain(t, filters.Config{Milters: []string{address}})
	for name, test := range map[string]struct {
		change func(*filters.Mail)
		want   desk.Opinion
	}{
		"connect":      {func(m *filters.Mail) { m.PTR = "connect-550.example" }, desk.Opinion{Refused: "We do not like this"}},
		"helo":         {func(m *filters.Mail) { m.Envelope.Helo = "helo-tempfail" }, desk.Opinion{Deferred: "put off by a mail filter"}},
		"sender":       {func(m *filters.Mail) { m.Envelope.MailFrom = "mail-450@x" }, desk.Opinion{Deferred: "Come 100% later"}},
		"header":       {func(m *filters.Mail) { m.Raw = section("Subject: header-reject\r\n\r\nx") }, desk.Opinion{Refused: "refused by a mail filter"}},
		"no words":     {func(m *filters.Mail) { m.Raw = section("Subject: header-554\r\n\r\nx") }, desk.Opinion{Refused: "refused by a mail filter"}},
		"body":         {func(m *filters.Mail) { m.Raw = section("Subject: x\r\n\r\nbody-discard") }, desk.Opinion{Quarantined: "a mail filter wanted it discarded"}},
		"end":          {func(m *filters.Mail) { m.Raw = section("Subject: end-550\r\n\r\nx") }, desk.Opinion{Refused: "We do not like this"}},
		"quarantine":   {func(m *filters.Mail) { m.Raw = section("Subject: suspicious\r\n\r\nx") }, desk.Opinion{Quarantined: "smells of fish"}},
		"early accept": {func(m *filters.Mail) { m.Raw = section("Subject: header-accept body-reject\r\n\r\nbody-reject") }, desk.Opinion{}},
		"accept":       {func(*filters.Mail) {}, desk.Opinion{}},
		"all refused": {func(m *filters.Mail) { m.Envelope.Recipients = []string{"rcpt-550@a", "rcpt-reject@b"} },
			desk.Opinion{Refused: "refused by a mail filter", Notes: []string{"", ""}}},
		"some refused": {func(m *filters.Mail) { m.Envelope.Recipients = []string{"rcpt-550@a", "ok@b"} },
			desk.Opinion{Quarantined: "a mail filter refused 1 of its 2 recipients", Notes: []string{""}}},
		"some put off": {func(m *filters.Mail) { m.Envelope.Recipients = []string{"ok@b", "rcpt-450@c", "rcpt-reject@b"} },
			desk.Opinion{Deferred: "Come 100% later", Notes: []string{"", ""}}},
		"discarded at RCPT": {func(m *filters.Mail) { m.Envelope.Recipients = []string{"ok@b", "rcpt-discard@c"} }, desk.Opinion{Quarantined: "a mail filter wanted it discarded"}},
	} {
		mail := letter("x", "y")
		test.change(&mail)
		heard()
		o := answered(t, c.Check(t.Context(), mail))
		if o.Refused != test.want.Refused || o.Deferred != test.want.Deferred || o.Quarantined != test.want.Quarantined || len(o.Notes) != len(test.want.Notes) {
			t.Errorf("%s: %+v, want %+v", name, o, test.want)
		}
	}
}

// TestMilterHears: a milter hears the dialogue and the mail as if it were just coming in.
func TestMilterHears(t *testing.T) {
	t.Parallel()
	address, heard := own(t, 0)
	c := chain(t, filters.Config{Milters: []string{address}})
	mail := letter("x", "y")
	mail.Envelope.RemoteIP = mail.Envelope.RemoteIP.Unmap()
	mail.PTR = ""
	mail.Raw = section("A: 1\r\nB:  two\r\n\tlines\r\nC:\r\nD : old\r\n\r\n" + strings.Repeat("b", 65535) + "\r\nend\r\n")
	answered(t, c.Check(t.Context(), mail))
	got := heard()
	got[len(got)-1] = "end"
	want := []string{
		"connect [192.0.2.1] tcp4 192.0.2.1", "helo mx.example.org", "mail ann@example.org s1", "rcpt support@example.com", "rcpt sales@example.com",
		"header A=1", "header B= two\n\tlines", "header C=", "header D=old", "eoh ", "body 65535 " + strings.Repeat("b", 30), "body 7 \r\nend\r\n", "end",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("heard %q\nwant  %q", got, want)
	}

	address, heard = own(t, milter.OptNoConnect|milter.OptNoHelo|milter.OptNoMailFrom|milter.OptNoRcptTo|milter.OptNoBody|milter.OptNoHeaders|milter.OptNoEOH)
	answered(t, chain(t, filters.Config{Milters: []string{address}}).Check(t.Context(), mail))
	if got := heard(); len(got) != 1 {
		t.Errorf("a milter that wants to hear nothing heard %q", got)
	}
}

func TestMilterWishesAreNotesOnly(t *testing.T) {
	t.Parallel()
	address, _ := own(t, 0)
	o := answered(t, chain(t, filters.Config{Milters: []string{address}}).Check(t.Context(), letter("wishful", "y")))
	want := []string{
		"wanted to add X-Added: yes", "wanted to add X-Inserted: a  b", "wanted to change Subject to: changed", "wanted to add the recipient <x@example.com>",
		"wanted to remove the recipient <y@example.com>", "wanted to replace the body", "wanted to change the sender to z@example.com",
	}
	if len(o.Notes) != 20 || strings.Join(o.Notes[:len(want)], "|") != strings.Join(want, "|") {
		t.Errorf("notes %q", o.Notes)
	}
	if o.Refused+o.Deferred+o.Quarantined != "" {
		t.Errorf("%+v", o)
	}
}
