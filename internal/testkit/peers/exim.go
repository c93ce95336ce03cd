package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/testkit"
)

// eximConf lets Exim take mail for everybody into one Maildir. It drops privileges for good, so that it needs none.
const eximConf = `primary_hostname = exim.peers.example
exim_path = BINARY
keep_environment = LD_PRELOAD : LD_LIBRARY_PATH : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
spool_directory = DIR/spool
log_file_path = DIR/%slog
pid_file_path =
local_interfaces = <; INTERFACES
daemon_smtp_ports = PORT
never_users =
deliver_drop_privilege = true
host_lookup =
rfc1413_hosts =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = recipient
acl_smtp_data = accept
log_selector = +tls_cipher +received_recipients +smtp_connection
tls_advertise_hosts = ${if forany{<; ::0;NOTLS}{eq{$item}{$received_ip_address}}{}{*}}
tls_certificate = ${if forany{<; ::0;NAMES}{eq{$item}{$received_ip_address/$tls_in_sni}}{NAMEDCHAIN}{${extract{$received_ip_address}{CHAINS}{$value}{}}}}
tls_privatekey = ${if forany{<; ::0;NAMES}{eq{$item}{$received_ip_address/$tls_in_sni}}{NAMEDKEY}{${extract{$received_ip_address}{KEYS}{$value}{}}}}
tls_require_ciphers = ${if forany{<; ::0;BROKEN}{eq{$item}{$received_ip_address}}{NORMAL:-VERS-ALL:+VERS-TLS1.0}{NORMAL}}

begin acl
recipient:
  deny local_parts = gone
    message = 5.1.1 gone moved out
  defer local_parts = later
    message = 4.7.1 come back later
  accept

begin routers
every:
  driver = accept
  transport = inbox

begin transports
inbox:
  driver = appendfile
  directory = DIR/inbox
  maildir_format
  create_directory = false
  user = Debian-exim
  group = Debian-exim
  delivery_date_add
  envelope_to_add
  return_path_add
`

// Exim starts an Exim with the listeners, one of which at most may be ByName. Of all addresses only gone@ is refused for good, and later@ for now. It is Debian's, unpacked rather than installed beside Postfix: its own user stands in a list that only it reads.
func Exim(t testing.TB, site *Site, listeners ...Listener) *Server {
	t.Helper()
	doors := site.doors(t, listeners)
	s := newServer("Exim", folder(t, "exim"), doors)
	startExim(t, s.dir, eximConfFor(s.dir, eximBinary(t), site.Net.Port, doors))
	s.await(t, site.Net.Port)
	return s
}

// startExim starts it with a configuration, in a folder.
func startExim(t testing.TB, dir, settings string) {
	t.Helper()
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 65534, 65534 // nobody: Exim does not deliver as root
	}
	for _, name := range []string{"spool", "inbox", "inbox/new", "inbox/cur", "inbox/tmp", "."} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(dir, name), uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "passwd"), fmt.Sprintf("root:x:0:0::/:/bin/sh\nDebian-exim:x:%d:%d::%s:/bin/false\n", uid, gid, dir))
	write(t, filepath.Join(dir, "group"), fmt.Sprintf("root:x:0:\nDebian-exim:x:%d:\n", gid))
	write(t, filepath.Join(dir, "exim.conf"), settings)
	// The whole group is ended, and whoever left it waited for: a process that still has a mail in hand would make the folder again, for its log.
	const script = `trap : TERM
conf=$1; shift
alive() { for c in $(grep -ls '^exim4$' /proc/[0-9]*/comm); do grep -qs "$conf" "${c%comm}cmdline" && return 0; done; return 1; }
setsid "$@" & p=$!
wait "$p"
kill -- -"$p" 2>/dev/null
while alive; do sleep 0.05; done`
	conf := filepath.Join(dir, "exim.conf")
	start(t, testkit.Program{Dir: dir, Name: "/bin/sh", Arguments: []string{
		"-c", script, "sh", conf, "/usr/bin/env", "LD_PRELOAD=libnss_wrapper.so", "NSS_WRAPPER_PASSWD=" + filepath.Join(dir, "passwd"), "NSS_WRAPPER_GROUP=" + filepath.Join(dir, "group"),
		eximBinary(t), "-C", conf, "-bdf",
	}})
}

// eximBinary is where scripts/need unpacked Exim.
func eximBinary(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(cache, "postern", "exim", "exim4")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v (scripts/need exim unpacks it there)", err)
	}
	return binary
}

func eximConfFor(dir, binary, port string, doors []door) string {
	var addrs, plain, broken, chains, keys, names []string
	var named Identity
	for _, one := range doors {
		addrs = append(addrs, one.Addr)
		chains = append(chains, one.Addr+"="+one.id.ChainFile)
		keys = append(keys, one.Addr+"="+one.id.KeyFile)
		switch one.TLS {
		case ByName:
			named = *one.named
			for _, name := range one.Names {
				names = append(names, one.Addr+"/"+name)
			}
		case NoTLS:
			plain = append(plain, one.Addr)
		case BrokenTLS:
			broken = append(broken, one.Addr)
		}
	}
	return strings.NewReplacer("DIR", dir, "BINARY", binary, "PORT", port, "INTERFACES", strings.Join(addrs, ";"), "NOTLS", strings.Join(plain, ";"), "BROKEN", strings.Join(broken, ";"),
		"NAMEDCHAIN", named.ChainFile, "NAMEDKEY", named.KeyFile, "NAMES", strings.Join(names, ";"),
		"CHAINS", strings.Join(chains, " "), "KEYS", strings.Join(keys, " ")).Replace(eximConf)
}
