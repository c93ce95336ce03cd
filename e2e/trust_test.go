package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/testkit"
)

const (
	selector = "s1"
	bits     = 2048
	// friends forwards mail, as a mailing list does: from another address, with another subject and more text.
	friends     = "friends.example"
	friendsHost = "198.51.100.7"
)

// proved is what the API shows of who sent a mail.
type proved struct {
	message
	Trust    string   `json:"trust"`
	Problems []string `json:"problems"`
	Auth     *struct {
		SPF, DKIM, DMARC, ARC string
		Checks                struct {
			DKIM []struct {
				Result, Domain, Selector string
				Bits                     int
				Aligned                  bool
			}
			DMARC   struct{ Result, Policy string }
			Rescued string
		}
	} `json:"auth"`
}

// signers are mail servers of the world that sign: one key for all, since who owns a key is a matter of the DNS.
type signers struct {
	t    testing.TB
	dir  string
	text string // of the key's record
}

func newSigners(t testing.TB) *signers {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	s := &signers{t: t, dir: folder(t), text: "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)}
	s.write("key", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	s.write("records", []byte(selector+"._domainkey.customer.example "+s.text+"\n"))
	return s
}

func (s *signers) write(name string, content []byte) (path string) {
	s.t.Helper()
	path = filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// zone publishes the key for some domains, and who may send as them.
func (s *signers) zone() string {
	zone := world
	for _, domain := range []string{"customer.example", friends} {
		zone += fmt.Sprintf("%s._domainkey.%s. IN TXT \"%s\" \"%s\"\n", selector, domain, s.text[:200], s.text[200:])
	}
	return zone + `
customer.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.customer.example. IN TXT "v=DMARC1; p=reject"
friends.example. IN TXT "v=spf1 ip4:198.51.100.7 -all"
elsewhere.example. IN TXT "v=spf1 ip4:203.0.113.9 -all"
`
}

// python has dkimpy do a task with a mail.
func (s *signers) python(mail []byte, task ...string) []byte {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), python, append([]string{filepath.Join("testdata", "mail.py")}, task...)...)
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(mail), &stderr
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("dkimpy: %v\n%s", err, stderr.Bytes())
	}
	return out
}

func (s *signers) sign(l letter) []byte {
	return s.python([]byte(l.String()), "sign", filepath.Join(s.dir, "key"), selector, "customer.example")
}

func (s *signers) forward(mail []byte) []byte {
	return s.python(mail, "forward", filepath.Join(s.dir, "key"), selector, friends, filepath.Join(s.dir, "records"))
}

// swaks delivers a mail as if from an address, and returns the dialogue.
func (p *program) swaks(ip, from, to, path string) (dialogue string, taken bool) {
	host, port, _ := net.SplitHostPort(p.where().smtp)
	out, err := exec.CommandContext(p.t.Context(), "swaks", "--server", host, "--port", port, "--local-interface", abroad, "--helo", "mx.customer.example",
		"--proxy-version", "1", "--proxy-family", "TCP4", "--proxy-source", ip, "--proxy-source-port", "40000", "--proxy-dest", "192.0.2.25", "--proxy-dest-port", "25",
		"--from", from, "--to", to, "--suppress-data", "--data", "@"+path).CombinedOutput()
	return string(out), err == nil
}

// deliver has swaks deliver a mail that must be taken, and returns what the API shows of it; nothing for one that is held.
func (s *signers) deliver(p *program, ip, from string, mail []byte) (m proved, number int64) {
	s.t.Helper()
	dialogue, taken := p.swaks(ip, from, support, s.write("mail", mail))
	if !taken {
		s.t.Fatalf("swaks:\n%s", dialogue)
	}
	for line := range strings.Lines(dialogue) {
		if words := strings.TrimLeft(strings.TrimSpace(line), "<~- "); strings.HasPrefix(words, "250 2.0.0 ") {
			number = received(words).number()
		}
	}
	if number == 0 {
		return m, 0
	}
	all := every[proved](s.t, p, fmt.Sprintf("/tickets/%d/messages", number))
	return all[len(all)-1], number
}

// T-AUTH, T-DMARC from the wire to the API, with signatures, seals and clients that others wrote: a signed mail is proved; the same mail through a mailing list is held,
// unless an operator believes the list's seal; and a forger hears no.
func TestTrustEndToEnd(t *testing.T) {
	t.Parallel()
	s := newSigners(t)
	p := launch(t, strangers, "POSTERN_DNS="+testkit.DNS(t, s.zone()).Addr)
	mail := func(id string) letter {
		return letter{from: customer, to: support, subject: "My lamp", id: id + "@customer.example", text: "It is dark."}
	}

	t.Run("signed", func(t *testing.T) {
		m, number := s.deliver(p, far, "someone@elsewhere.example", s.sign(mail("signed"))) // not by its own server: only the signature speaks for it
		if number == 0 || m.Auth == nil || m.Trust != "verified" {
			t.Fatalf("ticket %d: %+v", number, m)
		}
		if len(m.Auth.Checks.DKIM) != 1 {
			t.Fatalf("signatures: %+v", m.Auth.Checks.DKIM)
		}
		if got := m.Auth.Checks.DKIM[0]; got.Result != "pass" || got.Domain != "customer.example" || got.Selector != selector || got.Bits != bits || !got.Aligned {
			t.Errorf("DKIM: %+v", got)
		}
		if m.Auth.DMARC != "pass" || m.Auth.DKIM != "pass" || m.Auth.Checks.DMARC.Policy != "reject" {
			t.Errorf("DMARC: %+v", m.Auth)
		}
	})
	t.Run("changed on the way", func(t *testing.T) {
		changed := bytes.Replace(s.sign(mail("changed")), []byte("It is dark"), []byte("Pay me now"), 1)
		if _, number := s.deliver(p, far, "someone@elsewhere.example", changed); number != 0 {
			t.Errorf("a mail whose signature is broken is ticket %d, although its domain asks to reject it", number)
		}
	})
	t.Run("forwarded by nobody's friend", func(t *testing.T) {
		if _, number := s.deliver(p, friendsHost, "list@"+friends, s.forward(s.sign(mail("list")))); number != 0 {
			t.Errorf("a seal that nobody trusts lets mail in, as ticket %d", number)
		}
	})
	t.Run("forwarded by a trusted sealer", func(t *testing.T) {
		p.settle(`insert into setting (key, value) values ('mail-policy', '{"arc_sealers": ["friends.example"], "spam_suspend": 6, "filter_down": "accept", "suspended_days": 14, "digest": "off",
			"per_sender": 200, "per_automatic": 20, "stranger_recipients": 48, "verification_codes": true}')`)
		m, number := s.deliver(p, friendsHost, "list@"+friends, s.forward(s.sign(mail("rescued"))))
		if number == 0 || m.Auth == nil || m.Auth.Checks.Rescued != friends || m.Auth.ARC != "pass" || m.Auth.DMARC != "fail" || m.Trust != "verified" {
			t.Errorf("ticket %d: %+v", number, m)
		}
		forged := s.forward([]byte(mail("forged").String())) // the list itself saw that it was not proved
		if _, number := s.deliver(p, friendsHost, "list@"+friends, forged); number != 0 {
			t.Errorf("a trusted sealer who says 'fail' lets mail in, as ticket %d", number)
		}
	})
	t.Run("DMARC level reject", func(t *testing.T) {
		p.settle(`update mailbox set dmarc = 'reject' where address = '` + support + `'`)
		before := p.settled()
		dialogue, taken := p.swaks(far, "someone@elsewhere.example", support, s.write("mail", []byte(mail("refused").String())))
		if taken || !strings.Contains(dialogue, "550 5.7.1 ") {
			t.Errorf("swaks hears:\n%s", dialogue)
		}
		if p.settled() != before {
			t.Error("a refused mail left something behind")
		}
		if _, number := s.deliver(p, far, "someone@elsewhere.example", s.sign(mail("still"))); number == 0 {
			t.Error("a signed mail does not come in any more")
		}
	})
	causes := map[string]int{}
	for _, each := range every[suspended](t, p, "/suspended") {
		causes[each.Cause]++
	}
	if causes["authentication"] != 3 || len(causes) != 1 {
		t.Errorf("held back: %v", causes)
	}
}

// settled is a print of everything that a mail could change: tickets, messages, people, deliveries, suspended mail.
func (p *program) settled() string {
	return p.stand("ticket", "message", "participant", "delivery", "suspended")
}

// stand is a print of tables.
func (p *program) stand(tables ...string) (print string) {
	p.t.Helper()
	for _, table := range tables {
		print += table + " " + value[string](p, `select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from `+table+` t`) + "\n"
	}
	return print
}
