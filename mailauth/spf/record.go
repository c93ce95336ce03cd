package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"postern/desk"
)

// maxRecord is how long a record may be. What is published has some hundred octets, and the longest that ever made sense some thousand.
const maxRecord = 8 << 10

const version = "v=spf1"

// mechanism is what a directive looks at (RFC 7208 §5).
type mechanism string

const (
	mechAll     mechanism = "all"
	mechInclude mechanism = "include"
	mechA       mechanism = "a"
	mechMX      mechanism = "mx"
	mechPTR     mechanism = "ptr"
	mechIP4     mechanism = "ip4"
	mechIP6     mechanism = "ip6"
	mechExists  mechanism = "exists"
)

// Record is an SPF record that is free of syntax errors.
type Record struct {
	directives []directive
	redirect   template // nil: none
	explain    template // exp=; nil: none
}

// directive is a mechanism with the result that it gives where it matches (RFC 7208 §4.6.2).
type directive struct {
	text   string // as published
	result desk.Result
	kind   mechanism
	target template     // of the domain-spec; nil: the domain that is being checked
	bits4  int          // a, mx: how much of an IPv4 address must be the same
	bits6  int          // a, mx: of an IPv6 address
	prefix netip.Prefix // ip4, ip6
}

// isSPF says whether a TXT record is an SPF record at all (RFC 7208 §4.5).
func isSPF(text string) bool {
	return len(text) >= len(version) && strings.EqualFold(text[:len(version)], version) && (len(text) == len(version) || text[len(version)] == ' ')
}

// Parse reads a whole record (RFC 7208 §4.6, §12). An error anywhere in it means that the record says nothing at all.
func Parse(text string) (*Record, error) {
	if !isSPF(text) {
		return nil, fmt.Errorf("it does not begin with %s", version)
	}
	if len(text) > maxRecord {
		return nil, fmt.Errorf("it is longer than %d octets", maxRecord)
	}
	record := &Record{}
	for term := range strings.SplitSeq(text[len(version):], " ") {
		if term == "" {
			continue
		}
		if err := record.add(term); err != nil {
			return nil, fmt.Errorf("%s: %w", strconv.QuoteToASCII(term[:min(len(term), 100)]), err)
		}
	}
	return record, nil
}

// add reads one term: a modifier if its name is followed by an equals sign, a directive otherwise (RFC 7208 §4.6.1).
func (r *Record) add(term string) error {
	for i := range len(term) {
		if term[i] <= ' ' || term[i] > '~' {
			return errors.New("a character that no record may have (RFC 7208 §3.1)")
		}
	}
	if name, value, found := strings.Cut(term, "="); found && isModifierName(name) {
		return r.modify(strings.ToLower(name), value)
	}
	one, err := parseDirective(term)
	if err != nil {
		return err
	}
	r.directives = append(r.directives, one)
	return nil
}

// isModifierName: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
func isModifierName(name string) bool {
	return name != "" && isAlpha(name[0]) && strings.IndexFunc(name, func(c rune) bool {
		return c >= 0x80 || !isAlnum(byte(c)) && !strings.ContainsRune("-_.", c)
	}) < 0
}

// modify reads a modifier. Unknown ones mean nothing, but must be well formed (RFC 7208 §6); redirect and exp may each be given once.
func (r *Record) modify(name, value string) (err error) {
	var into *template
	switch name {
	case "redirect":
		into = &r.redirect
	case "exp":
		into = &r.explain
	default:
		_, err = parseTemplate(value, lettersOfText)
		return err
	}
	if *into != nil {
		return errors.New("given twice")
	}
	*into, err = parseDomainSpec(value)
	return err
}

// parseDirective reads a directive: its qualifier, its mechanism and what that looks at.
func parseDirective(term string) (directive, error) {
	d := directive{text: term, result: desk.ResultPass, bits4: 32, bits6: 128}
	switch term[0] {
	case '-':
		d.result = desk.ResultFail
	case '~':
		d.result = desk.ResultSoftFail
	case '?':
		d.result = desk.ResultNeutral
	}
	if strings.IndexByte("+-~?", term[0]) >= 0 {
		term = term[1:]
	}
	name, rest := term, ""
	if end := strings.IndexAny(term, ":/"); end >= 0 {
		name, rest = term[:end], term[end:]
	}
	d.kind = mechanism(strings.ToLower(name))
	switch d.kind {
	case mechAll:
		if rest != "" {
			return d, errors.New("nothing may follow all")
		}
		return d, nil
	case mechIP4, mechIP6:
		return d, d.readNetwork(rest)
	case mechA, mechMX:
		if err := d.readLengths(&rest); err != nil {
			return d, err
		}
		return d, d.readTarget(rest)
	case mechPTR:
		return d, d.readTarget(rest)
	case mechInclude, mechExists:
		if rest == "" {
			return d, errors.New("a domain is missing")
		}
		return d, d.readTarget(rest)
	}
	return d, errors.New("unknown mechanism")
}

// readTarget reads [ ":" domain-spec ].
func (d *directive) readTarget(rest string) (err error) {
	if rest == "" {
		return nil
	}
	spec, found := strings.CutPrefix(rest, ":")
	if !found {
		return errors.New("something other than a domain follows the name")
	}
	d.target, err = parseDomainSpec(spec)
	return err
}

// readLengths cuts [ ip4-cidr-length ] [ "/" ip6-cidr-length ] off the end of a directive (RFC 7208 §5.6).
func (d *directive) readLengths(rest *string) (err error) {
	before, digits, found := cutLength(*rest)
	if !found {
		return nil
	}
	if six, double := strings.CutSuffix(before, "/"); double {
		if d.bits6, err = parseLength(digits, 128); err != nil {
			return err
		}
		*rest = six
		if before, digits, found = cutLength(six); !found {
			return nil
		}
	}
	*rest = before
	d.bits4, err = parseLength(digits, 32)
	return err
}

// cutLength cuts a slash and digits off the end.
func cutLength(s string) (before, digits string, found bool) {
	before = strings.TrimRight(s, "0123456789")
	digits = s[len(before):]
	before, slash := strings.CutSuffix(before, "/")
	return before, digits, slash && digits != ""
}

// readNetwork reads ":" ip4-network [ ip4-cidr-length ], or the same of ip6.
func (d *directive) readNetwork(rest string) error {
	spec, found := strings.CutPrefix(rest, ":")
	if !found {
		return errors.New("an address is missing")
	}
	network, digits, cut := strings.Cut(spec, "/")
	addr, err := netip.ParseAddr(network)
	if err != nil || addr.Zone() != "" || addr.Is4() != (d.kind == mechIP4) {
		return errors.New("not an address of this kind")
	}
	bits := addr.BitLen()
	if cut {
		if bits, err = parseLength(digits, bits); err != nil {
			return err
		}
	}
	d.prefix = netip.PrefixFrom(addr, bits)
	return nil
}

// parseLength reads a prefix length: no leading zeros, nothing beyond the address (RFC 7208 §12).
func parseLength(digits string, most int) (int, error) {
	length, err := strconv.ParseUint(digits, 10, 8)
	if err != nil || int(length) > most || len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("not a prefix length between 0 and %d", most)
	}
	return int(length), nil
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isAlnum(c byte) bool { return isAlpha(c) || '0' <= c && c <= '9' }
