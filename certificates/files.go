package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// lookAgain is how often certificate files are looked at: renewals are days apart.
const lookAgain = 10 * time.Second

// files is a certificate in two files, read again when they change, without a restart.
type files struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed time.Time // modification time of what is in use
	current *tls.Certificate
}

func openFiles(cert, key string, log *slog.Logger) (*files, error) {
	f := &files{cert: cert, key: key, log: log}
	return f, f.load()
}

// certificate is what a new connection uses. Files that cannot be read any more leave what was read before in use.
func (f *files) certificate() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) > lookAgain {
		f.looked = time.Now()
		if err := f.load(); err != nil {
			f.log.Error("the certificate changed and cannot be read; the old one stays in use", "file", f.cert, "error", err)
		}
	}
	return f.current
}

// load reads the files if they changed.
func (f *files) load() error {
	info, err := os.Stat(f.cert)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if f.current != nil && info.ModTime().Equal(f.changed) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
	}
	f.changed, f.current = info.ModTime(), &pair
	return nil
}

// openSelfSigned reads the certificate that Postern made for itself, and makes it first where there is none for this name. It is good enough for STARTTLS, where most senders check no names.
func openSelfSigned(folder, hostname string, log *slog.Logger) (*files, error) {
	cert, key := filepath.Join(folder, "self-signed.crt"), filepath.Join(folder, "self-signed.key")
	f, err := openFiles(cert, key, log)
	if err == nil && f.current.Leaf.VerifyHostname(hostname) == nil {
		return f, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := selfSign(hostname, cert, key); err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return openFiles(cert, key, log)
}

// selfSign makes a certificate for ten years: nobody checks it, and one that runs out would only break STARTTLS.
func selfSign(hostname, certFile, keyFile string) error {
	if err := os.MkdirAll(filepath.Dir(certFile), 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: hostname}, DNSNames: []string{hostname},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
