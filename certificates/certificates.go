// Package certificates promises that STARTTLS and HTTPS always have a certificate to show: the operator's files, one that a CA gave by ACME (RFC 8555), or, while there is neither, one of our own making.
//
// A certificate that changes is used by the next connection, without a restart. Certificates by ACME are shared by every machine of the installation, sealed in the database, and any machine renews
// them; a CA that fails or refuses is asked again with growing pauses, which outlive a restart, and what was there stays in use meanwhile. The package decides nothing about which names are
// ours: they are handed in. It proves names by HTTP-01 (RFC 8555 §8.3) and TLS-ALPN-01 (RFC 8737) on listeners that others open.
package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"

	"postern/secret"
	"postern/store"
)

// Look is how often the list of names is read again and what is due is done.
const Look = time.Minute

// obtainTime bounds one visit to the CA, in which it may look at us several times.
const obtainTime = 3 * time.Minute

// Config is what a Keeper needs.
type Config struct {
	Hostname string // the name that SMTP shows where a client asks for none or an unknown one
	WebHost  string // the name that HTTPS shows then; empty: Hostname
	Folder   string // of the certificate that we make ourselves
	CertFile string // the operator's own; with KeyFile, or empty
	KeyFile  string
	ACME     *ACME // nil: certificates are not obtained
	Log      *slog.Logger
	Observe  func([]Standing) // called after every look, if set
}

// ACME is how certificates are obtained.
type ACME struct {
	Store     *store.Store
	Keys      *secret.Keyset
	Directory string                                // of the CA; empty: Let's Encrypt
	Roots     string                                // file of the CA's own root, where it is a private one
	HTTPAddr  string                                // where our HTTP listener is; empty: no HTTP-01
	HTTPSAddr string                                // where our HTTPS listener is; empty: no TLS-ALPN-01
	Names     func(context.Context) ([]Name, error) // which there shall be certificates for, the most important first
	Look      time.Duration                         // 0: Look
	Now       func() time.Time                      // nil: time.Now
}

// Name is a host that shall have a certificate.
type Name struct {
	Host string
	Keep bool // what there is may be shown until it ends, and no other is obtained
	// Ready, if set, says whether the CA would find us under this name, so that it is not asked in vain.
	Ready func(context.Context) error
}

// Standing is how a name fares.
type Standing struct {
	Name     string
	Expires  time.Time // zero: it has no certificate
	Failures int       // in a row
}

// Keeper keeps certificates. It is safe for concurrent use.
type Keeper struct {
	cfg   Config
	files *files // the operator's; nil: by ACME, or our own
	own   *files // our own; nil with the operator's

	magic  *certmagic.Config
	cache  *certmagic.Cache
	issuer *certmagic.ACMEIssuer
	kept   *storage
	wake   chan struct{}
	wanted atomic.Pointer[map[string]Name]
	shown  atomic.Pointer[map[string]*tls.Certificate]
	due    map[string]time.Time // next look at a name; Run's alone
}

// Open reads or makes what can be shown at once. Certificates by ACME come with Run, which the caller starts when the listeners are open.
func Open(cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg, wake: make(chan struct{}, 1), due: map[string]time.Time{}}
	k.wanted.Store(&map[string]Name{})
	k.shown.Store(&map[string]*tls.Certificate{})
	if k.cfg.WebHost == "" {
		k.cfg.WebHost = cfg.Hostname
	}
	var err error
	if cfg.CertFile != "" {
		k.files, err = openFiles(cfg.CertFile, cfg.KeyFile, cfg.Log)
		return k, err
	}
	if k.own, err = openSelfSigned(cfg.Folder, cfg.Hostname, cfg.Log); err != nil {
		return nil, err
	}
	if cfg.ACME != nil {
		err = k.openACME()
	}
	return k, err
}

// openACME makes the client. It is used one name at a time, from Run only, and shows nothing itself but the answers to challenges.
func (k *Keeper) openACME() error {
	a := k.cfg.ACME
	if a.Look == 0 {
		a.Look = Look
	}
	if a.Now == nil {
		a.Now = time.Now
	}
	template := certmagic.ACMEIssuer{
		CA: a.Directory, Agreed: true, CertObtainTimeout: obtainTime / 2, Logger: zapLogger(k.cfg.Log),
		Email:                " ", // no contact: with an empty one, the library would ask for it on standard input
		DisableHTTPChallenge: a.HTTPAddr == "", DisableTLSALPNChallenge: a.HTTPSAddr == "",
		HTTPProxy: http.ProxyFromEnvironment,
	}
	if template.CA == "" {
		template.CA = certmagic.LetsEncryptProductionCA
	}
	var err error
	if template.TrustedRoots, err = roots(a.Roots); err != nil {
		return err
	}
	// The library opens listeners for challenges unless these are taken: they are, by ours, which answer them (Challenge, HTTPS).
	for _, listener := range []struct {
		addr string
		port *int
	}{{a.HTTPSAddr, &template.AltTLSALPNPort}, {a.HTTPAddr, &template.AltHTTPPort}} {
		if listener.addr == "" {
			continue
		}
		host, port, err := net.SplitHostPort(listener.addr)
		if err == nil {
			*listener.port, err = strconv.Atoi(port)
		}
		if err != nil {
			return fmt.Errorf("listener for challenges: %w", err)
		}
		template.ListenHost = host
	}
	k.kept = newStorage(a.Store, a.Keys, k.cfg.Log)
	k.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return k.magic, nil },
		RenewCheckInterval: a.Look, Logger: zapLogger(k.cfg.Log),
	})
	k.magic = certmagic.New(k.cache, certmagic.Config{
		Storage: k.kept, Logger: zapLogger(k.cfg.Log), OnEvent: k.event, DisableStorageCheck: true,
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, // CAs gave it up, and it would ask the network at every look
	})
	k.issuer = certmagic.NewACMEIssuer(k.magic, template)
	k.magic.Issuers = []certmagic.Issuer{k.issuer}
	return nil
}

// roots reads the root of a private CA; nil are the system's.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("POSTERN_ACME_CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("POSTERN_ACME_CA: there is no certificate in PEM in %s", file)
	}
	return pool, nil
}

// Close ends what Open began. Run has ended before.
func (k *Keeper) Close() {
	if k.cache != nil {
		k.cache.Stop()
	}
}

// SMTP is the TLS of STARTTLS. Its ciphers are Go's, a few older ones among them: a sender that cannot have those would send in the clear.
func (k *Keeper) SMTP() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.chooser(k.cfg.Hostname)} // RFC 8996: nothing older
}

// HTTPS is the TLS of the web: what is authenticated and forward secret only (RFC 9325 §4.2).
func (k *Keeper) HTTPS() *tls.Config {
	protocols := []string{"h2", "http/1.1"}
	if k.issuer != nil {
		protocols = append(protocols, acmez.ACMETLS1Protocol)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: k.chooser(k.cfg.WebHost), NextProtos: protocols,
		CipherSuites: []uint16{ // of TLS 1.2; those of 1.3 are not for choosing
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
}

// chooser shows the certificate of the name that the client asks for (RFC 6066 §3), else that of the usual name, else whatever there is.
func (k *Keeper) chooser(usual string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if k.files != nil {
			return k.files.certificate(), nil
		}
		name := clean(hello.ServerName)
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acmez.ACMETLS1Protocol { // RFC 8737 §3
			if !k.wants(name) {
				return nil, fmt.Errorf("no certificate is being obtained for %q here", name)
			}
			return k.magic.GetCertificate(hello)
		}
		shown := *k.shown.Load()
		for _, try := range []string{name, usual} {
			if cert := shown[try]; cert != nil {
				return cert, nil
			}
		}
		return k.own.certificate(), nil
	}
}

// wants says whether a certificate is, or shall be, obtained for a host. What strangers ask for otherwise must not reach the database.
func (k *Keeper) wants(host string) bool {
	_, ok := (*k.wanted.Load())[host]
	return ok && k.magic != nil
}

// Challenge answers the CA's questions on the HTTP listener (RFC 8555 §8.3) and leaves everything else to next.
func (k *Keeper) Challenge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k.issuer == nil || !certmagic.LooksLikeHTTPChallenge(r) {
			next.ServeHTTP(w, r)
			return
		}
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !k.wants(clean(host)) || !k.issuer.HandleHTTPChallenge(w, r) {
			http.NotFound(w, r)
		}
	})
}

func clean(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// Wake makes Run look at the names now, since they may have changed.
func (k *Keeper) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// show makes a certificate the one that a name shows from now on; nil takes it away.
func (k *Keeper) show(name string, cert *tls.Certificate) {
	shown := maps.Clone(*k.shown.Load())
	if cert == nil {
		delete(shown, name)
	} else {
		shown[name] = cert
	}
	k.shown.Store(&shown)
}

// errNotYet stops a visit to the CA before the pause after a failure is over.
var errNotYet = errors.New("not yet: the pause after a failure is not over")

// event is called by the ACME client at what it does, while it holds the lock of the name: so a machine that waited for the lock sees what the one before it met with.
func (k *Keeper) event(ctx context.Context, event string, data map[string]any) error {
	name, _ := data["identifier"].(string)
	switch event {
	case "cert_obtaining":
		row, err := k.cfg.ACME.Store.Certificate(ctx, name)
		if err == nil && row.NextTry != nil && k.cfg.ACME.Now().Before(*row.NextTry) {
			err = errNotYet
		}
		return err
	case "cert_failed":
		err, _ := data["error"].(error)
		return k.failed(ctx, name, err)
	}
	return nil
}

// leafIssuer is the CA's name as people know it.
func leafIssuer(leaf *x509.Certificate) string {
	if len(leaf.Issuer.Organization) > 0 {
		return leaf.Issuer.Organization[0]
	}
	return leaf.Issuer.CommonName
}
