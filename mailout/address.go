package mailout

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/desk"
	"postern/domains"
)

// atext is what an atom is made of (RFC 5322 §3.2.3).
const atext = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~"

// maxAddress is the longest path (RFC 5321 §4.5.3.1.3) less its brackets. The 64 octets of local parts are not enforced: signed reply addresses of others are longer, and work.
const maxAddress = 254

// mailbox is an address as a header or a command may carry it.
type mailbox struct {
	local  string // dot-atom or quoted string; UTF-8 where it has to be (RFC 6532)
	domain string // A-labels, or an address literal in brackets
}

func (m mailbox) String() string { return m.local + "@" + m.domain }

// utf8 says whether the address can only be carried with SMTPUTF8.
func (m mailbox) utf8() bool {
	return strings.IndexFunc(m.local, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
}

// parseAddress reads an addr-spec, however carelessly its local part was written, and returns the form in which it is valid: quoted where it must be, the domain in A-labels.
func parseAddress(addr string) (mailbox, error) {
	local, domain := desk.SplitAddress(strings.TrimSpace(addr))
	if local == "" || !utf8.ValidString(addr) || strings.ContainsFunc(addr, unicode.IsControl) {
		return mailbox{}, fmt.Errorf("%q is not an address", addr)
	}
	host, err := parseHost(domain)
	if err != nil {
		return mailbox{}, fmt.Errorf("%q is not an address: %w", addr, err)
	}
	if len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"' {
		local = unquote(local[1 : len(local)-1])
	}
	m := mailbox{local: local, domain: host}
	if !dotAtom(local) {
		m.local = quote(local) // real addresses with two dots in a row exist; quoted they are valid
	}
	if len(m.String()) > maxAddress {
		return mailbox{}, fmt.Errorf("%q is longer than an address may be", addr)
	}
	return m, nil
}

// parseHost reads what stands after the @: a domain, or an address literal (RFC 5321 §4.1.3).
func parseHost(domain string) (string, error) {
	if _, ok := literal(domain); ok {
		return domain, nil
	}
	return domains.ASCII(domain)
}

// literal reads an address literal such as [192.0.2.1] or [IPv6:2001:db8::1].
func literal(domain string) (netip.Addr, bool) {
	inner, ok := strings.CutPrefix(domain, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !ok || !closed {
		return netip.Addr{}, false
	}
	text, six := strings.CutPrefix(inner, "IPv6:")
	addr, err := netip.ParseAddr(text)
	return addr, err == nil && addr.Is6() == six && addr.Zone() == ""
}

func dotAtom(local string) bool {
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return r < utf8.RuneSelf && !strings.ContainsRune(atext, r) || unicode.IsSpace(r) }) {
			return false
		}
	}
	return true
}

func unquote(text string) string {
	var out strings.Builder
	escaped := false
	for _, r := range text {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		out.WriteRune(r)
		escaped = false
	}
	return out.String()
}

// addressTokens writes a list of mailboxes (RFC 5322 §3.4).
func addressTokens(list []desk.Address) ([]string, error) {
	var tokens []string
	for i, address := range list {
		m, err := parseAddress(address.Addr)
		if err != nil {
			return nil, err
		}
		text := m.String()
		if phrase := phraseTokens(address.Name); len(phrase) > 0 {
			tokens = append(tokens, phrase...)
			text = "<" + text + ">"
		}
		if i < len(list)-1 {
			text += ","
		}
		tokens = append(tokens, text)
	}
	return tokens, nil
}

// messageID returns an id in its brackets. What foreign software put there is kept as it is, so long as it can stand in a header and be told from its neighbours.
func messageID(id string) (string, bool) {
	id = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "<"), ">")
	if id == "" || len(id) > 900 || !printable(id) || strings.ContainsAny(id, " <>,\"") {
		return "", false
	}
	return "<" + id + ">", true
}

// contentID is messageID for the id of a part, empty where it is none.
func contentID(id string) string {
	id, _ = messageID(id)
	return id
}
