package mailout

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/internal/testkit/peers"
	"postern/mailout/mtasts"
	"postern/store"
)

// journey is a mail to one domain, and what must come of it. The domain is its name below signed.example or plain.example.
type journey struct {
	name   string
	zone   string // signed, plain or bogus
	hosts  string // its MX, in order, below signed.example or plain.example; empty: none
	policy string // of MTA-STS: mode and patterns; empty: none
	rule   desk.TLSRule
	wish   Wish
	want   string // state, proof, policy of the connection that counts, and how the words begin
	told   string // TLS results: policy type, host and result type of each
}

const (
	failsToProve = "451 4.7.5 %s.example does not prove itself: "
	noSTARTTLS   = "451 4.7.4 %s.example does not offer STARTTLS, which "
)

// journeys are most of what RFC 7672, RFC 8461 and RFC 8689 tell apart, over real connections. TestTransportDecisions has the rest.
var journeys = []journey{
	// DANE (RFC 7672).
	{name: "keys-match", zone: "signed", hosts: "good.signed", want: "sent dane dane 250", told: "tlsa good.signed.example"},
	{name: "keys-differ", zone: "signed", hosts: "other-key.signed", want: "deferred - dane " + fmt.Sprintf(failsToProve, "other-key.signed"), told: "tlsa other-key.signed.example certificate-not-trusted"},
	{name: "expired-but-named", zone: "signed", hosts: "expired.signed", want: "sent dane dane 250", told: "tlsa expired.signed.example"},
	{name: "misnamed-but-named", zone: "signed", hosts: "wrong.signed", want: "sent dane dane 250", told: "tlsa wrong.signed.example"},
	{name: "untrusted-but-named", zone: "signed", hosts: "untrusted.signed", want: "sent dane dane 250", told: "tlsa untrusted.signed.example"},
	{name: "stripped", zone: "signed", hosts: "clear.signed", want: "deferred - dane " + fmt.Sprintf(noSTARTTLS, "clear.signed"), told: "tlsa clear.signed.example starttls-not-supported"},
	{name: "handshake-fails", zone: "signed", hosts: "broken.signed", want: "deferred - dane 451 4.7.5 tls with broken.signed.example", told: "tlsa broken.signed.example validation-failure"},
	{name: "authority", zone: "signed", hosts: "below.signed", want: "sent dane dane 250", told: "tlsa below.signed.example"},
	{name: "authority-misnamed", zone: "signed", hosts: "below-misnamed.signed", want: "deferred - dane " + fmt.Sprintf(failsToProve, "below-misnamed.signed"), told: "tlsa below-misnamed.signed.example certificate-host-mismatch"},
	{name: "rolled-over", zone: "signed", hosts: "rolled.signed", want: "sent dane dane 250", told: "tlsa rolled.signed.example"},
	{name: "unusable", zone: "signed", hosts: "unusable.signed", want: "sent - dane 250", told: "tlsa unusable.signed.example tlsa-invalid"},
	{name: "unusable-stripped", zone: "signed", hosts: "unusable-clear.signed", want: "deferred - dane " + fmt.Sprintf(noSTARTTLS, "unusable-clear.signed"), told: "tlsa unusable-clear.signed.example starttls-not-supported"},
	{name: "torn-keys", zone: "signed", hosts: "torn.signed", want: "deferred - dane 451 4.7.5 whether torn.signed.example has keys", told: "tlsa torn.signed.example dnssec-invalid"},
	{name: "torn-host", zone: "signed", hosts: "mx.bogus", want: "deferred - - 451 4.4.3", told: ""},
	{name: "next-host", zone: "signed", hosts: "other-key.signed good.signed", want: "sent dane dane 250", told: "tlsa other-key.signed.example certificate-not-trusted, tlsa good.signed.example"},
	{name: "keyless", zone: "signed", hosts: "keyless.signed", want: "sent - opportunistic 250", told: "no-policy-found keyless.signed.example"},
	{name: "alias-host", zone: "signed", hosts: "alias.signed", want: "sent dane dane 250", told: "tlsa alias.signed.example"},
	{name: "insecure-host", zone: "signed", hosts: "wrong.plain", want: "sent - opportunistic 250", told: "no-policy-found wrong.plain.example"},
	{name: "insecure-mx", zone: "plain", hosts: "other-key.signed", want: "sent pkix opportunistic 250", told: "no-policy-found other-key.signed.example"},
	{name: "bogus-mx", zone: "bogus", hosts: "good.signed", want: "deferred - - 451 4.4.3", told: "no-policy-found  validation-failure"},
	{name: "implicit", zone: "signed", want: "sent dane dane 250", told: "tlsa implicit.signed.example"},
	{name: "anyhow-dane", zone: "signed", hosts: "other-key.signed", wish: WishAnyhow, want: "sent pkix opportunistic 250"},

	// MTA-STS (RFC 8461).
	{name: "enforced", zone: "plain", hosts: "good.plain", policy: "enforce *.plain.example", want: "sent pkix sts-enforce 250", told: "sts good.plain.example"},
	{name: "enforced-stripped", zone: "plain", hosts: "clear.plain", policy: "enforce *.plain.example", want: "deferred - sts-enforce " + fmt.Sprintf(noSTARTTLS, "clear.plain"), told: "sts clear.plain.example starttls-not-supported"},
	{name: "enforced-broken", zone: "plain", hosts: "broken.plain", policy: "enforce *.plain.example", want: "deferred - sts-enforce 451 4.7.5 tls with broken.plain.example", told: "sts broken.plain.example validation-failure"},
	{name: "enforced-wrong", zone: "plain", hosts: "wrong.plain", policy: "enforce *.plain.example", want: "deferred - sts-enforce " + fmt.Sprintf(failsToProve, "wrong.plain"), told: "sts wrong.plain.example certificate-host-mismatch"},
	{name: "enforced-expired", zone: "plain", hosts: "expired.plain", policy: "enforce *.plain.example", want: "deferred - sts-enforce " + fmt.Sprintf(failsToProve, "expired.plain"), told: "sts expired.plain.example certificate-expired"},
	{name: "enforced-untrusted", zone: "plain", hosts: "untrusted.plain", policy: "enforce *.plain.example", want: "deferred - sts-enforce " + fmt.Sprintf(failsToProve, "untrusted.plain"), told: "sts untrusted.plain.example certificate-not-trusted"},
	{name: "enforced-unnamed", zone: "plain", hosts: "good.plain", policy: "enforce other.plain.example", want: "deferred - sts-enforce 451 4.7.1 the MTA-STS policy of the domain does not name good.plain.example", told: "sts good.plain.example validation-failure"},
	{name: "enforced-next", zone: "plain", hosts: "good.signed good.plain", policy: "enforce *.plain.example", want: "sent pkix sts-enforce 250", told: "sts good.signed.example validation-failure, sts good.plain.example"},
	{name: "tried-stripped", zone: "plain", hosts: "clear.plain", policy: "testing *.plain.example", want: "sent - sts-testing 250", told: "sts clear.plain.example starttls-not-supported"},
	{name: "tried-broken", zone: "plain", hosts: "broken.plain", policy: "testing *.plain.example", want: "sent - sts-testing 250", told: "sts broken.plain.example validation-failure"},
	{name: "tried-wrong", zone: "plain", hosts: "wrong.plain", policy: "testing *.plain.example", want: "sent - sts-testing 250", told: "sts wrong.plain.example certificate-host-mismatch"},
	{name: "tried-unnamed", zone: "plain", hosts: "good.plain", policy: "testing other.plain.example", want: "sent pkix sts-testing 250", told: "sts good.plain.example validation-failure"},
	{name: "forgotten", zone: "plain", hosts: "clear.plain", policy: "none", want: "sent - - 250", told: "no-policy-found clear.plain.example starttls-not-supported"},
	{name: "misserved", zone: "plain", hosts: "clear.plain", policy: "enforce *.plain.example", want: "sent - - 250", told: "sts  sts-webpki-invalid, no-policy-found clear.plain.example starttls-not-supported"},
	{name: "anyhow-sts", zone: "plain", hosts: "clear.plain", policy: "enforce other.plain.example", wish: WishAnyhow, want: "sent - - 250"},

	// Both: DANE that fails is not made good by a policy, and DANE that holds needs none (RFC 8461 §2).
	{name: "both-keys-differ", zone: "signed", hosts: "other-key.signed", policy: "enforce *.signed.example", want: "deferred - dane " + fmt.Sprintf(failsToProve, "other-key.signed"), told: "tlsa other-key.signed.example certificate-not-trusted, sts other-key.signed.example"},
	{name: "both-untrusted", zone: "signed", hosts: "untrusted.signed", policy: "enforce *.signed.example", want: "sent dane dane 250", told: "tlsa untrusted.signed.example, sts untrusted.signed.example certificate-not-trusted"},
	{name: "both-unusable", zone: "signed", hosts: "unusable.signed", policy: "enforce *.signed.example", want: "deferred - sts-enforce " + fmt.Sprintf(failsToProve, "unusable.signed"), told: "tlsa unusable.signed.example tlsa-invalid, sts unusable.signed.example certificate-host-mismatch"},

	// Rules of ours.
	{name: "encrypt-clear", zone: "plain", hosts: "clear.plain", rule: desk.TLSEncrypt, want: "deferred - encrypt " + fmt.Sprintf(noSTARTTLS, "clear.plain"), told: "no-policy-found clear.plain.example starttls-not-supported"},
	{name: "encrypt-wrong", zone: "plain", hosts: "wrong.plain", rule: desk.TLSEncrypt, want: "sent - encrypt 250", told: "no-policy-found wrong.plain.example"},
	{name: "verify-wrong", zone: "plain", hosts: "wrong.plain", rule: desk.TLSVerify, want: "deferred - verify " + fmt.Sprintf(failsToProve, "wrong.plain"), told: "no-policy-found wrong.plain.example"},
	{name: "verify-good", zone: "plain", hosts: "good.plain", rule: desk.TLSVerify, want: "sent pkix verify 250", told: "no-policy-found good.plain.example"},
	{name: "verify-dane", zone: "signed", hosts: "untrusted.signed", rule: desk.TLSVerify, want: "sent dane dane 250", told: "tlsa untrusted.signed.example"},
	{name: "verify-anyhow", zone: "plain", hosts: "wrong.plain", rule: desk.TLSVerify, wish: WishAnyhow, want: "deferred - verify " + fmt.Sprintf(failsToProve, "wrong.plain")},

	// REQUIRETLS (RFC 8689).
	{name: "require-dane", zone: "signed", hosts: "passing.signed", wish: WishRequireTLS, want: "sent dane requiretls 250", told: "tlsa passing.signed.example"},
	{name: "require-rule", zone: "signed", hosts: "passing.signed", rule: desk.TLSRequire, want: "sent dane requiretls 250", told: "tlsa passing.signed.example"},
	{name: "require-sts", zone: "plain", hosts: "passing.plain", policy: "enforce *.plain.example", wish: WishRequireTLS, want: "sent pkix requiretls 250", told: "sts passing.plain.example"},
	{name: "require-unproved", zone: "plain", hosts: "passing.plain", wish: WishRequireTLS, want: "bounced - requiretls 550 5.7.30 REQUIRETLS: neither DNSSEC nor MTA-STS proves", told: ""},
	{name: "require-not-passed-on", zone: "signed", hosts: "good.signed", wish: WishRequireTLS, want: "bounced dane requiretls 550 5.7.30 good.signed.example does not offer REQUIRETLS", told: "tlsa good.signed.example"},
	{name: "require-clear", zone: "signed", hosts: "clear.signed", wish: WishRequireTLS, want: "bounced - requiretls 550 5.7.10 clear.signed.example does not offer STARTTLS", told: "tlsa clear.signed.example starttls-not-supported"},
	{name: "require-doubtful", zone: "signed", hosts: "doubtful.plain", wish: WishRequireTLS, want: "bounced - requiretls 550 5.7.10 doubtful.plain.example does not prove itself", told: "no-policy-found doubtful.plain.example"},
	{name: "require-next", zone: "signed", hosts: "good.signed passing.signed", wish: WishRequireTLS, want: "sent dane requiretls 250", told: "tlsa good.signed.example, tlsa passing.signed.example"},
}

// secured is a world whose names Knot signs and Unbound proves, with policies over HTTPS and mail servers that share a port.
type secured struct {
	net      *peers.Net
	policies *peers.Policies
	dns      *peers.DNS
	known    *peers.Authority
	sinks    map[string]*testkit.Sink
	addrs    map[string]string
}

const otherKey = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func newSecured(t *testing.T) *secured {
	t.Helper()
	w := &secured{net: peers.Loopback(t), known: peers.NewAuthority(t, "Known"), sinks: map[string]*testkit.Sink{}, addrs: map[string]string{}}
	unknown := peers.NewAuthority(t, "Unknown")
	w.serve(t)
	hosts := fmt.Sprintf("mx A %s\n", w.net.Next())
	for _, one := range []struct {
		name      string
		by        *peers.Authority
		behaviour testkit.Behaviour
	}{
		{"good", w.known, testkit.Behaviour{}}, {"clear", w.known, testkit.Behaviour{NoTLS: true}}, {"broken", w.known, testkit.Behaviour{BrokenTLS: true}},
		{"wrong", w.known, testkit.Behaviour{}}, {"expired", w.known, testkit.Behaviour{}}, {"untrusted", unknown, testkit.Behaviour{}},
		{"passing", w.known, testkit.Behaviour{RequireTLS: true}}, {"doubtful", unknown, testkit.Behaviour{RequireTLS: true}},
	} {
		digest := w.start(t, one.name, one.by, one.behaviour)
		hosts += fmt.Sprintf("%s A %s\n_%s._tcp.%s TLSA 3 1 1 %s\n", one.name, w.addrs[one.name], w.net.Port, one.name, digest)
	}
	zones := map[string]*peers.Zone{
		"signed": {Name: "signed.example.", Records: hosts + w.special()}, "plain": {Name: "plain.example.", DNSSEC: peers.Unsigned, Records: hosts},
		"bogus": {Name: "bogus.example.", DNSSEC: peers.Bogus, Records: hosts},
	}
	for _, one := range journeys {
		zone := zones[one.zone]
		for i, host := range strings.Fields(one.hosts) {
			zone.Records += fmt.Sprintf("%s MX %d %s.example.\n", one.name, 10*i+10, host)
		}
		if one.policy != "" {
			host, _, _ := net.SplitHostPort(w.policies.Addr)
			zone.Records += fmt.Sprintf("_mta-sts.%s TXT \"v=STSv1; id=1;\"\nmta-sts.%s A %s\n", one.name, one.name, host)
		}
	}
	w.dns = peers.NewDNS(t, *zones["signed"], *zones["plain"], *zones["bogus"])
	return w
}

// serve serves the policies of all journeys.
func (w *secured) serve(t *testing.T) {
	texts := map[string]string{}
	for _, one := range journeys {
		if words := strings.Fields(one.policy); len(words) > 0 {
			texts[one.domain()] = peers.Policy(words[0], words[1:]...)
		}
	}
	w.policies = peers.NewPolicies(t, w.known, texts, "misserved.plain.example")
}

func (j journey) domain() string { return j.name + "." + j.zone + ".example" }

// start starts a mail server, and returns the digest of its key.
func (w *secured) start(t *testing.T, name string, by *peers.Authority, behaviour testkit.Behaviour) string {
	t.Helper()
	names := []string{name + ".plain.example", name + ".signed.example", "other-key.signed.example", "below.signed.example", "rolled.signed.example", "implicit.signed.example"}
	id := by.Issue(t, names...)
	switch name {
	case "wrong":
		id = by.Issue(t, "somebody-else.example")
	case "expired":
		id = by.IssueExpired(t, names...)
	}
	pair, err := tls.LoadX509KeyPair(id.ChainFile, id.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	w.addrs[name] = w.net.Next()
	behaviour.Certificate, behaviour.Addr, behaviour.Host = &pair, net.JoinHostPort(w.addrs[name], w.net.Port), name+".example"
	w.sinks[name] = testkit.SMTPSink(t, behaviour)
	return peers.Digest(id.Leaf)
}

// special are hosts of the signed zone that only their TLSA records tell apart.
func (w *secured) special() (text string) {
	root := peers.Digest(w.known.Root)
	for _, one := range []struct{ name, at, keys string }{
		{"other-key", "good", "3 1 1 " + otherKey}, {"below", "good", "2 1 1 " + root}, {"below-misnamed", "wrong", "2 1 1 " + root}, {"rolled", "good", "3 1 1 " + otherKey + ",2 1 1 " + root},
		{"unusable", "untrusted", "1 1 1 " + otherKey}, {"unusable-clear", "clear", "0 0 1 " + otherKey + ",3 1 9 00"}, {"keyless", "wrong", ""}, {"implicit", "good", "2 1 1 " + root}, {"torn", "good", ""},
	} {
		text += fmt.Sprintf("%s A %s\n", one.name, w.addrs[one.at])
		for record := range strings.SplitSeq(one.keys, ",") {
			if record != "" {
				text += fmt.Sprintf("_%s._tcp.%s TLSA %s\n", w.net.Port, one.name, record)
			}
		}
	}
	return text + fmt.Sprintf("alias CNAME good\n_%s._tcp.torn CNAME x.bogus.example.\n", w.net.Port)
}

// sender is one of that world, with the rule of a journey.
func (w *secured) sender(db *store.Store, one journey) (*Sender, func() []TLSResult) {
	port, _ := strconv.Atoi(w.net.Port)
	_, https, _ := net.SplitHostPort(w.policies.Addr)
	resolver, roots := domains.NewResolver([]string{w.dns.Resolver}, 5*time.Second), w.known.Pool()
	s := &Sender{Hostname: "desk.example.com", Resolver: resolver, MXPort: port, Roots: roots, Log: slog.New(slog.DiscardHandler)}
	fetcher := &mtasts.Fetcher{Resolver: resolver, Roots: roots, Patience: 5 * time.Second}
	fetcher.Port, _ = strconv.Atoi(https)
	s.STS = &mtasts.Cache{Store: db, Resolver: resolver, Fetcher: fetcher}
	s.Destinations = NewDestinations(func(context.Context) ([]desk.Destination, error) {
		if one.rule == "" {
			return nil, nil
		}
		return []desk.Destination{{Pattern: one.domain(), TLS: one.rule}}, nil
	})
	var mu sync.Mutex
	var results []TLSResult
	s.Results = func(r TLSResult) {
		mu.Lock()
		defer mu.Unlock()
		results = append(results, r)
	}
	return s, func() []TLSResult { mu.Lock(); defer mu.Unlock(); return results }
}

// RFC 7672, RFC 8461, RFC 8689: what becomes of a mail, what the story says of it, and what a report would.
func TestTransportPolicies(t *testing.T) {
	t.Parallel()
	w := newSecured(t)
	db, err := store.Open(t.Context(), testkit.Postgres(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	for _, one := range journeys {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			s, results := w.sender(db, one)
			t.Cleanup(s.Close)
			m := mailTo(simpleMail, "ann@"+one.domain())
			m.Wish = one.wish
			got := s.Deliver(t.Context(), m)[0]
			last := got.Story[len(got.Story)-1]
			policy := "-"
			if last.TLS != nil {
				policy = string(last.TLS.Policy)
			}
			words := fmt.Sprintf("%s %s %s %s", got.State, cmp.Or(string(got.Proof), "-"), policy, got.Reply)
			if !strings.HasPrefix(words, one.want) {
				t.Errorf("%s\nwant %s", words, one.want)
			}
			var told []string
			for _, r := range results() {
				told = append(told, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Policy.Type, r.Host, r.Type)))
				if r.Recipient != one.domain() || r.At.IsZero() || (r.Type == "") != (r.Reason == "") {
					t.Errorf("%+v", r)
				}
			}
			if strings.Join(told, ", ") != one.told {
				t.Errorf("told %s\nwant %s", strings.Join(told, ", "), one.told)
			}
			if last.TLS != nil && last.TLS.Proof == desk.ProofNone && last.TLS.Problem == "" {
				t.Errorf("no proof, and no word about it: %+v", last.TLS)
			}
		})
	}
	for name, one := range map[string]struct {
		host string
		wish Wish
		rule desk.TLSRule
		want string
	}{
		"relay": {host: "good.plain", want: "sent pkix opportunistic 250"}, "relay-dane": {host: "untrusted.signed", want: "sent dane dane 250"},
		"relay-differs": {host: "other-key.signed", want: "deferred - dane " + fmt.Sprintf(failsToProve, "other-key.signed")}, "relay-below": {host: "below.signed", want: "sent dane dane 250"},
		"relay-rule":    {host: "wrong.plain", rule: desk.TLSVerify, want: "deferred - verify " + fmt.Sprintf(failsToProve, "wrong.plain")},
		"require-relay": {host: "passing.plain", wish: WishRequireTLS, want: "sent pkix requiretls 250"}, "relay-keeps": {host: "good.plain", wish: WishRequireTLS, want: "bounced pkix requiretls 550 5.7.30"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := journey{name: name, zone: "plain", rule: one.rule}
			s, results := w.sender(db, to)
			t.Cleanup(s.Close)
			s.Smarthost = &Smarthost{Host: one.host + ".example", Port: s.MXPort}
			m := mailTo(simpleMail, "ann@"+to.domain())
			m.Wish = one.wish
			got := s.Deliver(t.Context(), m)[0]
			if words := fmt.Sprintf("%s %s %s %s", got.State, cmp.Or(string(got.Proof), "-"), got.Story[0].TLS.Policy, got.Reply); !strings.HasPrefix(words, one.want) {
				t.Errorf("%s\nwant %s", words, one.want)
			}
			if told := results(); len(told) > 0 {
				t.Errorf("reports are about servers of domains, not about who relays for us: %+v", told)
			}
		})
	}
	t.Cleanup(func() {
		for name, sink := range w.sinks {
			for _, mail := range sink.Mails() {
				to := strings.Join(mail.To, " ")
				if asked := strings.HasPrefix(to, "ann@require-"); mail.RequireTLS != asked {
					t.Errorf("%s took a mail to %s with REQUIRETLS %t", name, to, mail.RequireTLS)
				}
				if strings.HasPrefix(to, "ann@enforced") && mail.TLS == 0 {
					t.Errorf("%s took a mail to %s in clear text", name, to)
				}
			}
		}
	})
}
