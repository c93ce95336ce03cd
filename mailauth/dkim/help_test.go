package dkim_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth/dkim"
	"postern/mailauth/lookup"
)

// noon is when all mails of these tests come in: now, since go-msgauth has no other time.
var noon = time.Now()

// keyPair holds a key of each kind, made once for all tests.
type keyPair struct {
	rsa *rsa.PrivateKey
	ed  ed25519.PrivateKey
}

var pair = sync.OnceValue(func() keyPair {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return keyPair{private, ed}
})

// p is the public half as a record has it in p=.
func (k keyPair) p(algorithm string) string {
	if algorithm == "ed25519" {
		return base64.StdEncoding.EncodeToString(k.ed.Public().(ed25519.PublicKey))
	}
	raw, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// records are the keys under the selectors rsa and ed of a domain.
func (k keyPair) records(domain string) map[string][]string {
	return map[string][]string{
		"rsa._domainkey." + domain: {"v=DKIM1; k=rsa; p=" + k.p("rsa")},
		"ed._domainkey." + domain:  {"v=DKIM1; k=ed25519; p=" + k.p("ed25519")},
	}
}

func section(mail string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(mail), 0, int64(len(mail)))
}

func crlf(mail string) string {
	return strings.ReplaceAll(strings.ReplaceAll(mail, "\r\n", "\n"), "\n", "\r\n")
}

// serve answers for key records through a name server.
func serve(t testing.TB, records map[string][]string) (*domains.DNS, *testkit.DNSServer) {
	t.Helper()
	var zone strings.Builder
	for name, texts := range records {
		for _, text := range texts {
			fmt.Fprintf(&zone, "%s. IN TXT", name)
			for chunk := range slices.Chunk([]byte(text), 200) {
				fmt.Fprintf(&zone, " %q", chunk)
			}
			if text == "" {
				zone.WriteString(` ""`)
			}
			zone.WriteString("\n")
		}
	}
	server := testkit.DNS(t, zone.String())
	return domains.NewResolver([]string{server.Addr}, 5*time.Second), server
}

func verify(t testing.TB, r lookup.Resolver, mail string) []desk.Method {
	t.Helper()
	return dkim.Verify(t.Context(), r, section(mail), noon)
}

// byHand signs with simple/simple and nothing of this package: tags are all but bh and b, and h= is From.
func byHand(t testing.TB, tags, from, body string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	field := "DKIM-Signature: " + tags + "; h=From; bh=" + base64.StdEncoding.EncodeToString(sum[:]) + "; b="
	hashed := sha256.Sum256([]byte(from + "\r\n" + field))
	var value []byte
	var err error
	if strings.Contains(tags, "a=ed25519") {
		value = ed25519.Sign(pair().ed, hashed[:])
	} else if value, err = rsa.SignPKCS1v15(nil, pair().rsa, crypto.SHA256, hashed[:]); err != nil {
		t.Fatal(err)
	}
	return field + base64.StdEncoding.EncodeToString(value) + "\r\n" + from + "\r\n\r\n" + body
}

// signed is a mail signed by go-msgauth.
func signed(t testing.TB, mail string, options msgauth.SignOptions) string {
	t.Helper()
	var out bytes.Buffer
	if err := msgauth.Sign(&out, strings.NewReader(mail), &options); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// vector is a mail of mail-auth with the keys for it.
func vector(t testing.TB, name string) (mail string, records map[string][]string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "mail-auth", name))
	if err != nil {
		t.Fatal(err)
	}
	keys, mail, _ := strings.Cut(string(raw), "\n\n")
	records = map[string][]string{}
	for line := range strings.Lines(keys) {
		host, record, _ := strings.Cut(strings.TrimSpace(line), " ")
		records[host] = append(records[host], record)
	}
	return crlf(mail), records
}

// zone answers for TXT records at once, so that a fuzzer spends its time where the parsers are. Everything but fuzzing asks a real name server.
type zone map[string][]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	if records, ok := z[name]; ok {
		return records, nil
	}
	return nil, &net.DNSError{Name: name, IsNotFound: true}
}

func (zone) LookupMX(context.Context, string) ([]*net.MX, error)      { return nil, nil }
func (zone) LookupA(context.Context, string) ([]netip.Addr, error)    { return nil, nil }
func (zone) LookupAAAA(context.Context, string) ([]netip.Addr, error) { return nil, nil }
func (zone) LookupPTR(context.Context, netip.Addr) ([]string, error)  { return nil, nil }
