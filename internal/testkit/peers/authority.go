package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates. Who trusts it reads RootsFile.
type Authority struct {
	Root      *x509.Certificate
	RootsFile string // PEM

	dir string
	key *ecdsa.PrivateKey
}

// Identity is a certificate with its key, as servers read them.
type Identity struct {
	Leaf      *x509.Certificate
	ChainFile string // PEM: the certificate, then that of its authority (RFC 7672 §3.1.2 wants it sent)
	KeyFile   string // PEM
	WholeFile string // PEM: the key, then the chain
}

// NewAuthority makes an authority that nobody knows.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	a := &Authority{dir: folder(t, "authority"), key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a.Root = sign(t, template, template, a.key, a.key)
	a.RootsFile = filepath.Join(a.dir, "root.pem")
	write(t, a.RootsFile, certificatePEM(a.Root))
	return a
}

// Issue makes a certificate for names that is valid today.
func (a *Authority) Issue(t testing.TB, names ...string) Identity {
	t.Helper()
	return a.issue(t, names, time.Now().Add(24*time.Hour))
}

// IssueExpired makes one that was valid until yesterday.
func (a *Authority) IssueExpired(t testing.TB, names ...string) Identity {
	t.Helper()
	return a.issue(t, names, time.Now().Add(-24*time.Hour))
}

func (a *Authority) issue(t testing.TB, names []string, until time.Time) Identity {
	t.Helper()
	key := newKey(t)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	leaf := sign(t, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Now().Add(-47 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.Root, key, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(a.dir, serial.String())
	id := Identity{Leaf: leaf, ChainFile: base + ".chain.pem", KeyFile: base + ".key.pem", WholeFile: base + ".pem"}
	chain, secret := certificatePEM(leaf)+certificatePEM(a.Root), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	write(t, id.ChainFile, chain)
	write(t, id.KeyFile, secret)
	write(t, id.WholeFile, secret+chain)
	return id
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatalf("making a certificate: %v", err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("reading the certificate back: %v", err)
	}
	return made
}

func certificatePEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// Digest is how TLSA records with selector 1 and matching type 1 name the key of a certificate (RFC 6698 §2.1).
func Digest(c *x509.Certificate) string {
	return fmt.Sprintf("%x", sha256.Sum256(c.RawSubjectPublicKeyInfo))
}
