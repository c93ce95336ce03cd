package saml

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// described is metadata of a provider; each {word} is replaced.
func described(words map[string]string) []byte {
	text := `<?xml version="1.0"?><!-- made by hand --><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
		`<md:KeyDescriptor use="{use}"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{cert}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
		`<md:SingleLogoutService Binding="` + BindingRedirect + `" Location="https://idp.example/slo" ResponseLocation="https://idp.example/slo/answer"/>` +
		`<md:SingleSignOnService Binding="` + BindingPost + `" Location="https://idp.example/post"/><md:SingleSignOnService Binding="{binding}" Location="{signOn}"/></md:IDPSSODescriptor></md:EntityDescriptor>`
	usual := map[string]string{"entity": idpEntity, "use": "signing", "cert": base64Of(pairs().idp.cert), "binding": BindingRedirect, "signOn": "https://idp.example/sso?x=1"}
	for word, content := range usual {
		if given, set := words[word]; set {
			content = given
		}
		text = strings.ReplaceAll(text, "{"+word+"}", content)
	}
	return []byte(text)
}

func TestMetadataOfAProvider(t *testing.T) {
	idp, err := ReadMetadata(described(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	if idp.EntityID != idpEntity || idp.SignOn != "https://idp.example/sso?x=1" || idp.LogoutAt != "https://idp.example/slo" || idp.LogoutAnswer != "https://idp.example/slo/answer" || len(idp.Certificates) != 1 {
		t.Errorf("it is read as %+v", idp)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak := newPair(small, forgedAt, forgedAt.AddDate(1, 0, 0))
	group := func(entities ...[]byte) []byte {
		var all bytes.Buffer
		all.WriteString(`<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">`)
		for _, each := range entities {
			_, inner, _ := bytes.Cut(each, []byte("-->"))
			all.Write(inner)
		}
		all.WriteString(`</md:EntitiesDescriptor>`)
		return all.Bytes()
	}
	other := described(map[string]string{"entity": "https://other.example"})
	for name, each := range map[string]struct {
		document []byte
		entity   string
		want     string // field of the fault; empty: it is taken
	}{
		"alone":                      {described(nil), idpEntity, ""},
		"another's":                  {described(nil), "https://other.example", "metadata"},
		"one of two":                 {group(described(nil), other), idpEntity, ""},
		"two, not said which":        {group(described(nil), other), "", "metadata"},
		"one in a group":             {group(described(nil)), "", ""},
		"no provider":                {[]byte(`<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"/>`), "", "metadata"},
		"a page":                     {[]byte("<html><body>404</body></html>"), "", "metadata"},
		"no XML":                     {[]byte("hello"), "", "metadata"},
		"a DTD":                      {append([]byte("<!DOCTYPE x>"), described(nil)[21:]...), "", "metadata"},
		"too long":                   {append(described(nil), bytes.Repeat([]byte(" "), MaxMetadata)...), "", "metadata"},
		"POST only":                  {described(map[string]string{"binding": BindingPost}), "", "sign_on_url"},
		"in the clear":               {described(map[string]string{"signOn": "http://idp.example/sso"}), "", "sign_on_url"},
		"this machine, in the clear": {described(map[string]string{"signOn": "http://127.0.0.1:8080/sso"}), "", ""},
		"a script":                   {described(map[string]string{"signOn": "javascript:alert(1)"}), "", "metadata"},
		"no certificate":             {described(map[string]string{"cert": "%%%"}), "", "certificates"},
		"an RSA key of 1024 bits":    {described(map[string]string{"cert": base64Of(weak.cert)}), "", "certificates"},
		"no name":                    {described(map[string]string{"entity": ""}), "", "entity_id"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadMetadata(each.document, each.entity)
			var fault *desk.Fault
			if errors.As(err, &fault) != (each.want != "") || fault != nil && fault.Field != each.want {
				t.Errorf("%v, want a fault of %q", err, each.want)
			}
		})
	}
	if idp, err := ReadMetadata(described(map[string]string{"use": "encryption"}), ""); err != nil || len(idp.Certificates) != 0 {
		t.Errorf("a key for encryption is trusted for signatures: %d certificates, %v", len(idp.Certificates), err)
	}
}

func TestCertificatesAsPeopleHandThemOver(t *testing.T) {
	one := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pairs().idp.cert.Raw}))
	two := one + "\n" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pairs().next.cert.Raw}))
	for name, each := range map[string]struct {
		text string
		want int // certificates; -1: refused
	}{
		"PEM": {one, 1}, "two": {two, 2}, "base64": {base64Of(pairs().idp.cert), 1}, "nothing": {" \n", 0}, "a key": {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", -1},
		"rubbish": {"certificate", -1}, "seven": {strings.Repeat(one, 7), -1},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := ReadCertificates(each.text)
			if (err != nil) != (each.want < 0) || err == nil && len(all) != each.want {
				t.Errorf("%d certificates, %v", len(all), err)
			}
		})
	}
	sum, err := ReadFingerprint(" " + strings.ToLower(Fingerprint(pairs().idp.cert)) + "\n")
	if err != nil || sum != sha256.Sum256(pairs().idp.cert.Raw) {
		t.Error(err)
	}
	if _, err := ReadFingerprint("AA:BB"); err == nil {
		t.Error("a SHA-1 fingerprint is taken")
	}
}

func TestWhatWeAskFor(t *testing.T) {
	key, err := NewKey(nil, "desk.example", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	us := Service{EntityID: ourEntity, Consumer: ourAddress, Logout: ourLogout, Keys: []Key{key}}
	address, err := us.Request(Asking{ID: "_1", At: "https://idp.example/sso?tenant=7", Fresh: true, Contexts: []string{"https://refeds.org/profile/mfa"}, Now: forgedAt})
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(address)
	if err != nil || at.Query().Get("tenant") != "7" {
		t.Fatalf("%v, the provider's own words are gone from %s", err, address)
	}
	_, query, _ := strings.Cut(address, "tenant=7&")
	document, _, err := openQuery("SAMLRequest", query, LogoutExpect{Trust: Trust{Certificates: []*x509.Certificate{key.Certificate}}, Now: time.Now()})
	if err != nil {
		t.Fatalf("our signature does not cover what we send: %v", err)
	}
	for _, want := range []string{`ID="_1"`, `Version="2.0"`, `ForceAuthn="true"`, `AssertionConsumerServiceURL="` + ourAddress + `"`, BindingPost, ourEntity, "https://refeds.org/profile/mfa", `IssueInstant="2026-11-30T10:00:00`} {
		if !strings.Contains(string(document), want) {
			t.Errorf("%s is not in %s", want, document)
		}
	}
}

func TestPackedQueriesAreBounded(t *testing.T) {
	var packed bytes.Buffer
	squeeze, _ := flate.NewWriter(&packed, flate.BestCompression)
	if _, err := squeeze.Write(make([]byte, 100<<20)); err != nil {
		t.Fatal(err)
	}
	squeeze.Close()
	query := "SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes())) + "&SigAlg=x&Signature=x"
	var refusal *Refusal
	if _, err := ReadLogoutQuery(query, LogoutExpect{Now: forgedAt}); !errors.As(err, &refusal) || refusal.Reason != TooLarge {
		t.Errorf("100 MB in 100 kB: %v", err)
	}
}
