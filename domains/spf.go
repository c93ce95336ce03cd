package domains

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// spfLookups is the limit of DNS-querying terms in one evaluation (RFC 7208 §4.6.4).
const spfLookups = 10

// checkSPF says whether the domain's SPF record permits our host to send. A record that permits it in other words than ours is as good.
func checkSPF(ctx context.Context, r Resolver, domain, host string) (finding, error) {
	texts, err := r.LookupTXT(ctx, domain)
	if err != nil && !IsNotFound(err) {
		return finding{}, err
	}
	records := keep(texts, "v=spf1")
	switch {
	case len(records) == 0:
		return finding{problem: missing}, nil
	case len(records) > 1:
		return finding{records, "there are several SPF records; receivers then treat it as broken (RFC 7208 §4.5)"}, nil
	}
	addrs, err := r.LookupAddrs(ctx, host)
	if IsNotFound(err) {
		return finding{records, "our own host " + host + " has no address in the DNS"}, nil
	}
	if err != nil {
		return finding{}, err
	}
	walk := spfWalk{resolver: r, addrs: addrs, lookups: spfLookups}
	permitted, err := walk.permitted(ctx, records[0], domain)
	switch {
	case errors.Is(err, errSPFLimit):
		return finding{records, "it needs more than ten DNS lookups; receivers then treat it as broken (RFC 7208 §4.6.4)"}, nil
	case err != nil:
		return finding{}, err
	case len(permitted) < len(addrs):
		return finding{records, "it does not permit our host: add a:" + host}, nil
	}
	return finding{records, ""}, nil
}

var errSPFLimit = errors.New("too many lookups")

// spfWalk looks for mechanisms that permit every address of our host. It reads macros as no match: what depends on the mail cannot be promised beforehand.
type spfWalk struct {
	resolver Resolver
	addrs    []netip.Addr
	lookups  int
}

// permitted returns those of our addresses that some mechanism of the record at domain lets pass (RFC 7208 §5).
func (w *spfWalk) permitted(ctx context.Context, record, domain string) ([]netip.Addr, error) {
	var passed []netip.Addr
	for term := range strings.FieldsSeq(record) {
		matched, err := w.match(ctx, strings.ToLower(strings.TrimPrefix(term, "+")), domain)
		if err != nil {
			return nil, err
		}
		for _, addr := range matched {
			if !slices.Contains(passed, addr) {
				passed = append(passed, addr)
			}
		}
		if len(passed) == len(w.addrs) {
			break
		}
	}
	return passed, nil
}

// match returns those of our addresses that one mechanism or the redirect modifier permits.
func (w *spfWalk) match(ctx context.Context, term, domain string) ([]netip.Addr, error) {
	name, value, _ := strings.Cut(term, ":")
	if target, ok := strings.CutPrefix(term, "redirect="); ok {
		name, value = "include", target // RFC 7208 §6.1: only consulted when nothing matched, which for a promise is the same
	}
	switch name, _, _ := strings.Cut(name, "/"); name {
	case "all":
		return w.addrs, nil
	case "ip4", "ip6":
		return w.within(value), nil
	case "a", "mx":
		target, length, _ := strings.Cut(value, "/")
		if target == "" {
			target = domain
		}
		if value == "" {
			_, length, _ = strings.Cut(term, "/")
		}
		return w.hosts(ctx, name, target, length)
	case "include":
		return w.include(ctx, value)
	}
	return nil, nil
}

// within returns our addresses inside an ip4 or ip6 network.
func (w *spfWalk) within(network string) []netip.Addr {
	prefix, err := netip.ParsePrefix(network)
	if err != nil {
		addr, err := netip.ParseAddr(network)
		if err != nil {
			return nil
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	var in []netip.Addr
	for _, addr := range w.addrs {
		if prefix.Contains(addr) {
			in = append(in, addr)
		}
	}
	return in
}

// hosts returns our addresses among those of a name, or of the mail exchangers of a name (RFC 7208 §5.3, §5.4). length is the a/24 notation's IPv4 part.
func (w *spfWalk) hosts(ctx context.Context, mechanism, name, length string) ([]netip.Addr, error) {
	if err := w.spend(); err != nil {
		return nil, err
	}
	names := []string{name}
	if mechanism == "mx" {
		exchangers, err := w.resolver.LookupMX(ctx, name)
		if err != nil && !IsNotFound(err) {
			return nil, err
		}
		names = names[:0]
		for _, mx := range exchangers[:min(len(exchangers), spfLookups)] {
			names = append(names, mx.Host)
		}
	}
	var in []netip.Addr
	for _, host := range names {
		addrs, err := w.resolver.LookupAddrs(ctx, host)
		if err != nil && !IsNotFound(err) {
			return nil, err
		}
		for _, addr := range addrs {
			network := addr.String()
			if addr.Is4() && length != "" {
				network += "/" + length
			}
			in = append(in, w.within(network)...)
		}
	}
	return in, nil
}

// include follows another domain's record (RFC 7208 §5.2).
func (w *spfWalk) include(ctx context.Context, domain string) ([]netip.Addr, error) {
	if err := w.spend(); err != nil {
		return nil, err
	}
	texts, err := w.resolver.LookupTXT(ctx, domain)
	if err != nil && !IsNotFound(err) {
		return nil, err
	}
	records := keep(texts, "v=spf1")
	if len(records) != 1 {
		return nil, nil
	}
	return w.permitted(ctx, records[0], domain)
}

func (w *spfWalk) spend() error {
	w.lookups--
	if w.lookups < 0 {
		return errSPFLimit
	}
	return nil
}
