package compare

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	mathrand "math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// order is a signature that dkimpy is to make, and what is special about it.
type order struct {
	Key       string            `json:"key"`
	Selector  string            `json:"selector"`
	Domain    string            `json:"domain"`
	Algorithm string            `json:"algorithm"`
	Header    string            `json:"header"`
	Body      string            `json:"body"`
	Length    bool              `json:"length"`
	Names     []string          `json:"names"`
	Identity  string            `json:"identity"`
	Tags      map[string]string `json:"tags,omitempty"`

	about []string
}

func (o order) name() string { return strings.ToLower(o.Domain + "/" + o.Selector) }

// job is a line for judge.py.
type job struct {
	Sign []order `json:"sign,omitempty"`
	Mail []byte  `json:"mail"`
}

type signedMail struct {
	Mail  []byte
	Error string
}

// signatures are what a judge says of each signature, by domain and selector.
type signatures struct {
	Results map[string]string
	Error   string
}

// specimen is a mail on its way through signers and accidents.
type specimen struct {
	source, accident string
	mail             []byte
	orders           []order
}

// keyring is the keys of the test, and their records.
type keyring struct {
	private map[string]string // by the kind of key, as dkimpy takes it
	public  map[string]string // as key records have it
	rsa     *rsa.PrivateKey
	ed      ed25519.PrivateKey
	zone    strings.Builder
}

// selector is a key in the zone: its kind and what else its record says. %s stands for the key.
var selectors = []struct {
	name, kind, record string
	weight             int
	about              string
}{
	{"r2048", "rsa2048", "v=DKIM1; k=rsa; p=%s", 12, ""},
	{"r1024", "rsa1024", "v=DKIM1; p=%s", 4, ""},
	{"r768", "rsa768", "v=DKIM1; k=rsa; p=%s", 2, "768 bits"},
	{"ed", "ed25519", "v=DKIM1; k=ed25519; p=%s", 8, "ed25519"},
	{"bare", "rsa1024", "p=%s", 1, ""},
	{"flat", "rsa1024", "v=DKIM1;k=rsa;h=sha256;s=email;t=y;n=some notes;p=%s;", 1, ""},
	{"both", "rsa1024", "v=DKIM1; h=sha1:sha256; s=*; p=%s", 1, ""},
	{"strict", "rsa1024", "v=DKIM1; k=rsa; t=s; p=%s", 3, "t=s"},
	{"sha1", "rsa1024", "v=DKIM1; k=rsa; h=sha1; p=%s", 1, "key for SHA-1"},
	{"tlsrpt", "rsa1024", "v=DKIM1; k=rsa; s=tlsrpt; p=%s", 1, "key for another service"},
	{"other", "rsa1024", "v=DKIM1; k=rsa; s=other; p=%s", 1, "key for another service"},
	{"revoked", "rsa1024", "v=DKIM1; k=rsa; p=", 1, "revoked"},
	{"dkim2", "rsa1024", "v=DKIM2; k=rsa; p=%s", 1, "key of another version"},
	{"last", "rsa1024", "k=rsa; p=%s; v=DKIM1", 1, "v= not first"},
	{"gone", "rsa1024", "", 1, "no key"},
	{"failing", "rsa1024", "", 1, "SERVFAIL"},
	{"wrong", "rsa1024", "v=DKIM1; k=ed25519; p=%s", 1, "wrong type of key"},
	{"twice", "rsa1024", "v=DKIM1; k=rsa; p=%s", 1, "several keys"},
}

var signingDomains = []string{"sign.example", "mail.sign.example", "other.example", "co.uk", "go.example"}

func newKeyring(t *testing.T) *keyring {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0") // Go makes no key of 768 bits otherwise
	public := map[string]string{}
	s := &keyring{private: map[string]string{}, public: public}
	for kind, bits := range map[string]int{"rsa768": 768, "rsa1024": 1024, "rsa2048": 2048} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		public[kind] = base64.StdEncoding.EncodeToString(der)
		s.private[kind] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
		if kind == "rsa1024" {
			s.rsa = key
		}
	}
	open, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.ed = secret
	public["ed25519"], s.private["ed25519"] = base64.StdEncoding.EncodeToString(open), base64.StdEncoding.EncodeToString(secret.Seed())
	for _, domain := range signingDomains {
		for _, selector := range selectors {
			record := selector.record
			if strings.Contains(record, "%s") {
				record = fmt.Sprintf(record, public[selector.kind])
			}
			if record == "" {
				continue
			}
			fmt.Fprintf(&s.zone, "%s._domainkey.%s. IN TXT %s\n", selector.name, domain, quoted(record))
			if selector.name == "twice" {
				fmt.Fprintf(&s.zone, "%s._domainkey.%s. IN TXT %s\n", selector.name, domain, quoted(record+"; n=again"))
			}
		}
	}
	return s
}

// quoted is a TXT record's text in strings of no more than 250 octets.
func quoted(text string) string {
	var out strings.Builder
	for chunk := range slices.Chunk([]byte(text), 250) {
		fmt.Fprintf(&out, " \"%s\"", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(chunk)))
	}
	return out.String()
}

// some picks one of several.
func some[T any](r *mathrand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// order makes up a signature for a mail that does not have one of the same name.
func (s *keyring) order(r *mathrand.Rand, header []string, taken []order) order {
	weights := 0
	for _, selector := range selectors {
		weights += selector.weight
	}
	for {
		o := order{Domain: signingDomains[min(r.IntN(60)/19, 3)], Header: some(r, "simple", "relaxed"), Body: some(r, "simple", "relaxed"), Tags: map[string]string{}}
		at, pick := r.IntN(weights), 0
		for at >= selectors[pick].weight {
			at -= selectors[pick].weight
			pick++
		}
		selector := selectors[pick]
		o.Selector, o.Key, o.Algorithm = selector.name, s.private[selector.kind], "rsa-sha256"
		if selector.kind == "ed25519" {
			o.Algorithm = "ed25519-sha256"
		}
		if slices.ContainsFunc(taken, func(other order) bool { return other.name() == o.name() }) {
			continue
		}
		if o.about = append(o.about, selector.about); o.Domain == "co.uk" {
			o.about = append(o.about, "public suffix")
		}
		o.Names = signedNames(r, header)
		o.vary(r)
		return o
	}
}

// signedNames are some of the names in a header, From always; often once more than there are.
func signedNames(r *mathrand.Rand, header []string) (names []string) {
	skip := []string{"received", "return-path", "dkim-signature", "x-original-to", "delivered-to"}
	over := r.IntN(2) == 0
	for i, name := range header {
		if slices.Contains(skip, name) || name != "from" && r.IntN(4) == 0 {
			continue
		}
		if names = append(names, name); over && !slices.Contains(header[i+1:], name) {
			names = append(names, name)
		}
	}
	return names
}

// vary gives a signature one of the tags that few have.
func (o *order) vary(r *mathrand.Rand) {
	now := time.Now().Unix()
	at := func(seconds int64) string { return strconv.FormatInt(now+seconds, 10) }
	switch r.IntN(30) {
	case 0, 1, 2:
		o.Length, o.about = true, append(o.about, "l=")
	case 3, 4, 5:
		o.Tags["x"] = at(86400)
	case 6:
		o.Tags["t"], o.Tags["x"], o.about = at(-86400), at(-3600), append(o.about, "expired")
	case 7:
		o.Tags["t"], o.about = at(86400), append(o.about, "from the future")
	case 8:
		o.Tags["t"], o.Tags["x"], o.about = at(-3600), at(-86400), append(o.about, "expired")
	case 9:
		o.Identity = "anna@" + o.Domain
	case 10, 11, 12:
		o.Identity, o.about = "anna@sub."+o.Domain, append(o.about, "i= below d=")
	case 13:
		o.Tags["v"], o.about = "2", append(o.about, "v=2")
	case 14:
		if o.Algorithm == "rsa-sha256" {
			o.Algorithm, o.about = "rsa-sha1", append(o.about, "rsa-sha1")
		}
	case 15:
		o.Tags["z"] = "From:anna@example.com|Subject:=20demo=3D20"
	case 16:
		o.Tags["note"] = "unknown tag"
	case 17:
		o.Domain = strings.ToUpper(o.Domain)
	case 18:
		if o.Body == "simple" {
			o.Tags["c"] = o.Header
		}
	case 19:
		o.Tags["x"] = "99999999999999999999"
		o.about = append(o.about, "x= beyond numbers")
	case 20:
		o.Tags["q"], o.about = "dns/txt:other", append(o.about, "two ways in q=")
	case 21:
		o.Tags["i"], o.about = "=61nna@"+o.Domain, append(o.about, "i= quoted")
	case 22:
		o.Tags["h"] = strings.Join(o.Names, ":") // without the spaces of dkimpy
	}
}

// header are the names of a mail's fields, in lower case; false for a mail that a signer would not take.
func header(mail []byte) (names []string, ok bool) {
	head, _, found := bytes.Cut(mail, []byte("\r\n\r\n"))
	if !found {
		return nil, false
	}
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if line != "" && (line[0] == ' ' || line[0] == '\t') && len(names) > 0 {
			continue
		}
		name, _, is := strings.Cut(line, ":")
		if !is || name == "" || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			return nil, false
		}
		names = append(names, strings.ToLower(name))
	}
	return names, slices.Contains(names, "from")
}

// accidents that happen to a signed mail on its way; and nothing, often.
var wayside = []struct {
	name   string
	change func(r *mathrand.Rand, mail string) string
}{
	{"nothing", nil}, {"nothing", nil}, {"nothing", nil}, {"nothing", nil}, {"nothing", nil}, {"nothing", nil},
	{"a word of the body", onBody(func(r *mathrand.Rand, body string) string {
		at := r.IntN(len(body) + 1)
		return body[:at] + "x" + body[at:]
	})},
	{"footer", onBody(func(_ *mathrand.Rand, body string) string {
		return body + "_______________________________________________\r\nlist mailing list\r\nlist@lists.example\r\n"
	})},
	{"empty lines at the end", onBody(func(_ *mathrand.Rand, body string) string { return body + "\r\n\r\n" })},
	{"no line end at the end", onBody(func(_ *mathrand.Rand, body string) string { return strings.TrimRight(body, "\r\n") })},
	{"empty line first", onBody(func(_ *mathrand.Rand, body string) string { return "\r\n" + body })},
	{"spaces at line ends", onBody(func(_ *mathrand.Rand, body string) string { return strings.ReplaceAll(body, "\r\n", " \t\r\n") })},
	{"spaces doubled", onBody(func(_ *mathrand.Rand, body string) string { return strings.ReplaceAll(body, " ", "  ") })},
	{"no body", onBody(func(*mathrand.Rand, string) string { return "" })},
	{"subject prefix", func(_ *mathrand.Rand, mail string) string { return subject.ReplaceAllString(mail, "${1}[list] ${2}") }},
	{"subject folded", func(_ *mathrand.Rand, mail string) string { return subject.ReplaceAllString(mail, "${1}\r\n\t${2}") }},
	{"subject spaced", func(_ *mathrand.Rand, mail string) string { return subject.ReplaceAllString(mail, "${1}   ${2}  \t") }},
	{"subject name in capitals", func(_ *mathrand.Rand, mail string) string {
		return subject.ReplaceAllString(mail, "\r\nSUBJECT : ${2}")
	}},
	{"second From above", func(_ *mathrand.Rand, mail string) string { return "From: boss@bank.example\r\n" + mail }},
	{"second From below", func(_ *mathrand.Rand, mail string) string {
		return strings.Replace(mail, "\r\n\r\n", "\r\nFrom: boss@bank.example\r\n\r\n", 1)
	}},
	{"Received", func(_ *mathrand.Rand, mail string) string {
		return "Received: from relay.example by mx.example with ESMTP id 1;\r\n\tMon, 2 Mar 2026 12:00:00 +0000\r\n" + mail
	}},
	{"To again", func(_ *mathrand.Rand, mail string) string { return "To: somebody@else.example\r\n" + mail }},
	{"signature refolded", func(_ *mathrand.Rand, mail string) string {
		return strings.Replace(mail, "; d=", ";\r\n        d=", 1)
	}},
	{"signature changed", func(r *mathrand.Rand, mail string) string {
		return strings.Replace(mail, "; b=", some(r, "; b=A", "; b=!", "; b= ;b=", "; bb="), 1)
	}},
}

var subject = regexp.MustCompile(`(?i)(\r\nsubject:)\s*([^\r\n]*)`)

func onBody(change func(*mathrand.Rand, string) string) func(*mathrand.Rand, string) string {
	return func(r *mathrand.Rand, mail string) string {
		head, body, _ := strings.Cut(mail, "\r\n\r\n")
		return head + "\r\n\r\n" + change(r, body)
	}
}
