package arc

import (
	"fmt"
	"strings"

	"postern/desk"
	"postern/mailauth/canon"
	"postern/mailauth/dkim"
)

// kind is one of the three fields of a set.
type kind int

const (
	results kind = iota
	message
	seal
	kinds
)

// field is the name of a kind, in lower case.
func (k kind) field() string {
	return [kinds]string{"arc-authentication-results", "arc-message-signature", "arc-seal"}[k]
}

// link is one set of a chain.
type link struct {
	instance int
	places   [kinds]int        // in the header
	tags     [kinds]canon.Tags // of message signature and seal
	results  string
	seal     dkim.Stamp
}

// in says where in the chain a fault lies.
func (l link) in(part string, fault *dkim.Fault) *dkim.Fault {
	return &dkim.Fault{Result: fault.Result, Reason: fmt.Sprintf("set %d, %s: %s", l.instance, part, fault.Reason)}
}

func fail(format string, args ...any) *dkim.Fault {
	return &dkim.Fault{Result: desk.ResultFail, Reason: fmt.Sprintf(format, args...)}
}

// collect finds the sets of a mail: one field of each kind for every instance from 1 without a gap (RFC 8617 §5.2). A mail without any has no sets and no fault.
func collect(m *canon.Mail) ([]link, *dkim.Fault) {
	n := len(m.Named(seal.field()))
	for k := range kinds {
		if found := len(m.Named(k.field())); found != n {
			return nil, fail("the chain has %d seals but %d fields %s", n, found, k.field())
		}
	}
	if n > MaxSets {
		return nil, fail("the chain has more than %d sets", MaxSets)
	}
	links := make([]link, n)
	var seen [MaxSets][kinds]bool
	for k := range kinds {
		for _, at := range m.Named(k.field()) {
			instance, one, fault := readField(m.Fields[at], k)
			switch {
			case fault != nil:
				return nil, fault
			case instance > n || seen[instance-1][k]:
				return nil, fail("the sets of the chain are not numbered from 1 to %d", n)
			}
			seen[instance-1][k] = true
			l := &links[instance-1]
			l.instance, l.places[k], l.tags[k] = instance, at, one.tags[k]
			if k == results {
				l.results = one.results
			}
		}
	}
	return links, nil
}

// readField reads which instance a field belongs to, and its content as far as that needs no key.
func readField(f canon.Field, k kind) (instance int, l link, fault *dkim.Fault) {
	number := ""
	if k == results {
		number, l.results, fault = splitResults(f.Value())
	} else {
		tags, err := canon.ParseTags(f.Value())
		if err != nil {
			fault = fail("a field %s cannot be read: %v", k.field(), err)
		}
		number, l.tags[k] = tags.Get("i"), tags
	}
	if fault != nil {
		return 0, l, fault
	}
	for _, c := range []byte(number) {
		if c < '0' || c > '9' || len(number) > 2 {
			instance = 0
			break
		}
		instance = instance*10 + int(c-'0')
	}
	if instance < 1 || instance > MaxSets {
		return 0, l, fail("a field %s has no instance from 1 to %d", k.field(), MaxSets)
	}
	return instance, l, nil
}

// splitResults takes "i=n;" off an ARC-Authentication-Results (RFC 8617 §4.1.1).
func splitResults(value string) (number, rest string, fault *dkim.Fault) {
	const space = " \t\r\n"
	first, rest, both := strings.Cut(value, ";")
	name, number, is := strings.Cut(first, "=")
	if !both || !is || strings.Trim(name, space) != "i" {
		return "", "", fail("a field %s does not begin with its instance", results.field())
	}
	return strings.Trim(number, space), strings.Trim(strings.ReplaceAll(rest, "\r\n", ""), space), nil
}

// readSeal reads the seal of a set and judges what can be judged without its key (RFC 8617 §4.1.3, §5.2).
func (l *link) readSeal() *dkim.Fault {
	tags := l.tags[seal]
	var fault *dkim.Fault
	if l.seal, fault = dkim.ReadStamp(tags); fault != nil {
		return l.in("seal", fault)
	}
	want := "pass"
	if l.instance == 1 {
		want = "none"
	}
	switch found := tags.Get("cv"); {
	case tags.Has("h"):
		return l.in("seal", fail("it has an h=, which no seal has"))
	case found == "fail":
		return l.in("seal", fail("its sealer found the chain broken"))
	case found != want:
		return l.in("seal", fail("its cv= is not %q", want))
	}
	return nil
}
