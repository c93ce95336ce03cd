package saml

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// A provider of our own making, so that every document can be right or wrong in one respect. The real ones are in identity's tests.
const (
	idpEntity  = "https://idp.example/metadata"
	ourEntity  = "https://desk.example/access/saml/7/metadata"
	ourAddress = "https://desk.example/access/saml/7"
	ourLogout  = "https://desk.example/access/saml/7/logout"
	ourRequest = "_request1"
)

var forgedAt = time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)

// pair is a key with its certificate.
type pair struct {
	key  crypto.Signer
	cert *x509.Certificate
}

func newPair(key crypto.Signer, from, until time.Time) pair {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp.example"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return pair{key, cert}
}

func rsaPair() pair {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return newPair(key, forgedAt.AddDate(-1, 0, 0), forgedAt.AddDate(1, 0, 0))
}

// pairs are made once for all tests: keys are slow to make.
var pairs = sync.OnceValue(func() (all struct{ idp, next, stranger, us pair }) {
	all.idp, all.next, all.stranger, all.us = rsaPair(), rsaPair(), rsaPair(), rsaPair()
	return all
})

func ecPair() pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return newPair(key, forgedAt.AddDate(-1, 0, 0), forgedAt.AddDate(1, 0, 0))
}

// honest is a response that says that anna@example.com is there. Each {word} is replaced by what words gives for it, or by its usual content.
const honest = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{responseID}" Version="{version}" IssueInstant="{issued}" Destination="{destination}" InResponseTo="{request}">` +
	`<saml:Issuer>{responseIssuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{status}"/></samlp:Status>` +
	`<saml:Assertion xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="{assertionID}" Version="2.0" IssueInstant="{issued}"><saml:Issuer>{issuer}</saml:Issuer>` +
	`<saml:Subject><saml:NameID Format="{format}">{name}</saml:NameID><saml:SubjectConfirmation Method="{method}">` +
	`<saml:SubjectConfirmationData NotOnOrAfter="{confirmTill}" Recipient="{recipient}" InResponseTo="{confirmRequest}"/></saml:SubjectConfirmation></saml:Subject>` +
	`<saml:Conditions NotBefore="{from}" NotOnOrAfter="{till}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>{condition}</saml:Conditions>` +
	`<saml:AuthnStatement AuthnInstant="{issued}" SessionIndex="_session1" SessionNotOnOrAfter="{session}"><saml:AuthnContext><saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
	`<saml:AttributeStatement><saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3" FriendlyName="mail"><saml:AttributeValue xsi:type="xs:string">{mail}</saml:AttributeValue></saml:Attribute>` +
	`<saml:Attribute Name="groups"><saml:AttributeValue>support</saml:AttributeValue><saml:AttributeValue>sales</saml:AttributeValue></saml:Attribute>{attribute}</saml:AttributeStatement>` +
	`</saml:Assertion></samlp:Response>`

func clock(offset time.Duration) string { return forgedAt.Add(offset).Format(time.RFC3339) }

// document fills the honest response in.
func document(t testing.TB, words map[string]string) *etree.Element {
	t.Helper()
	all := map[string]string{
		"responseID": "_response1", "assertionID": "_assertion1", "version": "2.0", "issued": clock(0), "destination": ourAddress, "request": ourRequest, "confirmRequest": ourRequest,
		"responseIssuer": idpEntity, "issuer": idpEntity, "status": statusSuccess, "format": FormatPersistent, "name": "anna-0815", "method": methodBearer, "recipient": ourAddress,
		"confirmTill": clock(5 * time.Minute), "from": clock(-30 * time.Second), "till": clock(5 * time.Minute), "session": clock(8 * time.Hour), "audience": ourEntity, "condition": "", "attribute": "",
		"context": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "mail": "anna@example.com",
	}
	text := honest
	for word, usual := range all {
		if given, set := words[word]; set {
			usual = given
		}
		text = strings.ReplaceAll(text, "{"+word+"}", usual)
	}
	tree := etree.NewDocument()
	if err := tree.ReadFromString(text); err != nil {
		t.Fatal(err)
	}
	return tree.Root()
}

// sign signs an element in its place in the tree.
func sign(t testing.TB, el *etree.Element, by pair, method string) {
	t.Helper()
	context, err := dsig.NewSigningContext(by.key, [][]byte{by.cert.Raw})
	if err != nil {
		t.Fatal(err)
	}
	context.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := context.SetSignatureMethod(method); err != nil {
		t.Fatal(err)
	}
	whole, err := detached(el)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := context.SignEnveloped(whole)
	if err != nil {
		t.Fatal(err)
	}
	el.AddChild(signed.ChildElements()[len(signed.ChildElements())-1])
}

func assertionOf(response *etree.Element) *etree.Element { return named(response, "Assertion")[0] }

// signedResponse and signedAssertion are the honest document, signed in one of the two places.
func signedResponse(t testing.TB, words map[string]string) *etree.Element {
	t.Helper()
	response := document(t, words)
	sign(t, response, pairs().idp, dsig.RSASHA256SignatureMethod)
	return response
}

func signedAssertion(t testing.TB, words map[string]string) *etree.Element {
	t.Helper()
	response := document(t, words)
	sign(t, assertionOf(response), pairs().idp, dsig.RSASHA256SignatureMethod)
	return response
}

// octets writes a tree as it is sent.
func octets(t testing.TB, root *etree.Element) []byte {
	t.Helper()
	tree := etree.NewDocument()
	tree.SetRoot(root.Copy())
	text, err := tree.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func expected() Expect {
	return Expect{
		Issuer: idpEntity, Audience: ourEntity, Consumer: ourAddress, Request: ourRequest, Trust: Trust{Certificates: []*x509.Certificate{pairs().idp.cert}},
		Keys: []*rsa.PrivateKey{pairs().us.key.(*rsa.PrivateKey)}, Encryption: MayEncrypt, Now: forgedAt,
	}
}

// encrypt puts an EncryptedAssertion in the assertion's place.
func encrypt(t testing.TB, response *etree.Element, transport, block string) {
	t.Helper()
	assertion := assertionOf(response)
	whole, err := detached(assertion)
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, ciphers[block].size)
	if len(key) == 0 {
		key = make([]byte, 24)
	}
	rand.Read(key)
	sealed := etree.NewDocument()
	if err := sealed.ReadFromString(`<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">` +
		`<xenc:EncryptionMethod Algorithm="` + block + `"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="` + transport + `"/>` +
		`<xenc:CipherData><xenc:CipherValue>` + base64.StdEncoding.EncodeToString(wrap(t, transport, key)) + `</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>` +
		`<xenc:CipherData><xenc:CipherValue>` + base64.StdEncoding.EncodeToString(encipher(t, block, key, octets(t, whole))) + `</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>`); err != nil {
		t.Fatal(err)
	}
	response.InsertChildAt(assertion.Index(), sealed.Root())
	response.RemoveChild(assertion)
}

func wrap(t testing.TB, transport string, key []byte) []byte {
	t.Helper()
	public := pairs().us.cert.PublicKey.(*rsa.PublicKey)
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, key, nil)
	if strings.HasSuffix(transport, "rsa-1_5") {
		//lint:ignore SA1019 what is dangerous is what the test sends, to see it refused
		wrapped, err = rsa.EncryptPKCS1v15(rand.Reader, public, key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func encipher(t testing.TB, block string, key, plain []byte) []byte {
	t.Helper()
	with, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	if ciphers[block].authenticated {
		gcm, err := cipher.NewGCMWithRandomNonce(with)
		if err != nil {
			t.Fatal(err)
		}
		return gcm.Seal(nil, nil, plain, nil)
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(padding)}, padding)...)
	sealed := make([]byte, aes.BlockSize+len(plain))
	rand.Read(sealed[:aes.BlockSize])
	cipher.NewCBCEncrypter(with, sealed[:aes.BlockSize]).CryptBlocks(sealed[aes.BlockSize:], plain)
	return sealed
}

func base64Of(cert *x509.Certificate) string { return base64.StdEncoding.EncodeToString(cert.Raw) }

// mergedWords are words with one more.
func mergedWords(words map[string]string, word, text string) map[string]string {
	all := maps.Clone(words)
	all[word] = text
	return all
}
