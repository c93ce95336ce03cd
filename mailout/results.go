package mailout

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/mailout/dane"
	"postern/mailout/mtasts"
)

// PolicyType is what a result is about (RFC 8460 §4.4: policy-type).
type PolicyType string

const (
	PolicyTypeTLSA PolicyType = "tlsa"
	PolicyTypeSTS  PolicyType = "sts"
	PolicyTypeNone PolicyType = "no-policy-found"
)

// Result types of RFC 8460 §4.3. The empty one is a success.
const (
	ResultSTARTTLS         = "starttls-not-supported"
	ResultHostMismatch     = "certificate-host-mismatch"
	ResultExpired          = "certificate-expired"
	ResultNotTrusted       = "certificate-not-trusted"
	ResultValidation       = "validation-failure"
	ResultTLSAInvalid      = "tlsa-invalid"
	ResultDNSSECInvalid    = "dnssec-invalid"
	ResultDANERequired     = "dane-required"
	ResultSTSFetchError    = "sts-policy-fetch-error"
	ResultSTSInvalid       = "sts-policy-invalid"
	ResultSTSWebPKIInvalid = "sts-webpki-invalid"
)

// Policy is one policy as it is reported (RFC 8460 §4.4).
type Policy struct {
	Type   PolicyType
	Domain string   // whose policy it is; of tlsa the TLSA base domain, which is the host's
	Lines  []string // policy-string
	MX     []string // mx-host: the patterns of sts
}

// TLSResult is how TLS went under one policy: in one session, or on the way to one that did not come about.
type TLSResult struct {
	At        time.Time
	Recipient string // the domain that the mail was for, which is where its TLS reports go
	Policy    Policy
	Host      string     // receiving-mx-hostname; empty where no host was come to
	Addr      netip.Addr // receiving-ip; invalid where none was connected to
	Type      string     // result-type; empty: a success
	Reason    string     // failure-reason-code, in words
}

// outcome is what one session comes to under one policy.
type outcome struct {
	policy reported
	kind   string
	reason string
}

// reported is a policy with the domain whose report it belongs to.
type reported struct {
	Policy
	recipient string
}

// reportedOf lists the policies that apply to a host. A mail that passes over policies is a report itself, and reports are not about reports; nor are they about who relays for us.
func reportedOf(way route, known asked) []reported {
	if !known.heeds() || way.relayed {
		return nil
	}
	var list []reported
	if keys := known.keys; keys.Status != dane.None {
		policy := Policy{Type: PolicyTypeTLSA, Domain: keys.Base}
		for _, record := range keys.Records {
			policy.Lines = append(policy.Lines, record.String())
		}
		list = append(list, reported{policy, way.domain})
	}
	if policy := way.sts.Policy; policy.Mode == mtasts.ModeTesting || policy.Mode == mtasts.ModeEnforce {
		list = append(list, reported{stsPolicy(way.domain, policy), way.domain})
	}
	if len(list) == 0 {
		list = []reported{{Policy{Type: PolicyTypeNone, Domain: way.domain}, way.domain}}
	}
	return list
}

func stsPolicy(domain string, policy mtasts.Policy) Policy {
	return Policy{Type: PolicyTypeSTS, Domain: domain, Lines: policy.Lines(), MX: policy.MX}
}

// results are what a session comes to under each policy that applies to its host. Each is judged by itself, whatever the others made of the mail.
func (r requirement) results(host string, s shown) []outcome {
	var list []outcome
	for _, policy := range r.reported {
		one := outcome{policy: policy}
		switch {
		case s.security == notOffered:
			one.kind, one.reason = ResultSTARTTLS, host+" does not offer STARTTLS"
		case s.security == declined:
			one.kind, one.reason = ResultSTARTTLS, s.words
		case s.security == broken:
			one.kind, one.reason = ResultValidation, s.words
		case policy.Type == PolicyTypeTLSA && r.keys.Status == dane.Unusable:
			one.kind, one.reason = ResultTLSAInvalid, "none of the TLSA records can be used"
		case policy.Type == PolicyTypeTLSA:
			one.kind, one.reason = resultOf(s.keys)
		case policy.Type == PolicyTypeSTS && !namedBy(policy.MX, host):
			one.kind, one.reason = ResultValidation, "the policy does not name "+host
		case policy.Type == PolicyTypeSTS:
			one.kind, one.reason = resultOf(s.pkix)
		}
		one.reason = legible(one.reason)
		list = append(list, one)
	}
	return list
}

func namedBy(patterns []string, host string) bool { return mtasts.Policy{MX: patterns}.Names(host) }

// resultOf is the result type of a certificate that proves nothing (RFC 8460 §4.3.1), with the reason.
func resultOf(err error) (kind, reason string) {
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &host):
		kind = ResultHostMismatch
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		kind = ResultExpired
	case errors.As(err, &unknown), errors.Is(err, dane.ErrMismatch):
		kind = ResultNotTrusted
	default:
		kind = ResultValidation
	}
	return kind, err.Error()
}

// report hands results on.
func (s *Sender) report(list []outcome, at place) {
	for _, one := range list {
		s.hand(TLSResult{Recipient: one.policy.recipient, Policy: one.policy.Policy, Host: at.host, Addr: at.addr.Addr(), Type: one.kind, Reason: one.reason})
	}
}

func (s *Sender) hand(result TLSResult) {
	if s.Results == nil {
		return
	}
	result.At = time.Now()
	if s.Now != nil {
		result.At = s.Now()
	}
	s.Results(result)
}

// reportLookUp reports that the way to a domain is not proved though it should be. RFC 8460 §4.3.2.1 keeps dnssec-invalid for TLSA records, so it is the general failure.
func (s *Sender) reportLookUp(domain string, err error) {
	if domains.IsBogus(err) {
		s.hand(TLSResult{Recipient: domain, Policy: Policy{Type: PolicyTypeNone, Domain: domain}, Type: ResultValidation, Reason: legible(err.Error())})
	}
}

// reportFetch reports that the policy of a domain could not be fetched. One that was kept stands in for it; the failure is reported all the same.
func (s *Sender) reportFetch(domain string, found mtasts.Found) {
	policy := Policy{Type: PolicyTypeSTS, Domain: domain}
	if found.Policy.Mode != mtasts.ModeNone {
		policy = stsPolicy(domain, found.Policy)
	}
	s.hand(TLSResult{Recipient: domain, Policy: policy, Type: found.Failure.Result, Reason: found.Failure.Error()})
}

// reportRefused reports a host that was not connected to, because of what is known of it.
func (s *Sender) reportRefused(to exchange, way route, known asked) {
	result := TLSResult{Recipient: way.domain, Host: to.name}
	switch {
	case known.bogus != nil:
		result.Policy, result.Reason = Policy{Type: PolicyTypeTLSA, Domain: to.name}, known.bogus.Error()
		result.Type = ResultTLSAInvalid
		if domains.IsBogus(known.bogus) {
			result.Type = ResultDNSSECInvalid
		}
	case to.need.policy == desk.PolicySTSEnforce:
		result.Policy, result.Type, result.Reason = stsPolicy(way.domain, way.sts.Policy), ResultValidation, "the policy does not name "+to.name
	default:
		return // REQUIRETLS is a wish of ours, and nobody's failure
	}
	result.Reason = legible(result.Reason)
	s.hand(result)
}
