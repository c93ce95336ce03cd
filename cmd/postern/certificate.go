package main

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

	"postern/config"
)

// lookAgain is how often the certificate files are looked at: renewals are days apart.
const lookAgain = 10 * time.Second

// certificate is the certificate of STARTTLS and HTTPS. It is read again when its files change, without a restart.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed time.Time // modification time of what is in use
	current *tls.Config
}

// openCertificate reads the configured certificate, or one that it makes for itself under the data folder: good enough for STARTTLS, where senders do not check names.
func openCertificate(settings config.Settings, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: settings.TLSCert, key: settings.TLSKey, log: log}
	if c.cert == "" {
		folder := filepath.Join(settings.Data, "tls")
		c.cert, c.key = filepath.Join(folder, "self-signed.crt"), filepath.Join(folder, "self-signed.key")
		if _, err := os.Stat(c.cert); errors.Is(err, fs.ErrNotExist) {
			if err := selfSign(settings.Hostname, c.cert, c.key); err != nil {
				return nil, fmt.Errorf("make a certificate: %w", err)
			}
		}
	}
	return c, c.load()
}

// config is what a new connection uses.
func (c *certificate) config() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > lookAgain {
		c.looked = time.Now()
		if err := c.load(); err != nil {
			c.log.Error("the certificate changed and cannot be read; the old one stays in use", "file", c.cert, "error", err)
		}
	}
	return c.current
}

// load reads the files if they changed.
func (c *certificate) load() error {
	info, err := os.Stat(c.cert)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if c.current != nil && info.ModTime().Equal(c.changed) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.cert, c.key, err)
	}
	c.changed = info.ModTime()
	c.current = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12} // RFC 8996: nothing older
	return nil
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
