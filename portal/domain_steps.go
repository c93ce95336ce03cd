package portal

import (
	"strings"

	"postern/desk"
	"postern/domains"
	"postern/language"
)

// domainStep is one thing to do for a domain, with the records that it takes.
type domainStep struct {
	Title   string
	Why     string // what it is good for, for somebody who does not know its name
	Needed  bool   // without it the domain is not used as From
	Done    bool
	Records []domainRecord
}

// domainRecord is a record as the page shows it.
type domainRecord struct {
	desk.Record
	Host string // the name without the domain, as most DNS providers want it; @ is the domain itself
}

// Known says whether somebody has looked already.
func (r domainRecord) Known() bool { return !r.CheckedAt.IsZero() || r.Problem != "" }

// stepKinds are the steps in the order in which people take them, each with the purposes of its records.
var stepKinds = []struct {
	title, why string
	purposes   []string
}{
	{"Prove that the domain is yours", "So that nobody else can have mail sent in its name here.", []string{domains.PurposeChallenge}},
	{"Let Postern sign", "With its signature (DKIM) others can tell that an answer is from you, and was not changed on its way.", []string{domains.PurposeRSA, domains.PurposeEd25519}},
	{"Let Postern send", "The list of servers that may send for the domain (SPF) has to hold ours.", []string{domains.PurposeSPF}},
	{"Say what becomes of forgeries", "With this record (DMARC) you ask others to report, and later to stop, mail that only claims to be from you.", []string{domains.PurposeDMARC}},
	{"Receive mail here", "Where customers' mail to the domain goes. Leave it if your mail is forwarded to Postern.", []string{domains.PurposeMX}},
	{"Have mail to you encrypted", "Tells other servers that mail to you must come encrypted (MTA-STS), and to report when it cannot (TLS reporting).", []string{domains.PurposeSTS, domains.PurposeSTSHost, domains.PurposeTLSReport}},
	{"Take out what is used no more", "Records of keys that sign nothing any more. Whoever finds them pointing nowhere could put them to use.", []string{domains.PurposeObsolete}},
}

// stepsOf sorts records into steps. A step without records does not apply. What nobody knows a step for comes last.
func stepsOf(lang *language.Language, domain desk.Domain, records []desk.Record) []domainStep {
	var steps []domainStep
	placed := map[string]bool{}
	for _, kind := range stepKinds {
		step := domainStep{Title: lang.Say(kind.title), Why: lang.Say(kind.why), Done: true}
		for _, purpose := range kind.purposes {
			placed[purpose] = true
			step.take(domain, records, func(r desk.Record) bool { return r.Purpose == purpose })
		}
		if len(step.Records) > 0 {
			steps = append(steps, step)
		}
	}
	rest := domainStep{Title: lang.Say("Further records"), Done: true}
	rest.take(domain, records, func(r desk.Record) bool { return !placed[r.Purpose] })
	if len(rest.Records) > 0 {
		steps = append(steps, rest)
	}
	return steps
}

// take puts records into a step, which is done when all of them that count are right.
func (s *domainStep) take(domain desk.Domain, records []desk.Record, mine func(desk.Record) bool) {
	for _, record := range records {
		if !mine(record) {
			continue
		}
		s.Needed = s.Needed || record.Required
		s.Done = s.Done && record.OK
		s.Records = append(s.Records, domainRecord{Record: record, Host: hostOf(record.Name, domain.Name)})
	}
}

// hostOf is a record's name as most DNS providers want it typed: without the domain, which they add themselves.
func hostOf(name, domain string) string {
	if name == domain {
		return "@"
	}
	if host, inside := strings.CutSuffix(name, "."+domain); inside {
		return host
	}
	return name
}

// Open says whether the step's records are shown without a click: while something is missing.
func (s domainStep) Open() bool { return !s.Done }

// Warned says whether something about a step that is done wants attention.
func (s domainStep) Warned() bool {
	for _, record := range s.Records {
		if record.Warning != "" {
			return true
		}
	}
	return false
}
