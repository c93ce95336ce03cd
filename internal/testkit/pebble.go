package testkit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// PebbleOptions say what the CA shall be like.
type PebbleOptions struct {
	DNS      string        // host:port of the name server that it asks about the names it is to certify
	HTTPPort int           // where it looks for HTTP-01; 0: a port where nobody is
	TLSPort  int           // where it looks for TLS-ALPN-01; 0: a port where nobody is
	Validity time.Duration // of its certificates; 0: its own choice, years
}

// Pebble is a real ACME server (RFC 8555), Let's Encrypt's own for tests, with a CA of its own.
type Pebble struct {
	Directory string // its URL
	CAFile    string // root of its own HTTPS, as POSTERN_ACME_CA takes it

	t      testing.TB
	dir    string
	config string
	dns    string
	manage string
	client *http.Client

	mu    sync.Mutex
	child *exec.Cmd
	log   bytes.Buffer
}

// StartPebble starts a CA on ports of its own and stops it with the test.
func StartPebble(t testing.TB, options PebbleOptions) *Pebble {
	t.Helper()
	p := &Pebble{t: t, dir: t.TempDir(), dns: options.DNS, manage: freeAddr(t)}
	p.CAFile = filepath.Join(p.dir, "ca.pem")
	pool := p.certify(t)
	p.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	listen := freeAddr(t)
	p.Directory = "https://" + listen + "/dir"
	settings := map[string]any{
		"listenAddress": listen, "managementListenAddress": p.manage, "certificate": filepath.Join(p.dir, "pebble.pem"), "privateKey": filepath.Join(p.dir, "pebble.key"),
		"httpPort": port(t, options.HTTPPort), "tlsPort": port(t, options.TLSPort), "ocspResponderURL": "", "externalAccountBindingRequired": false,
	}
	if options.Validity > 0 {
		settings["certificateValidityPeriod"] = int(options.Validity / time.Second)
	}
	text, err := json.Marshal(map[string]any{"pebble": settings})
	if err != nil {
		t.Fatal(err)
	}
	p.config = filepath.Join(p.dir, "pebble.json")
	if err := os.WriteFile(p.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("the CA's log:\n%s", p.log.Bytes()[max(0, p.log.Len()-4000):])
		}
	})
	p.Start()
	return p
}

// Write implements io.Writer: the CA's log.
func (p *Pebble) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(text)
}

// Start starts the CA, after Stop as one that remembers nothing: neither accounts nor its own keys.
func (p *Pebble) Start() {
	p.t.Helper()
	child := exec.Command("pebble", "-config", p.config, "-dnsserver", p.dns)
	child.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	child.Stdout, child.Stderr = p, p
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // should this test program be killed
	if err := child.Start(); err != nil {
		p.t.Fatalf("start the CA: %v (scripts/need pebble)", err)
	}
	p.child = child
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		response, err := p.client.Get(p.Directory)
		if err == nil {
			_ = response.Body.Close()
			return
		}
		if time.Since(began) > patience {
			p.t.Fatalf("the CA does not answer: %v", err)
		}
	}
}

// Stop ends the CA; nobody answers at its address until Start.
func (p *Pebble) Stop() {
	if p.child == nil {
		return
	}
	_ = p.child.Process.Kill()
	_ = p.child.Wait()
	p.child = nil
}

// Root is the certificate under which the CA's certificates stand.
func (p *Pebble) Root() *x509.CertPool {
	p.t.Helper()
	pool := x509.NewCertPool()
	response, err := p.client.Get("https://" + p.manage + "/roots/0")
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		p.t.Fatalf("the CA's root: %v\n%s", err, text)
	}
	return pool
}

// Issued returns how many certificates the CA has issued since the test began.
func (p *Pebble) Issued() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Count(p.log.Bytes(), []byte("Issued certificate serial"))
}

// certify makes the CA's own HTTPS certificate, and a root for it.
func (p *Pebble) certify(t testing.TB) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the test's CA"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{"ca.pem": cert, "pebble.pem": cert, "pebble.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(p.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// freeAddr finds an address on loopback that nobody uses at the moment.
func freeAddr(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// port is the given port, or one where nobody is.
func port(t testing.TB, given int) int {
	t.Helper()
	if given != 0 {
		return given
	}
	addr, err := net.ResolveTCPAddr("tcp", freeAddr(t))
	if err != nil {
		t.Fatal(fmt.Errorf("a free port: %w", err))
	}
	return addr.Port
}
