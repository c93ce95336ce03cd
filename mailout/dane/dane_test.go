package dane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/domains"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// maker makes certificates.
type maker struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// recipe is what is special about a certificate; the zero one is a server's, valid now.
type recipe struct {
	names   []string
	common  string
	expired bool
	ca      bool
}

func (by *maker) make(t testing.TB, r recipe) *maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: r.common}, DNSNames: r.names, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if r.expired {
		template.NotAfter = now.Add(-time.Minute)
	}
	if r.ca {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &maker{certificate, key}
}

func record(usage, selector, matching uint8, c *x509.Certificate) domains.TLSA {
	data := c.Raw
	if selector == selectKey {
		data = c.RawSubjectPublicKeyInfo
	}
	switch matching {
	case matchSHA256:
		sum := sha256.Sum256(data)
		data = sum[:]
	case matchSHA512:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return domains.TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data}
}

// RFC 7672 §3: what a server's certificates prove under what records.
func TestVerify(t *testing.T) {
	t.Parallel()
	var nobody *maker
	root := nobody.make(t, recipe{common: "Root", ca: true})
	middle := root.make(t, recipe{common: "Middle", ca: true})
	leaf := middle.make(t, recipe{names: []string{"mx.example", "*.wild.example"}})
	expired := middle.make(t, recipe{names: []string{"mx.example"}, expired: true})
	foreign := middle.make(t, recipe{names: []string{"other.example"}})
	old := middle.make(t, recipe{common: "mx.example"})
	both := middle.make(t, recipe{common: "mx.example", names: []string{"other.example"}})
	lone := nobody.make(t, recipe{common: "lone"})
	stranger := nobody.make(t, recipe{common: "Root", ca: true})
	posing := stranger.make(t, recipe{names: []string{"mx.example"}})
	direct := root.make(t, recipe{names: []string{"mx.example"}})

	chain := func(all ...*maker) (list []*x509.Certificate) {
		for _, one := range all {
			list = append(list, one.certificate)
		}
		return list
	}
	for name, c := range map[string]struct {
		records []domains.TLSA
		chain   []*x509.Certificate
		names   []string // nil: mx.example
		want    string   // part of the reason; empty: proved
	}{
		"3 1 1":                               {records: []domains.TLSA{record(3, 1, 1, leaf.certificate)}, chain: chain(leaf, middle)},
		"3 0 2":                               {records: []domains.TLSA{record(3, 0, 2, leaf.certificate)}, chain: chain(leaf)},
		"3 0 0":                               {records: []domains.TLSA{record(3, 0, 0, leaf.certificate)}, chain: chain(leaf)},
		"3 1 0":                               {records: []domains.TLSA{record(3, 1, 0, leaf.certificate)}, chain: chain(leaf)},
		"3, in another's name (§3.1.1)":       {records: []domains.TLSA{record(3, 1, 1, foreign.certificate)}, chain: chain(foreign)},
		"3, expired (§3.1.1)":                 {records: []domains.TLSA{record(3, 1, 1, expired.certificate)}, chain: chain(expired)},
		"3, self-signed":                      {records: []domains.TLSA{record(3, 1, 1, lone.certificate)}, chain: chain(lone)},
		"3, of the next key too":              {records: []domains.TLSA{record(3, 1, 1, foreign.certificate), record(3, 1, 1, leaf.certificate)}, chain: chain(leaf)},
		"3, of another certificate":           {records: []domains.TLSA{record(3, 1, 1, foreign.certificate)}, chain: chain(leaf, middle, root), want: "none that the TLSA records name"},
		"3, of the authority":                 {records: []domains.TLSA{record(3, 1, 1, middle.certificate)}, chain: chain(leaf, middle), want: "none that the TLSA records name"},
		"2 0 1 of the root":                   {records: []domains.TLSA{record(2, 0, 1, root.certificate)}, chain: chain(leaf, middle, root)},
		"2 1 1 of the one between":            {records: []domains.TLSA{record(2, 1, 1, middle.certificate)}, chain: chain(leaf, middle)},
		"2, in any order":                     {records: []domains.TLSA{record(2, 0, 1, root.certificate)}, chain: chain(leaf, root, middle)},
		"2, authority not sent (RFC 7671)":    {records: []domains.TLSA{record(2, 0, 1, root.certificate)}, chain: chain(leaf, middle), want: "none that the TLSA records name"},
		"2 0 0, authority in the record":      {records: []domains.TLSA{record(2, 0, 0, root.certificate)}, chain: chain(leaf, middle)},
		"2 1 0, its key in the record":        {records: []domains.TLSA{record(2, 1, 0, root.certificate)}, chain: chain(leaf, middle)},
		"2 1 0, which signed the server":      {records: []domains.TLSA{record(2, 1, 0, root.certificate)}, chain: chain(direct)},
		"2 1 0, which signed nothing":         {records: []domains.TLSA{record(2, 1, 0, stranger.certificate)}, chain: chain(leaf, middle), want: "none that the TLSA records name"},
		"2, in another's name":                {records: []domains.TLSA{record(2, 0, 1, middle.certificate)}, chain: chain(foreign, middle), want: "not mx.example"},
		"2, in the domain's name (§3.2.2)":    {records: []domains.TLSA{record(2, 0, 1, middle.certificate)}, chain: chain(foreign, middle), names: []string{"mx.example", "other.example"}},
		"2, any label":                        {records: []domains.TLSA{record(2, 0, 1, middle.certificate)}, chain: chain(leaf, middle), names: []string{"a.wild.example"}},
		"2, two labels":                       {records: []domains.TLSA{record(2, 0, 1, middle.certificate)}, chain: chain(leaf, middle), names: []string{"a.b.wild.example"}, want: "not a.b.wild.example"},
		"2, common name (§3.2.3)":             {records: []domains.TLSA{record(2, 0, 1, middle.certificate)}, chain: chain(old, middle)},
		"2, common name beside other names":   {records: []domains.TLSA{record(2, 0, 1, middle.certificate)}, chain: chain(both, middle), want: "not mx.example"},
		"2, expired":                          {records: []domains.TLSA{record(2, 0, 1, middle.certificate)}, chain: chain(expired, middle), want: "expired"},
		"2, same name, another key":           {records: []domains.TLSA{record(2, 0, 1, root.certificate)}, chain: chain(posing, stranger, root), want: "unknown authority"},
		"2, of the server's own certificate":  {records: []domains.TLSA{record(2, 0, 1, leaf.certificate)}, chain: chain(leaf, middle), want: "none that the TLSA records name"},
		"2 fails, 3 proves":                   {records: []domains.TLSA{record(2, 0, 1, middle.certificate), record(3, 1, 1, foreign.certificate)}, chain: chain(foreign, middle)},
		"no certificate":                      {records: []domains.TLSA{record(3, 1, 1, leaf.certificate)}, want: "showed no certificate"},
		"no records":                          {chain: chain(leaf), want: "none that the TLSA records name"},
		"2, no names":                         {records: []domains.TLSA{record(2, 0, 1, middle.certificate)}, chain: chain(leaf, middle), names: []string{}, want: "no name"},
		"unusable records prove nothing here": {records: []domains.TLSA{record(1, 1, 1, leaf.certificate)}, chain: chain(leaf), want: "none that the TLSA records name"},
	} {
		t.Run(name, func(t *testing.T) {
			names := c.names
			if names == nil {
				names = []string{"mx.example"}
			}
			_, err := Verify(c.records, Peer{Chain: c.chain, Names: names, Now: now})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if strings.Contains(c.want, "none that") != errors.Is(err, ErrMismatch) {
				t.Errorf("%v is ErrMismatch, or should be", err)
			}
		})
	}
}

// RFC 6698 §4.1, RFC 7672 §3.1.3, RFC 7671 §9: which records mean anything.
func TestUsable(t *testing.T) {
	t.Parallel()
	var nobody *maker
	c := nobody.make(t, recipe{common: "x"}).certificate
	short := domains.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 31)}
	for name, test := range map[string]struct {
		records []domains.TLSA
		want    string // usage selector matching of those kept
	}{
		"3 1 1":                     {[]domains.TLSA{record(3, 1, 1, c)}, "3 1 1"},
		"PKIX usages":               {[]domains.TLSA{record(0, 0, 1, c), record(1, 1, 1, c)}, ""},
		"private usage":             {[]domains.TLSA{record(255, 1, 1, c)}, ""},
		"unknown selector":          {[]domains.TLSA{record(3, 2, 1, c)}, ""},
		"unknown matching":          {[]domains.TLSA{{Usage: 3, Selector: 1, Matching: 3, Data: make([]byte, 32)}}, ""},
		"a digest too short":        {[]domains.TLSA{short}, ""},
		"no data":                   {[]domains.TLSA{{Usage: 3, Selector: 0, Matching: 0}}, ""},
		"no certificate":            {[]domains.TLSA{{Usage: 2, Selector: 0, Matching: 0, Data: []byte("x")}}, ""},
		"no key":                    {[]domains.TLSA{{Usage: 2, Selector: 1, Matching: 0, Data: []byte("x")}}, ""},
		"the stronger digest":       {[]domains.TLSA{record(3, 1, 1, c), record(3, 1, 2, c)}, "3 1 2"},
		"of the same kind only":     {[]domains.TLSA{record(3, 1, 1, c), record(2, 1, 2, c), record(3, 0, 2, c)}, "3 1 1, 2 1 2, 3 0 2"},
		"not for one that is none":  {[]domains.TLSA{record(3, 1, 1, c), {Usage: 3, Selector: 1, Matching: 2, Data: make([]byte, 5)}}, "3 1 1"},
		"whole ones stay beside it": {[]domains.TLSA{record(3, 1, 0, c), record(3, 1, 2, c)}, "3 1 0, 3 1 2"},
	} {
		var got []string
		for _, r := range usable(test.records) {
			got = append(got, fmt.Sprintf("%d %d %d", r.Usage, r.Selector, r.Matching))
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
}

// RFC 7672 §2.2.2 and §2.2.3: where records may stand.
func TestBases(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host domains.Host
		want string
	}{
		{domains.Host{Name: "mx.example", Secure: true}, "mx.example"},
		{domains.Host{Name: "mx.example"}, ""},
		{domains.Host{Name: "real.example", Secure: true}, "real.example mx.example"},
		{domains.Host{Name: "real.example", AliasSecure: true}, "mx.example"},
		{domains.Host{Name: "real.example"}, ""},
	} {
		if got := strings.Join(bases("mx.example", test.host), " "); got != test.want {
			t.Errorf("%+v: %s, want %s", test.host, got, test.want)
		}
	}
}

// RFC 7672 §3.2.2: names that a certificate may be in.
func TestNames(t *testing.T) {
	t.Parallel()
	some := []*net.MX{{Host: "mx.example"}}
	for _, test := range []struct {
		base, domain string
		exchangers   domains.Exchangers
		want         []string
	}{
		{"mx.example", "to.example", domains.Exchangers{Hosts: some, Name: "to.example"}, []string{"mx.example", "to.example"}},
		{"mx.example", "to.example", domains.Exchangers{Hosts: some, Name: "real.example"}, []string{"mx.example", "to.example", "real.example"}},
		{"to.example", "to.example", domains.Exchangers{Name: "to.example"}, []string{"to.example"}},
		{"real.example", "to.example", domains.Exchangers{Name: "real.example"}, []string{"real.example", "to.example"}},
	} {
		if got := Names(test.base, test.domain, test.exchangers); !slices.Equal(got, test.want) {
			t.Errorf("%s for %s: %v, want %v", test.base, test.domain, got, test.want)
		}
	}
}

// Whatever a stranger's zone and server hold, the judgement ends, and nothing but a match is a proof.
func FuzzVerify(f *testing.F) {
	var nobody *maker
	root := nobody.make(f, recipe{common: "Root", ca: true})
	leaf := root.make(f, recipe{names: []string{"mx.example"}})
	f.Add(uint8(3), uint8(1), uint8(1), record(3, 1, 1, leaf.certificate).Data, leaf.certificate.Raw)
	f.Add(uint8(2), uint8(0), uint8(0), root.certificate.Raw, root.certificate.Raw)
	f.Add(uint8(2), uint8(1), uint8(0), root.certificate.RawSubjectPublicKeyInfo, []byte("x"))
	f.Add(uint8(0), uint8(9), uint8(9), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data, der []byte) {
		one := domains.TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data}
		records := usable([]domains.TLSA{one})
		chain := []*x509.Certificate{leaf.certificate}
		if extra, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, extra)
		}
		found, err := Verify(records, Peer{Chain: chain, Names: []string{"mx.example"}, Now: now})
		if err != nil {
			return
		}
		named := found.Usage == usageEE && matches(found, leaf.certificate)
		if found.Usage == usageTA {
			named = len(anchorsOf(found, chain)) > 0
		}
		if !named || len(records) == 0 {
			t.Errorf("%s proves a certificate that it does not name", found)
		}
	})
}
