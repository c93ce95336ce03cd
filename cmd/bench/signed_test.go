package main

import (
	"bytes"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postern/desk"
	"postern/domains"
	"postern/mailauth"
)

func testKeys(t *testing.T) []domains.Key {
	t.Helper()
	keys, err := makeKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func mustWrite(t *testing.T, a *author, name string) letter {
	t.Helper()
	one, err := a.write(shapes()[name])
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// unsigned is a mail without the field that the time is in.
func unsigned(mail []byte) []byte { return mail[bytes.Index(mail, []byte("From: ")):] }

func TestSignedMailsAreProvedByTheZone(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	names, err := startNames(keys)
	if err != nil {
		t.Fatal(err)
	}
	defer names.stop() //nolint:errcheck // nobody asks any more
	resolver := domains.NewResolver([]string{names.addr()}, 5*time.Second)
	checker := &mailauth.Checker{Resolver: resolver, Hostname: host}
	author := newAuthor(1)
	author.keys = keys
	for i := range 40 {
		mail := mustWrite(t, author, "4ks")
		raw := strings.TrimSuffix(string(mail.data), ".\r\n")
		env := desk.Envelope{Helo: clientName(i), MailFrom: mail.from, RemoteIP: clientAddr(i), Source: desk.FromSMTP}
		v := checker.Check(t.Context(), env, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))))
		if v.DMARC.Result != desk.ResultPass || v.SPF.Result != desk.ResultPass || v.IPRev.Result != desk.ResultPass || len(v.DKIM) != 1 || v.DKIM[0].Result != desk.ResultPass {
			t.Fatalf("verdict %+v", v)
		}
		lookup := func(name string) ([]string, error) { return resolver.LookupTXT(t.Context(), name) }
		second, err := dkim.VerifyWithOptions(strings.NewReader(raw), &dkim.VerifyOptions{LookupTXT: lookup})
		if err != nil || len(second) != 1 || second[0].Err != nil {
			t.Fatalf("second opinion: %+v, %v", second, err)
		}
	}
	if asked := names.asked.Load(); asked > 4*signingDomains+3*40+10 {
		t.Errorf("%d questions: answers are not remembered", asked)
	}
}

func TestTheZoneHoldsNothingElse(t *testing.T) {
	t.Parallel()
	names, err := startNames(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer names.stop() //nolint:errcheck // nobody asks any more
	resolver := domains.NewResolver([]string{names.addr()}, 5*time.Second)
	if _, err := resolver.LookupTXT(t.Context(), "_dmarc.customer1.example"); !domains.IsNoSuchName(err) {
		t.Errorf("a name that is not there: %v", err)
	}
	if _, err := resolver.LookupTXT(t.Context(), "client.example"); !domains.IsNotFound(err) || domains.IsNoSuchName(err) {
		t.Errorf("a name above others: %v", err)
	}
	if back, err := resolver.LookupPTR(t.Context(), netip.MustParseAddr("192.0.2.7")); err != nil || len(back) != 1 || back[0] != clientName(6) {
		t.Errorf("192.0.2.7 is %v, %v", back, err)
	}
}
