package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

type program struct {
	Settings `embed:""`
	Serve    struct{} `cmd:"" help:"the whole system"`
	Version  struct{} `cmd:""`
}

// parse runs kong as cmd does.
func parse(t *testing.T, args ...string) (Settings, error) {
	t.Helper()
	var cli program
	parser, err := kong.New(&cli, kong.Name("postern"), kong.Exit(func(int) { t.Error("kong wanted to end the program") }), File())
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return cli.Settings, err
}

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "postern.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOrder: a flag wins over the environment, the environment over the file, the file over the default.
func TestOrder(t *testing.T) {
	path := write(t, `mx_port = 2001
max_message = "1MiB"
hostname = "file.example"`)
	t.Setenv("POSTERN_MX_PORT", "2002")
	t.Setenv("POSTERN_HOSTNAME", "env.example")
	got, err := parse(t, "serve", "--config", path, "--hostname", "flag.example")
	if err != nil {
		t.Fatal(err)
	}
	if got.Hostname != "flag.example" || got.MXPort != 2002 || got.MaxMessage != 1<<20 || got.HTTPAddr != "127.0.0.1:8080" {
		t.Errorf("flag %s, environment %d, file %s, default %s", got.Hostname, got.MXPort, got.MaxMessage, got.HTTPAddr)
	}
}

func TestFile(t *testing.T) {
	t.Setenv("POSTERN_CONFIG", write(t, `
smtp_addr = ["127.0.0.1:25", "[::1]:25"]
POSTERN_DNS = "127.0.0.1"
smtp-proxy = "10.0.0.0/8, 192.0.2.1"
auto_migrate = false
[s3]
endpoint = "s3.example:9000"
access_key = "a"
secret_key = "b"
bucket = "mail"
tls = "off"
`))
	got, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	want := got
	want.SMTPAddr, want.DNS = Listeners{"127.0.0.1:25", "[::1]:25"}, Servers{"127.0.0.1:53"}
	want.SMTPProxy = Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}
	want.AutoMigrate, want.S3TLS, want.S3Endpoint, want.S3AccessKey, want.S3SecretKey, want.S3Bucket = false, false, "s3.example:9000", "a", "b", "mail"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := got.Complete(); err != nil {
		t.Error(err)
	}
}

func TestFileRefused(t *testing.T) {
	for name, test := range map[string]struct{ file, want string }{
		"unknown key":        {`smpt_addr = "127.0.0.1:25"`, "unknown key smpt_addr"},
		"unknown in a table": {"[s3]\nbuckit = \"x\"", "unknown key s3_buckit"},
		"config in itself":   {`config = "other.toml"`, "unknown key config"},
		"help is no setting": {`help = true`, "unknown key help"},
		"twice":              {"hostname = \"a\"\nPOSTERN_HOSTNAME = \"b\"", "hostname stands there twice"},
		"not TOML":           {`hostname = `, "settings file"},
		"a date":             {`hostname = 2026-11-22`, "neither text, number"},
		"numbers in a list":  {`smtp_addr = [25]`, "list of something else than text"},
		"wrong value":        {`max_message = "big"`, `"big" is not a size`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, "serve", "--config", write(t, test.file))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if _, err := parse(t, "serve", "--config", "/nowhere/postern.toml"); err == nil {
		t.Error("a file that is not there was taken")
	}
}

// TestContract: every variable of the contract is there, with its default, and is documented.
func TestContract(t *testing.T) {
	want := map[string]string{
		"DATA": "./data", "HOSTNAME": "", "PUBLIC_URL": "http://127.0.0.1:8080", "SMTP_ADDR": "127.0.0.1:2525", "SMTP_PROXY": "", "HTTP_ADDR": "127.0.0.1:8080", "SMTP_TRUSTED": "127.0.0.0/8,::1", "SMTP_LIMITS": "", "DNSBL": "", "DNSBL_ACTION": "suspend",
		"ADMIN_ADDR": "127.0.0.1:9090", "TLS_CERT": "", "TLS_KEY": "", "ACME": "off", "ACME_DIRECTORY": "", "ACME_CA": "", "DATABASE_URL": "", "AUTO_MIGRATE": "on",
		"S3_ENDPOINT": "", "S3_BUCKET": "", "S3_REGION": "us-east-1", "S3_ACCESS_KEY": "", "S3_SECRET_KEY": "", "S3_TLS": "on", "KEY_FILE": "", "DNS": "", "SMARTHOST": "",
		"MX_PORT": "25", "MAX_MESSAGE": "50MiB", "RSPAMD_URL": "", "MILTERS": "", "CLAMD": "", "OUTBOUND_ALLOW": "", "NS_PORT": "53", "LOG": "", "LOG_LEVEL": "info", "PG_FETCH": "on", "CONFIG": "",
		"DNSSEC": "auto", "MTA_STS_PORT": "443", "TLS_ROOTS": "",
		"HTTPS_ADDR": "", "MX_HOSTS": "", "TLS_REPORTS": "on", "DKIM_LIFE": "168h",
		"DKIM_ZONE": "", "DKIM_SERVER": "", "DKIM_TSIG": "", "HTTP_TRUSTED": "", "LEAKED_PASSWORDS": "", "GEOIP": "", "OPERATOR": "", "OPERATOR_CODE": "",
	}
	settings := reflect.TypeFor[Settings]()
	for i := range settings.NumField() {
		tag := settings.Field(i).Tag
		name := strings.TrimPrefix(tag.Get("env"), "POSTERN_")
		standard, known := want[name]
		if !known || standard != tag.Get("default") {
			t.Errorf("%s: default %q, want %q (known: %t)", name, tag.Get("default"), standard, known)
		}
		if flag := strings.ReplaceAll(strings.ToLower(name), "_", "-"); tag.Get("name") != flag || tag.Get("help") == "" {
			t.Errorf("%s: flag %q with help %q, want --%s and a sentence", name, tag.Get("name"), tag.Get("help"), flag)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("POSTERN_%s is missing", name)
	}
}

func TestComplete(t *testing.T) {
	plain, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	got, err := plain.Complete()
	if err != nil {
		t.Fatal("with nothing configured: ", err)
	}
	if got.Hostname == "" || got.KeyFile != "data/keys/master.keys" || got.Secure() {
		t.Errorf("host %q, key file %q, secure %t", got.Hostname, got.KeyFile, got.Secure())
	}
	plain.Hostname, plain.PublicURL, plain.KeyFile = "Mail.Example.COM.", "https://help.example.com/", "/run/keys"
	got, err = plain.Complete()
	if err != nil || got.Hostname != "mail.example.com" || got.PublicURL != "https://help.example.com" || got.KeyFile != "/run/keys" || !got.Secure() {
		t.Errorf("%v: %+v", err, got)
	}
}

func TestCheck(t *testing.T) {
	plain, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"host name is an address":   {func(s *Settings) { s.Hostname = "192.0.2.1" }, "POSTERN_HOSTNAME"},
		"host name with a space":    {func(s *Settings) { s.Hostname = "a b" }, "POSTERN_HOSTNAME"},
		"public URL without host":   {func(s *Settings) { s.PublicURL = "help.example.com" }, "POSTERN_PUBLIC_URL"},
		"public URL with a path":    {func(s *Settings) { s.PublicURL = "https://example.com/help" }, "host of its own"},
		"no data folder":            {func(s *Settings) { s.Data = "" }, "POSTERN_DATA"},
		"certificate without key":   {func(s *Settings) { s.TLSCert = "c.pem" }, "belong together"},
		"ACME and a certificate":    {func(s *Settings) { s.ACME, s.TLSCert, s.TLSKey = true, "c", "k" }, "choose one"},
		"ACME directory in clear":   {func(s *Settings) { s.ACME, s.ACMEDirectory = true, "http://ca.example/dir" }, "RFC 8555"},
		"ACME directory, ACME off":  {func(s *Settings) { s.ACMECA = "ca.pem" }, "turn it on"},
		"database is no URL":        {func(s *Settings) { s.DatabaseURL = "host=db password=hunter2" }, "POSTERN_DATABASE_URL"},
		"S3 endpoint is a URL":      {func(s *Settings) { s.S3Endpoint = "https://s3.example" }, "host:port alone"},
		"S3 without keys":           {func(s *Settings) { s.S3Endpoint, s.S3Bucket, s.S3AccessKey = "s3.example", "b", "a" }, "POSTERN_S3_SECRET_KEY is not"},
		"S3 keys alone":             {func(s *Settings) { s.S3SecretKey = "hunter2" }, "POSTERN_S3_ENDPOINT is not"},
		"smarthost is no URL":       {func(s *Settings) { s.Smarthost = "u:hunter2@relay.example" }, "POSTERN_SMARTHOST"},
		"no port":                   {func(s *Settings) { s.MXPort = 0 }, "POSTERN_MX_PORT"},
		"no policy port":            {func(s *Settings) { s.STSPort = 0 }, "POSTERN_MTA_STS_PORT"},
		"tiny messages":             {func(s *Settings) { s.MaxMessage = 1 }, "between 64KiB and 1GiB"},
		"rspamd is no URL":          {func(s *Settings) { s.RspamdURL = "127.0.0.1:11333" }, "POSTERN_RSPAMD_URL"},
		"HTTPS, but not for people": {func(s *Settings) { s.ACME, s.HTTPSAddr = true, "127.0.0.1:443" }, "begin with https://"},
		"HTTPS without certificate": {func(s *Settings) { s.PublicURL, s.HTTPSAddr = "https://help.example.com", "127.0.0.1:443" }, "POSTERN_ACME=on"},
		"zone with a space":         {func(s *Settings) { s.DKIMZone = "dkim example.com" }, "POSTERN_DKIM_ZONE"},
		"zone of one label":         {func(s *Settings) { s.DKIMZone = "dkim" }, "POSTERN_DKIM_ZONE"},
		"zone's server alone":       {func(s *Settings) { s.DKIMServer = "127.0.0.1:53" }, "POSTERN_DKIM_ZONE is not"},
		"zone's server, no port":    {func(s *Settings) { s.DKIMZone, s.DKIMServer = "dkim.example.com", "ns.example.com" }, "host:port"},
		"zone's key alone":          {func(s *Settings) { s.DKIMTSIG = TSIG{"k", "hmac-sha256", "hunter2"} }, "POSTERN_DKIM_SERVER is not"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := plain
			settings.Hostname = "mail.example.com"
			test.change(&settings)
			err := settings.Check()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error repeats a password, or has several lines: %v", err)
			}
		})
	}
	plain.Hostname, plain.MXPort, plain.Data = "mail.example.com", 0, ""
	if err := plain.Check(); err == nil || strings.Count(err.Error(), ";") != 1 {
		t.Errorf("two mistakes, one line: %v", err)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"50MiB": 50 << 20, "50M": 50 << 20, "50 MB": 50 << 20, "1g": 1 << 30, "1024": 1024, "64k": 64 << 10, "7b": 7, "": -1, "-1": -1, "1.5M": -1, "9999999999G": -1, "MiB": -1,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
	for size, want := range map[Size]string{50 << 20: "50MiB", 1 << 30: "1GiB", 1500: "1500 bytes", 2048: "2KiB"} {
		if size.String() != want {
			t.Errorf("%d is written %s, want %s", size, size, want)
		}
	}
}

func TestValues(t *testing.T) {
	for args, want := range map[string]string{
		"--smtp-addr=25":                              "is not host:port",
		"--smtp-addr=":                                "no address to listen on",
		"--http-addr=localhost":                       "is not host:port",
		"--smtp-proxy=10.0.0.1/8":                     "did you mean 10.0.0.0/8",
		"--smtp-proxy=everybody":                      "is not a network",
		"--dns=ns.example:dns":                        "is not host:port",
		"--milters=/run/x.sock":                       "is not a filter's address",
		"--clamd=/run/clamd.ctl":                      "is not a scanner's address",
		"--clamd=unix:":                               "is not a scanner's address",
		"--clamd=unix:/run/clamd.ctl":                 "",
		"--clamd=127.0.0.1:3310":                      "",
		"--log=xml":                                   "is none of: text, json",
		"--log-level=loud":                            "is none of: info, debug, warn, error",
		"--smtp-limits=per-ip=0":                      "neither a number from 1 to 1000000 nor off",
		"--smtp-limits=sessions=off":                  "not a number from 1",
		"--smtp-limits=per-adress=1":                  `"per-adress" is no limit: there are sessions, per-ip`,
		"--smtp-limits=idle=5":                        "not a time from 1s to 24h",
		"--smtp-limits=rate=fast":                     "not a size like 1KiB",
		"--smtp-limits=idle":                          "not written like per-ip=50",
		"--smtp-limits=idle=1m,idle=2m":               "idle stands there twice",
		"--smtp-trusted=10.0.0.1/8":                   "did you mean 10.0.0.0/8",
		"--dnsbl=nowhere":                             "list 1 is not a zone",
		"--dnsbl=bl.example=2":                        `the weight "2" is not a number above 0`,
		"--dnsbl=b.c,b.c,b.c,b.c,b.c,b.c,b.c,b.c,b.c": "9 lists are too many",
		"--dnsbl-action=tag":                          "is none of: suspend, reject",
		"--acme=maybe":                                "neither on nor off",
		"--acme=on":                                   "",
		"--dns=::1,ns.example,[::1]:53":               "",
		"--milters=unix:/x,inet:h:1":                  "",
		"--log-level=":                                "",
	} {
		_, err := parse(t, "serve", args)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

func TestSMTPLimits(t *testing.T) {
	got, err := parse(t, "serve", "--smtp-limits=Per-IP=50, new-per-minute=off,rate=2KiB,idle=90s", "--dnsbl=BL.example.org., half.example=0.5", "--dnsbl-action=reject")
	if err != nil {
		t.Fatal(err)
	}
	if want := (SMTPLimits{PerIP: 50, NewPerMinute: -1, Rate: 2048, Idle: 90 * time.Second}); got.SMTPLimits != want {
		t.Errorf("read as %+v, want %+v", got.SMTPLimits, want)
	}
	if want := (Blocklists{{"bl.example.org", 1}, {"half.example", 0.5}}); !reflect.DeepEqual(got.DNSBL, want) || got.DNSBLAction != "reject" {
		t.Errorf("lists %+v, %s", got.DNSBL, got.DNSBLAction)
	}
	if want := (Networks{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}); !reflect.DeepEqual(got.SMTPTrusted, want) {
		t.Errorf("trusted %s", got.SMTPTrusted)
	}
	nobody, err := parse(t, "serve", "--smtp-trusted=")
	if err != nil || len(nobody.SMTPTrusted) != 0 {
		t.Errorf("nobody trusted: %s, %v", nobody.SMTPTrusted, err)
	}
}

// Each name of the error is one that is read.
func TestSMTPLimitNames(t *testing.T) {
	for name := range strings.SplitSeq(limitNames, ", ") {
		value := "10"
		switch name {
		case "idle", "session-time", "mail-time":
			value = "10s"
		}
		var limits SMTPLimits
		if err := limits.UnmarshalText([]byte(name + "=" + value)); err != nil || limits == (SMTPLimits{}) {
			t.Errorf("%s: %+v, %v", name, limits, err)
		}
	}
}
