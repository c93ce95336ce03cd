package testkit

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Words that the test filters look for.
const (
	SpamSubject  = "postern-spam-test"   // in the subject: rspamd scores it 7.5
	JunkSubject  = "postern-junk-test"   // in the subject: rspamd scores it 20, and rejects from 15
	MalwareText  = "POSTERN-VIRUS-TEST!" // anywhere: clamd finds MalwareName
	MalwareName  = "Postern.Test.Signature.UNOFFICIAL"
	BadSender    = "worst@spam.example" // as reverse-path, and so on below: rspamd scores each 20
	BadRecipient = "trap@example.com"
	BadHelo      = "worst.helo.example"
	BadPTR       = "worst.ptr.example"
	BadIP        = "192.0.2.66"
	BadIP6       = "2001:db8::66"

	RspamdPassword = "open sesame" // of the controller
	MailsToLearn   = 1             // of each kind, before rspamd's statistics say anything
)

// Filter programs are started once for all tests of a program, on an address of loopback that is this process's own, so that ports need not be searched for.
// They end with this process, however it ends.
var (
	rspamdStarted = sync.OnceValues(startRspamd)
	clamdStarted  = sync.OnceValues(startClamd)
)

// Rspamd returns the host of a real Rspamd, with a Redis of its own, a scanning worker on port 11333, its controller on 11334, and a proxy that speaks the milter protocol on 11332.
// Its rules are this file's; it asks no DNS and no network.
func Rspamd(t testing.TB) (host string) {
	t.Helper()
	host, err := rspamdStarted()
	if err != nil {
		t.Fatalf("start rspamd: %v", err)
	}
	return host
}

// ClamdServer says where the tests' clamd listens.
type ClamdServer struct {
	TCP, Unix string // as POSTERN_CLAMD takes them
}

// FilterMost is the longest mail that the tests' rspamd and clamd take, in octets.
const FilterMost = 2 << 20

// Clamd returns the addresses of a real clamd whose only signature is MalwareText.
func Clamd(t testing.TB) ClamdServer {
	t.Helper()
	server, err := clamdStarted()
	if err != nil {
		t.Fatalf("start clamd: %v", err)
	}
	return server
}

// Milter starts a real clamav-milter, which does with infected mail as told (Reject, Defer, Blackhole, Quarantine), and returns its address as POSTERN_MILTERS takes it.
func Milter(t testing.TB, onInfected string) string {
	t.Helper()
	scanner := Clamd(t)
	dir, err := Folder("filter")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "milter.sock")
	lines := []string{
		"MilterSocket unix:" + socket, "Foreground yes", "ClamdSocket tcp:" + scanner.TCP, "OnClean Accept", "OnInfected " + onInfected, "OnFail Defer",
		"TemporaryDirectory " + dir, "AddHeader Replace", "ReportHostname milter.example", "LogVerbose yes",
	}
	if onInfected == "Reject" {
		lines = append(lines, "RejectMsg This mail holds %v")
	}
	if err := os.WriteFile(filepath.Join(dir, "milter.conf"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop, err := Program{Dir: dir, Signal: "KILL", Name: "clamav-milter", Arguments: []string{"-c", filepath.Join(dir, "milter.conf")}}.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	output := filepath.Join(dir, "output")
	if err := Reachable("unix", socket, output); err != nil {
		t.Fatalf("start clamav-milter: %v", err)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) { // until it has found its clamd it puts off everything
		said, _ := os.ReadFile(output)
		if strings.Contains(string(said), "returned: success") {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("clamav-milter does not find its clamd; it says: %s", said)
		}
	}
	return "unix:" + socket
}

func startRspamd() (string, error) {
	dir, err := Folder("filter")
	if err != nil {
		return "", err
	}
	host := OwnLoopback()
	config := strings.NewReplacer("DIR", dir, "HOST", host, "PASSWORD", RspamdPassword, "MAILS", fmt.Sprint(MailsToLearn)).Replace(rspamdConfig)
	rules := rspamdRules + fmt.Sprintf("rule('POSTERN_BAD_ENVELOPE', { ip = {'%s', '%s'}, helo = '%s', ptr = '%s', from = '%s', rcpt = '%s' })\n", BadIP, BadIP6, BadHelo, BadPTR, BadSender, BadRecipient)
	rules = strings.NewReplacer("%SPAM%", SpamSubject, "%JUNK%", JunkSubject).Replace(rules)
	for name, text := range map[string]string{"rspamd.conf": config, "rules.lua": rules, "tlds": "com\norg\nnet\nexample\n"} { // the real list takes seconds to compile
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	redis, err := Folder("filter")
	if err != nil {
		return "", err
	}
	// Its statistics live in Redis, as in an ordinary installation: the workers race for a file of SQLite when it is new.
	if _, err := (Program{Dir: redis, Name: "redis-server", Arguments: []string{"--bind", host, "--port", "6379", "--save", "", "--appendonly", "no", "--dir", redis}}).Start(); err != nil {
		return "", err
	}
	if err := Reachable("tcp", net.JoinHostPort(host, "6379"), filepath.Join(redis, "output")); err != nil {
		return "", err
	}
	if _, err := (Program{Dir: dir, Name: "rspamd", Arguments: []string{"--no-fork", "--insecure", "--config", filepath.Join(dir, "rspamd.conf")}}).Start(); err != nil {
		return "", err
	}
	for _, port := range []string{"11332", "11333", "11334"} {
		if err := Reachable("tcp", net.JoinHostPort(host, port), filepath.Join(dir, "log")); err != nil {
			return "", err
		}
	}
	return host, nil
}

func startClamd() (ClamdServer, error) {
	dir, err := Folder("filter")
	if err != nil {
		return ClamdServer{}, err
	}
	server := ClamdServer{TCP: net.JoinHostPort(OwnLoopback(), "3310"), Unix: "unix:" + filepath.Join(dir, "clamd.sock")}
	lines := []string{
		"DatabaseDirectory " + filepath.Join(dir, "db"), "TCPAddr " + OwnLoopback(), "TCPSocket 3310", "LocalSocket " + filepath.Join(dir, "clamd.sock"), "Foreground yes",
		fmt.Sprintf("StreamMaxLength %d", FilterMost), "TemporaryDirectory " + dir, "SelfCheck 0", "ExtendedDetectionInfo yes",
	}
	if os.Geteuid() == 0 {
		lines = append(lines, "User root") // else it changes to an account that cannot read the files
	}
	signature := fmt.Sprintf("%s:0:*:%x\n", strings.TrimSuffix(MalwareName, ".UNOFFICIAL"), MalwareText)
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o755); err != nil {
		return ClamdServer{}, err
	}
	for name, text := range map[string]string{"clamd.conf": strings.Join(lines, "\n") + "\n", "db/postern.ndb": signature} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return ClamdServer{}, err
		}
	}
	if _, err := (Program{Dir: dir, Name: "clamd", Arguments: []string{"--config-file=" + filepath.Join(dir, "clamd.conf")}}).Start(); err != nil {
		return ClamdServer{}, err
	}
	return server, Reachable("tcp", server.TCP, filepath.Join(dir, "output"))
}

const rspamdConfig = `
options {
  pidfile = "DIR/pid"; filters = "regexp"; cache_file = "DIR/cache"; dynamic_conf = "DIR/dynamic"; history_file = "DIR/history"; hs_cache_dir = "DIR/"; rrd = "";
  control_socket = "DIR/control.sock mode=0600"; tempdir = "DIR"; stats_file = "DIR/stats"; url_tld = "DIR/tlds"; enable_test_patterns = true; max_message = 2M;
  dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }
}
logging { type = "file"; filename = "DIR/log"; level = "warning"; }
actions { reject = 15; add_header = 6; greylist = 4; }
lua = "DIR/rules.lua";
redis { servers = "HOST:6379"; timeout = 5s; }
classifier "bayes" {
  tokenizer { name = "osb"; }
  cache { }
  backend = "redis"; new_schema = true; min_tokens = 5; min_learns = MAILS; min_token_hits = 1;
  statfile { symbol = "BAYES_HAM"; spam = false; }
  statfile { symbol = "BAYES_SPAM"; spam = true; }
}
metric { name = "default"; symbol { name = "BAYES_SPAM"; weight = 5.1; } symbol { name = "BAYES_HAM"; weight = -3; } }
worker "normal" { bind_socket = "HOST:11333"; count = 1; }
worker "controller" { bind_socket = "HOST:11334"; count = 1; password = "PASSWORD"; secure_ip = []; }
worker "rspamd_proxy" { bind_socket = "HOST:11332"; milter = yes; count = 1; timeout = 10s; upstream "local" { default = yes; self_scan = yes; } }
`

const rspamdRules = `
require "global_functions" ()
config['regexp'] = {
  POSTERN_SPAM = { re = 'Subject=/%SPAM%/H', score = 7.5, description = 'the subject of spam' },
  POSTERN_JUNK = { re = 'Subject=/%JUNK%/H', score = 20, description = 'the subject of junk' },
}
-- rule finds a mail by its envelope and says what it saw
function rule(name, bad)
  rspamd_config[name] = { score = 20, description = 'the envelope is known', callback = function(task)
    local ip, from = tostring(task:get_from_ip()), (task:get_from('smtp') or {})[1]
    if ip == bad.ip[1] or ip == bad.ip[2] then return true, 1.0, 'ip ' .. ip end
    if task:get_helo() == bad.helo then return true, 1.0, 'helo ' .. bad.helo end
    if task:get_hostname() == bad.ptr then return true, 1.0, 'ptr ' .. bad.ptr end
    if from and from.addr == bad.from then return true, 1.0, 'from ' .. bad.from end
    for _, to in ipairs(task:get_recipients('smtp') or {}) do
      if to.addr == bad.rcpt then return true, 1.0, 'rcpt ' .. bad.rcpt end
    end
    return false
  end }
end
`
