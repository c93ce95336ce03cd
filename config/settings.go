// Package config promises that what the operator wrote, as flags, in the environment or in a file, arrives as one checked struct, or as one line that says what is wrong.
//
// A flag wins over the environment, the environment over the file, the file over the default. The package reads nothing but what it is handed and the machine's name;
// whether a server answers or a certificate is good is for `postern doctor` and the rooms that use it. No error of this package repeats a value that may hold a password.
package config

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Settings is every setting of the program. The tags are for kong: they make the flags, the help, and, without the prefix POSTERN_, the keys of the file.
type Settings struct {
	Config kong.ConfigFlag `name:"config" env:"POSTERN_CONFIG" placeholder:"FILE" help:"TOML file of settings; its keys are the names of the variables in small letters without POSTERN_." group:"Settings"`

	Data      string `name:"data" env:"POSTERN_DATA" default:"./data" placeholder:"DIR" help:"Keys, and in the embedded mode the database and the objects." group:"Settings"`
	Hostname  string `name:"hostname" env:"POSTERN_HOSTNAME" placeholder:"NAME" help:"Name in the SMTP banner, HELO and Message-IDs; the machine's name unless given." group:"Settings"`
	PublicURL string `name:"public-url" env:"POSTERN_PUBLIC_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The portal as people reach it; https turns on secure cookies and HSTS." group:"Settings"`
	MXHosts   Hosts  `name:"mx-hosts" env:"POSTERN_MX_HOSTS" placeholder:"NAME,…" help:"Hosts that take mail for our domains, as MX records and MTA-STS policies name them; the host name unless given." group:"Settings"`

	SMTPAddr    Listeners  `name:"smtp-addr" env:"POSTERN_SMTP_ADDR" default:"127.0.0.1:2525" placeholder:"HOST:PORT,…" help:"SMTP listeners." group:"Listeners"`
	SMTPProxy   Networks   `name:"smtp-proxy" env:"POSTERN_SMTP_PROXY" placeholder:"CIDR,…" help:"Networks that may speak the PROXY protocol (v1, v2) to the SMTP listeners." group:"Listeners"`
	SMTPTrusted Networks   `name:"smtp-trusted" env:"POSTERN_SMTP_TRUSTED" default:"127.0.0.0/8,::1" placeholder:"CIDR,…" help:"Networks of your own relays: what one address may do does not limit them, and no block list is asked about them." group:"Listeners"`
	SMTPLimits  SMTPLimits `name:"smtp-limits" env:"POSTERN_SMTP_LIMITS" placeholder:"NAME=N,…" help:"What SMTP clients may do, like per-ip=50,idle=2m; docs/operations.md has the table." group:"Listeners"`
	HTTPAddr    Listener   `name:"http-addr" env:"POSTERN_HTTP_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Portal and API." group:"Listeners"`
	HTTPSAddr   Perhaps    `name:"https-addr" env:"POSTERN_HTTPS_ADDR" placeholder:"HOST:PORT" help:"Portal and API over TLS, with a certificate by ACME or from files; none unless given, for a proxy in front does it. What comes without TLS is then redirected or refused." group:"Listeners"`
	HTTPTrusted Networks   `name:"http-trusted" env:"POSTERN_HTTP_TRUSTED" placeholder:"CIDR,…" help:"Networks of your own reverse proxies: what they say in X-Forwarded-For about who asks is believed, and nobody else's word; none unless given." group:"Listeners"`
	AdminAddr   Listener   `name:"admin-addr" env:"POSTERN_ADMIN_ADDR" default:"127.0.0.1:9090" placeholder:"HOST:PORT" help:"/metrics, /healthz, /readyz and /debug/pprof; keep it off public networks." group:"Listeners"`

	TLSCert       string `name:"tls-cert" env:"POSTERN_TLS_CERT" placeholder:"FILE" help:"Certificate for STARTTLS and HTTPS, read again when it changes." group:"TLS"`
	TLSKey        string `name:"tls-key" env:"POSTERN_TLS_KEY" placeholder:"FILE" help:"Private key of the certificate." group:"TLS"`
	ACME          Switch `name:"acme" env:"POSTERN_ACME" default:"off" placeholder:"on|off" help:"Obtain certificates by ACME: for the host name, and with an HTTPS listener for the public URL's host and the MTA-STS policies of mail domains." group:"TLS"`
	ACMEDirectory string `name:"acme-directory" env:"POSTERN_ACME_DIRECTORY" placeholder:"URL" help:"Directory of the ACME server; Let's Encrypt unless given." group:"TLS"`
	TLSRoots      string `name:"tls-roots" env:"POSTERN_TLS_ROOTS" placeholder:"FILE" help:"PEM file of authorities to trust besides the system's where a mail or policy server proves itself." group:"TLS"`
	ACMECA        string `name:"acme-ca" env:"POSTERN_ACME_CA" placeholder:"FILE" help:"Root certificate of a private ACME server." group:"TLS"`

	DatabaseURL string `name:"database-url" env:"POSTERN_DATABASE_URL" placeholder:"URL" help:"PostgreSQL, 15 or newer (postgres://…, several hosts allowed); embedded unless given." group:"Storage"`
	AutoMigrate Switch `name:"auto-migrate" env:"POSTERN_AUTO_MIGRATE" default:"on" placeholder:"on|off" help:"Bring the schema up to date at start." group:"Storage"`
	PGFetch     Switch `name:"pg-fetch" env:"POSTERN_PG_FETCH" default:"on" placeholder:"on|off" help:"Let the embedded mode fetch PostgreSQL when the machine has none." group:"Storage"`
	S3Endpoint  string `name:"s3-endpoint" env:"POSTERN_S3_ENDPOINT" placeholder:"HOST:PORT" help:"Any S3-compatible store; embedded unless given." group:"Storage"`
	S3Bucket    string `name:"s3-bucket" env:"POSTERN_S3_BUCKET" placeholder:"NAME" help:"Bucket for attachments and large originals." group:"Storage"`
	S3Region    string `name:"s3-region" env:"POSTERN_S3_REGION" default:"us-east-1" placeholder:"NAME" help:"Region of the bucket." group:"Storage"`
	S3AccessKey string `name:"s3-access-key" env:"POSTERN_S3_ACCESS_KEY" placeholder:"KEY" help:"Access key." group:"Storage"`
	S3SecretKey string `name:"s3-secret-key" env:"POSTERN_S3_SECRET_KEY" placeholder:"KEY" help:"Secret key; better set by environment or file than by flag, which other users of the machine can see." group:"Storage"`
	S3TLS       Switch `name:"s3-tls" env:"POSTERN_S3_TLS" default:"on" placeholder:"on|off" help:"Speak TLS to the store." group:"Storage"`
	KeyFile     string `name:"key-file" env:"POSTERN_KEY_FILE" placeholder:"FILE" help:"Master keys that wrap every secret and attachment key; under the data folder unless given." group:"Storage"`

	LeakedPasswords string `name:"leaked-passwords" env:"POSTERN_LEAKED_PASSWORDS" placeholder:"FILE" help:"Hashes of leaked passwords, as Have I Been Pwned offers them (SHA-1, ordered by hash): no new password may be among them. The built-in list is asked in any case." group:"Settings"`
	GeoIP           string `name:"geoip" env:"POSTERN_GEOIP" placeholder:"FILE" help:"Where addresses are, in the MaxMind DB format (.mmdb): sign-ins from new countries or too far away raise alerts then. Without it nobody knows places." group:"Settings"`

	Operator     string `name:"operator" env:"POSTERN_OPERATOR" placeholder:"ADDRESS" help:"Who gives commands, where those ask for a code (the setting cli.require_2fa); asked at the terminal unless given." group:"Settings"`
	OperatorCode string `name:"operator-code" env:"POSTERN_OPERATOR_CODE" placeholder:"CODE" help:"The code of their authenticator app, which works once; asked at the terminal unless given." group:"Settings"`

	DNS           Servers  `name:"dns" env:"POSTERN_DNS" placeholder:"HOST:PORT,…" help:"Resolvers to ask; the system's unless given." group:"Mail"`
	NSPort        uint16   `name:"ns-port" env:"POSTERN_NS_PORT" default:"53" placeholder:"PORT" help:"Port at which the name servers of your domains are asked themselves." group:"Mail"`
	Smarthost     string   `name:"smarthost" env:"POSTERN_SMARTHOST" placeholder:"URL" help:"Send through smtp://user:pass@host:587 or smtps://…; direct to MX unless given." group:"Mail"`
	MXPort        uint16   `name:"mx-port" env:"POSTERN_MX_PORT" default:"25" placeholder:"PORT" help:"Port used for direct delivery." group:"Mail"`
	OutboundAllow Networks `name:"outbound-allow" env:"POSTERN_OUTBOUND_ALLOW" placeholder:"NET,…" help:"Networks that mail may leave for although they are private, loopback or otherwise not the internet's; none unless given." group:"Mail"`
	MaxMessage    Size     `name:"max-message" env:"POSTERN_MAX_MESSAGE" default:"50MiB" placeholder:"SIZE" help:"Largest message; more gets 552." group:"Mail"`
	RspamdURL     string   `name:"rspamd-url" env:"POSTERN_RSPAMD_URL" placeholder:"URL" help:"Spam filter to ask; a password stands in the URL as in http://:secret@host:11334." group:"Mail"`
	Milters       Milters  `name:"milters" env:"POSTERN_MILTERS" placeholder:"ADDR,…" help:"Mail filters to ask: unix:/path or inet:host:port." group:"Mail"`
	Clamd         Scanner  `name:"clamd" env:"POSTERN_CLAMD" placeholder:"ADDR" help:"Virus scanner to ask: host:port or unix:/path." group:"Mail"`
	DNSSEC        DNSSEC   `name:"dnssec" env:"POSTERN_DNSSEC" default:"auto" placeholder:"auto|on|off" help:"Which resolvers' word counts that an answer is proved: those on this machine, all, or none; DANE needs one." group:"Mail"`
	TLSReports    Switch   `name:"tls-reports" env:"POSTERN_TLS_REPORTS" default:"on" placeholder:"on|off" help:"Tell other domains that want it, once a day, how well connections to their servers could be encrypted (RFC 8460)." group:"Mail"`
	STSPort       uint16   `name:"mta-sts-port" env:"POSTERN_MTA_STS_PORT" default:"443" placeholder:"PORT" help:"Port on which the MTA-STS policies of other domains are fetched." group:"Mail"`

	DKIMLife   time.Duration `name:"dkim-life" env:"POSTERN_DKIM_LIFE" default:"168h" placeholder:"DURATION" help:"How long receivers shall believe the DKIM signatures of replies (x=), 72h at least; what waits in the queue for longer is signed anew. 0: without end." group:"Mail"`
	DKIMZone   string        `name:"dkim-zone" env:"POSTERN_DKIM_ZONE" placeholder:"NAME" help:"A zone of your own in which the DKIM keys of mail domains are published, so that their owners publish CNAMEs once; none unless given." group:"Mail"`
	DKIMServer string        `name:"dkim-server" env:"POSTERN_DKIM_SERVER" placeholder:"HOST:PORT" help:"Name server that takes changes of that zone (RFC 2136); without it, publish what postern domain zone prints." group:"Mail"`
	DKIMTSIG   TSIG          `name:"dkim-tsig" env:"POSTERN_DKIM_TSIG" placeholder:"NAME:ALGORITHM:SECRET" help:"Key that signs those changes (RFC 8945), like postern:hmac-sha256:base64; better set by environment or file than by flag." group:"Mail"`

	DNSBL       Blocklists   `name:"dnsbl" env:"POSTERN_DNSBL" placeholder:"ZONE[=WEIGHT],…" help:"DNS block lists to ask about clients (RFC 5782); none unless given." group:"Mail"`
	DNSBLAction ListedAction `name:"dnsbl-action" env:"POSTERN_DNSBL_ACTION" default:"suspend" placeholder:"suspend|reject" help:"What happens to mail from a client that is listed." group:"Mail"`

	Log      LogFormat `name:"log" env:"POSTERN_LOG" placeholder:"text|json" help:"Log format; text on a terminal, else json." group:"Logs"`
	LogLevel LogLevel  `name:"log-level" env:"POSTERN_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error." group:"Logs"`
}

// Complete fills in what follows from the machine and from other settings, and checks the result.
func (s Settings) Complete() (Settings, error) {
	if s.Hostname == "" {
		s.Hostname = machineName()
	}
	s.Hostname, s.DKIMZone = clean(s.Hostname), clean(s.DKIMZone)
	s.PublicURL = strings.TrimSuffix(s.PublicURL, "/")
	if len(s.MXHosts) == 0 {
		s.MXHosts = Hosts{s.Hostname}
	}
	s.KeyFile = cmp.Or(s.KeyFile, filepath.Join(s.Data, "keys", "master.keys"))
	return s, s.Check()
}

// machineName is what the machine calls itself. Names that could not stand in the DNS, as containers sometimes have them, must not keep the program from starting: then it is localhost.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || !hostname(clean(name)) {
		return "localhost"
	}
	return name
}

func clean(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// Secure says whether people reach the portal over TLS, so that cookies are marked secure and HSTS is sent.
func (s Settings) Secure() bool { return strings.HasPrefix(s.PublicURL, "https://") }

// PublicHost is the host that people reach the portal under, in small letters and without a port.
func (s Settings) PublicHost() string {
	public, err := url.Parse(s.PublicURL)
	if err != nil {
		return "" // Check has refused it
	}
	return clean(public.Hostname())
}

// Scanner is where a virus scanner listens: host:port or unix:/path, or nothing.
type Scanner string

// UnmarshalText checks the form.
func (s *Scanner) UnmarshalText(text []byte) error {
	addr := strings.TrimSpace(string(text))
	path, unix := strings.CutPrefix(addr, "unix:")
	if addr != "" && (unix && path == "" || !unix && hostPort(addr) != nil) {
		return fmt.Errorf("%q is not a scanner's address like unix:/run/clamav/clamd.ctl or 127.0.0.1:3310", addr)
	}
	*s = Scanner(addr)
	return nil
}
