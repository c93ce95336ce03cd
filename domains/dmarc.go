package domains

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/mailauth/dmarc"
)

const (
	maxCheckedURIs = 5                   // of a record: whose owners are asked whether they take its reports
	heardDays      = 14                  // what must have been reported on before a stricter policy is advised
	heardPass      = 98                  // per cent of that mail which has to pass
	heardLeast     = 100                 // mails
	heardSpan      = 30 * 24 * time.Hour // how far back reports are counted
)

// heard is what reports say of mail in a domain's name.
type heard struct {
	days   int // with a report
	mails  int64
	passed int64
}

// heardOf sums reports up, day by day.
func heardOf(days []desk.ReportDay) (sum heard) {
	for _, day := range days {
		sum.mails, sum.passed = sum.mails+day.Total, sum.passed+day.Passed
		if day.Total > 0 {
			sum.days++
		}
	}
	return sum
}

// dmarcSight is the DMARC policy that covers a domain.
type dmarcSight struct {
	domain    string
	texts     []string // DMARC records at the domain's own name
	applied   dmarc.Found
	covered   bool     // there is a policy, at the domain or above it
	inherited string   // its text where it stands above the domain
	deaf      []string // who is named for reports, and does not say that they take them
	reports   string   // the URI of ours
	heard     heard
}

// lookDMARC finds the policy that covers a domain, as receivers do (RFC 9989 §4.10). texts are those at the domain's own name.
func (v *Visit) lookDMARC(ctx context.Context, domain string, texts []string) (dmarcSight, error) {
	seen := dmarcSight{domain: domain, reports: reportsTo(domain)}
	asked := overlaid{v.authority.cfg.Resolver, map[string][]string{"_dmarc." + domain: texts}}
	for _, text := range texts {
		if strings.HasPrefix(strings.ToLower(strip(text)), "v=dmarc1") {
			seen.texts = append(seen.texts, text)
		}
	}
	walk := dmarc.NewWalker(asked).Author(ctx, domain)
	if walk.Err != nil {
		return seen, walk.Err
	}
	seen.applied, seen.covered = walk.Policy()
	if seen.covered && seen.applied.Domain != domain {
		above, err := asked.LookupTXT(ctx, "_dmarc."+seen.applied.Domain)
		if err != nil {
			return seen, err
		}
		seen.inherited = strings.Join(keep(above, "v=dmarc1"), " | ")
	}
	return seen, v.deafTo(ctx, &seen)
}

// deafTo finds who is named for reports in another organization and does not say that they want them, so that nobody sends them any (RFC 9990 §4).
func (v *Visit) deafTo(ctx context.Context, seen *dmarcSight) error {
	named := seen.applied.Record.RUA
	for _, uri := range named[:min(len(named), maxCheckedURIs)] {
		host, mail := mailHost(uri)
		if !mail || registrableOf(host) == registrableOf(seen.applied.Domain) {
			continue
		}
		texts, err := v.authority.cfg.Resolver.LookupTXT(ctx, seen.applied.Domain+"._report._dmarc."+host)
		if err != nil && !IsNotFound(err) {
			return err
		}
		if len(keep(texts, "v=dmarc1")) == 0 {
			seen.deaf = append(seen.deaf, uri)
		}
	}
	return nil
}

// mailHost is the domain of a mailto URI.
func mailHost(uri string) (host string, mail bool) {
	parsed, err := url.Parse(uri)
	if err != nil || !strings.EqualFold(parsed.Scheme, "mailto") {
		return "", false
	}
	host, err = ASCII(desk.DomainOf(parsed.Opaque))
	return host, err == nil
}

// reportsTo is where others shall send reports about a domain: each has a postmaster here, whose reports are read as such.
func reportsTo(domain string) string { return "mailto:postmaster@" + domain }

// reachesUs says whether one of the addresses for reports is in the domain itself.
func reachesUs(uris []string, domain string) bool {
	return slices.ContainsFunc(uris, func(uri string) bool {
		host, mail := mailHost(uri)
		return mail && host == domain
	})
}

// judge says what is wrong with the policy.
func (s dmarcSight) judge() judgement {
	result := judgement{found: s.texts, wanted: s.advise()}
	switch {
	case len(s.texts) > 1:
		result.problem = "there are several DMARC records at _dmarc." + s.domain + "; receivers then use none (RFC 9989 §4.7)"
		return result
	case !s.covered && len(s.texts) == 1:
		result.problem = "it is no DMARC record that receivers can read: v=DMARC1 must stand first, as here (RFC 9989 §4.8)"
		return result
	case !s.covered:
		result.problem = missing + ", nor is one for a parent domain"
		return result
	case s.applied.Record.Void:
		result.problem = "its policy p= is missing or wrong, and receivers ignore it (RFC 9989 §4.10.1)"
		return result
	}
	if s.inherited != "" {
		result.found = []string{s.inherited}
	}
	if !reachesUs(s.applied.Record.RUA, s.applied.Domain) && s.inherited == "" {
		result.warning = "reports about mail in the domain's name do not come here: add " + s.reports + " to rua="
	}
	for _, uri := range s.deaf {
		result.warning = join(result.warning, fmt.Sprintf("%s gets no reports, since its domain does not say that it takes them (RFC 9990 §4)", uri))
	}
	if next := s.next(); next != "" {
		result.warning = join(result.warning, fmt.Sprintf("of %d mails that %d days of reports tell of, %d%% passed: p=%s would stop the others", s.heard.mails, s.heard.days, s.heard.passed*100/s.heard.mails, next))
	}
	return result
}

// next is the next stricter policy, where reports show that it would hurt nobody who may send; else it is empty.
func (s dmarcSight) next() string {
	if s.heard.days < heardDays || s.heard.mails < heardLeast || s.heard.passed*100 < heardPass*s.heard.mails || s.inherited != "" {
		return ""
	}
	switch s.applied.Record.P {
	case dmarc.PolicyNone:
		return dmarc.PolicyQuarantine
	case dmarc.PolicyQuarantine:
		return dmarc.PolicyReject
	}
	return ""
}

// freshDMARC is the record of a domain that has none: it asks for reports, and for nothing that could hurt.
func freshDMARC(domain string) string { return "v=DMARC1; p=none; rua=" + reportsTo(domain) }

// advise is the record that the domain should have: the one that is there, with our address for reports, and stricter where reports say that it may be.
func (s dmarcSight) advise() string {
	switch {
	case s.inherited != "" && !s.applied.Record.Void: // what is inherited is good; a record of its own says the same for this domain alone
		return "v=DMARC1; p=" + s.applied.Record.SP + "; rua=" + s.reports
	case len(s.texts) != 1 || !s.covered:
		return freshDMARC(s.domain)
	}
	have := s.texts[0]
	if s.applied.Record.Void {
		have = setTag(have, "p", dmarc.PolicyNone)
	}
	if next := s.next(); next != "" {
		have = setTag(have, "p", next)
	}
	if !reachesUs(s.applied.Record.RUA, s.domain) {
		have = addURI(have, s.reports)
	}
	return have
}

// setTag gives a tag another value and leaves the rest of a record as it is written. One that is not there comes behind the version, where p must stand.
func setTag(record, name, value string) string {
	parts := tagParts(record)
	for i, part := range parts {
		if isTag(part, name) {
			parts[i] = name + "=" + value
			return strings.Join(parts, "; ")
		}
	}
	return strings.Join(slices.Insert(parts, 1, name+"="+value), "; ")
}

// addURI adds an address for reports to those that are there.
func addURI(record, uri string) string {
	parts := tagParts(record)
	for i, part := range parts {
		if isTag(part, "rua") {
			_, have, _ := strings.Cut(part, "=")
			if have = strings.Trim(have, " \t,"); have != "" {
				uri = have + "," + uri
			}
			parts[i] = "rua=" + uri
			return strings.Join(parts, "; ")
		}
	}
	return strings.Join(append(parts, "rua="+uri), "; ")
}

func tagParts(record string) []string {
	var parts []string
	for part := range strings.SplitSeq(record, ";") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func isTag(part, name string) bool {
	have, _, _ := strings.Cut(part, "=")
	return strings.EqualFold(strings.TrimSpace(have), name)
}
