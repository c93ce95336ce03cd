// Package mtasts finds out what a domain asks of those who send to it, by MTA-STS (RFC 8461): the record that says there is a policy, the policy, and which mail servers it names. A policy that was once
// fetched holds until it expires, whoever suppresses its record or its host meanwhile, for every process on the same database.
//
// It opens no connection to a mail server and refuses no mail: that is for who delivers. The policy of our own domains is made in domains.
package mtasts

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mode is what senders do with a policy (RFC 8461 §5).
type Mode string

const (
	ModeNone    Mode = "none"    // there is no policy any more
	ModeTesting Mode = "testing" // failures are reported, and mail is delivered all the same
	ModeEnforce Mode = "enforce" // mail goes to named servers over proved TLS, or waits
)

const (
	longestAge = 31557600 * time.Second // RFC 8461 §3.2: about a year
	maxPolicy  = 64 << 10               // octets of a policy (RFC 8461 §3.3)
	maxServers = 500                    // servers that one policy names
	maxID      = 32
)

// Policy is what a domain asks (RFC 8461 §3.2).
type Policy struct {
	Mode   Mode
	MaxAge time.Duration
	MX     []string // host names, or *.domain for any one label before it; lower case
}

// Lines are the policy as it is reported (RFC 8460 §4.4: policy-string).
func (p Policy) Lines() []string {
	lines := []string{"version: STSv1", "mode: " + string(p.Mode)}
	for _, mx := range p.MX {
		lines = append(lines, "mx: "+mx)
	}
	return append(lines, fmt.Sprintf("max_age: %d", int64(p.MaxAge/time.Second)))
}

// Names says whether a policy names a mail server (RFC 8461 §4.1): a pattern's asterisk stands for exactly one label.
func (p Policy) Names(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(p.MX, func(pattern string) bool {
		if wild, ok := strings.CutPrefix(pattern, "*."); ok {
			return parent == wild
		}
		return host == pattern
	})
}

var (
	errNoRecord  = errors.New("no record of MTA-STS")
	errTwo       = errors.New("more than one record of MTA-STS")
	errForm      = errors.New("not in the form of RFC 8461")
	errMode      = errors.New("no mode, or none that is known")
	errNoServers = errors.New("no mail servers")
)

// ParseRecord reads the id from the TXT records at _mta-sts (RFC 8461 §3.1). Records of other things are passed over; more than one of MTA-STS is as good as none.
func ParseRecord(texts []string) (id string, err error) {
	found := ""
	for _, text := range texts {
		version, fields, ok := strings.Cut(text, ";")
		if !ok || strings.TrimRight(version, " \t") != "v=STSv1" {
			continue
		}
		if found != "" {
			return "", errTwo
		}
		found = fields
	}
	if found == "" {
		return "", errNoRecord
	}
	for field := range strings.SplitSeq(found, ";") {
		field = strings.Trim(field, " \t")
		name, value, ok := strings.Cut(field, "=")
		switch {
		case field == "":
			continue // the last delimiter may stand alone
		case !ok || !isName(name) || !isValue(value):
			return "", errForm
		case name == "id" && id == "":
			id = value
		}
	}
	if id == "" || len(id) > maxID || strings.Trim(id, letters) != "" {
		return "", errForm
	}
	return id, nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// isName is sts-ext-name of RFC 8461 §3.1.
func isName(name string) bool {
	return name != "" && len(name) <= 32 && strings.Contains(letters, name[:1]) && strings.Trim(name, letters+"_-.") == ""
}

// isValue is sts-ext-value of RFC 8461 §3.1: what can be seen, without ; and =.
func isValue(value string) bool {
	return value != "" && !strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c > '~' || c == ';' || c == '=' })
}

// ParsePolicy reads a policy (RFC 8461 §3.2). Fields that are not known are passed over; of those that may stand once the first counts.
func ParsePolicy(text string) (Policy, error) {
	if len(text) > maxPolicy {
		return Policy{}, fmt.Errorf("policy: %d octets and more", maxPolicy)
	}
	fields := map[string]string{}
	var policy Policy
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(strings.TrimSuffix(line, "\r"), " \t")
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimLeft(value, " \t")
		if !ok || !isName(name) {
			return Policy{}, fmt.Errorf("policy: a line is %w", errForm)
		}
		if name == "mx" {
			policy.MX = append(policy.MX, strings.ToLower(value))
		} else if _, twice := fields[name]; !twice {
			fields[name] = value
		}
	}
	if fields["version"] != "STSv1" {
		return Policy{}, fmt.Errorf("policy: version %.20q is none that we know", fields["version"])
	}
	seconds, err := strconv.ParseUint(fields["max_age"], 10, 64)
	if err != nil || len(fields["max_age"]) > 10 {
		return Policy{}, fmt.Errorf("policy: max_age %.20q is no number of seconds", fields["max_age"])
	}
	policy.MaxAge = min(time.Duration(seconds)*time.Second, longestAge)
	policy.Mode = Mode(fields["mode"])
	return policy, policy.check()
}

// check says whether a policy can be followed.
func (p Policy) check() error {
	switch p.Mode {
	case ModeNone:
	case ModeTesting, ModeEnforce:
		if len(p.MX) == 0 {
			return fmt.Errorf("policy: %w", errNoServers)
		}
	default:
		return fmt.Errorf("policy: %w", errMode)
	}
	if len(p.MX) > maxServers {
		return fmt.Errorf("policy: more than %d mail servers", maxServers)
	}
	for _, mx := range p.MX {
		if !isPattern(mx) {
			return fmt.Errorf("policy: mx %.80q is no host", mx)
		}
	}
	return nil
}

// isPattern is sts-policy-mx-value of RFC 8461 §3.2: a domain of A-labels, or *. and one.
func isPattern(text string) bool {
	text = strings.TrimPrefix(text, "*.")
	if text == "" || len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, letters+"-_") != "" {
			return false
		}
	}
	return true
}
