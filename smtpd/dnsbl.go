package smtpd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postern/mailauth/lookup"
)

// AddressResolver asks the DNS for the IPv4 addresses of a name, as lookup.Resolver does. An error for which lookup.NotFound is true means that there are none.
type AddressResolver interface {
	LookupA(ctx context.Context, name string) ([]netip.Addr, error)
}

// Zone is a block list in the DNS (RFC 5782). Weight is how much its word counts, above 0 and up to 1: a client is listed if the zones that list it come to 1 together.
type Zone struct {
	Name   string
	Weight float64
}

// Blocklists says which lists are asked about a client when it begins its first mail. The answers go into the mail's Envelope.
// Who is trusted, and addresses that are not public, are not asked about. What fails, or has not answered in two seconds, counts as not listed: mail does not depend on it.
type Blocklists struct {
	Zones    []Zone          // none: nobody is asked
	Resolver AddressResolver // has to be one of one's own: the lists refuse to answer public resolvers
	Reject   bool            // refuse recipients of a listed client with 550 5.7.1, all but postmaster
}

// The results of asking a list, as Metrics.Listed is told them.
const (
	listedYes   = "listed"
	listedNo    = "not-listed"
	listedError = "error"
)

// listing is what the lists say of one client, while they are asked and after.
type listing struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when zones is final
	zones  []string
}

// ask begins to ask the lists about a client, or does nothing if there is nothing to ask.
func (s *Server) ask(c *client) {
	if len(s.cfg.Blocklists.Zones) == 0 || c.listing != nil || c.trusted || !c.ip.IsGlobalUnicast() || c.ip.IsPrivate() {
		return
	}
	ctx, cancel := context.WithTimeout(s.base, s.pace.lists)
	l := &listing{cancel: cancel, done: make(chan struct{})}
	c.listing = l
	go func() {
		defer cancel()
		defer close(l.done)
		l.zones = s.listedBy(ctx, c.ip)
	}()
}

// wait returns the names of the lists on which the client stands, if together they have weight enough. It waits for no longer than the lists are given to answer.
func (l *listing) wait() []string {
	if l == nil {
		return nil
	}
	<-l.done
	return l.zones
}

// stop ends the asking with the connection.
func (l *listing) stop() {
	if l != nil {
		l.cancel()
	}
}

// listedBy asks all lists at once. It returns when ctx is over, even if the resolver does not.
func (s *Server) listedBy(ctx context.Context, ip netip.Addr) []string {
	lists := s.cfg.Blocklists
	results := make([]chan string, len(lists.Zones))
	for i, zone := range lists.Zones {
		results[i] = make(chan string, 1)
		go func() { results[i] <- s.askOne(ctx, zone, ip) }()
	}
	var names []string
	weight := 0.0
	for i, zone := range lists.Zones {
		result := inTime(ctx, results[i])
		if !errors.Is(ctx.Err(), context.Canceled) { // a client that has gone says nothing about the list
			s.cfg.Metrics.Listed(zone.shown(), result)
		}
		if result == listedYes {
			names, weight = append(names, zone.shown()), weight+zone.Weight
		}
	}
	if weight < 0.999 { // three thirds are one
		return nil
	}
	return names
}

// inTime is a list's result; an error if it is not there when ctx is over. One that came before is not lost while a slower list was waited for.
func inTime(ctx context.Context, results <-chan string) string {
	select {
	case result := <-results:
		return result
	case <-ctx.Done():
	}
	select {
	case result := <-results:
		return result
	default:
		return listedError
	}
}

// askOne asks one list.
func (s *Server) askOne(ctx context.Context, zone Zone, ip netip.Addr) string {
	answers, err := s.cfg.Blocklists.Resolver.LookupA(ctx, reversed(ip)+"."+zone.Name)
	switch {
	case err == nil && slices.ContainsFunc(answers, meansListed):
		return listedYes
	case lookup.NotFound(err):
		return listedNo
	case err == nil:
		err = fmt.Errorf("it answered %s, which lists nobody: does it refuse this resolver?", answers)
	}
	s.cfg.Log.Debug("smtp: a block list gave no answer", slog.String("list", zone.shown()), slog.Any("error", err))
	return listedError
}

// meansListed says whether an address is the word of a list (RFC 5782 §2.1, §2.3: 127.0.0.0/8). In 127.255.255.0/24 the large lists say why they do not answer, as some do with 127.0.0.1;
// and any other address comes from a resolver that leads its users to advertisements, or from a list that was given up.
func meansListed(answer netip.Addr) bool {
	answer = answer.Unmap()
	if !answer.Is4() || !answer.IsLoopback() {
		return false
	}
	octets := answer.As4()
	return [3]byte(octets[:3]) != [3]byte{127, 255, 255} && octets != [4]byte{127, 0, 0, 1}
}

// reversed is the name of an address within a list: its octets, or its half octets, last first (RFC 5782 §2.1, §2.4).
func reversed(ip netip.Addr) string {
	var labels []string
	if ip.Is4() {
		for _, octet := range ip.As4() {
			labels = append(labels, strconv.Itoa(int(octet)))
		}
	} else {
		octets := ip.As16()
		labels = strings.Split(hex.EncodeToString(octets[:]), "")
	}
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

// keyLength is from where on a label of a zone is taken for the key of a subscription.
const keyLength = 20

// shown is the zone's name as others may read it: without the key of a subscription, which stands in the first label.
func (z Zone) shown() string {
	if first, rest, ok := strings.Cut(z.Name, "."); ok && len(first) >= keyLength && strings.Contains(rest, ".") {
		return rest
	}
	return z.Name
}
