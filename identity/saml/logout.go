package saml

import (
	"bytes"
	"compress/flate"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
)

// Logout is a request of the provider to end sessions (SAML Profiles §4.4).
type Logout struct {
	ID       string
	Subject  Subject
	Sessions []string // SessionIndex; empty: all sessions of that person
	Relay    string   // RelayState, which goes back with our answer
}

// LogoutExpect is what a logout message is measured by.
type LogoutExpect struct {
	Issuer string // entity ID of the provider
	At     string // address of our single logout service
	Trust  Trust
	Now    time.Time
}

// LogoutLife is how old a logout message may be.
const LogoutLife = 5 * time.Minute

// redirectMethods are the algorithms that may sign a query, as x509 knows them.
var redirectMethods = map[string]x509.SignatureAlgorithm{
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":   x509.SHA256WithRSA,
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384":   x509.SHA384WithRSA,
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":   x509.SHA512WithRSA,
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": x509.ECDSAWithSHA256,
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": x509.ECDSAWithSHA384,
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512": x509.ECDSAWithSHA512,
}

// AskLogout is the address to which a browser is sent to end the session at the provider too.
func (s Service) AskLogout(id, at string, subject Subject, session, issuer string, now time.Time) (string, error) {
	request := crewjam.LogoutRequest{
		ID: id, Version: "2.0", IssueInstant: now.UTC(), Destination: at, Issuer: s.issuer(),
		NameID: &crewjam.NameID{Value: subject.Name, Format: subject.Format, NameQualifier: issuer, SPNameQualifier: s.EntityID},
	}
	if subject.Qualifier != "" {
		request.NameID.NameQualifier = subject.Qualifier
	}
	if session != "" {
		request.SessionIndex = &crewjam.SessionIndex{Value: session}
	}
	return s.redirect("SAMLRequest", at, "", request.Element())
}

// AnswerLogout is the address to which a browser is sent back after the provider asked for a logout.
func (s Service) AnswerLogout(id, at string, to Logout, now time.Time) (string, error) {
	response := crewjam.LogoutResponse{
		ID: id, InResponseTo: to.ID, Version: "2.0", IssueInstant: now.UTC(), Destination: at, Issuer: s.issuer(),
		Status: crewjam.Status{StatusCode: crewjam.StatusCode{Value: statusSuccess}},
	}
	return s.redirect("SAMLResponse", at, to.Relay, response.Element())
}

// ReadLogoutQuery reads a logout request that came by the redirect binding: its signature is over the text of the query itself. The error is always a *Refusal.
func ReadLogoutQuery(query string, expect LogoutExpect) (Logout, error) {
	document, relay, err := openQuery("SAMLRequest", query, expect)
	if err != nil {
		return Logout{}, withDigest(err, document)
	}
	root, err := Screen(document)
	if err == nil && len(named(root, "Signature")) > 0 { // SAML Bindings §3.4.4.1: none inside
		err = refuse(Misplaced, "Signature")
	}
	var logout Logout
	if err == nil {
		logout, err = readLogout(root, expect)
		logout.Relay = relay
	}
	return logout, withDigest(err, document)
}

// ReadLogoutForm reads a logout request that was POSTed: it carries its signature in itself.
func ReadLogoutForm(document []byte, relay string, expect LogoutExpect) (Logout, error) {
	root, err := Screen(document)
	if err != nil {
		return Logout{}, withDigest(err, document)
	}
	signed, found, err := verified(root, expect.Trust, expect.Now)
	if err == nil && !found {
		err = refuse(Unsigned, "")
	}
	var logout Logout
	if err == nil {
		logout, err = readLogout(signed, expect)
		logout.Relay = relay
	}
	return logout, withDigest(err, document)
}

func readLogout(root *etree.Element, expect LogoutExpect) (Logout, error) {
	if err := checkLogout(root, "LogoutRequest", expect); err != nil {
		return Logout{}, err
	}
	logout := Logout{ID: root.SelectAttrValue("ID", "")}
	until, err := instant(root, "NotOnOrAfter")
	if err != nil {
		return Logout{}, refuse(Malformed, "NotOnOrAfter")
	}
	if err := inTime(time.Time{}, until, expect.Now); err != nil {
		return Logout{}, err
	}
	names := kids(root, nsAssertion, "NameID")
	if len(names) != 1 || logout.ID == "" {
		return Logout{}, refuse(BadSubject, "NameID")
	}
	name, plain := text(names[0])
	if !plain || name == "" || len(name) > longestName {
		return Logout{}, refuse(BadSubject, "NameID")
	}
	logout.Subject = Subject{Name: name, Format: names[0].SelectAttrValue("Format", "")}
	if qualifier := names[0].SelectAttrValue("NameQualifier", ""); qualifier != expect.Issuer && len(qualifier) <= longestName {
		logout.Subject.Qualifier = qualifier
	}
	for _, each := range kids(root, nsProtocol, "SessionIndex") {
		if session, plain := text(each); plain && len(logout.Sessions) < mostValues {
			logout.Sessions = append(logout.Sessions, session)
		}
	}
	return logout, nil
}

// checkLogout looks at what a logout request and a response have in common (SAML Core §3.2.1 and §3.2.2).
func checkLogout(root *etree.Element, tag string, expect LogoutExpect) error {
	if root.Tag != tag || root.NamespaceURI() != nsProtocol || root.SelectAttrValue("Version", "") != "2.0" {
		return refuse(Malformed, tag)
	}
	if issuer, given := childText(root, "Issuer"); !given || issuer != expect.Issuer {
		return refuse(WrongIssuer, tag)
	}
	if root.SelectAttrValue("Destination", "") != expect.At {
		return refuse(WrongPlace, "Destination")
	}
	issued, err := instant(root, "IssueInstant")
	if err != nil || issued.IsZero() {
		return refuse(Malformed, "IssueInstant")
	}
	return inTime(issued, issued.Add(LogoutLife), expect.Now)
}

// openQuery checks the signature over a query and unpacks what it carries. The signed text is put together from the query as it came, undecoded, in the standard's order.
func openQuery(field, query string, expect LogoutExpect) (document []byte, relay string, err error) {
	raw := map[string]string{}
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if _, twice := raw[name]; twice {
			return nil, "", refuse(Malformed, "query")
		}
		raw[name] = value
	}
	plain := func(name string) (value string) {
		if err == nil {
			value, err = url.QueryUnescape(raw[name])
		}
		return value
	}
	packed, relay, method, signed := plain(field), plain("RelayState"), plain("SigAlg"), plain("Signature")
	if err != nil || packed == "" || len(packed) > MaxDocument {
		return nil, "", refuse(Malformed, "query")
	}
	squeezed, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return nil, "", refuse(Malformed, "base64")
	}
	document, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(squeezed)), MaxDocument+1))
	if err != nil || len(document) > MaxDocument {
		return squeezed, "", refuse(TooLarge, "deflate")
	}
	if signed == "" {
		return document, "", refuse(Unsigned, "")
	}
	algorithm, known := redirectMethods[method]
	if !known {
		return document, "", refuse(WeakAlgorithm, "SigAlg")
	}
	signature, err := base64.StdEncoding.DecodeString(signed)
	if err != nil {
		return document, "", refuse(Malformed, "Signature")
	}
	text := field + "=" + raw[field]
	if _, given := raw["RelayState"]; given {
		text += "&RelayState=" + raw["RelayState"]
	}
	text += "&SigAlg=" + raw["SigAlg"]
	reason := BadSignature
	for _, cert := range expect.Trust.Certificates {
		if expect.Now.Before(cert.NotBefore) || expect.Now.After(cert.NotAfter) {
			reason = CertExpired
			continue
		}
		if cert.CheckSignature(algorithm, []byte(text), signature) == nil {
			return document, relay, nil
		}
	}
	return document, "", refuse(reason, "query")
}

// ReadLogoutAnswer reads a logout response that came by the redirect binding, and says whether the provider has ended the session. An empty request is one that nobody remembers.
func ReadLogoutAnswer(query, request string, expect LogoutExpect) (ended bool, err error) {
	document, _, err := openQuery("SAMLResponse", query, expect)
	if err != nil {
		return false, withDigest(err, document)
	}
	root, err := Screen(document)
	if err == nil {
		err = checkLogout(root, "LogoutResponse", expect)
	}
	if err == nil && request != "" && root.SelectAttrValue("InResponseTo", "") != request {
		err = refuse(NotAsked, "LogoutResponse")
	}
	if err != nil {
		return false, withDigest(err, document)
	}
	for _, status := range kids(root, nsProtocol, "Status") {
		for _, code := range kids(status, nsProtocol, "StatusCode") {
			ended = code.SelectAttrValue("Value", "") == statusSuccess
		}
	}
	return ended, nil
}
