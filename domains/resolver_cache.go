package domains

import (
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

const (
	maxTTL     = time.Minute // of good news, so that an admin who mends a record sees it mended at once, and of bad news (RFC 2308 §5 would allow hours)
	cacheSize  = 4096        // answers kept
	cacheBytes = 16 << 20    // kept in all: the largest answers are those of strangers who mean harm
	perRecord  = 64          // what a record takes besides its text, roughly
)

// question is what is asked: a name without the final dot as canonicalName makes it, and a record type.
type question struct {
	name string
	kind uint16
}

// answer is what the DNS said to a question: the records in the form that callers want, or for certain that there are none. Those who get it only read it.
type answer struct {
	texts      []string
	exchangers []net.MX // most preferred first
	addrs      []netip.Addr
	names      []string
	keys       []TLSA
	alias      string    // the name at the end of the aliases; empty: the one that was asked for
	secure     bool      // every step was validated, by a resolver that may be believed; holds of err as well
	err        error     // that there is nothing
	until      time.Time // how long it may be believed
	size       int       // octets in memory, roughly
}

// cache keeps answers in two generations: when the young one is full it becomes the old one, and what nobody asked for meanwhile is forgotten.
type cache struct {
	young, old map[question]answer
	size       int // of the young
}

func (c *cache) get(asked question, now time.Time) (answer, bool) {
	if found, ok := c.young[asked]; ok {
		return found, now.Before(found.until)
	}
	found, ok := c.old[asked]
	if !ok || !now.Before(found.until) {
		return answer{}, false
	}
	c.put(asked, found)
	return found, true
}

func (c *cache) put(asked question, found answer) {
	size := found.size + len(asked.name) + perRecord
	if c.young == nil || len(c.young) >= cacheSize/2 || c.size+size > cacheBytes/2 {
		c.young, c.old, c.size = map[question]answer{}, c.young, 0
	}
	c.young[asked] = found
	c.size += size
}

// lifetime is how long records may be believed.
func lifetime(records []dns.RR) time.Duration {
	ttl := maxTTL
	for _, record := range records {
		ttl = min(ttl, time.Duration(record.Header().Ttl)*time.Second)
	}
	return ttl
}

// negativeLifetime is how long it may be believed that there is nothing: what the zone's SOA says (RFC 2308 §5). Without a SOA it is not to be kept at all.
func negativeLifetime(authority []dns.RR) time.Duration {
	for _, record := range authority {
		if soa, ok := record.(*dns.SOA); ok {
			return min(maxTTL, time.Duration(min(soa.Minttl, soa.Hdr.Ttl))*time.Second)
		}
	}
	return 0
}
