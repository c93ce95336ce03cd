package saml

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	dsig "github.com/russellhaering/goxmldsig"
)

func TestHonestResponses(t *testing.T) {
	ec := ecPair()
	both := document(t, nil)
	sign(t, assertionOf(both), pairs().idp, dsig.RSASHA256SignatureMethod)
	sign(t, both, pairs().idp, dsig.RSASHA512SignatureMethod)
	elliptic := document(t, nil)
	sign(t, elliptic, ec, dsig.ECDSASHA256SignatureMethod)
	noted := signedAssertion(t, nil)
	noted.SelectElement("Issuer").SetText("  " + idpEntity + "\n")
	want := Asserted{
		ID: "_assertion1", UsableTill: forgedAt.Add(5*time.Minute + Skew), Request: ourRequest, Subject: Subject{Name: "anna-0815", Format: FormatPersistent}, Session: "_session1",
		Until: forgedAt.Add(8 * time.Hour), Context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
		Attributes: []Attribute{{Name: "urn:oid:0.9.2342.19200300.100.1.3", Friendly: "mail", Values: []string{"anna@example.com"}}, {Name: "groups", Values: []string{"support", "sales"}}},
	}
	for name, root := range map[string]*etree.Element{
		"response signed": signedResponse(t, nil), "assertion signed": signedAssertion(t, nil), "both signed": both, "elliptic": elliptic, "space in the unsigned envelope": noted,
	} {
		t.Run(name, func(t *testing.T) {
			expect := expected()
			expect.Trust.Certificates = append(expect.Trust.Certificates, ec.cert)
			told, err := Read(octets(t, root), expect)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if told.First("mail") != "anna@example.com" || told.First("urn:oid:0.9.2342.19200300.100.1.3") != "anna@example.com" || len(told.All("groups")) != 2 || told.First("other") != "" {
				t.Errorf("attributes are not found by their names")
			}
		})
	}
}

func TestConditionsOfAResponse(t *testing.T) {
	for name, each := range map[string]struct {
		words map[string]string
		want  Reason // empty: it is taken
	}{
		"as it should be":                    {nil, ""},
		"clock 59 s behind":                  {map[string]string{"confirmTill": clock(-59 * time.Second), "till": clock(-59 * time.Second)}, ""},
		"confirmation expired":               {map[string]string{"confirmTill": clock(-60 * time.Second)}, Expired},
		"conditions expired":                 {map[string]string{"till": clock(-60 * time.Second)}, Expired},
		"not yet":                            {map[string]string{"from": clock(61 * time.Second)}, TooEarly},
		"almost":                             {map[string]string{"from": clock(60 * time.Second)}, ""},
		"from the future":                    {map[string]string{"issued": clock(61 * time.Second)}, TooEarly},
		"good for days":                      {map[string]string{"confirmTill": clock(25 * time.Hour)}, BadCondition},
		"session over":                       {map[string]string{"session": clock(-2 * time.Minute)}, Expired},
		"time that is none":                  {map[string]string{"confirmTill": "soon"}, Malformed},
		"no end of the confirmation":         {map[string]string{"confirmTill": ""}, Malformed},
		"issuer of the response":             {map[string]string{"responseIssuer": "https://other.example"}, WrongIssuer},
		"issuer of the assertion":            {map[string]string{"issuer": "https://other.example"}, WrongIssuer},
		"audience":                           {map[string]string{"audience": "https://other.example"}, WrongAudience},
		"audience that begins like ours":     {map[string]string{"audience": ourEntity + "x"}, WrongAudience},
		"one of two audiences":               {map[string]string{"audience": "https://other.example</saml:Audience><saml:Audience>" + ourEntity}, ""},
		"two restrictions, one not for us":   {map[string]string{"condition": "<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience></saml:AudienceRestriction>"}, WrongAudience},
		"one-time use":                       {map[string]string{"condition": "<saml:OneTimeUse/>"}, ""},
		"a condition nobody knows":           {map[string]string{"condition": `<saml:Condition xmlns:x="urn:x"/>`}, BadCondition},
		"a foreign condition":                {map[string]string{"condition": `<x:Weather xmlns:x="urn:x"/>`}, BadCondition},
		"destination":                        {map[string]string{"destination": "https://other.example/acs"}, WrongPlace},
		"no destination":                     {map[string]string{"destination": ""}, WrongPlace},
		"recipient":                          {map[string]string{"recipient": "https://other.example/acs"}, WrongPlace},
		"answer to another request":          {map[string]string{"request": "_request2"}, NotAsked},
		"confirmation of another request":    {map[string]string{"confirmRequest": "_request2"}, NotAsked},
		"answer to none":                     {map[string]string{"request": "", "confirmRequest": ""}, NotAsked},
		"not by the bearer":                  {map[string]string{"method": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"}, BadSubject},
		"no name":                            {map[string]string{"name": ""}, BadSubject},
		"a name with an element":             {map[string]string{"name": "anna<saml:b/>"}, BadSubject},
		"a name too long":                    {map[string]string{"name": strings.Repeat("a", 1025)}, BadSubject},
		"version 1":                          {map[string]string{"version": "1.1"}, Malformed},
		"refused there":                      {map[string]string{"status": statusPrefix + "Responder"}, ProviderRefuse},
		"two assertions, both well signed":   {map[string]string{"attribute": `<saml:Attribute Name="x"><saml:AttributeValue><saml:Assertion ID="_b"/></saml:AttributeValue></saml:Attribute>`}, TwoAssertions},
		"an encrypted one hidden in a value": {map[string]string{"attribute": `<saml:Attribute Name="x"><saml:AttributeValue><saml:EncryptedAssertion/></saml:AttributeValue></saml:Attribute>`}, TwoAssertions},
		"an ID inside twice":                 {map[string]string{"attribute": `<saml:Attribute Name="x"><saml:AttributeValue Id="_response1">x</saml:AttributeValue></saml:Attribute>`}, DoubleID},
	} {
		t.Run(name, func(t *testing.T) {
			signed := octets(t, signedResponse(t, each.words))
			if each.want != "" {
				refused(t, signed, expected(), each.want)
				return
			}
			if _, err := Read(signed, expected()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStatusWordsAreTheStandards(t *testing.T) {
	for status, want := range map[string]string{
		statusPrefix + "Requester": "Requester", statusPrefix + `Responder"><samlp:StatusCode Value="` + statusPrefix + "AuthnFailed": "AuthnFailed", "urn:x:boo": "", statusPrefix + "a b": "",
	} {
		response := strings.Replace(string(octets(t, document(t, nil))), `Value="`+statusSuccess+`"/>`, `Value="`+status+`"/>`, 1)
		if strings.Contains(status, "<") {
			response = strings.Replace(response, `AuthnFailed"/>`, `AuthnFailed"/></samlp:StatusCode>`, 1)
		}
		_, err := Read([]byte(response), expected())
		if err == nil || err.(*Refusal).Reason != ProviderRefuse || err.(*Refusal).Detail != want {
			t.Errorf("status %s: %v, want the word %q", status, err, want)
		}
	}
}

func TestEncryptedAssertions(t *testing.T) {
	const (
		oaep, rsa15    = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "http://www.w3.org/2001/04/xmlenc#rsa-1_5"
		gcm, cbc, tdes = "http://www.w3.org/2009/xmlenc11#aes128-gcm", "http://www.w3.org/2001/04/xmlenc#aes256-cbc", "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"
	)
	inner := func(transport, block string, words map[string]string) *etree.Element { // signed, then encrypted
		response := signedAssertion(t, words)
		encrypt(t, response, transport, block)
		return response
	}
	outer := func(transport, block string) *etree.Element { // encrypted, then the response signed
		response := document(t, nil)
		encrypt(t, response, transport, block)
		sign(t, response, pairs().idp, dsig.RSASHA256SignatureMethod)
		return response
	}
	bare := document(t, nil)
	encrypt(t, bare, oaep, gcm)
	weak := document(t, nil)
	sign(t, assertionOf(weak), pairs().idp, dsig.RSASHA1SignatureMethod)
	encrypt(t, weak, oaep, gcm)
	for name, each := range map[string]struct {
		root *etree.Element
		want Reason
	}{
		"GCM, the assertion signed":                   {inner(oaep, gcm, nil), ""},
		"GCM in a signed response":                    {outer(oaep, gcm), ""},
		"CBC in a signed response":                    {outer(oaep, cbc), ""},
		"CBC, the assertion signed, the response not": {inner(oaep, cbc, nil), WeakAlgorithm},
		"RSA 1.5":                          {outer(rsa15, gcm), WeakAlgorithm},
		"triple DES":                       {outer(oaep, tdes), WeakAlgorithm},
		"signed by nobody":                 {bare, Unsigned},
		"SHA-1 hidden inside":              {weak, WeakAlgorithm},
		"a second assertion hidden inside": {inner(oaep, gcm, map[string]string{"attribute": `<saml:Attribute Name="x"><saml:AttributeValue><saml:Assertion/></saml:AttributeValue></saml:Attribute>`}), TwoAssertions},
		"wrong audience inside":            {inner(oaep, gcm, map[string]string{"audience": "https://other.example"}), WrongAudience},
	} {
		t.Run(name, func(t *testing.T) {
			if each.want != "" {
				refused(t, octets(t, each.root), expected(), each.want)
				return
			}
			expect := expected()
			expect.Encryption = MustEncrypt
			told, err := Read(octets(t, each.root), expect)
			if err != nil {
				t.Fatal(err)
			}
			if told.Subject.Name != "anna-0815" {
				t.Errorf("it tells of %q", told.Subject.Name)
			}
		})
	}
	t.Run("plain where it has to be encrypted", func(t *testing.T) {
		expect := expected()
		expect.Encryption = MustEncrypt
		refused(t, octets(t, signedAssertion(t, nil)), expect, NotEncrypted)
	})
	t.Run("for another key", func(t *testing.T) {
		expect := expected()
		expect.Keys = []*rsa.PrivateKey{pairs().stranger.key.(*rsa.PrivateKey)}
		refused(t, octets(t, outer(oaep, gcm)), expect, BadEncryption)
	})
	t.Run("for our key before", func(t *testing.T) {
		expect := expected()
		expect.Keys = append([]*rsa.PrivateKey{pairs().stranger.key.(*rsa.PrivateKey)}, expect.Keys...)
		if _, err := Read(octets(t, outer(oaep, gcm)), expect); err != nil {
			t.Error(err)
		}
	})
	t.Run("changed on the way", func(t *testing.T) {
		response := inner(oaep, gcm, nil)
		value := response.FindElement("./EncryptedAssertion/EncryptedData/CipherData/CipherValue")
		sealed, _ := base64.StdEncoding.DecodeString(value.Text())
		sealed[len(sealed)/2] ^= 1
		value.SetText(base64.StdEncoding.EncodeToString(sealed))
		refused(t, octets(t, response), expected(), BadEncryption)
	})
}

func TestWhoseSignaturesCount(t *testing.T) {
	current, next := octets(t, signedAssertion(t, nil)), document(t, nil)
	sign(t, assertionOf(next), pairs().next, dsig.RSASHA256SignatureMethod)
	t.Run("rollover: the old and the next certificate, in any order, with KeyInfo and without", func(t *testing.T) {
		bare := signedAssertion(t, nil)
		signature := named(assertionOf(bare), "Signature")[0]
		signature.RemoveChild(named(signature, "KeyInfo")[0])
		expect := expected()
		for _, trusted := range [][]*x509.Certificate{{pairs().idp.cert, pairs().next.cert}, {pairs().next.cert, pairs().idp.cert}} {
			expect.Trust.Certificates = trusted
			for _, document := range [][]byte{current, octets(t, next), octets(t, bare)} {
				if _, err := Read(document, expect); err != nil {
					t.Error(err)
				}
			}
		}
	})
	t.Run("rollover is over: the old certificate counts no more", func(t *testing.T) {
		expect := expected()
		expect.Trust.Certificates = []*x509.Certificate{pairs().next.cert}
		refused(t, current, expect, BadSignature)
	})
	t.Run("a fingerprint, with the certificate inside", func(t *testing.T) {
		expect := expected()
		expect.Trust = Trust{Fingerprints: [][32]byte{sha256.Sum256(pairs().idp.cert.Raw)}}
		if _, err := Read(current, expect); err != nil {
			t.Error(err)
		}
		refused(t, octets(t, next), expect, UnknownCert)
		bare := signedAssertion(t, nil)
		signature := named(assertionOf(bare), "Signature")[0]
		signature.RemoveChild(named(signature, "KeyInfo")[0])
		refused(t, octets(t, bare), expect, UnknownCert)
		lying := document(t, nil)
		sign(t, assertionOf(lying), pair{pairs().stranger.key, pairs().idp.cert}, dsig.RSASHA256SignatureMethod)
		refused(t, octets(t, lying), expect, BadSignature)
	})
}

func TestHowAPersonWasAsked(t *testing.T) {
	const entra = "http://schemas.microsoft.com/claims/multipleauthn"
	told, err := Read(octets(t, signedResponse(t, map[string]string{
		"context": "https://refeds.org/profile/mfa", "attribute": `<saml:Attribute Name="` + microsoftMethods + `"><saml:AttributeValue>` + entra + `</saml:AttributeValue></saml:Attribute>`,
	})), expected())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{entra, "https://refeds.org/profile/mfa"}, told.Asked()); diff != "" {
		t.Error(diff)
	}
}

func TestProviderThatBegins(t *testing.T) {
	words := map[string]string{"request": "", "confirmRequest": ""}
	expect := expected()
	expect.Request = ""
	told, err := Read(octets(t, signedResponse(t, words)), expect)
	if err != nil || told.Request != "" {
		t.Errorf("request %q, %v", told.Request, err)
	}
	refused(t, octets(t, signedResponse(t, nil)), expect, NotAsked) // an answer is none of its own beginnings
}

// FuzzRead: whatever is done to a signed document, it is refused, or says what was signed.
func FuzzRead(f *testing.F) {
	both := document(f, nil)
	sign(f, assertionOf(both), pairs().idp, dsig.RSASHA256SignatureMethod)
	sign(f, both, pairs().idp, dsig.RSASHA256SignatureMethod)
	sealed := signedAssertion(f, nil)
	encrypt(f, sealed, transportOAEP, "http://www.w3.org/2009/xmlenc11#aes128-gcm")
	for _, root := range []*etree.Element{signedResponse(f, nil), signedAssertion(f, nil), both, sealed, document(f, nil)} {
		f.Add(octets(f, root))
	}
	expect := expected()
	want, err := Read(octets(f, signedResponse(f, nil)), expect)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		told, err := Read(document, expect)
		if err == nil {
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("a document says what nobody signed (-signed, +said):\n%s", diff)
			}
		}
	})
}

// FuzzScreen: what passes has one assertion at most, each ID once, and passes again when it is written down anew.
func FuzzScreen(f *testing.F) {
	f.Add(octets(f, signedResponse(f, nil)))
	f.Add(octets(f, signedAssertion(f, nil)))
	f.Add([]byte(`<?xml version="1.0"?><a xmlns="b" ID="c"><d Id="e">&lt;&#x41;</d></a>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		root, err := Screen(document)
		if err != nil {
			return
		}
		if found := len(root.FindElements("//Assertion")) + len(root.FindElements("//EncryptedAssertion")); found > 1 && root.Tag != "Assertion" {
			t.Errorf("%d assertions passed", found)
		}
		if _, err := Screen(octets(t, root)); err != nil && len(octets(t, root)) <= MaxDocument {
			t.Errorf("written anew it does not pass: %v", err)
		}
	})
}
