package domains

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"postern/mailauth/dkim"
)

// judgement is what one look says of a wanted record.
type judgement struct {
	found   []string // as it stands in the DNS
	wanted  string   // the advice that follows from it; empty: as planned
	problem string   // why it is not right
	warning string   // what wants attention all the same
	danger  bool     // strangers can make use of it
}

const missing = "the record is not in the DNS"

// judgeKey compares what is published at a key's name with the wanted record, by meaning and not by spelling: tags in any order, white space anywhere in p= (RFC 6376 §3.2, §3.6.1),
// an RSA key in either of its two forms.
func judgeKey(wanted string, published []string) judgement {
	result := judgement{found: published, problem: keyProblem(wanted, published)}
	if result.problem != "" || tags(wanted)["p"] == "" {
		return result
	}
	key, fault := dkim.ParseKey(published[0])
	switch {
	case fault != nil:
		result.problem = fault.Reason
	case key.Testing:
		result.warning = "t=y says that the domain is only testing DKIM, and some receivers then treat its mail as if it were not signed: take it out"
	}
	return result
}

// keyProblem says what keeps a published record from being the wanted one.
func keyProblem(wanted string, published []string) string {
	switch len(published) {
	case 0:
		return missing
	case 1:
	default:
		return "there are several records; a verifier may pick any of them (RFC 6376 §3.6.2.2)"
	}
	want, have := tags(wanted), tags(published[0])
	kind, named := have["k"]
	if !named {
		kind = "rsa" // RFC 6376 §3.6.1: the default
	}
	version, versioned := have["v"]
	switch {
	case versioned && version != "DKIM1":
		return "v= is not DKIM1"
	case have["p"] == "" && want["p"] != "":
		return "the key is revoked: p= is empty"
	case kind != want["k"]:
		return fmt.Sprintf("k= is %s instead of %s", kind, want["k"])
	case strip(have["p"]) != want["p"] && !sameRSA(want["p"], have["p"]):
		return "p= holds another key"
	case !lists(have, "h", "sha256"):
		return "h= does not allow sha256"
	case !lists(have, "s", "email", "*"):
		return "s= does not allow email"
	}
	return ""
}

// tags reads a tag=value list (RFC 6376 §3.2). Of a tag that stands twice the first counts.
func tags(text string) map[string]string {
	found := map[string]string{}
	for pair := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if _, twice := found[name]; !twice {
			found[name] = strings.TrimSpace(value)
		}
	}
	return found
}

// lists says whether a colon-separated tag is absent, and so allows everything, or names one of the words.
func lists(have map[string]string, tag string, words ...string) bool {
	value, ok := have[tag]
	if !ok {
		return true
	}
	for word := range strings.SplitSeq(value, ":") {
		if slices.Contains(words, strings.TrimSpace(word)) {
			return true
		}
	}
	return false
}

func strip(s string) string { return strings.Join(strings.Fields(s), "") }

// keep returns the texts of one kind of record: those whose first tag is version, in any case.
func keep(texts []string, version string) []string {
	var kept []string
	for _, text := range texts {
		head := strings.ToLower(text)
		rest, ok := strings.CutPrefix(head, version)
		if ok && (rest == "" || strings.ContainsAny(rest[:1], " ;\t")) {
			kept = append(kept, text)
		}
	}
	return kept
}

// sameRSA compares two public keys, which stand in one of two forms (RFC 6376 §3.6.1 and its erratum 3017).
func sameRSA(wanted, published string) bool {
	want, have := rsaPublic(wanted), rsaPublic(published)
	return want != nil && have != nil && want.Equal(have)
}

func rsaPublic(p string) *rsa.PublicKey {
	der, err := base64.StdEncoding.DecodeString(strip(p))
	if err != nil {
		return nil
	}
	if parsed, err := x509.ParsePKIXPublicKey(der); err == nil {
		public, _ := parsed.(*rsa.PublicKey)
		return public
	}
	public, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return nil
	}
	return public
}

// judgeAlias says whether a name is an alias for where it should lead, and whether that place holds the key.
func judgeAlias(target, text string, view View) judgement {
	var result judgement
	if len(view.Chain) > 0 {
		result.found = []string{view.Chain[0]}
	}
	switch {
	case len(view.Chain) == 0 && !view.Empty():
		result.found, result.problem = view.Texts(), "there is a record of its own instead of the CNAME: put the CNAME in its place"
	case len(view.Chain) == 0:
		result.problem = missing
	case !strings.EqualFold(view.Chain[0], target):
		result.problem = "the CNAME leads elsewhere"
	case text != "":
		if behind := judgeKey(text, view.Texts()); behind.problem != "" {
			result.problem = fmt.Sprintf("the CNAME is right, but %s does not serve our key: %s. That is for whoever runs this service to mend", target, behind.problem)
		} else {
			result.warning = behind.warning
		}
	}
	return result
}

// judgeChallenge looks for the challenge among whatever else is published at its name: other services may use it as well.
func judgeChallenge(wanted string, published []string) judgement {
	result := judgement{found: published}
	switch {
	case slices.ContainsFunc(published, func(text string) bool { return strings.TrimSpace(text) == wanted }):
	case len(published) == 0:
		result.problem = missing
	default:
		result.problem = "what stands there is not what proves the domain yours"
	}
	return result
}

// judgeObsolete says whether a record that is of no use any more has gone.
func judgeObsolete(view View) judgement {
	switch {
	case len(view.Chain) > 0:
		return judgement{found: view.Chain[:1], problem: "it leads to a place that is not yours any more: delete it"}
	case !view.Empty():
		return judgement{found: view.Texts(), problem: "it is of no use any more: delete it"}
	}
	return judgement{}
}

// judgeSTS compares the record that announces an MTA-STS policy (RFC 8461 §3.1). Exactly one may begin with v=STSv1.
func judgeSTS(wanted string, published []string) judgement {
	result := judgement{found: keep(published, "v=stsv1")}
	switch {
	case len(result.found) == 0:
		result.problem = missing
	case len(result.found) > 1:
		result.problem = "there are several such records; senders then see none (RFC 8461 §3.1)"
	case !strings.HasPrefix(result.found[0], "v=STSv1"):
		result.problem = "v=STSv1 has to be written exactly so"
	case tags(result.found[0])["id"] != tags(wanted)["id"]:
		result.problem = "id= is of another policy: senders go on with the one that they have kept"
	}
	return result
}

// freshTLSReport is the record of a domain that has none.
func freshTLSReport(domain string) string { return "v=TLSRPTv1; rua=" + reportsTo(domain) }

// judgeTLSReport looks for an address of ours among those that are told about TLS (RFC 8460 §3), and adds it to what is there.
func judgeTLSReport(domain string, published []string) judgement {
	ours := reportsTo(domain)
	result := judgement{found: keep(published, "v=tlsrptv1"), wanted: freshTLSReport(domain)}
	switch {
	case len(result.found) == 0:
		result.problem = missing
		return result
	case len(result.found) > 1:
		result.problem = "there are several such records; senders then use none (RFC 8460 §3)"
		return result
	}
	var uris []string
	for uri := range strings.SplitSeq(tags(result.found[0])["rua"], ",") {
		if uri = strings.TrimSpace(uri); uri != "" {
			uris = append(uris, uri)
		}
	}
	switch {
	case len(uris) == 0:
		result.problem, result.wanted = "it names nobody who would be told", addURI(result.found[0], ours)
	case reachesUs(uris, domain):
		result.wanted = result.found[0]
	default:
		result.warning, result.wanted = "its reports do not come here: add "+ours+" to rua=", addURI(result.found[0], ours)
	}
	return result
}
