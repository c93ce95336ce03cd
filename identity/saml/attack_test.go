package saml

import (
	"errors"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// refused says that a document is refused, for this reason and no other.
func refused(t *testing.T, document []byte, expect Expect, want Reason) {
	t.Helper()
	told, err := Read(document, expect)
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("it was taken: %+v", told)
	}
	if refusal.Reason != want {
		t.Errorf("refused for %v, want %s", refusal, want)
	}
	if refusal.Digest != Digest(document) {
		t.Errorf("the refusal names document %q", refusal.Digest)
	}
	if strings.Contains(err.Error(), "anna") || strings.Contains(err.Error(), "mallory") {
		t.Errorf("the error repeats the document: %v", err)
	}
	if told.Subject.Name != "" {
		t.Errorf("a refused document tells of %q", told.Subject.Name)
	}
}

// evil is the same about somebody else, under IDs of its own.
func evil(t *testing.T, of *etree.Element) *etree.Element {
	t.Helper()
	other := of.Copy()
	for _, each := range other.FindElements(".//NameID") {
		each.SetText("mallory")
	}
	for _, each := range append(other.FindElements(".//Assertion"), other) {
		each.CreateAttr("ID", each.SelectAttrValue("ID", "")+"_evil")
	}
	return other
}

func unsigned(of *etree.Element) *etree.Element {
	bare := of.Copy()
	for _, each := range named(bare, "Signature") {
		bare.RemoveChild(each)
	}
	return bare
}

// TestSignatureWrapping is the eight ways of Somorovsky et al., 'On Breaking SAML' (2012), as SAML Raider makes them.
func TestSignatureWrapping(t *testing.T) {
	for name, attack := range map[string]struct {
		want Reason
		make func(t *testing.T) *etree.Element
	}{
		"XSW1 the signed response inside the signature of a forged one": {Misplaced, func(t *testing.T) *etree.Element {
			signed := signedResponse(t, nil)
			forged := evil(t, signed)
			named(forged, "Signature")[0].AddChild(unsigned(signed))
			return forged
		}},
		"XSW2 the signed response before the signature of a forged one": {Misplaced, func(t *testing.T) *etree.Element {
			signed := signedResponse(t, nil)
			forged := evil(t, signed)
			forged.InsertChildAt(named(forged, "Signature")[0].Index(), unsigned(signed))
			return forged
		}},
		"XSW3 a forged assertion before the signed one": {TwoAssertions, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			signed := assertionOf(response)
			response.InsertChildAt(signed.Index(), unsigned(evil(t, signed)))
			return response
		}},
		"XSW4 the signed assertion inside a forged one": {TwoAssertions, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			signed := assertionOf(response)
			forged := unsigned(evil(t, signed))
			response.InsertChildAt(signed.Index(), forged)
			forged.AddChild(signed)
			return response
		}},
		"XSW5 the signature in a forged assertion, the signed one after it": {BadReference, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			signed := assertionOf(response)
			response.InsertChildAt(signed.Index(), evil(t, signed))
			response.AddChild(unsigned(signed))
			response.RemoveChild(signed)
			return response
		}},
		"XSW6 the signed assertion inside the signature of a forged one": {Misplaced, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			signed := assertionOf(response)
			forged := evil(t, signed)
			named(forged, "Signature")[0].AddChild(unsigned(signed))
			response.InsertChildAt(signed.Index(), forged)
			response.RemoveChild(signed)
			return response
		}},
		"XSW7 a forged assertion among extensions": {TwoAssertions, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			signed := assertionOf(response)
			extensions := etree.NewElement("samlp:Extensions")
			extensions.AddChild(unsigned(evil(t, signed)))
			response.InsertChildAt(signed.Index(), extensions)
			return response
		}},
		"XSW8 the signed assertion in an Object of the signature of a forged one": {Misplaced, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			signed := assertionOf(response)
			forged := evil(t, signed)
			object := etree.NewElement("ds:Object")
			object.AddChild(unsigned(signed))
			named(forged, "Signature")[0].AddChild(object)
			response.InsertChildAt(signed.Index(), forged)
			response.RemoveChild(signed)
			return response
		}},
		"a forged assertion in a foreign namespace": {TwoAssertions, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			forged := unsigned(evil(t, assertionOf(response)))
			forged.Space = "x"
			forged.CreateAttr("xmlns:x", "urn:other")
			holder := response.CreateElement("samlp:Extensions")
			holder.AddChild(forged)
			return response
		}},
		"the signature of the assertion moved to the response": {BadReference, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			signature := named(assertionOf(response), "Signature")[0]
			response.AddChild(signature)
			return response
		}},
		"two signatures of one assertion": {Misplaced, func(t *testing.T) *etree.Element {
			response := signedAssertion(t, nil)
			assertionOf(response).AddChild(named(assertionOf(response), "Signature")[0].Copy())
			return response
		}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, octets(t, attack.make(t)), expected(), attack.want) })
	}
}

func TestTamperedDocuments(t *testing.T) {
	change := func(make func(testing.TB, map[string]string) *etree.Element, from, to string) []byte {
		return []byte(strings.Replace(string(octets(t, make(t, nil))), from, to, 1))
	}
	signature := func(edit func(signature, info, reference *etree.Element)) []byte {
		response := signedAssertion(t, nil)
		found := named(assertionOf(response), "Signature")[0]
		info := named(found, "SignedInfo")[0]
		edit(found, info, named(info, "Reference")[0])
		return octets(t, response)
	}
	stripped := unsigned(signedResponse(t, nil))
	for name, each := range map[string]struct {
		document []byte
		want     Reason
	}{
		"signature stripped":                 {octets(t, stripped), Unsigned},
		"name changed in a signed assertion": {change(signedAssertion, "anna-0815", "mallory"), BadSignature},
		"name changed in a signed response":  {change(signedResponse, "anna-0815", "mallory"), BadSignature},
		"attribute changed":                  {change(signedAssertion, "support<", "owners<"), BadSignature},
		"comment inside the name":            {change(signedResponse, "anna-0815", "anna<!-- -->-0815"), Comment},
		"comment elsewhere":                  {change(signedResponse, "<samlp:Status>", "<!-- --><samlp:Status>"), Comment},
		"processing instruction":             {change(signedResponse, "anna-0815", "anna<?x y?>-0815"), Instruction},
		"style sheet before the root":        {append([]byte(`<?xml-stylesheet href="x"?>`), octets(t, signedResponse(t, nil))...), Instruction},
		"DTD":                                {append([]byte(`<!DOCTYPE Response>`), octets(t, signedResponse(t, nil))...), Doctype},
		"DTD with an entity":                 {append([]byte(`<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>`), octets(t, signedResponse(t, nil))...), Doctype},
		"CDATA":                              {change(signedResponse, "anna-0815", "<![CDATA[anna-0815]]>"), Cdata},
		"an ID twice":                        {change(signedResponse, `<samlp:Status>`, `<samlp:Status ID="_assertion1">`), DoubleID},
		"an attribute twice":                 {change(signedResponse, `ID="_assertion1"`, `ID="_assertion1" ID="_other"`), DoubleID},
		"an attribute again in a namespace":  {change(signedResponse, `ID="_assertion1"`, `xmlns:x="urn:x" x:ID="_other" ID="_assertion1"`), DoubleID},
		"a second root":                      {append(octets(t, signedResponse(t, nil)), "<x/>"...), Malformed},
		"text after the root":                {append(octets(t, signedResponse(t, nil)), "x"...), Malformed},
		"not UTF-8":                          {append(octets(t, signedResponse(t, nil)), 0xff), Malformed},
		"UTF-16 declared":                    {append([]byte(`<?xml version="1.0" encoding="UTF-16"?>`), octets(t, signedResponse(t, nil))...), Malformed},
		"no XML":                             {[]byte("SAML"), Malformed},
		"nothing":                            {nil, Malformed},
		"an assertion alone":                 {octets(t, assertionOf(document(t, nil))), Malformed},
		"a prefix of no namespace":           {change(signedResponse, "<samlp:Status>", "<samlp:Status><nobody:x/>"), Malformed},
		"too large":                          {append(octets(t, signedResponse(t, nil)), make([]byte, MaxDocument)...), TooLarge},
		"too deep":                           {[]byte(strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)), TooLarge},
		"too many elements":                  {[]byte("<a>" + strings.Repeat("<b/>", maxElements) + "</a>"), TooLarge},
		"reference to the whole document":    {signature(func(_, _, reference *etree.Element) { reference.CreateAttr("URI", "") }), BadReference},
		"reference elsewhere":                {signature(func(_, _, reference *etree.Element) { reference.CreateAttr("URI", "#_response1") }), BadReference},
		"reference outside":                  {signature(func(_, _, reference *etree.Element) { reference.CreateAttr("URI", "http://evil.example/") }), BadReference},
		"two references":                     {signature(func(_, info, reference *etree.Element) { info.AddChild(reference.Copy()) }), BadReference},
		"no reference":                       {signature(func(_, info, reference *etree.Element) { info.RemoveChild(reference) }), BadReference},
		"SHA-1 said for the digest": {signature(func(_, _, reference *etree.Element) {
			named(reference, "DigestMethod")[0].CreateAttr("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")
		}), WeakAlgorithm},
		"HMAC with the public key": {signature(func(_, info, _ *etree.Element) {
			named(info, "SignatureMethod")[0].CreateAttr("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
		}), WeakAlgorithm},
		"an XPath transform": {signature(func(_, _, reference *etree.Element) {
			named(reference, "Transforms")[0].ChildElements()[1].CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
		}), BadTransform},
		"an XSLT transform more": {signature(func(_, _, reference *etree.Element) {
			named(reference, "Transforms")[0].CreateElement("ds:Transform").CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
		}), BadTransform},
		"no transform": {signature(func(_, _, reference *etree.Element) {
			transforms := named(reference, "Transforms")[0]
			transforms.RemoveChild(transforms.ChildElements()[0])
		}), BadTransform},
		"another canonicalisation": {signature(func(_, info, _ *etree.Element) {
			named(info, "CanonicalizationMethod")[0].CreateAttr("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
		}), BadTransform},
		"two SignedInfo":         {signature(func(found, info, _ *etree.Element) { found.AddChild(info.Copy()) }), Misplaced},
		"digest of another text": {signature(func(_, _, reference *etree.Element) { named(reference, "DigestValue")[0].SetText("AAAA") }), BadSignature},
		"no signature value":     {signature(func(found, _, _ *etree.Element) { named(found, "SignatureValue")[0].SetText("") }), BadSignature},
	} {
		t.Run(name, func(t *testing.T) { refused(t, each.document, expected(), each.want) })
	}
}

func TestSignaturesByOthers(t *testing.T) {
	by := func(who pair, method string) []byte {
		response := document(t, nil)
		sign(t, assertionOf(response), who, method)
		return octets(t, response)
	}
	t.Run("a stranger's key with the stranger's certificate", func(t *testing.T) {
		refused(t, by(pairs().stranger, dsig.RSASHA256SignatureMethod), expected(), BadSignature)
	})
	t.Run("a stranger's key with the provider's certificate", func(t *testing.T) {
		refused(t, by(pair{pairs().stranger.key, pairs().idp.cert}, dsig.RSASHA256SignatureMethod), expected(), BadSignature)
	})
	t.Run("SHA-1", func(t *testing.T) {
		refused(t, by(pairs().idp, dsig.RSASHA1SignatureMethod), expected(), WeakAlgorithm)
	})
	t.Run("a signed response with a broken signature of the assertion", func(t *testing.T) {
		response := document(t, nil)
		sign(t, assertionOf(response), pairs().stranger, dsig.RSASHA256SignatureMethod)
		sign(t, response, pairs().idp, dsig.RSASHA256SignatureMethod)
		refused(t, octets(t, response), expected(), BadSignature)
	})
	t.Run("an expired certificate", func(t *testing.T) {
		old := newPair(pairs().idp.key, forgedAt.AddDate(-2, 0, 0), forgedAt.AddDate(-1, 0, 0))
		expect := expected()
		expect.Trust.Certificates = append(expect.Trust.Certificates[:0:0], old.cert)
		refused(t, by(old, dsig.RSASHA256SignatureMethod), expect, CertExpired)
	})
	t.Run("no certificate is known", func(t *testing.T) {
		expect := expected()
		expect.Trust = Trust{}
		refused(t, by(pairs().idp, dsig.RSASHA256SignatureMethod), expect, BadSignature)
	})
}
