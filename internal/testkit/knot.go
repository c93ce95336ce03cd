package testkit

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Knot is a real name server, Knot DNS, with one zone that takes changes signed by a key (RFC 2136, RFC 8945), and from nobody else.
type Knot struct {
	Addr      string // host:port, UDP and TCP
	Zone      string // without the final dot
	KeyName   string
	Algorithm string
	Secret    string // base64

	conf, dir string
	stop      func()
}

const knotConf = `server:
  rundir: DIR
  listen: HOST@PORT
log:
  - target: stderr
    any: info
database:
  storage: DIR
key:
  - id: KEY
    algorithm: hmac-sha256
    secret: SECRET
acl:
  - id: ours
    key: KEY
    action: [update, transfer, query]
template:
  - id: default
    storage: DIR
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: changes
zone:
  - domain: ZONE.
    acl: ours
`

const knotZone = `$TTL 3600
@ SOA ns hostmaster 1 3600 900 604800 60
@ NS ns
ns A HOST
`

// StartKnot serves an empty zone on loopback until the test ends.
func StartKnot(t testing.TB, zone string) *Knot {
	t.Helper()
	packets, stream := listenBoth(t)
	k := &Knot{Addr: packets.LocalAddr().String(), Zone: zone, KeyName: "postern", Algorithm: "hmac-sha256"}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	k.Secret = base64.StdEncoding.EncodeToString(secret)
	var err error
	if k.dir, err = Folder("knot"); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(k.Addr)
	fill := strings.NewReplacer("DIR", k.dir, "HOST", host, "PORT", port, "KEY", k.KeyName, "SECRET", k.Secret, "ZONE", zone)
	k.conf = filepath.Join(k.dir, "knot.conf")
	for path, text := range map[string]string{k.conf: knotConf, filepath.Join(k.dir, zone+".zone"): knotZone} {
		if err := os.WriteFile(path, []byte(fill.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = packets.Close(), stream.Close() // the port is Knot's now
	k.Start(t)
	t.Cleanup(k.Stop)
	return k
}

// Start starts the server again after Stop.
func (k *Knot) Start(t testing.TB) {
	t.Helper()
	stop, err := Program{Dir: k.dir, Name: "knotd", Arguments: []string{"-c", k.conf}}.Start()
	if err != nil {
		t.Fatalf("knotd: %v", err)
	}
	k.stop = stop
	if err := Reachable("tcp", k.Addr, filepath.Join(k.dir, "output")); err != nil {
		t.Fatalf("knotd: %v", err)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) { // it listens before it has read the zone
		reply, err := dns.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(k.Zone), dns.TypeSOA), k.Addr)
		if err == nil && len(reply.Answer) == 1 {
			return
		}
		if time.Since(began) > patience {
			said, _ := os.ReadFile(filepath.Join(k.dir, "output"))
			t.Fatalf("knotd does not serve %s: %v; it says:\n%s", k.Zone, err, said)
		}
	}
}

// Stop stops the server. Its zone is lost with its folder.
func (k *Knot) Stop() {
	if k.stop != nil {
		k.stop()
		k.stop = nil
	}
}

// Texts are the TXT records that the zone holds, by name without the final dot: all of them, by a transfer of the whole zone (RFC 5936).
func (k *Knot) Texts(t testing.TB) map[string][]string {
	t.Helper()
	question := new(dns.Msg).SetAxfr(dns.Fqdn(k.Zone))
	question.SetTsig(dns.Fqdn(k.KeyName), dns.HmacSHA256, 300, time.Now().Unix())
	transfer := dns.Transfer{TsigSecret: map[string]string{dns.Fqdn(k.KeyName): k.Secret}}
	answers, err := transfer.In(question, k.Addr)
	if err != nil {
		t.Fatalf("transfer of %s: %v", k.Zone, err)
	}
	texts := map[string][]string{}
	for answer := range answers {
		if answer.Error != nil {
			t.Fatalf("transfer of %s: %v", k.Zone, answer.Error)
		}
		for _, record := range answer.RR {
			if text, ok := record.(*dns.TXT); ok {
				name := strings.TrimSuffix(text.Hdr.Name, ".")
				texts[name] = append(texts[name], strings.Join(text.Txt, ""))
			}
		}
	}
	return texts
}

// Put adds a record by a signed change, as another administrator would.
func (k *Knot) Put(t testing.TB, line string) {
	t.Helper()
	record, err := dns.NewRR(line)
	if err != nil {
		t.Fatal(err)
	}
	update := new(dns.Msg).SetUpdate(dns.Fqdn(k.Zone))
	update.Insert([]dns.RR{record})
	update.SetTsig(dns.Fqdn(k.KeyName), dns.HmacSHA256, 300, time.Now().Unix())
	client := dns.Client{Net: "tcp", TsigSecret: map[string]string{dns.Fqdn(k.KeyName): k.Secret}}
	if reply, _, err := client.Exchange(update, k.Addr); err != nil || reply.Rcode != dns.RcodeSuccess {
		t.Fatalf("change of %s: %v, %v", k.Zone, reply, err)
	}
}
