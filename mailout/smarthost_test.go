package mailout

import (
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/domains"
	"postern/internal/testkit"
)

func TestSmarthost(t *testing.T) {
	t.Parallel()
	sink := testkit.SMTPSink(t, testkit.Behaviour{Password: "s&cret", Host: "relay.example"})
	secured := testkit.SMTPSink(t, testkit.Behaviour{Password: "s&cret", Host: "relay.example", ImplicitTLS: true})
	server := testkit.DNS(t, "relay.example. 60 IN A 127.0.0.1")
	for name, c := range map[string]struct {
		url  string
		want string
	}{
		"submission":         {"smtp://desk:s%26cret@relay.example:" + sink.Port(), "sent@relay.example 250"},
		"wrong password":     {"smtp://desk:guess@relay.example:" + sink.Port(), "deferred@relay.example 451 4.7.8 relay.example refused our sign-in: 535 5.7.8"},
		"no password":        {"smtp://relay.example:" + sink.Port(), "bounced@relay.example 502 5.7.0"},
		"implicit TLS":       {"smtps://desk:s%26cret@relay.example:" + secured.Port(), "sent@relay.example 250"},
		"by address":         {"smtps://desk:s%26cret@127.0.0.1:" + secured.Port(), "sent@127.0.0.1 250"},
		"a name not its own": {"smtps://desk:s%26cret@localhost:" + secured.Port(), "deferred@localhost 451 4.7.5 localhost does not prove itself: certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			smarthost, err := ParseSmarthost(c.url)
			if err != nil {
				t.Fatal(err)
			}
			roots := sink.Roots
			if smarthost.Implicit {
				roots = secured.Roots
			}
			s := &Sender{Hostname: "desk.example.com", Resolver: domains.NewResolver([]string{server.Addr}, 5*time.Second), Smarthost: smarthost, Roots: roots, Log: slog.New(slog.DiscardHandler)}
			got := s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example", "bob@elsewhere.example"))
			for _, d := range got {
				if !strings.HasPrefix(say(d), c.want) {
					t.Errorf("%+v, want %s", d, c.want)
				}
			}
		})
	}
}

// A password does not leave for a server that cannot prove its name. On loopback it would, so the test asks for the step behind that exception.
func TestPasswordNeedsAProvenName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		behaviour testkit.Behaviour
		trusted   bool
		want      string
	}{
		"proved":          {testkit.Behaviour{Host: "relay.example"}, true, ""},
		"not trusted":     {testkit.Behaviour{Host: "relay.example"}, false, "certificate"},
		"another's name":  {testkit.Behaviour{Host: "other.example"}, true, "certificate"},
		"no STARTTLS":     {testkit.Behaviour{NoTLS: true}, true, "does not offer STARTTLS"},
		"broken STARTTLS": {testkit.Behaviour{BrokenTLS: true}, true, "tls with relay.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := testkit.SMTPSink(t, c.behaviour)
			port, _ := strconv.Atoi(sink.Port())
			s := &Sender{Hostname: "desk.example.com"}
			if c.trusted {
				s.Roots = sink.Roots
			} else {
				_, s.Roots = testkit.Certificate(t, "stranger.example")
			}
			session, err := s.greet(t.Context(), exchange{name: "relay.example", need: requirement{level: verified}}, place{addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))}, startTLS)
			if c.want == "" && err == nil {
				session.quit()
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestParseSmarthost(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"smtp://relay.example":                  "smtp://relay.example:587",
		"smtps://u:p@Relay.Example":             "smtps://relay.example:465",
		"smtp://u:p%40ss@relay.example:25/":     "smtp://relay.example:25",
		"smtp://[2001:db8::1]:2525":             "smtp://2001:db8::1:2525",
		"http://relay.example":                  "",
		"smtp://":                               "",
		"smtp://u:pa ss#word@relay.example:587": "",
		"smtp://relay.example:0":                "",
		"smtp://relay.example/x":                "",
		"relay.example:587":                     "",
	} {
		got, err := ParseSmarthost(url)
		if want == "" {
			if err == nil {
				t.Errorf("%s was taken", url)
			} else if strings.Contains(err.Error(), "word") && strings.Contains(err.Error(), "pa ss") {
				t.Errorf("the error tells the password: %v", err)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", url, got, err)
		}
	}
}
