package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
)

// Service is this installation as one identity provider knows it.
type Service struct {
	EntityID string // address of our metadata
	Consumer string // address of our assertion consumer service
	Logout   string // address of our single logout service
	Keys     []Key  // the first signs; all of them stand in the metadata and decrypt
}

// Key is a key pair with the certificate by which providers know it.
type Key struct {
	Private     *rsa.PrivateKey
	Certificate *x509.Certificate
}

// signatureRSA is how we sign what goes by a redirect.
const signatureRSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

// keyLife is how long the certificates of our keys say that they last. Providers compare the key; few look at the dates, and those must not stop over night.
const keyLife = 10 * 365 * 24 * time.Hour

// NewKey makes a key and a certificate for it, signed by itself: in SAML a certificate is no more than the wrapping of a key.
func NewKey(random io.Reader, name string, now time.Time) (Key, error) {
	if random == nil {
		random = rand.Reader
	}
	private, err := rsa.GenerateKey(random, minRSA)
	if err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	serial := make([]byte, 16)
	if _, err := io.ReadFull(random, serial); err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: name[:min(len(name), 64)]}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(keyLife),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(random, template, template, &private.PublicKey, private)
	if err != nil {
		return Key{}, fmt.Errorf("make certificate: %w", err)
	}
	return ReadKey(x509.MarshalPKCS1PrivateKey(private), der)
}

// ReadKey reads what NewKey made: a PKCS #1 private key and a certificate, both in DER.
func ReadKey(private, certificate []byte) (Key, error) {
	key, err := x509.ParsePKCS1PrivateKey(private)
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return Key{}, fmt.Errorf("read certificate: %w", err)
	}
	return Key{Private: key, Certificate: cert}, nil
}

// Privates are the keys that decrypt.
func (s Service) Privates() []*rsa.PrivateKey {
	all := make([]*rsa.PrivateKey, 0, len(s.Keys))
	for _, key := range s.Keys {
		all = append(all, key.Private)
	}
	return all
}

// Metadata describes us to a provider (SAML Metadata §2.4.4). Every key stands in it for signing, so that the next one is known before it is used; the first one alone for encryption.
// It names no end of its validity (the library's own writer names the year 1): who imports it once must not be locked out by a date.
func (s Service) Metadata() ([]byte, error) {
	root := etree.NewElement("md:EntityDescriptor")
	root.CreateAttr("xmlns:md", "urn:oasis:names:tc:SAML:2.0:metadata")
	root.CreateAttr("entityID", s.EntityID)
	role := root.CreateElement("md:SPSSODescriptor")
	role.CreateAttr("AuthnRequestsSigned", "true")
	role.CreateAttr("WantAssertionsSigned", "true")
	role.CreateAttr("protocolSupportEnumeration", nsProtocol)
	for i, key := range s.Keys {
		describeKey(role, "signing", key)
		if i == 0 {
			sealing := describeKey(role, "encryption", key)
			for _, method := range []string{"http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes128-gcm", transportOAEP} {
				sealing.CreateElement("md:EncryptionMethod").CreateAttr("Algorithm", method)
			}
		}
	}
	for _, binding := range []string{BindingRedirect, BindingPost} {
		endpoint(role, "md:SingleLogoutService", binding, s.Logout)
	}
	consumer := endpoint(role, "md:AssertionConsumerService", BindingPost, s.Consumer)
	consumer.CreateAttr("index", "1")
	consumer.CreateAttr("isDefault", "true")
	tree := etree.NewDocument()
	tree.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	tree.SetRoot(root)
	tree.Indent(2)
	text, err := tree.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("write metadata: %w", err)
	}
	return text, nil
}

func describeKey(role *etree.Element, use string, key Key) *etree.Element {
	described := role.CreateElement("md:KeyDescriptor")
	described.CreateAttr("use", use)
	info := described.CreateElement("ds:KeyInfo")
	info.CreateAttr("xmlns:ds", nsSignature)
	info.CreateElement("ds:X509Data").CreateElement("ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(key.Certificate.Raw))
	return described
}

func endpoint(role *etree.Element, name, binding, at string) *etree.Element {
	described := role.CreateElement(name)
	described.CreateAttr("Binding", binding)
	described.CreateAttr("Location", at)
	return described
}

// Asking is what a request for sign-in says.
type Asking struct {
	ID       string
	At       string   // where it goes: IdP.SignOn
	Relay    string   // RelayState, which comes back with the answer: 80 octets at most
	Format   string   // of the name that we should like; empty: whatever they give
	Contexts []string // how the person is to be asked; empty: as they like
	Fresh    bool     // ask the person even when they are signed in there
	Now      time.Time
}

// NewID makes an identifier of 160 random bits (SAML Core §1.3.4). It begins with a letter's stand-in, as an xs:ID has to.
func NewID(random io.Reader) (string, error) {
	if random == nil {
		random = rand.Reader
	}
	octets := make([]byte, 20)
	if _, err := io.ReadFull(random, octets); err != nil {
		return "", fmt.Errorf("make identifier: %w", err)
	}
	return "_" + hex.EncodeToString(octets), nil
}

// Request is the address to which a browser is sent to sign in: a signed AuthnRequest by the redirect binding (SAML Profiles §4.1.4.1, SAML Bindings §3.4.4).
func (s Service) Request(ask Asking) (string, error) {
	create := true
	request := crewjam.AuthnRequest{
		ID: ask.ID, Version: "2.0", IssueInstant: ask.Now.UTC(), Destination: ask.At, ProtocolBinding: BindingPost, AssertionConsumerServiceURL: s.Consumer,
		Issuer: s.issuer(), NameIDPolicy: &crewjam.NameIDPolicy{AllowCreate: &create},
	}
	if ask.Format != "" {
		request.NameIDPolicy.Format = &ask.Format
	}
	if ask.Fresh {
		request.ForceAuthn = &ask.Fresh
	}
	element := request.Element()
	if len(ask.Contexts) > 0 {
		element.AddChild(contextsElement(ask.Contexts))
	}
	return s.redirect("SAMLRequest", ask.At, ask.Relay, element)
}

// contextsElement is a RequestedAuthnContext; the library's own type knows one context only.
func contextsElement(contexts []string) *etree.Element {
	asked := etree.NewElement("samlp:RequestedAuthnContext")
	asked.CreateAttr("Comparison", "exact")
	for _, each := range contexts {
		asked.CreateElement("saml:AuthnContextClassRef").SetText(each)
	}
	return asked
}

func (s Service) issuer() *crewjam.Issuer {
	return &crewjam.Issuer{Format: FormatEntity, Value: s.EntityID}
}

// redirect packs a document into an address and signs it. What is signed is the text of the query as it is sent (SAML Bindings §3.4.4.1), without what the provider's address had before.
func (s Service) redirect(field, at, relay string, element *etree.Element) (string, error) {
	tree := etree.NewDocument()
	tree.SetRoot(element)
	document, err := tree.WriteToBytes()
	if err != nil {
		return "", fmt.Errorf("write document: %w", err)
	}
	var packed bytes.Buffer
	squeeze, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = squeeze.Write(document)
	}
	if err == nil {
		err = squeeze.Close()
	}
	if err != nil {
		return "", fmt.Errorf("pack document: %w", err)
	}
	query := field + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if relay != "" {
		query += "&RelayState=" + url.QueryEscape(relay)
	}
	query += "&SigAlg=" + url.QueryEscape(signatureRSA)
	digest := sha256.Sum256([]byte(query))
	signature, err := rsa.SignPKCS1v15(nil, s.Keys[0].Private, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign document: %w", err)
	}
	query += "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
	joint := "?"
	if strings.Contains(at, "?") {
		joint = "&"
	}
	return at + joint + query, nil
}
