package domains

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	dnsPort     = 53
	serverTime  = 2 * time.Second // for one question to one name server; each is asked twice
	maxServers  = 13              // of one zone: more do not fit an answer of 512 octets
	maxTried    = 2               // addresses of one name server
	maxViews    = 16              // different answers to one question that are followed
	maxAsked    = 600             // questions to name servers in one visit: three times what a large domain needs
	askedAtOnce = 32
)

// AuthorityConfig is what an Authority needs.
type AuthorityConfig struct {
	Resolver *DNS                   // knows which servers there are, and is asked where they cannot be
	Port     int                    // of the name servers; 0: 53
	Refuse   func(netip.Addr) error // says why an address is not called; nil: every one is
	Timeout  time.Duration          // for one question to one server; 0: two seconds
}

// Authority asks the name servers of a zone themselves, so that nobody's memory stands between us and what an admin has just published. Where they cannot be reached the resolver is asked instead,
// and what it says is told from what they say. It is safe for concurrent use.
type Authority struct {
	cfg  AuthorityConfig
	port string
}

// NewAuthority makes an Authority.
func NewAuthority(cfg AuthorityConfig) *Authority {
	cfg.Timeout = cmp.Or(cfg.Timeout, serverTime)
	if cfg.Refuse == nil {
		cfg.Refuse = func(netip.Addr) error { return nil }
	}
	return &Authority{cfg: cfg, port: strconv.Itoa(cmp.Or(cfg.Port, dnsPort))}
}

// Resolver is who is asked where the servers cannot be.
func (a *Authority) Resolver() *DNS { return a.cfg.Resolver }

// Sighting is what the servers of a zone say to one question.
type Sighting struct {
	Views  []View   // at least one; several where the servers do not agree
	Silent []string // servers that gave no answer, with the reason: "ns3.example.net: i/o timeout"
	Proxy  string   // why the resolver was asked instead; empty where the servers were
}

// View is what some servers of a zone agree on.
type View struct {
	Servers []string // their names; empty: the resolver
	Chain   []string // aliases on the way: the first is where the name's own CNAME leads
	found   answer
	ahead   string // where the last alias leads that was not followed yet
	missing bool   // there is no such name
}

// Texts are the TXT records of a view.
func (v View) Texts() []string { return v.found.texts }

// Hosts are the mail exchangers of a view, most preferred first.
func (v View) Hosts() []net.MX { return v.found.exchangers }

// Addrs are the addresses of a view.
func (v View) Addrs() []netip.Addr { return v.found.addrs }

// Empty says whether the view has no records of the kind that was asked for.
func (v View) Empty() bool {
	return len(v.found.texts)+len(v.found.exchangers)+len(v.found.addrs)+len(v.found.names) == 0
}

// Servers are all servers that answered.
func (s Sighting) Servers() []string {
	var names []string
	for _, view := range s.Views {
		names = append(names, view.Servers...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Visit looks at a number of names and asks for each zone's servers only once. It is safe for concurrent use, and not meant to last.
type Visit struct {
	authority *Authority
	slots     chan struct{}

	mu     sync.Mutex
	zones  map[string]*zone
	silent map[string]error // servers that did not answer, which are not waited for again
	asked  int
}

// Visit begins a visit.
func (a *Authority) Visit() *Visit {
	return &Visit{authority: a, slots: make(chan struct{}, askedAtOnce), zones: map[string]*zone{}, silent: map[string]error{}}
}

// zone is a zone's servers, once they are known.
type zone struct {
	once    sync.Once
	servers []server
	err     error // why they are not
}

// server is a name server and where it can be asked.
type server struct {
	name  string
	addrs []netip.Addr
	err   error // why it cannot
}

// Look asks every server of the zone that a name is in, and follows aliases into other zones. An error means that nobody answered: neither they nor the resolver.
func (v *Visit) Look(ctx context.Context, name string, kind uint16) (Sighting, error) {
	canonical, ok := canonicalName(name)
	if !ok {
		return Sighting{Views: []View{{missing: true}}}, nil // it cannot be asked for, so nothing can be there
	}
	return v.look(ctx, question{canonical, kind}, nil)
}

// errBusy ends a visit that was led in circles.
var errBusy = errors.New("more questions than one look may ask")

// look is Look behind the aliases of chain.
func (v *Visit) look(ctx context.Context, asked question, chain []string) (Sighting, error) {
	servers, err := v.serversFor(ctx, asked.name)
	if err != nil {
		return v.proxy(ctx, asked, chain, err)
	}
	replies := v.askAll(ctx, asked, servers)
	var seen Sighting
	var why []error
	for i, reply := range replies {
		if reply.err != nil {
			seen.Silent = append(seen.Silent, servers[i].name+": "+plainCause(reply.err))
			why = append(why, reply.err)
			continue
		}
		seen.add(servers[i].name, reply.view, chain)
	}
	if len(seen.Views) == 0 {
		if ctx.Err() != nil {
			return Sighting{}, temporary(asked.name, asked.kind, ctx.Err())
		}
		silent := seen.Silent
		seen, err := v.proxy(ctx, asked, chain, errors.Join(why...))
		seen.Silent = silent
		return seen, err
	}
	return v.follow(ctx, asked, seen)
}

// add puts an answer to those that are the same.
func (s *Sighting) add(server string, view View, chain []string) {
	key := view.key()
	for i := range s.Views {
		if s.Views[i].key() == key {
			s.Views[i].Servers = append(s.Views[i].Servers, server)
			return
		}
	}
	view.Servers, view.Chain = []string{server}, slices.Clone(chain)
	s.Views = append(s.Views, view)
}

// key tells answers apart by what they mean. That a name has no such record and that there is no such name is the same to whoever wants the record.
func (v View) key() string {
	lines := slices.Clone(v.found.texts)
	for _, mx := range v.found.exchangers {
		lines = append(lines, strconv.Itoa(int(mx.Pref))+" "+mx.Host)
	}
	for _, addr := range v.found.addrs {
		lines = append(lines, addr.String())
	}
	slices.Sort(lines)
	return strconv.Itoa(len(lines)) + "\x00" + v.ahead + "\x00" + strings.Join(lines, "\x00")
}

// follow goes on where aliases lead.
func (v *Visit) follow(ctx context.Context, asked question, seen Sighting) (Sighting, error) {
	views := seen.Views
	seen.Views = nil
	for _, view := range views {
		if view.ahead == "" {
			seen.Views = append(seen.Views, view)
			continue
		}
		target := view.ahead
		if len(view.Chain) >= maxAlias || len(seen.Views) >= maxViews || slices.Contains(view.Chain, target) {
			return Sighting{}, temporary(asked.name, asked.kind, errors.New("more aliases than can be followed"))
		}
		view.Chain, view.ahead = append(view.Chain, target), ""
		name, ok := canonicalName(target)
		if !ok {
			seen.Views = append(seen.Views, view)
			continue
		}
		there, err := v.look(ctx, question{name, asked.kind}, view.Chain)
		if err != nil {
			return Sighting{}, err
		}
		seen.Silent = append(seen.Silent, there.Silent...)
		if seen.Proxy == "" && there.Proxy != "" {
			seen.Proxy = there.Proxy
		}
		for _, beyond := range there.Views {
			if len(there.Views) == 1 {
				beyond.Servers = view.Servers // of the first zone: that is the one whose owner reads this
			}
			seen.Views = append(seen.Views, beyond)
		}
	}
	return seen, nil
}

// proxy asks the resolver, since nobody of the zone answers.
func (v *Visit) proxy(ctx context.Context, asked question, chain []string, why error) (Sighting, error) {
	if err := v.spend(); err != nil {
		return Sighting{}, temporary(asked.name, asked.kind, err)
	}
	current := dns.Question{Name: dns.Fqdn(asked.name), Qtype: asked.kind, Qclass: dns.ClassINET}
	reply, err := v.authority.cfg.Resolver.exchange(ctx, current)
	if err != nil {
		return Sighting{}, err
	}
	view := viewOf(reply, current)
	view.Chain = append(slices.Clone(chain), view.Chain...)
	return Sighting{Views: []View{view}, Proxy: plainCause(why)}, nil
}

// viewOf reads a whole answer, with all aliases in it.
func viewOf(reply *dns.Msg, asked dns.Question) View {
	view := View{missing: reply.Rcode == dns.RcodeNameError}
	name := dns.CanonicalName(asked.Name)
	for range maxAlias {
		records, alias := owned(reply.Answer, name, asked.Qtype)
		if len(records) > 0 {
			view.found, view.missing = decode(records), false
			return view
		}
		if alias == "" {
			return view
		}
		view.Chain, name = append(view.Chain, plainName(alias)), dns.CanonicalName(alias)
	}
	return view
}

// owned are the records of one name: those of a kind, or else where its alias leads.
func owned(answers []dns.RR, name string, kind uint16) (records []dns.RR, alias string) {
	for _, record := range answers {
		if dns.CanonicalName(record.Header().Name) != name {
			continue
		}
		if record.Header().Rrtype == kind {
			records = append(records, record)
		} else if cname, ok := record.(*dns.CNAME); ok {
			alias = cname.Target
		}
	}
	return records, alias
}

// spend counts a question.
func (v *Visit) spend() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked++
	if v.asked > maxAsked {
		return errBusy
	}
	return nil
}

// reply is what one server said.
type reply struct {
	view View
	err  error
}

// askAll asks all servers of a zone at the same time. Of what they say only the name's own records count: where an alias leads, the servers there know better.
func (v *Visit) askAll(ctx context.Context, asked question, servers []server) []reply {
	replies := make([]reply, len(servers))
	var asking sync.WaitGroup
	for i, one := range servers {
		asking.Go(func() {
			v.slots <- struct{}{}
			defer func() { <-v.slots }()
			replies[i].view, replies[i].err = v.askServer(ctx, asked, one)
		})
	}
	asking.Wait()
	return replies
}

// askServer asks one server, at one of its addresses.
func (v *Visit) askServer(ctx context.Context, asked question, one server) (View, error) {
	v.mu.Lock()
	failed := v.silent[one.name]
	v.mu.Unlock()
	if failed != nil || one.err != nil {
		return View{}, cmp.Or(failed, one.err)
	}
	for _, addr := range one.addrs {
		if failed = v.authority.cfg.Refuse(addr); failed != nil {
			continue
		}
		for range rounds {
			if err := v.spend(); err != nil {
				return View{}, err
			}
			var view View
			if view, failed = v.authority.ask(ctx, asked, net.JoinHostPort(addr.String(), v.authority.port)); failed == nil || ctx.Err() != nil {
				return view, failed
			}
			if !isTimeout(failed) {
				break // it will say the same again
			}
		}
	}
	if isTimeout(failed) && ctx.Err() == nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.silent[one.name] = failed
	}
	return View{}, failed
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// ask puts a question to a server as its zone's authority: without asking it to ask others.
func (a *Authority) ask(ctx context.Context, asked question, addr string) (View, error) {
	query := new(dns.Msg)
	query.Id = dns.Id()
	query.Question = []dns.Question{{Name: dns.Fqdn(asked.name), Qtype: asked.kind, Qclass: dns.ClassINET}}
	query.SetEdns0(udpSize, false)
	client := dns.Client{Net: "udp", Timeout: a.cfg.Timeout, UDPSize: udpSize}
	said, _, err := client.ExchangeContext(ctx, query, addr)
	if err == nil && said.Truncated {
		client.Net = "tcp" // RFC 7766 §5
		said, _, err = client.ExchangeContext(ctx, query, addr)
	}
	switch {
	case err != nil:
		return View{}, err
	case len(said.Question) != 1 || dns.CanonicalName(said.Question[0].Name) != query.Question[0].Name || said.Question[0].Qtype != asked.kind:
		return View{}, errors.New("it answered another question")
	case said.Rcode != dns.RcodeSuccess && said.Rcode != dns.RcodeNameError:
		return View{}, fmt.Errorf("it answered %s", dns.RcodeToString[said.Rcode])
	case !said.Authoritative:
		return View{}, errors.New("it is named as a name server of the zone and does not serve it")
	}
	view := View{missing: said.Rcode == dns.RcodeNameError}
	records, alias := owned(said.Answer, query.Question[0].Name, asked.kind)
	if len(records) > 0 {
		view.found = decode(records)
	} else if alias != "" {
		view.ahead, view.missing = plainName(alias), false // NXDOMAIN is about the end of the chain (RFC 6604 §3)
	}
	return view, nil
}

// plainCause is an error without the addresses of both ends, which say nothing to who reads it.
func plainCause(err error) string {
	if err == nil {
		return ""
	}
	if isTimeout(err) {
		return "no answer"
	}
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Err != nil {
		return operation.Err.Error()
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
