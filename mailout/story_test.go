package mailout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/internal/testkit"
)

// tell writes a story in one line for each server: state host address TLS words.
func tell(story []desk.Attempt) string {
	var lines []string
	for _, one := range story {
		version := ""
		if one.TLS != nil {
			version = one.TLS.Version + "/" + string(one.TLS.Policy) + " "
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s%s", one.State, one.Host, one.Addr, version, one.Reply))
	}
	return strings.Join(lines, "\n")
}

// T-DELIVERY: a recipient's story has a line for each server that was asked, with its address, its TLS and its own words.
func TestT_DELIVERY_Story(t *testing.T) {
	t.Parallel()
	type B = testkit.Behaviour
	for name, c := range map[string]struct {
		hosts []*B
		want  string // with :P for the port
	}{
		"sent at once":         {[]*B{{}, {}}, "sent mx1.example 127.0.0.1:P TLS 1.3/opportunistic 250 2.0.0 OK"},
		"the second takes it":  {[]*B{nil, {NoTLS: true}}, "deferred mx1.example 127.0.0.1:P 451 4.4.1 connecting to mx1.example…\nsent mx2.example 127.0.0.2:P 250 2.0.0 OK"},
		"never, and not now":   {[]*B{{NoTLS: true, Greet: refusal(554, smtp.EnhancedCode{5, 7, 1}, "go away")}, nil}, "bounced mx1.example 127.0.0.1:P 554 5.7.1 go away\ndeferred mx2.example 127.0.0.2:P 451 4.4.1 connecting…"},
		"TLS does not come up": {[]*B{{BrokenTLS: true}}, "deferred mx1.example 127.0.0.1:P 451 4.7.5 tls with mx1.example: …; going on in clear text\nsent mx1.example 127.0.0.1:P 250 2.0.0 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, twoMX, c.hosts...)
			got := w.sender().Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))[0]
			lines, wants := strings.Split(tell(got.Story), "\n"), strings.Split(strings.ReplaceAll(c.want, ":P", ":"+w.port), "\n")
			if len(lines) != len(wants) {
				t.Fatalf("%s\nwant %s", strings.Join(lines, "\n"), c.want)
			}
			for i, want := range wants {
				begin, end, _ := strings.Cut(want, "…")
				if !strings.HasPrefix(lines[i], begin) || !strings.HasSuffix(lines[i], end) {
					t.Errorf("%s\nwant %s", lines[i], want)
				}
			}
			for _, one := range got.Story {
				if one.Kind != desk.AttemptTried || !one.At.Equal(noon) {
					t.Errorf("%+v", one)
				}
			}
		})
	}
}

// T-DELIVERY: what a connection showed of its encryption is kept, and so is what it proves: nothing by itself where nobody vouches for the certificate.
func TestT_DELIVERY_TLSFacts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host    string
		trusted bool
		proof   desk.Proof
		problem string
	}{
		"in its name, and trusted": {"mx1.example", true, desk.ProofPKIX, ""},
		"nobody vouches for it":    {"mx1.example", false, desk.ProofNone, "unknown authority"},
		"another's name":           {"other.example", true, desk.ProofNone, "not mx1.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, twoMX, &testkit.Behaviour{Host: c.host})
			s := w.sender()
			if c.trusted {
				s.Roots = w.sinks[0].Roots
			} else {
				_, s.Roots = testkit.Certificate(t, "stranger.example")
			}
			got := s.Deliver(t.Context(), mailTo(simpleMail, "ann@to.example"))[0]
			if got.State != desk.DeliverySent || got.Proof != c.proof || len(got.Story) != 1 {
				t.Fatalf("%+v", got)
			}
			facts := got.Story[0].TLS
			if facts.Version != "TLS 1.3" || facts.Cipher == "" || len(facts.Fingerprint) != 64 || facts.NotAfter.IsZero() || facts.Issuer != "CN="+c.host || facts.Names[0] != c.host {
				t.Errorf("%+v", facts)
			}
			if facts.Proof != c.proof || facts.Policy != desk.PolicyOpportunistic || (facts.Problem == "") != (c.problem == "") || !strings.Contains(facts.Problem, c.problem) {
				t.Errorf("%+v", facts)
			}
		})
	}
}

// Each recipient's story is their own: who was not asked has no line, and nobody hears of another's refusal.
func TestStoriesAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX, &testkit.Behaviour{NoTLS: true, Rcpt: func(to string) *smtp.SMTPError {
		if strings.HasPrefix(to, "gone") {
			return refusal(550, smtp.EnhancedCode{5, 1, 1}, "gone")
		}
		return nil
	}})
	got := w.sender().Deliver(t.Context(), mailTo(simpleMail, "gone@to.example", "ann@to.example", "nobody"))
	for i, want := range []string{"bounced mx1.example 127.0.0.1:" + w.port + " 550 5.1.1 gone", "sent mx1.example 127.0.0.1:" + w.port + " 250 2.0.0 OK", "bounced   550 5.1.3"} {
		if len(got[i].Story) != 1 || !strings.HasPrefix(tell(got[i].Story), want) {
			t.Errorf("%s\nwant %s", tell(got[i].Story), want)
		}
	}
}
