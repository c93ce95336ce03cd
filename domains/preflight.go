package domains

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"postern/desk"
)

const (
	lookTime    = 45 * time.Second // for a whole look at one domain: every server silent, twice
	maxSending  = 10               // addresses of our host that are looked at
	maxFound    = 20               // records of one name that are shown
	maxFoundLen = 2048             // octets of one of them
)

// Preflight looks the records of a domain up at the servers of its zone, says what is wrong with each, and what to publish instead (T-PREFLIGHT). It is safe for concurrent use.
type Preflight struct {
	Authority *Authority
	Hostname  string                                                             // ours
	MXHosts   []string                                                           // that take mail for our domains; none: Hostname
	WebHost   string                                                             // where our HTTPS is, which serves the MTA-STS policies; empty: Hostname
	Smarthost string                                                             // the host that mail leaves through; empty: ours
	Reported  func(ctx context.Context, domain string) ([]desk.ReportDay, error) // what DMARC reports say of a domain lately; nil: nothing
}

// Look looks every record of a wish up. before is Wanted with what the last look found: what cannot be looked up now stays as it was and only gets a Problem, since a bad minute must not make a domain
// look broken. The records come back in the same order.
func (p *Preflight) Look(ctx context.Context, w Wish, before []desk.Record, now time.Time) []desk.Record {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	look := &inspection{Preflight: p, visit: p.Authority.Visit(), wish: w, at: now, texts: map[string]string{}}
	for _, key := range w.Keys {
		look.texts[key.Name()] = key.Text()
	}
	look.mx = sync.OnceValues(func() (Sighting, error) { return look.visit.Look(ctx, w.Domain, dns.TypeMX) })
	checked := slices.Clone(before)
	var looking sync.WaitGroup
	for i := range checked {
		looking.Go(func() { checked[i] = look.record(ctx, checked[i]) })
	}
	looking.Wait()
	return checked
}

// inspection is one look at one domain.
type inspection struct {
	*Preflight
	visit *Visit
	wish  Wish
	at    time.Time
	texts map[string]string // of keys, by the names where they or their aliases stand
	mx    func() (Sighting, error)
}

// record looks one record up and says what there is to say of it.
func (l *inspection) record(ctx context.Context, before desk.Record) desk.Record {
	record := before
	seen, result, err := l.judge(ctx, record)
	if err != nil && !IsNotFound(err) {
		record.Problem = "could not be looked up: " + err.Error()
		return record
	}
	record.Found = bounded(result.found)
	record.Problem, record.OK, record.Danger, record.CheckedAt = result.problem, result.problem == "", result.danger, l.at
	if result.wanted != "" {
		record.Wanted = result.wanted
	}
	record.Servers = seen.Servers()
	record.Warning = join(result.warning, doubts(seen)...)
	if !record.OK && len(record.Found) == 0 {
		if at := l.twice(ctx, record); at != "" {
			record.Problem = fmt.Sprintf("it was published as %s: your DNS provider adds %s by itself, so leave that out of the name", at, l.wish.Domain)
		}
	}
	if same := record.OK == before.OK && slices.Equal(record.Found, before.Found); !same || before.Since.IsZero() {
		record.Since = l.at
	}
	return record
}

// doubts are reasons to look again at what was seen.
func doubts(seen Sighting) []string {
	var words []string
	switch {
	case len(seen.Silent) > 0 && seen.Proxy != "":
		words = append(words, "none of its name servers answered us, so this is what the resolver says, which may be old: "+strings.Join(seen.Silent, ", "))
	case len(seen.Silent) > 0:
		words = append(words, "not every name server answered: "+strings.Join(seen.Silent, ", "))
	}
	return words
}

// bounded is what is kept of what was found; never nil, since the API says [] where nothing was found.
func bounded(found []string) []string {
	kept := make([]string, 0, len(found))
	for _, one := range found[:min(len(found), maxFound)] {
		one = strings.ToValidUTF8(strings.ReplaceAll(one, "\x00", "?"), "?") // what the database takes
		kept = append(kept, one[:min(len(one), maxFoundLen)])
	}
	return kept
}

// judge looks at what a record is about, as every server of the zone shows it.
func (l *inspection) judge(ctx context.Context, record desk.Record) (Sighting, judgement, error) {
	var kind uint16 = dns.TypeTXT
	var judge func(View) (judgement, error)
	switch record.Purpose {
	case PurposeMX:
		seen, err := l.mx()
		return l.each(seen, err, func(view View) (judgement, error) { return l.judgeMX(ctx, view) })
	case PurposeSTSHost:
		return l.policyHost(ctx, record)
	case PurposeChallenge:
		judge = func(view View) (judgement, error) { return judgeChallenge(record.Wanted, view.Texts()), nil }
	case PurposeRSA, PurposeEd25519:
		judge = func(view View) (judgement, error) {
			if record.Type == "CNAME" {
				return judgeAlias(record.Wanted, l.texts[record.Name], view), nil
			}
			return judgeKey(record.Wanted, view.Texts()), nil
		}
	case PurposeObsolete:
		judge = func(view View) (judgement, error) { return judgeObsolete(view), nil }
	case PurposeSPF:
		judge = func(view View) (judgement, error) { return l.judgeSPF(ctx, view) }
	case PurposeDMARC:
		judge = func(view View) (judgement, error) { return l.judgeDMARC(ctx, view) }
	case PurposeSTS:
		judge = func(view View) (judgement, error) { return l.onlyWithMX(judgeSTS(record.Wanted, view.Texts())), nil }
	case PurposeTLSReport:
		judge = func(view View) (judgement, error) { return judgeTLSReport(l.wish.Domain, view.Texts()), nil }
	default:
		return Sighting{}, judgement{problem: fmt.Sprintf("nobody knows how to check a record for %q", record.Purpose)}, nil
	}
	seen, err := l.visit.Look(ctx, record.Name, kind)
	return l.each(seen, err, judge)
}

// each judges what the servers say. Where they do not agree, a record is right only if it is so at all of them: a receiver asks any one.
func (l *inspection) each(seen Sighting, err error, judge func(View) (judgement, error)) (Sighting, judgement, error) {
	if err != nil {
		return seen, judgement{problem: missing}, err
	}
	var whole judgement
	for i, view := range seen.Views {
		result, err := judge(view)
		if err != nil {
			return seen, judgement{}, err
		}
		if len(seen.Views) > 1 && result.problem != "" {
			result.problem = fmt.Sprintf("the name servers do not agree; at %s: %s", strings.Join(view.Servers, ", "), result.problem)
		}
		if i == 0 {
			whole = result
			continue
		}
		for _, one := range result.found {
			if !slices.Contains(whole.found, one) {
				whole.found = append(slices.Clip(whole.found), one)
			}
		}
		if whole.problem == "" {
			whole.problem = result.problem
		}
		whole.warning, whole.danger = join(whole.warning, result.warning), whole.danger || result.danger
	}
	if len(seen.Views) > 1 && whole.problem == "" {
		whole.warning = join(whole.warning, "the name servers do not say quite the same")
	}
	return seen, whole, nil
}

// twice looks for a record under its name with the domain once more behind it: many DNS providers' forms add that. It says where it is.
func (l *inspection) twice(ctx context.Context, record desk.Record) string {
	name := record.Name + "." + l.wish.Domain
	var kind uint16 = dns.TypeTXT
	if record.Type == "MX" || record.Name == l.wish.Domain {
		return ""
	}
	seen, err := l.visit.Look(ctx, name, kind)
	if err != nil || len(seen.Views) != 1 {
		return ""
	}
	view := seen.Views[0]
	if len(view.Chain) > 0 && record.Type == "CNAME" && strings.EqualFold(view.Chain[0], record.Wanted) {
		return name
	}
	if record.Type == "TXT" && slices.ContainsFunc(view.Texts(), func(text string) bool { return strip(text) == strip(record.Wanted) }) {
		return name
	}
	return ""
}

// sending is who hands our mail over, with their addresses.
func (l *inspection) sending(ctx context.Context) (sender, error) {
	from := sender{host: l.Hostname}
	if l.Smarthost != "" {
		from.host, from.relay = l.Smarthost, true
	}
	addrs, err := l.Authority.cfg.Resolver.LookupAddrs(ctx, from.host)
	if err != nil && !IsNotFound(err) {
		return from, err
	}
	from.addrs = addrs[:min(len(addrs), maxSending)]
	return from, nil
}

func (l *inspection) judgeSPF(ctx context.Context, view View) (judgement, error) {
	from, err := l.sending(ctx)
	if err != nil {
		return judgement{}, err
	}
	seen, err := l.visit.lookSPF(ctx, l.wish.Domain, view.Texts(), from)
	return seen.judge(), err
}

func (l *inspection) judgeDMARC(ctx context.Context, view View) (judgement, error) {
	seen, err := l.visit.lookDMARC(ctx, l.wish.Domain, view.Texts())
	if err != nil {
		return judgement{}, err
	}
	if l.Reported != nil {
		days, err := l.Reported(ctx, l.wish.Domain)
		if err != nil {
			return judgement{}, err
		}
		seen.heard = heardOf(days)
	}
	return seen.judge(), nil
}

// judgeMX says whether mail for the domain reaches our host, and whether every host that the MX records name is there.
func (l *inspection) judgeMX(ctx context.Context, view View) (judgement, error) {
	result := judgement{problem: missing}
	hosts := view.Hosts()
	for _, mx := range hosts {
		result.found = append(result.found, strconv.Itoa(int(mx.Pref))+" "+mx.Host)
	}
	switch {
	case ourMX(hosts, l.wish.mxHosts()):
		result.problem = ""
	case len(hosts) == 1 && hosts[0].Host == ".":
		result.problem = "the domain says that it takes no mail (RFC 7505): answers to yours cannot come back"
	case len(hosts) > 0:
		result.problem = "mail for the domain goes elsewhere; that is right only if it is forwarded here"
	}
	for _, mx := range hosts[:min(len(hosts), maxSending)] {
		if mx.Host == "." {
			continue
		}
		doubt, orphan, err := l.mailHost(ctx, mx.Host)
		switch {
		case err != nil:
			return judgement{}, err
		case orphan:
			result.problem, result.danger = join(doubt, result.problem), true
		default:
			result.warning = join(result.warning, doubt)
		}
	}
	open, err := l.wildcard(ctx)
	if open != "" {
		result.problem, result.danger = join(open, result.problem), true
	}
	return result, err
}

// noSuchLabel is a name that nobody publishes: what it has comes from a wildcard (RFC 4592).
const noSuchLabel = "postern-no-such-name."

// wildcard says whether every name below the domain leads into a domain that anybody could register (T-32): then strangers can show pages, get certificates and take mail in all these names.
func (l *inspection) wildcard(ctx context.Context) (string, error) {
	seen, err := l.visit.Look(ctx, noSuchLabel+l.wish.Domain, dns.TypeA)
	if err != nil {
		return "", err
	}
	for _, view := range seen.Views {
		if len(view.Chain) == 0 || !view.Empty() {
			continue
		}
		if held := registrableOf(view.Chain[len(view.Chain)-1]); !l.visit.registered(ctx, held) {
			return fmt.Sprintf("every name below %s leads to %s, which nobody holds: whoever registers it has all these names. Take the wildcard out", l.wish.Domain, held), nil
		}
	}
	return "", nil
}

func ourMX(hosts []net.MX, ours []string) bool {
	return slices.ContainsFunc(hosts, func(mx net.MX) bool { return slices.Contains(ours, strings.ToLower(mx.Host)) })
}

// strangeMX says whether some of the hosts are not ours.
func strangeMX(hosts []net.MX, ours []string) bool {
	return slices.ContainsFunc(hosts, func(mx net.MX) bool { return !slices.Contains(ours, strings.ToLower(mx.Host)) })
}

// mailHost says what is wrong with the name of a mail host, and whether anybody could register it.
func (l *inspection) mailHost(ctx context.Context, host string) (doubt string, orphan bool, err error) {
	seen, err := l.visit.Look(ctx, host, dns.TypeA)
	if err != nil {
		return "", false, err
	}
	view := seen.Views[0]
	if len(view.Chain) > 0 && !view.Empty() {
		return host + " is an alias, which a mail host must not be (RFC 5321 §5.1)", false, nil
	}
	if !view.Empty() {
		return "", false, nil
	}
	_, err = l.Authority.cfg.Resolver.LookupAddrs(ctx, host)
	switch {
	case err == nil:
		return "", false, nil // by IPv6 alone
	case !IsNotFound(err):
		return "", false, err
	case !l.visit.registered(ctx, registrableOf(host)):
		return fmt.Sprintf("%s is in %s, which nobody holds: whoever registers that gets the domain's mail. Take it out", host, registrableOf(host)), true, nil
	}
	return host + " is not in the DNS", false, nil
}

// onlyWithMX judges what makes sense only where the domain's mail comes to us. A policy in our name on mail that goes elsewhere would stop it.
func (l *inspection) onlyWithMX(result judgement) judgement {
	seen, err := l.mx()
	if err != nil {
		return result
	}
	for _, view := range seen.Views {
		hosts := view.Hosts()
		switch {
		case !ourMX(hosts, l.wish.mxHosts()) && len(result.found) == 0:
			return judgement{problem: "not before the domain's mail comes here: publish the MX record first"}
		case !ourMX(hosts, l.wish.mxHosts()):
			result.problem = "the domain's mail goes elsewhere, and a policy that names our host keeps it from there: delete this record, or publish our MX record"
			return result
		case l.wish.STS == desk.STSEnforce && strangeMX(hosts, l.wish.mxHosts()) && result.problem == "":
			result.problem = "the policy names our hosts alone (POSTERN_MX_HOSTS), and the domain has others: senders that keep to it will not use them"
		}
	}
	return result
}

// policyHost says whether the host from which senders fetch the MTA-STS policy is ours: by an alias, or by our addresses.
func (l *inspection) policyHost(ctx context.Context, record desk.Record) (Sighting, judgement, error) {
	var ours []netip.Addr
	for _, host := range []string{l.wish.Hostname, l.wish.webHost()} {
		found, err := l.Authority.cfg.Resolver.LookupAddrs(ctx, host)
		if err != nil && !IsNotFound(err) {
			return Sighting{}, judgement{}, err
		}
		ours = append(ours, found...)
	}
	seen, err := l.visit.Look(ctx, record.Name, dns.TypeA)
	if err != nil {
		return seen, judgement{problem: missing}, err
	}
	six, err := l.visit.Look(ctx, record.Name, dns.TypeAAAA)
	if err != nil {
		return seen, judgement{problem: missing}, err
	}
	return l.each(seen, nil, func(view View) (judgement, error) {
		addrs := slices.Clone(view.Addrs())
		if len(six.Views) > 0 {
			addrs = append(addrs, six.Views[0].Addrs()...)
		}
		return l.judgePolicyHost(ctx, view.Chain, addrs, ours), nil
	})
}

func (l *inspection) judgePolicyHost(ctx context.Context, chain []string, addrs, ours []netip.Addr) judgement {
	var result judgement
	if len(chain) > 0 {
		result.found = []string{chain[0]}
	}
	for _, addr := range addrs {
		if len(chain) == 0 {
			result.found = append(result.found, addr.String())
		}
		if !slices.Contains(ours, addr) && result.problem == "" {
			result.problem = fmt.Sprintf("it leads to %s, which is not our host: senders would fetch a policy there", addr)
		}
	}
	switch {
	case len(addrs) == 0 && len(chain) == 0:
		result.problem = missing
	case len(addrs) == 0:
		end := chain[len(chain)-1]
		result.problem = fmt.Sprintf("it leads to %s, which is not in the DNS", end)
		if held := registrableOf(end); !l.visit.registered(ctx, held) {
			result.problem, result.danger = fmt.Sprintf("it leads to %s, which nobody holds: whoever registers that can keep mail from you", held), true
		}
	}
	return l.onlyWithMX(result)
}
