package mailout

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/domains"
	"postern/internal/testkit"
	"postern/internal/testkit/peers"
)

// Signing in as Exim understands it, by both ways that smarthosts have (RFC 4616, and LOGIN, which no RFC describes), after STARTTLS and with TLS from the first octet.
func TestSmarthostSignIn(t *testing.T) {
	t.Parallel()
	site := peers.NewSite(t)
	relay := peers.Smarthost(t, site, "plain.example", "login.example")
	server := testkit.DNS(t, fmt.Sprintf("plain.example. 60 IN A %s\nlogin.example. 60 IN A %s\nstranger.example. 60 IN A %s\n", relay.Plain, relay.Login, relay.Plain))
	right, wrong := url.UserPassword(peers.RelayUser, peers.RelayPassword), url.UserPassword(peers.RelayUser, "guess")
	for _, c := range []struct {
		name string
		url  url.URL
		want string // how what became of the mail begins
	}{
		{"PLAIN after STARTTLS", url.URL{Scheme: "smtp", User: right, Host: "plain.example:" + relay.Port}, "sent@plain.example 250"},
		{"LOGIN after STARTTLS", url.URL{Scheme: "smtp", User: right, Host: "login.example:" + relay.Port}, "sent@login.example 250"},
		{"PLAIN under TLS", url.URL{Scheme: "smtps", User: right, Host: "plain.example:" + relay.ImplicitPort}, "sent@plain.example 250"},
		{"LOGIN under TLS", url.URL{Scheme: "smtps", User: right, Host: "login.example:" + relay.ImplicitPort}, "sent@login.example 250"},
		{"PLAIN with a wrong password", url.URL{Scheme: "smtps", User: wrong, Host: "plain.example:" + relay.ImplicitPort}, "deferred@plain.example 451 4.7.8 plain.example refused our sign-in: 535 "},
		{"LOGIN with a wrong password", url.URL{Scheme: "smtp", User: wrong, Host: "login.example:" + relay.Port}, "deferred@login.example 451 4.7.8 login.example refused our sign-in: 535 "},
		{"nobody", url.URL{Scheme: "smtp", Host: "plain.example:" + relay.Port}, "bounced@plain.example 550 5.7.0 sign in first"},
		{"a name not its own", url.URL{Scheme: "smtps", User: right, Host: "stranger.example:" + relay.ImplicitPort}, "deferred@stranger.example 451 4.7.5 stranger.example does not prove itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			smarthost, err := ParseSmarthost(c.url.String())
			if err != nil {
				t.Fatal(err)
			}
			s := &Sender{Hostname: "desk.example.com", Resolver: domains.NewResolver([]string{server.Addr}, 5*time.Second), Smarthost: smarthost, Roots: site.Trusted.Pool(), Log: slog.New(slog.DiscardHandler)}
			to := strings.ReplaceAll(c.name, " ", ".") + "@to.example"
			got := s.Deliver(t.Context(), mailTo(simpleMail, to))[0]
			if !strings.HasPrefix(say(got), c.want) {
				t.Fatalf("%+v, want %s", got, c.want)
			}
			if strings.HasPrefix(c.want, "sent") {
				if received := relay.Await(t, to).Header.Get("Received"); !strings.Contains(received, "with esmtpsa ") { // RFC 3848: under TLS, signed in
					t.Errorf("the relay says: Received: %s", received)
				}
			}
		})
	}
}
