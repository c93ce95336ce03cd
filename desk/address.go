package desk

import (
	"strings"
	"unicode"
)

// Address is a mailbox as it stands in a header: a display name, and an addr-spec (RFC 5322 §3.4). Addr is kept as written but for its domain, which is in lower case.
type Address struct {
	Name string `json:"name"`
	Addr string `json:"address"`
}

// Canonical returns the form in which addresses are compared and stored as keys: everything in lower case, without white space around it.
// RFC 5321 §2.4 lets a host tell Bob@ from bob@; no mailbox provider does, and people do not.
func Canonical(addr string) string { return strings.ToLower(strings.TrimSpace(addr)) }

// SplitAddress cuts an address at its last @ (a quoted local part may hold others). It returns empty strings where there is none.
func SplitAddress(addr string) (local, domain string) {
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || at == len(addr)-1 {
		return "", ""
	}
	return addr[:at], addr[at+1:]
}

// DomainOf is the domain of an address in lower case, or the empty string.
func DomainOf(addr string) string {
	_, domain := SplitAddress(addr)
	return strings.ToLower(domain)
}

// CutSubaddress takes support+token@example.com apart into support@example.com and token (RFC 5233). Without a + the detail is empty.
func CutSubaddress(addr string) (base, detail string) {
	local, domain := SplitAddress(addr)
	name, detail, found := strings.Cut(local, "+")
	if !found || name == "" {
		return addr, ""
	}
	return name + "@" + domain, detail
}

// Label is the shortest name a person recognises: the display name, else the address.
func (a Address) Label() string {
	if name := strings.TrimSpace(a.Name); name != "" {
		return name
	}
	return a.Addr
}

// Is says whether two addresses name the same mailbox.
func (a Address) Is(addr string) bool { return Canonical(a.Addr) == Canonical(addr) }

// ValidAddress says whether text is a bare address that mail can be sent to: a dot-atom, which may hold letters of any script (RFC 6531 §3.3), and a domain, within the lengths of RFC 5321 §4.5.3.1.
// Quoted local parts and address literals are left out on purpose: nobody gives them to people, and they are hard to tell from an attack.
func ValidAddress(text string) bool {
	local, domain := SplitAddress(text)
	return dots(local, 64, ".!#$%&'*+/=?^_`{|}~-") && dots(domain, 253, ".-")
}

// dots says whether text is dot-separated parts of letters, digits and the given marks, at most so many bytes long.
func dots(text string, most int, marks string) bool {
	if text == "" || len(text) > most || text[0] == '.' || text[len(text)-1] == '.' || strings.Contains(text, "..") {
		return false
	}
	for _, r := range text {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		if !letter && !strings.ContainsRune(marks, r) {
			return false
		}
	}
	return true
}
