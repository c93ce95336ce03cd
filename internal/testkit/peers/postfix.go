package peers

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/testkit"
)

// postfixMain lets Postfix take mail for everybody into one Maildir.
const postfixMain = `compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
maillog_file = /dev/stdout
myhostname = postfix.peers.example
mydestination =
mynetworks = 127.0.0.0/8 [::1]/128
inet_interfaces = all
inet_protocols = all
alias_maps =
alias_database =
local_recipient_maps =
relay_domains =
virtual_mailbox_domains = static:every
virtual_mailbox_maps = static:inbox/
virtual_mailbox_base = DIR
virtual_minimum_uid = 1
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
virtual_mailbox_limit = 0
smtpd_recipient_restrictions = check_recipient_access inline:{ {gone@ = 550 5.1.1 gone moved out}, {later@ = 451 4.7.1 come back later} }, reject_unauth_destination
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
smtpd_tls_auth_only = no
tls_random_source = dev:/dev/urandom
default_process_limit = 60
biff = no
`

// postfixMaster is Debian's, as far as taking and keeping mail needs it, without chroot.
const postfixMaster = `postlog unix-dgram n - n - 1 postlogd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
`

// Postfix starts a Postfix with the listeners. Of all addresses only gone@ is refused for good, and later@ for now.
func Postfix(t testing.TB, site *Site, listeners ...Listener) *Server {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("Postfix can be started by root only: run this test as root, in a container for example")
	}
	dir := folder(t, "postfix")
	doors := site.doors(t, listeners)
	uid, gid := account(t, "postfix")
	for _, name := range []string{"etc", "queue", "data", "inbox", "inbox/new", "inbox/cur", "inbox/tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	keeper := 65534 // nobody: the user that keeps mail must not be Postfix's own
	for _, name := range []string{"inbox", "inbox/new", "inbox/cur", "inbox/tmp"} {
		if err := os.Chown(filepath.Join(dir, name), keeper, keeper); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(dir, "data"), uid, gid); err != nil {
		t.Fatal(err)
	}
	main := strings.NewReplacer("DIR", dir, "UID", fmt.Sprint(keeper), "GID", fmt.Sprint(keeper)).Replace(postfixMain)
	write(t, filepath.Join(dir, "etc", "main.cf"), main)
	master := postfixMaster
	for _, one := range doors {
		master = postfixDoor(t, dir, one, site.Net.Port) + master
	}
	write(t, filepath.Join(dir, "etc", "master.cf"), master)
	startPostfix(t, dir)
	s := newServer("Postfix", dir, doors)
	s.await(t, site.Net.Port)
	return s
}

// startPostfix runs Postfix until the test ends. What is started is a script of its own, which a signal would end without ending what it has started: the master, whose number is in a file.
func startPostfix(t testing.TB, dir string) {
	t.Helper()
	const script = `trap : TERM
"$1" -c "$2/etc" start-fg & p=$!
wait "$p"
m=$(cat "$2/queue/pid/master.pid" 2>/dev/null)
kill ${m:-"$p"} 2>/dev/null
while kill -0 ${m:-"$p"} 2>/dev/null; do sleep 0.05; done`
	path, err := testkit.Find("postfix")
	if err != nil {
		t.Fatal(err)
	}
	start(t, testkit.Program{Dir: dir, Name: "/bin/sh", Arguments: []string{"-c", script, "sh", path, dir}})
}

// postfixDoor is the line of master.cf for one listener.
func postfixDoor(t testing.TB, dir string, d door, port string) string {
	t.Helper()
	level := "may"
	if d.TLS == NoTLS {
		level = "none"
	}
	options := []string{"smtpd_tls_security_level=" + level, "smtpd_tls_chain_files=" + d.id.WholeFile}
	switch d.TLS {
	case BrokenTLS:
		options = append(options, "smtpd_tls_protocols=TLSv1")
	case ByName:
		table, lines := filepath.Join(dir, "etc", "names"), ""
		for _, name := range d.Names {
			lines += name + " " + d.named.WholeFile + "\n"
		}
		write(t, table, lines)
		command(t, "postmap", "-c", filepath.Join(dir, "etc"), "-F", "hash:"+table)
		options = append(options, "tls_server_sni_maps=hash:"+table)
	}
	return fmt.Sprintf("%s inet n - n - - smtpd -o %s\n", net.JoinHostPort(d.Addr, port), strings.Join(options, " -o "))
}

// account finds a user of this machine.
func account(t testing.TB, name string) (uid, gid int) {
	t.Helper()
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, ":")
		if len(fields) > 3 && fields[0] == name {
			_, first := fmt.Sscan(fields[2], &uid)
			_, second := fmt.Sscan(fields[3], &gid)
			if err := cmp.Or(first, second); err != nil {
				t.Fatal(err)
			}
			return uid, gid
		}
	}
	t.Fatalf("this machine has no user %s (scripts/need postfix)", name)
	return 0, 0
}
