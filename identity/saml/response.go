package saml

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// Skew is how far the clocks of two honest machines may differ.
const Skew = 60 * time.Second

// Bounds of what is read out of an assertion.
const (
	longestLife    = 24 * time.Hour // an assertion that may be used for longer is refused: its replay would have to be remembered for as long
	longestName    = 1024           // octets of a name identifier; SAML Core §8.3.7 allows 256 characters
	longestValue   = 4096           // octets of an attribute's value; longer ones are cut off the list
	mostAttributes = 200
	mostValues     = 500 // of one attribute
	methodBearer   = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	statusSuccess  = "urn:oasis:names:tc:SAML:2.0:status:Success"
	statusPrefix   = "urn:oasis:names:tc:SAML:2.0:status:"
)

// Encryption says what is expected of a provider.
type Encryption string

// What a provider may be told.
const (
	MayEncrypt  Encryption = "optional"
	MustEncrypt Encryption = "required"
)

// Expect is what a response is measured by.
type Expect struct {
	Issuer     string // entity ID of the identity provider
	Audience   string // ours
	Consumer   string // address of our assertion consumer service, to which the response was POSTed
	Request    string // ID of the request that it answers; empty where a provider may begin by itself
	Trust      Trust
	Keys       []*rsa.PrivateKey // ours, the newest first
	Encryption Encryption
	Now        time.Time
}

// Asserted is what an identity provider says about a person, all of it signed.
type Asserted struct {
	ID         string    // of the assertion: whoever calls takes it once
	UsableTill time.Time // until then ID has to be remembered; the skew is in it
	Request    string    // InResponseTo of the confirmation; empty when the provider began
	Subject    Subject
	Session    string    // SessionIndex, for single logout
	Until      time.Time // SessionNotOnOrAfter; zero when the provider does not say
	Context    string    // AuthnContextClassRef
	Attributes []Attribute
}

// Subject is whom an assertion is about.
type Subject struct {
	Name      string
	Format    string // empty: unspecified
	Qualifier string // NameQualifier, when it is not the issuer itself
}

// Attribute is one that the provider tells.
type Attribute struct {
	Name, Friendly string
	Values         []string
}

// microsoftMethods is the attribute in which Entra says what was asked of a person.
const microsoftMethods = "http://schemas.microsoft.com/claims/authnmethodsreferences"

// Asked are the words for how the person was asked to prove who they are.
func (a Asserted) Asked() []string {
	words := slices.Clone(a.All(microsoftMethods))
	if a.Context != "" {
		words = append(words, a.Context)
	}
	return words
}

// First is the first value of the attribute of that name, by its full or its friendly name; empty without one.
func (a Asserted) First(name string) string {
	if all := a.All(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// All are the values of the attribute of that name.
func (a Asserted) All(name string) []string {
	if name == "" {
		return nil
	}
	for _, each := range a.Attributes {
		if each.Name == name {
			return each.Values
		}
	}
	for _, each := range a.Attributes {
		if each.Friendly == name {
			return each.Values
		}
	}
	return nil
}

// Decode reads the form field of the POST binding (SAML Bindings §3.5.4).
func Decode(field string) ([]byte, error) {
	if len(field) > base64.StdEncoding.EncodedLen(MaxDocument)+MaxDocument/64 { // some break their lines
		return nil, refuse(TooLarge, "octets")
	}
	document, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(field), ""))
	if err != nil {
		return nil, refuse(Malformed, "base64")
	}
	return document, nil
}

// Peek tells which request a document says that it answers, before anything is believed: to look up what was asked. It is checked again after the signature.
func Peek(document []byte) (request string, err error) {
	root, err := Screen(document)
	if err == nil && (root.Tag != "Response" || root.NamespaceURI() != nsProtocol) {
		err = refuse(Malformed, "Response")
	}
	if err != nil {
		return "", withDigest(err, document)
	}
	return root.SelectAttrValue("InResponseTo", ""), nil
}

// Read checks a response and tells what it asserts. The error is always a *Refusal.
func Read(document []byte, expect Expect) (Asserted, error) {
	asserted, err := read(document, expect)
	if err != nil {
		return Asserted{}, withDigest(err, document)
	}
	return asserted, nil
}

func withDigest(err error, document []byte) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		refusal.Digest = Digest(document)
	}
	return err
}

func read(document []byte, expect Expect) (Asserted, error) {
	response, err := Screen(document)
	if err != nil {
		return Asserted{}, err
	}
	if response.Tag != "Response" || response.NamespaceURI() != nsProtocol {
		return Asserted{}, refuse(Malformed, "Response")
	}
	signed, around, err := verified(response, expect.Trust, expect.Now)
	if err != nil {
		return Asserted{}, err
	}
	if around {
		response = signed
	}
	if err := checkResponse(response, expect, around); err != nil {
		return Asserted{}, err
	}
	assertion, err := theAssertion(response, expect, around)
	if err != nil {
		return Asserted{}, err
	}
	return readAssertion(assertion, expect)
}

// checkResponse looks at the envelope (SAML Core §3.2.2, SAML Bindings §3.5.5.2). An unsigned one is checked too: it costs nothing, and finds faults early.
func checkResponse(response *etree.Element, expect Expect, signed bool) error {
	if response.SelectAttrValue("Version", "") != "2.0" {
		return refuse(Malformed, "Version")
	}
	if issuer, given := childText(response, "Issuer"); given && issuer != expect.Issuer {
		return refuse(WrongIssuer, "Response")
	}
	if destination := response.SelectAttrValue("Destination", ""); destination != expect.Consumer && (destination != "" || signed) {
		return refuse(WrongPlace, "Destination")
	}
	if response.SelectAttrValue("InResponseTo", "") != expect.Request {
		return refuse(NotAsked, "Response")
	}
	issued, err := instant(response, "IssueInstant")
	if err != nil || issued.IsZero() {
		return refuse(Malformed, "IssueInstant")
	}
	if issued.After(expect.Now.Add(Skew)) {
		return refuse(TooEarly, "IssueInstant")
	}
	status := kids(response, nsProtocol, "Status")
	if len(status) != 1 {
		return refuse(Malformed, "Status")
	}
	codes := kids(status[0], nsProtocol, "StatusCode")
	if len(codes) != 1 {
		return refuse(Malformed, "StatusCode")
	}
	if codes[0].SelectAttrValue("Value", "") != statusSuccess {
		return refuse(ProviderRefuse, statusWord(codes[0]))
	}
	return nil
}

// statusWord is the standard's word for why a provider refuses (SAML Core §3.2.2.2); what is none of its words is not repeated.
func statusWord(code *etree.Element) string {
	if second := kids(code, nsProtocol, "StatusCode"); len(second) == 1 {
		code = second[0]
	}
	word, standard := strings.CutPrefix(code.SelectAttrValue("Value", ""), statusPrefix)
	if !standard || len(word) > 40 || strings.ContainsFunc(word, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) {
		return ""
	}
	return word
}

// theAssertion is the one assertion, decrypted, its signature checked where the response has none, and wherever it has one itself.
func theAssertion(response *etree.Element, expect Expect, around bool) (*etree.Element, error) {
	plain, sealed := kids(response, nsAssertion, "Assertion"), kids(response, nsAssertion, "EncryptedAssertion")
	if len(plain)+len(sealed) == 0 {
		return nil, refuse(NoAssertion, "")
	}
	if len(plain)+len(sealed) > 1 {
		return nil, refuse(TwoAssertions, "")
	}
	var assertion *etree.Element
	if len(plain) == 1 {
		if expect.Encryption == MustEncrypt {
			return nil, refuse(NotEncrypted, "")
		}
		assertion = plain[0]
	} else {
		outer := unsignedAround
		if around {
			outer = signedAround
		}
		var err error
		if assertion, err = decrypted(sealed[0], expect.Keys, outer); err != nil {
			return nil, err
		}
	}
	signed, found, err := verified(assertion, expect.Trust, expect.Now)
	if err != nil {
		return nil, err
	}
	if found {
		return signed, nil
	}
	if !around {
		return nil, refuse(Unsigned, "")
	}
	return assertion, nil
}

// readAssertion checks an assertion whose signature is true (SAML Core §2.3.3, SAML Profiles §4.1.4.2) and reads it.
func readAssertion(assertion *etree.Element, expect Expect) (Asserted, error) {
	told := Asserted{ID: assertion.SelectAttrValue("ID", "")}
	if assertion.SelectAttrValue("Version", "") != "2.0" || told.ID == "" || len(told.ID) > longestName {
		return told, refuse(Malformed, "Assertion")
	}
	if issuer, given := childText(assertion, "Issuer"); !given || issuer != expect.Issuer {
		return told, refuse(WrongIssuer, "Assertion")
	}
	issued, err := instant(assertion, "IssueInstant")
	if err != nil || issued.IsZero() {
		return told, refuse(Malformed, "IssueInstant")
	}
	if issued.After(expect.Now.Add(Skew)) {
		return told, refuse(TooEarly, "IssueInstant")
	}
	if err := readSubject(assertion, expect, &told); err != nil {
		return told, err
	}
	if err := checkConditions(assertion, expect); err != nil {
		return told, err
	}
	if err := readAttributes(assertion, &told); err != nil {
		return told, err
	}
	return told, readStatement(assertion, expect, &told)
}

// readSubject reads whom it is about, and finds a confirmation by which the bearer is that person: for our address, in answer to our request, in time.
func readSubject(assertion *etree.Element, expect Expect, told *Asserted) error {
	subjects := kids(assertion, nsAssertion, "Subject")
	if len(subjects) != 1 {
		return refuse(BadSubject, "Subject")
	}
	names := kids(subjects[0], nsAssertion, "NameID")
	if len(names) != 1 {
		return refuse(BadSubject, "NameID")
	}
	name, plain := text(names[0])
	if !plain || name == "" || len(name) > longestName {
		return refuse(BadSubject, "NameID")
	}
	told.Subject = Subject{Name: name, Format: names[0].SelectAttrValue("Format", "")}
	if qualifier := names[0].SelectAttrValue("NameQualifier", ""); qualifier != expect.Issuer && len(qualifier) <= longestName {
		told.Subject.Qualifier = qualifier
	}
	var last error = refuse(BadSubject, "SubjectConfirmation")
	for _, each := range kids(subjects[0], nsAssertion, "SubjectConfirmation") {
		if each.SelectAttrValue("Method", "") != methodBearer {
			continue
		}
		if last = confirm(each, expect, told); last == nil {
			return nil
		}
	}
	return last
}

// confirm looks at one confirmation by the bearer.
func confirm(confirmation *etree.Element, expect Expect, told *Asserted) error {
	data := kids(confirmation, nsAssertion, "SubjectConfirmationData")
	if len(data) != 1 {
		return refuse(BadSubject, "SubjectConfirmationData")
	}
	if data[0].SelectAttrValue("Recipient", "") != expect.Consumer {
		return refuse(WrongPlace, "Recipient")
	}
	if data[0].SelectAttrValue("InResponseTo", "") != expect.Request {
		return refuse(NotAsked, "SubjectConfirmationData")
	}
	from, err := instant(data[0], "NotBefore")
	if err != nil {
		return refuse(Malformed, "NotBefore")
	}
	until, err := instant(data[0], "NotOnOrAfter")
	if err != nil || until.IsZero() { // it has to be there (SAML Profiles §4.1.4.2)
		return refuse(Malformed, "NotOnOrAfter")
	}
	if err := inTime(from, until, expect.Now); err != nil {
		return err
	}
	if until.Sub(expect.Now) > longestLife {
		return refuse(BadCondition, "NotOnOrAfter")
	}
	told.Request, told.UsableTill = expect.Request, until.Add(Skew)
	return nil
}

// inTime says whether now is from from on and before until, whatever of them is given, with the skew.
func inTime(from, until, now time.Time) error {
	if !from.IsZero() && now.Add(Skew).Before(from) {
		return refuse(TooEarly, "")
	}
	if !until.IsZero() && !now.Add(-Skew).Before(until) {
		return refuse(Expired, "")
	}
	return nil
}

// checkConditions keeps every condition, or refuses (SAML Core §2.5.1).
func checkConditions(assertion *etree.Element, expect Expect) error {
	all := kids(assertion, nsAssertion, "Conditions")
	if len(all) != 1 {
		return refuse(BadCondition, "Conditions")
	}
	from, err := instant(all[0], "NotBefore")
	if err != nil {
		return refuse(Malformed, "NotBefore")
	}
	until, err := instant(all[0], "NotOnOrAfter")
	if err != nil {
		return refuse(Malformed, "NotOnOrAfter")
	}
	if err := inTime(from, until, expect.Now); err != nil {
		return err
	}
	restricted := false
	for _, condition := range all[0].ChildElements() {
		switch {
		case condition.NamespaceURI() != nsAssertion:
			return refuse(BadCondition, "")
		case condition.Tag == "OneTimeUse", condition.Tag == "ProxyRestriction": // we use each once, and pass none on
		case condition.Tag == "AudienceRestriction":
			restricted = true
			if !slices.ContainsFunc(kids(condition, nsAssertion, "Audience"), func(audience *etree.Element) bool {
				name, plain := text(audience)
				return plain && name == expect.Audience
			}) {
				return refuse(WrongAudience, "")
			}
		default:
			return refuse(BadCondition, "")
		}
	}
	if !restricted { // it has to be there (SAML Profiles §4.1.4.2)
		return refuse(WrongAudience, "AudienceRestriction")
	}
	return nil
}

// readStatement reads how and until when the person was let in there.
func readStatement(assertion *etree.Element, expect Expect, told *Asserted) error {
	statements := kids(assertion, nsAssertion, "AuthnStatement")
	if len(statements) == 0 {
		return refuse(BadSubject, "AuthnStatement")
	}
	for _, each := range statements {
		until, err := instant(each, "SessionNotOnOrAfter")
		if err != nil {
			return refuse(Malformed, "SessionNotOnOrAfter")
		}
		if err := inTime(time.Time{}, until, expect.Now); err != nil {
			return err
		}
		if !until.IsZero() && (told.Until.IsZero() || until.Before(told.Until)) {
			told.Until = until
		}
	}
	first := statements[0]
	if session := first.SelectAttrValue("SessionIndex", ""); len(session) <= longestName {
		told.Session = session
	}
	if contexts := kids(first, nsAssertion, "AuthnContext"); len(contexts) == 1 {
		told.Context, _ = childText(contexts[0], "AuthnContextClassRef")
	}
	return nil
}

// readAttributes reads what else the provider tells. Values that are elements of their own are left out, except for a NameID, which stands for its text.
func readAttributes(assertion *etree.Element, told *Asserted) error {
	for _, statement := range kids(assertion, nsAssertion, "AttributeStatement") {
		for _, each := range kids(statement, nsAssertion, "Attribute") {
			if len(told.Attributes) == mostAttributes {
				return refuse(TooLarge, "Attribute")
			}
			attribute := Attribute{Name: each.SelectAttrValue("Name", ""), Friendly: each.SelectAttrValue("FriendlyName", "")}
			for _, value := range kids(each, nsAssertion, "AttributeValue") {
				if inner := kids(value, nsAssertion, "NameID"); len(inner) == 1 {
					value = inner[0]
				}
				said, plain := text(value)
				if !plain || len(said) > longestValue || len(attribute.Values) == mostValues {
					continue
				}
				attribute.Values = append(attribute.Values, said)
			}
			told.Attributes = append(told.Attributes, attribute)
		}
	}
	return nil
}

// kids are the children of that full name.
func kids(el *etree.Element, namespace, tag string) []*etree.Element {
	return slices.DeleteFunc(named(el, tag), func(child *etree.Element) bool { return child.NamespaceURI() != namespace })
}

// text is all the text of an element, trimmed; plain is false when something else than text stands in it.
func text(el *etree.Element) (said string, plain bool) {
	var all strings.Builder
	for _, child := range el.Child {
		data, isText := child.(*etree.CharData)
		if !isText {
			return "", false
		}
		all.WriteString(data.Data)
	}
	return strings.TrimSpace(all.String()), true
}

// childText is the text of the only child of that name in the namespace of assertions.
func childText(el *etree.Element, tag string) (said string, given bool) {
	all := kids(el, nsAssertion, tag)
	if len(all) != 1 {
		return "", len(all) > 0
	}
	said, _ = text(all[0])
	return said, true
}

// instant reads a time (SAML Core §1.3.3): in UTC by the standard, with any zone by the schema. Zero when it is not given.
func instant(el *etree.Element, name string) (time.Time, error) {
	given := el.SelectAttrValue(name, "")
	if given == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse("2006-01-02T15:04:05.999999999", given); err == nil { // no zone: UTC
		return at, nil
	}
	return time.Parse(time.RFC3339Nano, given)
}
