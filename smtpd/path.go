package smtpd

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Lengths in octets of RFC 5321 §4.5.3.1. They are what a server must take at least; the local part of a reverse-path may be twice as long here, because rewritten senders (SRS, VERP) are in daily use.
const (
	maxLocal        = 64
	maxReverseLocal = 128
	maxDomain       = 255
	maxLabel        = 63
	maxPath         = 256
)

// path is a reverse-path or forward-path (RFC 5321 §4.1.2) taken apart: the local part without its quotes, the domain in lower case and ASCII, or an address literal. The zero path is the null sender <>.
type path struct {
	local  string
	domain string
}

// Why an argument is no path. The texts are for the client.
var (
	errPathSyntax = errors.New("that is not an address: expected <local-part@domain>")
	errPathLength = errors.New("the address is too long (RFC 5321 section 4.5.3.1)")
	errPathDomain = errors.New("the domain of the address is not valid")
	errPathNoAt   = errors.New("the address has no domain")
)

// cutPath reads a path at the beginning of an argument of MAIL or RCPT and returns what stands after it. The angle brackets may be missing, as with some printers and scanners.
// A source route is read over (RFC 5321 §4.1.1.3: it SHOULD be ignored).
func cutPath(arg string) (p path, rest string, err error) {
	arg = strings.TrimLeft(arg, " ")
	if !strings.HasPrefix(arg, "<") {
		addr, rest, _ := strings.Cut(arg, " ")
		p, err = parseAddress(addr)
		return p, rest, err
	}
	end := closingBracket(arg)
	if end < 0 {
		return path{}, "", errPathSyntax
	}
	inner, rest := arg[1:end], arg[end+1:]
	if rest != "" && rest[0] != ' ' {
		return path{}, "", errPathSyntax
	}
	if len(inner) > maxPath-2 {
		return path{}, "", errPathLength
	}
	if strings.HasPrefix(inner, "@") {
		_, mailbox, routed := strings.Cut(inner, ":")
		if !routed || mailbox == "" {
			return path{}, "", errPathSyntax
		}
		inner = mailbox
	}
	if inner == "" {
		return path{}, rest, nil
	}
	p, err = parseAddress(inner)
	return p, rest, err
}

// closingBracket finds the > that ends a path; one inside a quoted local part does not.
func closingBracket(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

// parseAddress reads a Mailbox (RFC 5321 §4.1.2, extended by RFC 6531 §3.3). The cut is at the last @, for a quoted local part may hold others.
func parseAddress(s string) (path, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return path{local: s}, errPathNoAt
	}
	local, err := parseLocal(s[:at])
	if err != nil {
		return path{}, err
	}
	domain, err := parseDomain(s[at+1:])
	if err != nil {
		return path{}, err
	}
	if len(local) > maxReverseLocal || len(local)+1+len(domain) > maxPath-2 {
		return path{}, errPathLength
	}
	return path{local: norm.NFC.String(local), domain: domain}, nil
}

// parseLocal reads a Dot-string or a Quoted-string. Dots at the ends or in a row pass: RFC 5321 wants them quoted, and some mobile networks gave such addresses to millions.
func parseLocal(s string) (string, error) {
	if s == "" {
		return "", errPathSyntax
	}
	if s[0] != '"' {
		if strings.ContainsFunc(s, notAtomText) {
			return "", errPathSyntax
		}
		return s, nil
	}
	var local strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if i != len(s)-1 || local.Len() == 0 {
				return "", errPathSyntax
			}
			return local.String(), nil
		case c == '\\' && i+1 < len(s):
			i++
			local.WriteByte(s[i])
		default:
			local.WriteByte(c)
		}
	}
	return "", errPathSyntax
}

// notAtomText says whether r may not stand in a Dot-string: neither atext (RFC 5322 §3.2.3), nor a dot, nor beyond ASCII (RFC 6531 §3.3).
func notAtomText(r rune) bool {
	switch {
	case r >= utf8.RuneSelf, r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r)
}

// nameMapping maps names to the ASCII form that is looked up (RFC 5891 §5). Underscores pass: they are no host names, and there are senders that have them.
var nameMapping = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false), idna.Transitional(false))

// parseDomain reads a Domain or an address-literal (RFC 5321 §4.1.2, §4.1.3) and returns it in lower case and ASCII.
func parseDomain(s string) (string, error) {
	if strings.HasPrefix(s, "[") {
		ip, ok := parseLiteral(s)
		switch {
		case !ok:
			return "", errPathDomain
		case ip.Is6():
			return "[ipv6:" + ip.String() + "]", nil // one spelling of the many (RFC 5952)
		}
		return "[" + ip.String() + "]", nil
	}
	ascii := strings.ToLower(s)
	if !isASCII(s) || strings.Contains(ascii, "xn--") {
		var err error
		if ascii, err = nameMapping.ToASCII(s); err != nil {
			return "", errPathDomain
		}
	}
	if len(ascii) > maxDomain {
		return "", errPathLength
	}
	if !isDomain(ascii) {
		return "", errPathDomain
	}
	return ascii, nil
}

// isDomain says whether s is a name in ASCII that has no empty or overlong label and no octet that could mean something in a header.
func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return len(s) <= maxDomain
}

// isLiteral says whether s is an address literal.
func isLiteral(s string) bool {
	_, ok := parseLiteral(s)
	return ok
}

// parseLiteral reads an address literal, [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 §4.1.3).
func parseLiteral(s string) (ip netip.Addr, ok bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return netip.Addr{}, false
	}
	inner := s[1 : len(s)-1]
	if tag := "ipv6:"; len(inner) > len(tag) && strings.EqualFold(inner[:len(tag)], tag) {
		ip, err := netip.ParseAddr(inner[len(tag):])
		return ip, err == nil && ip.Is6() && ip.Zone() == ""
	}
	ip, err := netip.ParseAddr(inner)
	return ip, err == nil && ip.Is4()
}

// isASCII says whether s needs no SMTPUTF8.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// String is the path as it may stand in a command or a header, without angle brackets: the local part is quoted again where it has to be. The null path is empty.
func (p path) String() string {
	if p.domain == "" {
		return p.local
	}
	if !strings.ContainsFunc(p.local, notAtomText) {
		return p.local + "@" + p.domain
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p.local)
	return `"` + quoted + `"@` + p.domain
}
