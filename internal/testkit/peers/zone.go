package peers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"postern/internal/testkit"
)

// DNSSEC is how a zone hangs on its parent.
type DNSSEC int

const (
	Signed   DNSSEC = iota // the parent vouches for its key (RFC 4035 §5.2)
	Unsigned               // the parent proves that there is no key
	Bogus                  // the parent vouches for another key: nothing in the zone can be believed
)

// Zone is one zone that Knot serves: a child of "example.", which is signed and which Unbound trusts.
type Zone struct {
	Name    string // with a final dot, like customer.example.
	DNSSEC  DNSSEC
	Records string // RFC 1035 §5.1 syntax, relative names allowed; SOA and NS are added
}

// DNS is a Knot that signs by itself and an Unbound that validates what it says.
type DNS struct {
	Resolver  string // host:port of Unbound, as POSTERN_DNS takes it: on loopback, so that its AD bit may be trusted
	Authority string // host:port of Knot
	Standard  string // address where Unbound also has port 53, for programs that ask nowhere else; empty where only root may listen there

	dir string
}

const (
	zoneHead = `$TTL 60
@ SOA ns.example. hostmaster.example. 1 3600 600 86400 1
@ NS ns.example.
`

	knotConf = `server:
  listen: ADDR@PORT
  rundir: DIR
log:
  - target: stdout
    any: info
database:
  storage: DIR
policy:
  - id: ours
    manual: on
    single-type-signing: on
    algorithm: ecdsap256sha256
template:
  - id: default
    storage: DIR
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
  - id: signed
    storage: DIR
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    dnssec-signing: on
    dnssec-policy: ours
zone:
`

	// What is asked for outside of the zones does not exist, and no test waits for the world.
	unboundConf = `server:
  interface: ADDR
  port: PORT
  directory: "DIR"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor-file: "DIR/anchor"
  val-log-level: 1
  ede: yes
  cache-max-ttl: 1
  cache-max-negative-ttl: 1
  val-bogus-ttl: 1
  key-cache-size: 0
  target-fetch-policy: "0 0 0 0 0"
  local-zone: "." static
  local-zone: "example." transparent
remote-control:
  control-enable: no
`
)

// NewDNS serves the zones.
func NewDNS(t testing.TB, zones ...Zone) *DNS {
	t.Helper()
	d := &DNS{dir: folder(t, "knot")}
	d.Authority, d.Resolver = freeForBoth(t), freeForBoth(t)
	conf := settled(knotConf, d.dir, d.Authority)
	conf += "  - domain: example.\n    template: signed\n"
	for _, zone := range zones {
		template := "signed"
		if zone.DNSSEC == Unsigned {
			template = "default"
		}
		conf += fmt.Sprintf("  - domain: %s\n    template: %s\n", zone.Name, template)
	}
	write(t, d.conf(), conf)
	parent := zoneHead + fmt.Sprintf("ns A %s\n", hostOf(d.Authority))
	for _, zone := range zones {
		parent += zone.Name + " NS ns.example.\n"
		if zone.DNSSEC != Unsigned {
			parent += d.newKey(t, zone) + "\n"
		}
		d.write(t, zone)
	}
	anchor := d.newKey(t, Zone{Name: "example."})
	write(t, filepath.Join(d.dir, "example.zone"), parent)
	start(t, testkit.Program{Dir: d.dir, Name: "knotd", Arguments: []string{"-c", d.conf()}})
	d.resolve(t, anchor, zones)
	d.await(t, zones)
	return d
}

func (d *DNS) conf() string { return filepath.Join(d.dir, "knot.conf") }

func (d *DNS) write(t testing.TB, zone Zone) {
	t.Helper()
	write(t, filepath.Join(d.dir, zone.Name+"zone"), zoneHead+zone.Records)
}

// newKey makes the key of a zone, and the DS record with which its parent vouches for it.
func (d *DNS) newKey(t testing.TB, zone Zone) (ds string) {
	t.Helper()
	command(t, "keymgr", "-c", d.conf(), zone.Name, "generate", "algorithm=ECDSAP256SHA256", "ksk=yes", "zsk=yes")
	for line := range strings.Lines(command(t, "keymgr", "-c", d.conf(), zone.Name, "ds")) {
		record, err := dns.NewRR(line)
		if err != nil {
			t.Fatalf("keymgr ds %s: %v", zone.Name, err)
		}
		found, ok := record.(*dns.DS)
		if !ok || found.DigestType != dns.SHA256 {
			continue
		}
		if zone.DNSSEC == Bogus {
			digest := []byte(found.Digest)
			if digest[0]++; digest[0] == '9'+1 || digest[0] == 'f'+1 || digest[0] == 'F'+1 {
				digest[0] = '0'
			}
			found.Digest = string(digest)
		}
		return found.String()
	}
	t.Fatalf("keymgr makes no DS record for %s", zone.Name)
	return ""
}

// resolve starts Unbound, whose one anchor of trust is the parent's key.
func (d *DNS) resolve(t testing.TB, anchor string, zones []Zone) {
	t.Helper()
	dir := folder(t, "unbound")
	conf := settled(unboundConf, dir, d.Resolver)
	if os.Geteuid() == 0 {
		_, port, _ := net.SplitHostPort(d.Resolver)
		number, _ := strconv.Atoi(port)
		d.Standard = fmt.Sprintf("127.180.%d.%d", number>>8, number&0xff) // nobody else's: the port is ours
		conf = strings.Replace(conf, "server:\n", "server:\n  interface: "+d.Standard+"@53\n", 1)
	}
	at := strings.Replace(d.Authority, ":", "@", 1)
	for _, zone := range append([]Zone{{Name: "example."}}, zones...) {
		conf += fmt.Sprintf("stub-zone:\n  name: %q\n  stub-addr: %s\n  stub-no-cache: yes\n", zone.Name, at)
	}
	write(t, filepath.Join(dir, "unbound.conf"), conf)
	write(t, filepath.Join(dir, "anchor"), anchor+"\n")
	start(t, testkit.Program{Dir: dir, Name: "unbound", Arguments: []string{"-d", "-c", filepath.Join(dir, "unbound.conf")}})
	if err := testkit.Reachable("tcp", d.Resolver, filepath.Join(dir, "output")); err != nil {
		t.Fatalf("unbound: %v", err)
	}
}

// await waits until every zone is served as it should be seen: secure, insecure or bogus.
func (d *DNS) await(t testing.TB, zones []Zone) {
	t.Helper()
	for _, zone := range zones {
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			answer, err := d.ask(zone.Name, dns.TypeSOA)
			if err == nil {
				bogus, secure := answer.Rcode == dns.RcodeServerFailure, answer.AuthenticatedData
				if bogus == (zone.DNSSEC == Bogus) && secure == (zone.DNSSEC == Signed) && (bogus || len(answer.Answer) > 0) {
					break
				}
			}
			if time.Since(began) > patience {
				said, _ := os.ReadFile(filepath.Join(d.dir, "output"))
				t.Fatalf("%s is not served as it should be: %v, %v; knotd says:\n%s", zone.Name, answer, err, said)
			}
		}
	}
}

// ask asks the resolver.
func (d *DNS) ask(name string, kind uint16) (*dns.Msg, error) {
	query := new(dns.Msg)
	query.SetQuestion(dns.Fqdn(name), kind)
	query.SetEdns0(1232, true)
	answer, _, err := (&dns.Client{Timeout: 2 * time.Second}).Exchange(query, d.Resolver)
	return answer, err
}

// Set replaces the records of a zone, and waits until they are served.
func (d *DNS) Set(t testing.TB, zone Zone) {
	t.Helper()
	d.write(t, zone)
	command(t, "knotc", "-c", d.conf(), "-b", "zone-reload", zone.Name)
	time.Sleep(1100 * time.Millisecond) // what the resolver remembers it remembers for a second
}

// command runs a program to its end, and returns what it says.
func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	path, err := testkit.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(path, args...)
	var words strings.Builder
	run.Stderr = &words
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s%s", name, strings.Join(args, " "), err, out, words.String())
	}
	return string(out)
}

// settled puts a program's folder and address into its settings.
func settled(conf, dir, addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return strings.NewReplacer("DIR", dir, "ADDR", host, "PORT", port).Replace(conf)
}

func hostOf(addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	return host
}

// freeForBoth finds an address of loopback that is free for UDP and for TCP.
func freeForBoth(t testing.TB) string {
	t.Helper()
	for range 20 {
		packets, err := net.ListenPacket("udp", testkit.OwnLoopback()+":0")
		if err != nil {
			t.Fatalf("looking for a port: %v", err)
		}
		stream, err := net.Listen("tcp", packets.LocalAddr().String())
		_ = packets.Close()
		if err == nil {
			_ = stream.Close()
			return packets.LocalAddr().String()
		}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return ""
}
