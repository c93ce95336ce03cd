package domains

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"postern/desk"
)

var may2026 = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// pair makes keys once: an RSA key costs a tenth of a second.
var pair = sync.OnceValues(func() ([]Key, error) { return GenerateKeys("Example.COM", may2026, rand.Reader) })

func testKeys(t testing.TB) []Key {
	t.Helper()
	keys, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestGenerateKeys(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	if len(keys) != 2 || keys[0].Algorithm != RSA || keys[1].Algorithm != Ed25519 {
		t.Fatalf("want one rsa and one ed25519 key, got %+v", keys)
	}
	for _, key := range keys {
		if key.Domain != "example.com" || !strings.HasPrefix(key.Selector, "p202605-") {
			t.Errorf("domain %q, selector %q", key.Domain, key.Selector)
		}
	}
	if bits := keys[0].Private.Public().(*rsa.PublicKey).N.BitLen(); bits != 2048 {
		t.Errorf("rsa key of %d bits", bits)
	}
	again, err := GenerateKeys("example.com", may2026, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if again[0].Selector == keys[0].Selector {
		t.Error("two generations share a selector")
	}
	if _, err := GenerateKeys("example.com", may2026, strings.NewReader("too short")); err == nil {
		t.Error("keys were made without randomness")
	}
}

func TestKeySurvivesStorage(t *testing.T) {
	t.Parallel()
	for _, key := range testKeys(t) {
		der, err := key.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseKey(key.Domain, key.Selector, der)
		if err != nil {
			t.Fatal(err)
		}
		if back.Algorithm != key.Algorithm || back.Public != key.Public || !back.Private.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Private.Public()) {
			t.Errorf("%s came back as another key", key.Algorithm)
		}
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(weak)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseKey("example.com", "old", der); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("a key of 1024 bits gave %v", err)
	}
}

func TestASCII(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for in, want := range map[string]string{
		"Example.COM.":                          "example.com",
		"bücher.example":                        "xn--bcher-kva.example",
		"_dmarc.example":                        "_dmarc.example",
		long + ".example":                       long + ".example",
		long + "a.example":                      "",
		"":                                      "",
		"a..b":                                  "",
		"a b.example":                           "",
		"a\r\nb.example":                        "",
		"-.example":                             "",
		strings.Repeat(long+".", 4) + "example": "",
	} {
		got, err := ASCII(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ASCII(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

// The zone lines are read back by the DNS library's zone parser, and must say what was wanted.
func TestZoneLineIsWhatAnAdminCanPaste(t *testing.T) {
	t.Parallel()
	records := Wanted(testWish(t))
	if len(records) != 9 {
		t.Fatalf("%d records", len(records))
	}
	for _, record := range append(records, desk.Record{Type: "TXT", Name: "odd.example.com", Wanted: `a "quoted" \ text`}) {
		line := ZoneLine(record)
		parsed, err := dns.NewRR(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if parsed.Header().Name != record.Name+"." {
			t.Errorf("%s: owner %s", line, parsed.Header().Name)
		}
		switch parsed := parsed.(type) {
		case *dns.TXT:
			for _, chunk := range parsed.Txt {
				if len(unescape(chunk)) > 255 {
					t.Errorf("%s: a string of %d octets", record.Purpose, len(chunk))
				}
			}
			if got := unescape(strings.Join(parsed.Txt, "")); got != record.Wanted {
				t.Errorf("%s: reads back as %q", record.Purpose, got)
			}
		case *dns.CNAME:
			if parsed.Target != record.Wanted+"." {
				t.Errorf("alias reads back as %v", parsed)
			}
		case *dns.MX:
			if parsed.Preference != 10 || parsed.Mx != "mail.example.com." {
				t.Errorf("mx reads back as %v", parsed)
			}
		}
		if required := record.Purpose == PurposeRSA || record.Purpose == PurposeChallenge; record.Required != required {
			t.Errorf("%s: required %v", record.Purpose, record.Required)
		}
	}
	if got := ZoneLine(records[5]); got != "example.com. 3600 IN MX 10 mail.example.com." {
		t.Error(got)
	}
}
