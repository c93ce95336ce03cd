package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// What an honest document stays far below.
const (
	MaxDocument   = 256 << 10 // octets after base64: an answer with hundreds of groups has some 60 kB
	maxDepth      = 40        // elements inside each other
	maxElements   = 5000
	maxAttributes = 30 // of one element
)

// Algorithms that we take. SHA-1 is missing on purpose, as is every MAC: its key would be the public one (XML Signature §6.3).
var (
	signatureMethods = words(
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
		"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512")
	digestMethods    = words("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512")
	canonicalMethods = words("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments") // the same here, where no comment passes
)

// enveloped is the transform that leaves the signature itself out (XML Signature §6.6.4).
const enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

func words(all ...string) map[string]bool {
	set := map[string]bool{}
	for _, each := range all {
		set[each] = true
	}
	return set
}

// Screen reads a document that a stranger sent, or refuses it. What passes has one root, one meaning to every reader of XML, each ID once, and each signature as the child of exactly
// the element that it signs, by an algorithm that still holds. Whether a signature is true is not asked here.
func Screen(document []byte) (*etree.Element, error) {
	if len(document) > MaxDocument {
		return nil, refuse(TooLarge, "octets")
	}
	if refusal := screenMarkup(document); refusal != nil {
		return nil, refusal
	}
	if refusal := screenTokens(document); refusal != nil {
		return nil, refusal
	}
	tree := etree.NewDocument()
	if err := tree.ReadFromBytes(document); err != nil || tree.Root() == nil {
		return nil, refuse(Malformed, "XML")
	}
	if refusal := screenTree(tree.Root()); refusal != nil {
		return nil, refusal
	}
	return tree.Root(), nil
}

// screenMarkup looks for what begins with <! or <? : neither can stand in a text or an attribute, so every one is markup.
func screenMarkup(document []byte) *Refusal {
	if !utf8.Valid(document) || bytes.IndexByte(document, 0) >= 0 {
		return refuse(Malformed, "UTF-8")
	}
	if at := bytes.Index(document, []byte("<!")); at >= 0 {
		switch rest := document[at:]; {
		case bytes.HasPrefix(rest, []byte("<!--")):
			return refuse(Comment, "")
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			return refuse(Cdata, "")
		default:
			return refuse(Doctype, "")
		}
	}
	if at := bytes.LastIndex(document, []byte("<?")); at > 0 || at == 0 && !bytes.HasPrefix(document, []byte("<?xml ")) {
		return refuse(Instruction, "")
	}
	return nil
}

// screenTokens counts, and looks for what a tree does not show any more: attributes given twice, text beside the root, a second root.
func screenTokens(document []byte) *Refusal {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	depth, elements, roots := 0, 0, 0
	ids := map[string]bool{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return refuse(Malformed, "XML")
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots++
			}
			if elements++; elements > maxElements || depth > maxDepth || len(token.Attr) > maxAttributes {
				return refuse(TooLarge, "elements")
			}
			if refusal := screenAttributes(token.Attr, ids); refusal != nil {
				return refusal
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(token)) > 0 {
				return refuse(Malformed, "text beside the root")
			}
		}
	}
	if roots != 1 {
		return refuse(Malformed, "root")
	}
	return nil
}

// screenAttributes refuses an attribute that stands twice (the standard library takes both) and an ID that is known already, however its name is written.
func screenAttributes(attributes []xml.Attr, ids map[string]bool) *Refusal {
	seen := map[string]bool{}
	own := false
	for _, each := range attributes {
		if each.Name.Space == "xmlns" {
			continue
		}
		if seen[each.Name.Local] { // in another namespace too: some readers do not look at it
			return refuse(DoubleID, "attribute")
		}
		seen[each.Name.Local] = true
		if !strings.EqualFold(each.Name.Local, "ID") {
			continue
		}
		if own || ids[each.Value] || each.Value == "" {
			return refuse(DoubleID, "ID")
		}
		own, ids[each.Value] = true, true
	}
	return nil
}

// screenTree looks at the shape. Names count without their namespaces here: an element that is called Assertion but is none is as unwelcome as a second one.
func screenTree(root *etree.Element) *Refusal {
	var inside func(parent *etree.Element) *Refusal
	inside = func(parent *etree.Element) *Refusal {
		for _, child := range parent.ChildElements() {
			if child.Space != "" && child.NamespaceURI() == "" {
				return refuse(Malformed, "namespace")
			}
			switch child.Tag {
			case "Assertion", "EncryptedAssertion":
				if parent != root || root.Tag != "Response" {
					return refuse(TwoAssertions, parent.Tag)
				}
				if child.NamespaceURI() != nsAssertion {
					return refuse(Misplaced, child.Tag)
				}
			case "Response", "LogoutRequest", "LogoutResponse", "ArtifactResponse":
				return refuse(Misplaced, child.Tag)
			case "Signature":
				if refusal := screenSignature(parent, child, root); refusal != nil {
					return refusal
				}
			}
			if refusal := inside(child); refusal != nil {
				return refusal
			}
		}
		return nil
	}
	if root.Space != "" && root.NamespaceURI() == "" {
		return refuse(Malformed, "namespace")
	}
	if refusal := inside(root); refusal != nil {
		return refusal
	}
	assertions := 0
	for _, child := range root.ChildElements() {
		if child.Tag == "Assertion" || child.Tag == "EncryptedAssertion" {
			assertions++
		}
	}
	if assertions > 1 {
		return refuse(TwoAssertions, root.Tag)
	}
	return nil
}

// screenSignature looks at one signature: enveloped, of one reference to its parent, by algorithms that hold (SAML Core §5.4).
func screenSignature(parent, signature, root *etree.Element) *Refusal {
	if signature.NamespaceURI() != nsSignature || parent != root && (parent.Tag != "Assertion" || parent.Parent() != root) {
		return refuse(Misplaced, "Signature")
	}
	if len(named(parent, "Signature")) != 1 {
		return refuse(Misplaced, "Signature")
	}
	if !shape(signature, "SignedInfo", "SignatureValue", "KeyInfo?") {
		return refuse(Misplaced, "Signature")
	}
	info := named(signature, "SignedInfo")[0]
	if !shape(info, "CanonicalizationMethod", "SignatureMethod", "Reference") {
		return refuse(BadReference, "SignedInfo")
	}
	if !canonicalMethods[algorithm(info, "CanonicalizationMethod")] {
		return refuse(BadTransform, "CanonicalizationMethod")
	}
	if !signatureMethods[algorithm(info, "SignatureMethod")] {
		return refuse(WeakAlgorithm, "SignatureMethod")
	}
	reference := named(info, "Reference")[0]
	if id := parent.SelectAttrValue("ID", ""); id == "" || reference.SelectAttrValue("URI", "") != "#"+id {
		return refuse(BadReference, "URI")
	}
	if !shape(reference, "Transforms", "DigestMethod", "DigestValue") {
		return refuse(BadReference, "Reference")
	}
	if !digestMethods[algorithm(reference, "DigestMethod")] {
		return refuse(WeakAlgorithm, "DigestMethod")
	}
	return screenTransforms(named(reference, "Transforms")[0])
}

// screenTransforms takes the enveloped signature, and one canonicalisation after it, and nothing else: XPath or XSLT could sign one thing and show another.
func screenTransforms(transforms *etree.Element) *Refusal {
	all := transforms.ChildElements()
	if len(all) != 2 {
		return refuse(BadTransform, "Transforms")
	}
	for i, each := range all {
		if each.Tag != "Transform" || each.NamespaceURI() != nsSignature {
			return refuse(BadTransform, "Transforms")
		}
		method := each.SelectAttrValue("Algorithm", "")
		if i == 0 && method != enveloped || i == 1 && !canonicalMethods[method] {
			return refuse(BadTransform, "Transform")
		}
	}
	return nil
}

// shape says whether an element of XML Signature has exactly these children, each once; one with a question mark may be missing.
func shape(el *etree.Element, want ...string) bool {
	total := 0
	for _, name := range want {
		name, optional := strings.CutSuffix(name, "?")
		found := named(el, name)
		if len(found) > 1 || len(found) == 0 && !optional {
			return false
		}
		for _, each := range found {
			if each.NamespaceURI() != nsSignature {
				return false
			}
		}
		total += len(found)
	}
	return total == len(el.ChildElements())
}

// named are the children of that local name.
func named(el *etree.Element, tag string) []*etree.Element {
	var all []*etree.Element
	for _, child := range el.ChildElements() {
		if child.Tag == tag {
			all = append(all, child)
		}
	}
	return all
}

// algorithm is what the child of that name says.
func algorithm(el *etree.Element, tag string) string {
	for _, child := range named(el, tag) {
		return child.SelectAttrValue("Algorithm", "")
	}
	return ""
}
