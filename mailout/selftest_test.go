package mailout

import (
	"crypto/rand"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/internal/testkit/peers"
)

// keysIn are the key records of the test's keys as a zone.
func keysIn(t testing.TB, change func(string) string) (zone string) {
	t.Helper()
	for _, key := range testKeys(t) {
		public := domains.WishedKey{Key: key}
		zone += domains.ZoneLine(desk.Record{Type: "TXT", Name: public.Name(), Wanted: change(public.Text())}) + "\n"
	}
	return zone
}

func asItIs(text string) string { return text }

const testHost = "mail.example.com. A 192.0.2.7\n7.2.0.192.in-addr.arpa. PTR mail.example.com.\n"

// T-PREFLIGHT: a mail is made, signed and judged against the DNS, and every verdict is a sentence that says what to do.
func TestT_PREFLIGHT_SelfTest(t *testing.T) {
	t.Parallel()
	const spf, dmarc = "example.com. TXT \"v=spf1 a:mail.example.com -all\"\n", "_dmarc.example.com. TXT \"v=DMARC1; p=reject; adkim=s; aspf=s\"\n"
	for _, c := range []struct {
		name, zone, smarthost string
		good                  bool
		results               string // of dkim twice, dmarc, spf, reverse-name
		words                 string
	}{
		{"all well, and as strict as can be", testHost + keysIn(t, asItIs) + spf + dmarc, "", true, "pass pass pass pass pass", "DMARC passes"},
		{"no policy", testHost + keysIn(t, asItIs) + spf, "", true, "pass pass none pass pass", "no DMARC policy"},
		{"SPF that forbids us", testHost + keysIn(t, asItIs) + "example.com. TXT \"v=spf1 -all\"\n" + dmarc, "", true, "pass pass pass fail pass", "forbids 192.0.2.7"},
		{"no SPF", testHost + keysIn(t, asItIs) + dmarc, "", true, "pass pass pass none pass", "says nothing about who may send"},
		{"no keys", testHost + spf + dmarc, "", false, "permerror permerror pass pass pass", "there is no key at"},
		{"no keys and no SPF", testHost + dmarc, "", false, "permerror permerror fail none pass", "asks receivers to refuse such mail"},
		{"other keys", testHost + keysIn(t, func(text string) string { return text[:len(text)-12] + "AAAA" + text[len(text)-8:] }) + dmarc, "", false, "", "does not hold"},
		{"revoked keys", testHost + keysIn(t, func(text string) string { return text[:strings.Index(text, "p=")+2] }) + dmarc, "", false, "permerror permerror fail none pass", "revoked"},
		{"keys on trial", testHost + keysIn(t, func(text string) string { return text + "; t=y" }) + dmarc, "", true, "pass pass pass none pass", ""},
		{"no reverse name", "mail.example.com. A 192.0.2.7\n" + keysIn(t, asItIs) + spf + dmarc, "", true, "pass pass pass pass permerror", "PTR record"},
		{"no address of ours", keysIn(t, asItIs) + dmarc, "", true, "pass pass pass none", "cannot be judged from here"},
		{"through a smarthost", testHost + keysIn(t, asItIs) + dmarc, "relay.example", true, "pass pass pass none", "cannot be judged from here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			names := testkit.DNS(t, c.zone)
			test := SelfTest{Authority: domains.NewAuthority(domains.AuthorityConfig{Resolver: domains.NewResolver([]string{names.Addr}, 5*time.Second)}), Hostname: "mail.example.com", Smarthost: c.smarthost}
			trial, err := test.Run(t.Context(), "example.com", testKeys(t), "")
			if err != nil {
				t.Fatal(err)
			}
			var results, words []string
			for _, check := range trial.Checks {
				results, words = append(results, string(check.Result)), append(words, check.Text)
				if !strings.HasSuffix(check.Text, ".") {
					t.Errorf("no sentence: %q", check.Text)
				}
			}
			if got := strings.Join(results, " "); trial.Good != c.good || c.results != "" && got != c.results || !strings.Contains(strings.Join(words, "\n"), c.words) {
				t.Errorf("good %t, %s, want %s:\n%s", trial.Good, got, c.results, strings.Join(words, "\n"))
			}
			if (trial.Problem() == "") != c.good {
				t.Errorf("problem %q", trial.Problem())
			}
		})
	}
}

// What the DNS does not say now is no verdict on the domain, and says so.
func TestSelfTestWithoutAnswers(t *testing.T) {
	t.Parallel()
	names := testkit.DNS(t, testHost)
	for _, key := range testKeys(t) {
		names.Fail(domains.WishedKey{Key: key}.Name())
	}
	test := SelfTest{Authority: domains.NewAuthority(domains.AuthorityConfig{Resolver: domains.NewResolver([]string{names.Addr}, 5*time.Second)}), Hostname: "mail.example.com"}
	trial, err := test.Run(t.Context(), "example.com", testKeys(t), "")
	if err != nil || trial.Good || !strings.Contains(trial.Problem(), "could not be checked now") {
		t.Errorf("%+v, %v", trial, err)
	}
	if _, err := test.Run(t.Context(), "example.com", nil, ""); err == nil {
		t.Error("a mail without keys was tested")
	}
}

// A copy goes to somebody, over SMTP, as any mail does. The zone is Knot's and validated by Unbound, and dkimpy says the same of the copy.
func TestSelfTestCopy(t *testing.T) {
	t.Parallel()
	keys, err := domains.GenerateKeys("desk.example", time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sink := testkit.SMTPSink(t, testkit.Behaviour{Host: "mx.desk.example"})
	zone, lines := "mail A 192.0.2.7\n@ MX 10 mx\nmx A 127.0.0.1\n@ TXT \"v=spf1 a:mail.desk.example -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"\n", ""
	for _, key := range keys {
		public := domains.WishedKey{Key: key}
		zone += domains.ZoneLine(desk.Record{Type: "TXT", Name: public.Name(), Wanted: public.Text()}) + "\n"
		lines += public.Name() + " " + public.Text() + "\n"
	}
	world := peers.NewDNS(t, peers.Zone{Name: "desk.example.", Records: zone})
	resolver := domains.NewResolver([]string{world.Resolver}, 5*time.Second)
	test := SelfTest{
		Authority: domains.NewAuthority(domains.AuthorityConfig{Resolver: resolver, Port: numberOf(t, world.Authority)}), Hostname: "mail.desk.example",
		Sender: &Sender{Hostname: "mail.desk.example", Resolver: resolver, MXPort: numberOf(t, sink.Addr), Log: slog.New(slog.DiscardHandler)},
	}
	trial, err := test.Run(t.Context(), "desk.example", keys, "ann@desk.example")
	if err != nil || !trial.Good {
		t.Fatalf("%+v, %v", trial, err)
	}
	if trial.Delivery == nil || trial.Delivery.State != desk.DeliverySent || trial.Delivery.Host != "mx.desk.example" {
		t.Fatalf("%+v", trial.Delivery)
	}
	mail := sink.Next(t)
	if mail.From != "postmaster@desk.example" {
		t.Errorf("from %s", mail.From)
	}
	sound(t, mail.Bytes)
	folder := t.TempDir()
	for name, text := range map[string][]byte{"keys": []byte(lines), "test.eml": mail.Bytes} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := run(t, "/usr/bin/python3", filepath.Join("testdata", "verify.py"), filepath.Join(folder, "keys"), filepath.Join(folder, "test.eml"))
	if strings.Count(said, "pass ") != 2 || strings.Contains(said, "fail") {
		t.Errorf("dkimpy: %s", said)
	}
}

func numberOf(t testing.TB, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return number
}
