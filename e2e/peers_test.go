package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/internal/testkit/peers"
)

// overseas is the world that mail goes out into: a Postfix and an Exim with every way of doing STARTTLS, DNS with DNSSEC, policies, and a Postern that sends.
type overseas struct {
	*program
	site     *peers.Site
	servers  map[string]*peers.Server // by the name of the program
	dns      *peers.DNS
	policies *peers.Policies
	ticket   int64
	sent     map[int64]string      // recipient by message that was sent, or shall be tried again
	ids      map[string]int64      // message by recipient
	kept     map[string]peers.Kept // what the servers had when they were last looked at, by recipient
	fill     *strings.Replacer     // of what stands between < and > in records
}

// outcome is what must become of a mail.
type outcome struct {
	state string // sent, deferred, bounced
	tls   bool   // it crossed under TLS, as the receiver itself wrote down
	proof string // what proved the receiver
	says  string // a part of what the agent is told
	why   string // where it is written that it must be so
}

func (o outcome) String() string {
	how := "in clear text"
	if o.tls {
		how = "under TLS, proof " + fmt.Sprintf("%q", o.proof)
	}
	if o.state != "sent" {
		return o.state + fmt.Sprintf(" (%q)", o.says)
	}
	return o.state + " " + how
}

// settings make a Postern see this world as the real one.
func (w *overseas) settings() []string {
	_, https, _ := net.SplitHostPort(w.policies.Addr)
	return []string{
		"POSTERN_DNS=" + w.dns.Resolver, "POSTERN_MX_PORT=" + w.site.Net.Port, "POSTERN_MTA_STS_PORT=" + https,
		"POSTERN_TLS_ROOTS=" + w.site.Trusted.RootsFile, "POSTERN_OUTBOUND_ALLOW=127.0.0.0/8,::1/128",
	}
}

// begin starts Postern, with a ticket in whose conversation all mails are sent.
func (w *overseas) begin(t *testing.T) {
	t.Helper()
	w.program, w.sent = launch(t, w.settings()...), map[int64]string{}
	w.ids = map[string]int64{}
	w.ticket = w.mail(letter{from: "asks@desk.example", to: support, subject: "everywhere", id: "everywhere@desk.example", text: "Please tell them all."})
}

// send sends a mail with a text to a recipient.
func (w *overseas) send(to, text string) {
	w.t.Helper()
	said := call[message](w.t, w.program, http.MethodPost, fmt.Sprintf("/tickets/%d/replies", w.ticket), map[string]any{"text": text, "to": []map[string]string{{"address": to}}})
	w.sent[said.ID], w.ids[to] = to, said.ID
}

// settle waits until every mail was tried, and returns what became of each, by recipient.
func (w *overseas) settle() map[string]delivery {
	w.t.Helper()
	became := map[string]delivery{}
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		for _, said := range conversation(w.t, w.program, w.ticket) {
			if to, ours := w.sent[said.ID]; ours && len(said.Delivery) == 1 && said.Delivery[0].State != "queued" {
				became[to] = said.Delivery[0]
			}
		}
		if len(became) == len(w.sent) {
			return became
		}
		if time.Since(began) > patience {
			for id, to := range w.sent {
				if _, done := became[to]; !done {
					w.t.Errorf("message %d to %s was never tried", id, to)
				}
			}
			w.t.FailNow()
		}
	}
}

// judge compares what became of a mail, as the API tells it and as its receivers found it, with what must become of it.
func (w *overseas) judge(t *testing.T, to string, got delivery, want outcome) {
	t.Helper()
	if got.State != want.state || !strings.Contains(got.Reply, want.says) {
		t.Errorf("%s: %s, last words %q; want %v: %s", to, got.State, got.Reply, want, want.why)
		return
	}
	if want.state != "sent" {
		if got.State == "deferred" && got.NextAt == nil {
			t.Errorf("%s: deferred for ever: %+v", to, got)
		}
		w.absent(t, to)
		return
	}
	kept := w.find(t, to)
	received := kept.Header["Received"][0] // the topmost line is the receiver's own
	if crossed := strings.Contains(received, "TLS"); crossed != want.tls || (got.TLS != "") != want.tls {
		t.Errorf("%s: TLS is shown as %q, and the receiver says %q; want %v: %s", to, got.TLS, received, want, want.why)
	}
	if got.Proof != want.proof {
		t.Errorf("%s: proof %q; want %v: %s", to, got.Proof, want, want.why)
	}
}

// absent says that nobody has a mail.
func (w *overseas) absent(t *testing.T, to string) {
	t.Helper()
	if kept, found := w.kept[to]; found {
		t.Errorf("%s did not get it, and yet it was received:\n%s", to, kept.Header.Get("Received"))
	}
}

// told compares the last line of the story that agents see with what must have come of a mail, under the policy that must have decided.
func (w *overseas) told(t *testing.T, to, policy string, want outcome) {
	t.Helper()
	stories := call[struct {
		Items []story `json:"items"`
	}](t, w.program, http.MethodGet, fmt.Sprintf("/messages/%d/deliveries", w.ids[to]), nil).Items
	if len(stories) != 1 || len(stories[0].Timeline) == 0 {
		t.Fatalf("%s: the story is %+v", to, stories)
	}
	last := stories[0].Timeline[len(stories[0].Timeline)-1]
	if last.Kind != "tried" || last.State != want.state || !strings.Contains(last.Reply, want.says) || last.Host == "" {
		t.Errorf("%s: the story ends in %+v; want %v: %s", to, last, want, want.why)
	}
	switch facts := last.TLS; {
	case facts == nil:
		if want.state != "sent" || want.tls || policy != "opportunistic" { // in clear text, as nobody minds
			t.Errorf("%s: the story does not say which policy decided: %+v", to, last)
		}
	case facts.Policy != policy || facts.Proof != want.proof || (facts.Version != "") != want.tls && want.state == "sent":
		t.Errorf("%s: the story says %+v; want %s, %v: %s", to, *facts, policy, want, want.why)
	case (facts.Problem == "") != (want.proof != ""):
		t.Errorf("%s: the story says as a problem %q; want %v: %s", to, facts.Problem, want, want.why)
	case want.tls && (facts.Version != "TLS 1.3" || len(facts.Names) == 0 || facts.NotAfter == ""):
		t.Errorf("%s: the story's certificate is %+v", to, *facts)
	}
}

// look collects what the servers have, by recipient.
func (w *overseas) look(t *testing.T) map[string]peers.Kept {
	t.Helper()
	all := map[string]peers.Kept{}
	for _, server := range w.servers {
		for _, kept := range server.Kept(t) {
			all[kept.To] = kept
		}
	}
	return all
}

// find waits for a mail that one of the servers must have.
func (w *overseas) find(t *testing.T, to string) peers.Kept {
	t.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if _, found := w.kept[to]; !found {
			w.kept = w.look(t)
		}
		if kept, found := w.kept[to]; found {
			return kept
		}
		if time.Since(began) > patience {
			t.Fatalf("nobody has the mail to %s, which was sent", to)
		}
	}
}

// Zones of the world: all are children of "example.".
const (
	signedZone = "signed.example"
	plainZone  = "plain.example"
	bogusZone  = "bogus.example"
)

// The matrix: (STARTTLS: none, good, wrong name, expired, untrusted, broken handshake) × (policy: none, MTA-STS, DANE, rules of ours, REQUIRETLS) × (Postfix, Exim), and the
// situations beside it. Postern sends, and what becomes of each mail is told by its API and by whether, and how, the receiver has it (rows 16 and 39 of the threats, T-13).
func TestDeliveryKeepsToThePolicyOfItsDestination(t *testing.T) {
	t.Parallel()
	w := newOverseas(t)
	t.Run("Postfix comes to the same", w.consult)
	w.begin(t)
	for domain, level := range rules() {
		w.cli("destination", "set", domain, "--tls", level)
	}
	for _, at := range squares() {
		w.send(at.to(), "for "+at.to())
	}
	for _, at := range situations {
		if at.asked() {
			w.send(at.to(), "for "+at.to())
		}
	}
	w.compare(t, first)
	w.change(t)
	w.compare(t, afterwards)
	t.Run("nobody has what nobody was to have", w.absence)
	t.Run("many mails to one server", w.busy)
}

// when is a point in time of the test.
type when int

const (
	first      when = iota
	afterwards      // something has changed: see situation.later
)

// compare waits until all mail was tried, and judges what became of it.
func (w *overseas) compare(t *testing.T, at when) {
	t.Helper()
	became := w.settle()
	w.kept = w.look(t)
	if at == first {
		for _, s := range squares() {
			t.Run(s.name(), func(t *testing.T) {
				w.judge(t, s.to(), became[s.to()], s.column.by[s.mode])
				w.told(t, s.to(), s.column.shown(), s.column.by[s.mode])
			})
		}
	}
	for _, s := range situations {
		want, name := s.want, s.name
		if at == afterwards && s.later != nil {
			want, name = s.later.want, s.name+", later"
		} else if at == afterwards || !s.asked() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w.judge(t, s.to(), became[s.to()], want)
			if host := w.host(s); host != "" && became[s.to()].Host != host {
				t.Errorf("%s: %s has it, want %s: %s", s.to(), became[s.to()].Host, host, want.why)
			}
			if received := w.kept[s.to()].Header.Get("Received"); s.by != "" && !strings.Contains(received, "by "+s.by+".peers.example ") {
				t.Errorf("%s: want it at %s, and received it is %q: %s", s.to(), s.by, received, want.why)
			}
		})
	}
}

// absence looks once more, at the end, for mail that waits or came back.
func (w *overseas) absence(t *testing.T) {
	for _, s := range squares() {
		if s.column.by[s.mode].state != "sent" {
			w.absent(t, s.to())
		}
	}
	for _, s := range situations {
		if s.asked() && s.want.state != "sent" && (s.later == nil || s.later.want.state != "sent") {
			w.absent(t, s.to())
		}
	}
}

// change publishes what is different later, starts Postern anew, so that it knows only what it kept, and has mail that waits tried again.
func (w *overseas) change(t *testing.T) {
	t.Helper()
	for _, at := range situations {
		if at.later != nil {
			w.policies.Set(at.domain(), at.policyText(at.later.policy))
		}
	}
	for _, zone := range w.zones(afterwards) {
		if zone.DNSSEC != peers.Bogus {
			w.dns.Set(t, zone)
		}
	}
	w.stop()
	if err := w.start(); err != nil {
		t.Fatalf("start postern again: %v", err)
	}
	w.sent = map[int64]string{}
	for _, at := range situations {
		if id := w.ids[at.to()]; at.later != nil {
			call[message](t, w.program, http.MethodPost, fmt.Sprintf("/messages/%d/retry", id), map[string]any{"recipient": at.to()})
			w.sent[id] = at.to()
		}
	}
}

// rules are ours, by domain.
func rules() map[string]string {
	all := map[string]string{}
	for _, level := range []string{"encrypt", "verify", "requiretls"} {
		all["*."+level+"."+plainZone] = level
	}
	all["*.requiretls-sts."+plainZone], all["*.requiretls-dane."+signedZone] = "requiretls", "requiretls"
	for _, at := range situations {
		if at.rule != "" {
			all[at.domain()] = at.rule
		}
	}
	return all
}

// host is the whole name of the host that must have a mail.
func (w *overseas) host(at situation) string {
	if at.host == "" || strings.Contains(at.host, ".") {
		return at.host
	}
	return at.host + "." + at.domain()
}

// newOverseas starts the servers, and publishes what leads to them.
func newOverseas(t *testing.T) *overseas {
	t.Helper()
	w := &overseas{site: peers.NewSite(t), servers: map[string]*peers.Server{}}
	for program, open := range map[string]func(testing.TB, *peers.Site, ...peers.Listener) *peers.Server{"postfix": peers.Postfix, "exim": peers.Exim} {
		var listeners []peers.Listener
		for _, mode := range peers.Modes {
			listeners = append(listeners, peers.Listener{TLS: mode, Names: hostsBehind(program, mode)})
		}
		if program == "postfix" {
			listeners = append(listeners, peers.Listener{TLS: peers.GoodTLS, Names: hostsBehind(program, peers.GoodTLS), Addr: "::1"})
		}
		w.servers[program] = open(t, w.site, listeners...)
	}
	w.policies = w.publishPolicies(t)
	w.fill = w.filler(t)
	w.dns = peers.NewDNS(t, w.zones(first)...)
	return w
}

// hostsBehind are the names of the hosts that a listener stands for.
func hostsBehind(program string, mode peers.TLSMode) (names []string) {
	for _, at := range squares() {
		if at.program == program && at.mode == mode {
			names = append(names, "mx."+at.domain())
		}
	}
	for _, at := range situations {
		names = append(names, at.hosts()...)
	}
	return names
}

// publishPolicies serves those of MTA-STS.
func (w *overseas) publishPolicies(t *testing.T) *peers.Policies {
	t.Helper()
	texts := map[string]string{}
	for _, at := range squares() {
		if mode, found := strings.CutPrefix(at.column.policy, "sts-"); found {
			texts[at.domain()] = peers.Policy(mode, "mx."+at.domain())
		} else if at.column.policy == "requiretls-sts" {
			texts[at.domain()] = peers.Policy("enforce", "mx."+at.domain())
		}
	}
	for _, at := range situations {
		if at.policy != "" {
			texts[at.domain()] = at.policyText(at.policy)
		}
	}
	texts["policy-not-found."+plainZone] = ""
	return peers.NewPolicies(t, w.site.Trusted, texts, "policy-host-misnamed."+plainZone)
}

// zones are what the DNS says.
func (w *overseas) zones(at when) []peers.Zone {
	zones := map[string]string{signedZone: "", plainZone: "", bogusZone: ""}
	add := func(domain, records, id string) {
		_, parent, _ := strings.Cut(domain, ".")
		for zone := range zones {
			if parent == zone || strings.HasSuffix(parent, "."+zone) {
				zones[zone] += "$ORIGIN " + domain + ".\n" + w.fill.Replace(strings.ReplaceAll(records, "<policy>\n", w.policies.Records(id)))
			}
		}
	}
	for _, s := range squares() {
		add(s.domain(), s.records(), "1")
	}
	for _, s := range situations {
		if at == afterwards && s.later != nil {
			add(s.domain(), cmp.Or(s.later.records, s.records), "2")
		} else {
			add(s.domain(), s.records, "1")
		}
	}
	return []peers.Zone{
		{Name: signedZone + ".", Records: zones[signedZone]},
		{Name: plainZone + ".", DNSSEC: peers.Unsigned, Records: zones[plainZone]},
		{Name: bogusZone + ".", DNSSEC: peers.Bogus, Records: zones[bogusZone]},
	}
}

// filler puts addresses and keys where the records name them.
func (w *overseas) filler(t *testing.T) *strings.Replacer {
	t.Helper()
	pairs := []string{"<port>", w.site.Net.Port, "<nobody>", w.site.Net.Next(),
		"<key of authority>", peers.Digest(w.site.Trusted.Root), "<key of stranger>", peers.Digest(w.site.Stranger.Root)}
	good := map[string]string{}
	for program, server := range w.servers {
		for i, mode := range peers.Modes {
			name := program + " " + string(mode)
			pairs = append(pairs, "<"+name+">", server.Addr[i], "<key of "+name+">", peers.Digest(server.IDs[i].Leaf))
			if mode == peers.GoodTLS {
				good[program] = server.Addr[i]
			}
		}
	}
	return strings.NewReplacer(append(pairs,
		"<strip>", peers.NewMiddle(t, w.site.Net, good["postfix"], peers.Strip).Addr,
		"<refuse>", peers.NewMiddle(t, w.site.Net, good["exim"], peers.Refuse).Addr,
		"<inject>", peers.NewMiddle(t, w.site.Net, good["postfix"], peers.Inject).Addr)...)
}
