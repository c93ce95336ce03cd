package domains

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/miekg/dns"

	"postern/store"
)

// OperatorZone is the zone in which the keys of delegated domains are published.
type OperatorZone struct {
	Name   string // lower case, without the final dot; empty: there is none. It may be a zone of its own, or a name inside of one
	Server string // host:port of the server that takes changes (RFC 2136); empty: somebody publishes by hand what `postern domain zone` prints
	Key    TSIG   // signs the changes; zero: the server goes by our address
}

// TSIG is a key that signs messages between us and a name server (RFC 8945).
type TSIG struct {
	Name      string // as the server knows it
	Algorithm string // hmac-sha256, hmac-sha384 or hmac-sha512
	Secret    string // base64
}

// String names the key without its secret.
func (k TSIG) String() string { return k.Name + ":" + k.Algorithm + ":…" }

// GoString is String, so that no way of printing shows the secret.
func (k TSIG) GoString() string { return k.String() }

// updateTime bounds one exchange with the zone's server.
const updateTime = 5 * time.Second

// tsigFudge is how far our clock and the server's may be apart, in seconds (RFC 8945 §10 recommends it).
const tsigFudge = 300

// ask sends a message to the zone's server over TCP, signed where there is a key. The server's answer is checked to be signed too.
func (z OperatorZone) ask(ctx context.Context, message *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, updateTime)
	defer cancel()
	client := dns.Client{Net: "tcp", Timeout: updateTime}
	if z.Key.Name != "" {
		key := dns.CanonicalName(z.Key.Name)
		client.TsigSecret = map[string]string{key: z.Key.Secret}
		message.SetTsig(key, dns.Fqdn(z.Key.Algorithm), tsigFudge, time.Now().Unix())
	}
	reply, _, err := client.ExchangeContext(ctx, message, z.Server)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the server %s of the zone %s: %w", z.Server, z.Name, err)
	case z.Key.Name != "" && reply.IsTsig() == nil:
		return nil, fmt.Errorf("the server %s of the zone %s answers %s without a signature: does it know the key %s?", z.Server, z.Name, dns.RcodeToString[reply.Rcode], z.Key.Name)
	}
	return reply, nil
}

// apex finds the zone that the name is in, as its server has it.
func (z OperatorZone) apex(ctx context.Context) (string, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(z.Name), dns.TypeSOA)
	question.RecursionDesired = false
	reply, err := z.ask(ctx, question)
	if err != nil {
		return "", err
	}
	for _, record := range append(reply.Answer, reply.Ns...) {
		if soa, ok := record.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, dns.Fqdn(z.Name)) {
			return soa.Hdr.Name, nil
		}
	}
	return "", fmt.Errorf("the server %s does not hold the zone %s: it answers %s", z.Server, z.Name, dns.RcodeToString[reply.Rcode])
}

// holds asks the server which text stands at a label; empty: none. Several records count as a text that nobody wants, so that they are replaced.
func (z OperatorZone) holds(ctx context.Context, label string) (string, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(label+"."+z.Name), dns.TypeTXT)
	question.RecursionDesired = false
	reply, err := z.ask(ctx, question)
	if err != nil {
		return "", err
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError || !reply.Authoritative {
		return "", fmt.Errorf("the server %s does not answer for the zone %s: %s", z.Server, z.Name, dns.RcodeToString[reply.Rcode])
	}
	var texts []string
	for _, record := range reply.Answer {
		if text, ok := record.(*dns.TXT); ok {
			texts = append(texts, strings.Join(text.Txt, ""))
		}
	}
	return strings.Join(texts, "\n"), nil
}

// put makes labels hold these texts and nothing else, all of them or none (RFC 2136 §2.5). An empty text leaves nothing there.
func (z OperatorZone) put(ctx context.Context, texts map[string]string, ttl uint32) error {
	apex, err := z.apex(ctx)
	if err != nil {
		return err
	}
	update := new(dns.Msg).SetUpdate(apex)
	for label, text := range texts {
		header := dns.RR_Header{Name: dns.Fqdn(label + "." + z.Name), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: ttl}
		update.RemoveRRset([]dns.RR{&dns.TXT{Hdr: header}})
		if text != "" {
			update.Insert([]dns.RR{&dns.TXT{Hdr: header, Txt: cut(text)}})
		}
	}
	reply, err := z.ask(ctx, update)
	if err != nil {
		return err
	}
	if reply.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("the server %s refuses to change the zone %s: %s", z.Server, z.Name, dns.RcodeToString[reply.Rcode])
	}
	return nil
}

// longestString is that of one character-string of a TXT record (RFC 1035 §3.3).
const longestString = 255

func cut(text string) (parts []string) {
	for len(text) > longestString {
		parts, text = append(parts, text[:longestString]), text[longestString:]
	}
	return append(parts, text)
}

// texts is what the labels of a domain shall hold: the keys of its slots, and nothing at those that were given up.
func texts(keys []store.DomainKey, labels []store.DomainLabel) map[string]string {
	wanted := map[string]string{}
	for _, label := range labels {
		wanted[label.Label] = ""
		for _, key := range keys {
			if label.DroppedAt == nil && key.Slot == label.Slot && key.Algorithm == label.Algorithm {
				wanted[label.Label] = WishedKey{Key: Key{Algorithm: Algorithm(key.Algorithm), Public: key.PublicKey}, Role: key.Role}.Text()
			}
		}
	}
	return wanted
}

// labelText writes random octets in letters and digits that the DNS compares without regard to case.
var labelText = base32.HexEncoding.WithPadding(base32.NoPadding)

// randomLabel is 128 random bits as one label of a name.
func randomLabel(random io.Reader) (string, error) {
	var bits [16]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return "", fmt.Errorf("reading randomness for a label: %w", err)
	}
	return strings.ToLower(labelText.EncodeToString(bits[:])), nil
}

// newLabels makes the four names in the operator's zone to which a domain's CNAMEs lead. Nobody can guess them, and no other domain will ever have them (T-31).
func newLabels(domain, zone string, now time.Time, random io.Reader) ([]store.DomainLabel, error) {
	var labels []store.DomainLabel
	for _, slot := range []int16{1, 2} {
		for _, algorithm := range []Algorithm{RSA, Ed25519} {
			label, err := randomLabel(random)
			if err != nil {
				return nil, err
			}
			labels = append(labels, store.DomainLabel{Label: label, Domain: domain, Zone: zone, Slot: slot, Algorithm: string(algorithm), CreatedAt: now})
		}
	}
	return labels, nil
}
