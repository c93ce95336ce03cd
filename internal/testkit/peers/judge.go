package peers

import (
	"fmt"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// judgeMain lets Postfix send: with DANE (RFC 7672), MX records, DNSSEC, and rules of its own for some destinations. The C library's resolver asks nobody but the server in
// /etc/resolv.conf; the wrapper gives it a file of its own instead.
const judgeMain = `compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
maillog_file = /dev/stdout
myhostname = judge.desk.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = all
inet_protocols = all
alias_maps =
alias_database =
relay_domains = static:every
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_recipient_limit = 1000
smtp_tcp_port = PORT
smtp_host_lookup = dns
smtp_dns_support_level = dnssec
smtp_tls_security_level = dane
smtp_tls_policy_maps = texthash:DIR/etc/rules, POLICIES
smtp_tls_CAfile = ROOTS
smtp_tls_loglevel = 1
smtp_tls_mandatory_protocols = >=TLSv1.2
smtp_tls_protocols = >=TLSv1.2
smtp_tls_session_cache_database =
smtp_address_preference = ipv6
smtp_connection_cache_on_demand = no
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_PRELOAD=libresolv_wrapper.so RESOLV_WRAPPER_CONF=DIR/resolv.conf
tls_random_source = dev:/dev/urandom
default_process_limit = 60
biff = no
`

// Judgement is what Postfix, as a sender, made of a mail to a recipient.
type Judgement struct {
	State  string // sent, deferred, bounced
	Host   string // that it spoke to last
	TLS    string // how far it trusted that host: Verified, Trusted, Untrusted, Anonymous; empty in clear text, or where it never came so far
	Reason string // in its own words
}

// Judge sends a mail to every recipient by a Postfix of its own that does DANE, and MTA-STS by the policies, and returns what became of each. rules are for smtp_tls_policy_maps, by domain:
// they go before policies.
func Judge(t testing.TB, site *Site, d *DNS, policies *Policies, rules map[string]string, recipients []string) map[string]Judgement {
	t.Helper()
	dir := folder(t, "judge")
	addr := site.Net.Next()
	uid, gid := account(t, "postfix")
	for _, name := range []string{"etc", "queue", "data"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(dir, "data"), uid, gid); err != nil {
		t.Fatal(err)
	}
	settings := strings.NewReplacer("DIR", dir, "PORT", site.Net.Port, "POLICIES", STSResolver(t, site, d, policies), "ROOTS", site.Trusted.RootsFile).Replace(judgeMain)
	write(t, filepath.Join(dir, "etc", "main.cf"), settings)
	write(t, filepath.Join(dir, "etc", "master.cf"), net.JoinHostPort(addr, site.Net.Port)+" inet n - n - - smtpd\nsmtp unix - - n - - smtp\nrelay unix - - n - - smtp\n"+postfixMaster)
	write(t, filepath.Join(dir, "resolv.conf"), "nameserver "+d.Standard+"\noptions trust-ad\n")
	var lines strings.Builder
	for domain, rule := range rules {
		fmt.Fprintf(&lines, "%s %s\n", domain, rule)
	}
	write(t, filepath.Join(dir, "etc", "rules"), lines.String())
	startPostfix(t, dir)
	s := &Server{Program: "Postfix", Addr: []string{addr}, dir: dir}
	s.await(t, site.Net.Port)
	hand(t, net.JoinHostPort(addr, site.Net.Port), recipients)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		found := judgements(s.Log())
		if len(found) >= len(recipients) {
			return found
		}
		if time.Since(began) > patience {
			t.Fatalf("of %d mails Postfix decided %d; it says:\n%s", len(recipients), len(found), s.Log())
		}
	}
}

var (
	trusted = regexp.MustCompile(`smtp\[(\d+)\]: (Verified|Trusted|Untrusted|Anonymous) TLS connection established to ([^\[]+)\[`)
	decided = regexp.MustCompile(`smtp\[(\d+)\]: [0-9A-F]+: to=<([^>]+)>, relay=([^,\[]+)[^,]*,.* status=(\w+) \((.*)\)$`)
)

// judgements reads Postfix's log: a client process opens a connection, and then tells what became of the mail.
func judgements(log string) map[string]Judgement {
	found, trust := map[string]Judgement{}, map[string][2]string{}
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if m := trusted.FindStringSubmatch(line); m != nil {
			trust[m[1]] = [2]string{m[2], m[3]}
		} else if m := decided.FindStringSubmatch(line); m != nil {
			one := Judgement{State: m[4], Host: m[3], Reason: m[5]}
			if last := trust[m[1]]; last[1] == one.Host {
				one.TLS = last[0]
			}
			found[m[2]] = one
		}
	}
	return found
}

// hand gives one mail for many recipients to a server.
func hand(t testing.TB, addr string, recipients []string) {
	t.Helper()
	client, err := smtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // nothing depends on it
	if err := client.Mail("judge@desk.example"); err != nil {
		t.Fatal(err)
	}
	for _, recipient := range recipients {
		if err := client.Rcpt(recipient); err != nil {
			t.Fatalf("%s: %v", recipient, err)
		}
	}
	w, err := client.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("From: judge@desk.example\r\nSubject: judged\r\n\r\nPlease.\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
