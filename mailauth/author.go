package mailauth

import (
	"errors"
	"io"
	"mime"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"postern/desk"
	"postern/mailauth/canon"
)

const maxFrom = 8 << 10 // octets of a From that is read: one address and its name need less

// author is whom the header names as the writer of a mail.
type author struct {
	domain string // of the one address in the one From, in lower case A-labels; empty when there is no such thing
	why    string // then: the reason
	sealed bool   // the newest ARC set signs From, so that what it says is about this one (RFC 8617 §4.1.2 only advises it)
}

// readAuthor reads From as strictly as everything that follows from it needs: two readers must not find two authors in it. What is not exactly one field with exactly one address names nobody.
// m and err are what canon.Read returned.
func readAuthor(m *canon.Mail, err error) author {
	switch {
	case errors.Is(err, canon.ErrHeader):
		return author{why: err.Error()}
	case err != nil:
		return author{why: "the header could not be read"}
	}
	fields := m.Named("from")
	if len(fields) != 1 {
		return author{why: "the mail has " + strconv.Itoa(len(fields)) + " From fields instead of one"}
	}
	domain, why := fromDomain(m.Fields[fields[0]].Value())
	return author{domain: domain, why: why, sealed: domain != "" && sealsFrom(m)}
}

// fromDomain reads the value of a From field. Without a domain it returns the reason.
func fromDomain(value string) (domain, why string) {
	value = strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", ""), "\n", "")
	switch {
	case len(value) > maxFrom:
		return "", "From is longer than is read"
	case strings.ContainsAny(value, "\r\x00"):
		return "", "From holds control characters"
	case grouped(value):
		return "", "From names a group"
	}
	words := &mime.WordDecoder{CharsetReader: func(_ string, text io.Reader) (io.Reader, error) { return text, nil }} // the name is not looked at
	parser := mail.AddressParser{WordDecoder: words}
	addresses, err := parser.ParseList(strings.ToValidUTF8(value, "?"))
	switch {
	case err != nil:
		return "", "From holds no address that every reader understands"
	case len(addresses) != 1:
		return "", "From names " + strconv.Itoa(len(addresses)) + " addresses instead of one"
	}
	domain = aLabels(desk.DomainOf(addresses[0].Address))
	if domain == "" {
		return "", "From names no domain"
	}
	return domain, ""
}

// grouped says whether a colon or a semicolon stands where it makes a group of addresses (RFC 6854).
func grouped(value string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case (c == ':' || c == ';') && depth == 0:
			return true
		}
	}
	return false
}

// aLabels brings a domain into the form of the DNS (RFC 5890 §2.3): lower case A-labels without the final dot. It is empty for what is no domain name, as an address literal.
func aLabels(domain string) string {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if strings.ContainsFunc(domain, func(r rune) bool { return r >= 0x80 }) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return ""
		}
		domain = ascii
	}
	if len(domain) > 253 {
		return ""
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return ""
		}
	}
	return domain
}

// sealsFrom says whether the newest ARC-Message-Signature signs From.
func sealsFrom(m *canon.Mail) bool {
	newest, signs := 0, false
	for _, at := range m.Named("arc-message-signature") {
		tags, err := canon.ParseTags(m.Fields[at].Value())
		if err != nil {
			continue
		}
		if instance, err := strconv.Atoi(tags.Get("i")); err == nil && instance > newest {
			newest = instance
			signs = slices.ContainsFunc(tags.Split("h"), func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), "from") })
		}
	}
	return signs
}
