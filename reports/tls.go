package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/desk"
)

const (
	maxPolicies = 1000
	maxDetails  = 10_000 // of the whole report
	maxLines    = 100    // lines or hosts of one policy
	maxNested   = 20     // objects and lists inside each other
)

// lines are one string, or a list of them: RFC 8460 shows mx-host both ways.
type lines []string

func (l *lines) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		if *l = nil; one != "" {
			*l = lines{one}
		}
		return nil
	}
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil {
		return err
	}
	*l = many
	return nil
}

// tlsReport is the JSON of RFC 8460 §4.4.
type tlsReport struct {
	Org       string `json:"organization-name"`
	DateRange struct {
		Start string `json:"start-datetime"`
		End   string `json:"end-datetime"`
	} `json:"date-range"`
	Contact  string      `json:"contact-info"`
	ID       string      `json:"report-id"`
	Policies []tlsPolicy `json:"policies"`
}

type tlsPolicy struct {
	Policy struct {
		Type   string `json:"policy-type"`
		Lines  lines  `json:"policy-string"`
		Domain string `json:"policy-domain"`
		Hosts  lines  `json:"mx-host"`
	} `json:"policy"`
	Summary struct {
		Successes int64 `json:"total-successful-session-count"`
		Failures  int64 `json:"total-failure-session-count"`
	} `json:"summary"`
	Details []struct {
		Type        string `json:"result-type"`
		SendingIP   string `json:"sending-mta-ip"`
		ReceivingMX string `json:"receiving-mx-hostname"`
		ReceivingIP string `json:"receiving-ip"`
		Count       int64  `json:"failed-session-count"`
		More        string `json:"additional-information"`
		Reason      string `json:"failure-reason-code"`
	} `json:"failure-details"`
}

// ReadTLS reads a TLS report (RFC 8460) as JSON, or that in gzip or zip. A report needs an identifier, a time and a policy. Its errors are *Unreadable, *TooLarge, or those of src.
func ReadTLS(src io.Reader) (desk.TLSReport, error) {
	plain, err := unpack(src)
	if err != nil {
		return desk.TLSReport{}, err
	}
	raw, err := io.ReadAll(plain)
	if err != nil {
		return desk.TLSReport{}, unreadable(err, "The report cannot be read.")
	}
	if err := shallow(raw); err != nil {
		return desk.TLSReport{}, err
	}
	var wire tlsReport
	if err := json.Unmarshal(trimBOM(raw), &wire); err != nil {
		return desk.TLSReport{}, unreadable(err, "The report is no JSON as RFC 8460 describes it.")
	}
	return wire.report()
}

// shallow bounds how deep the JSON is, and how many values it has, before anything is made of it.
func shallow(raw []byte) error {
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values++
		}
		if depth > maxNested || values > maxDetails*20 {
			return &TooLarge{fmt.Sprintf("The report has more than %d values, or is nested more than %d deep.", maxDetails*20, maxNested)}
		}
	}
	return nil
}

// report checks what was read and brings it into our own form.
func (w *tlsReport) report() (desk.TLSReport, error) {
	r := desk.TLSReport{Org: short(w.Org), ReportID: short(w.ID), Contact: short(w.Contact)}
	var err, err2 error
	r.Begin, err = stamp(w.DateRange.Start)
	r.End, err2 = stamp(w.DateRange.End)
	switch {
	case r.ReportID == "":
		return r, &Unreadable{Reason: "The report has no identifier."}
	case err != nil || err2 != nil || r.End.Before(r.Begin):
		return r, unreadable(errors.Join(err, err2), "The report does not say which time it is about.")
	case len(w.Policies) == 0:
		return r, &Unreadable{Reason: "The report names no policy."}
	case len(w.Policies) > maxPolicies:
		return r, &TooLarge{fmt.Sprintf("The report has more than %d policies.", maxPolicies)}
	}
	details := 0
	for i := range w.Policies {
		policy, err := w.Policies[i].policy()
		if err != nil {
			return r, err
		}
		if details += len(policy.Details); details > maxDetails {
			return r, &TooLarge{fmt.Sprintf("The report has more than %d failures.", maxDetails)}
		}
		r.Policies = append(r.Policies, policy)
	}
	return r, nil
}

func (w *tlsPolicy) policy() (desk.TLSPolicy, error) {
	p := desk.TLSPolicy{
		Type: short(strings.ToLower(w.Policy.Type)), Domain: strings.TrimSuffix(short(strings.ToLower(w.Policy.Domain)), "."), Lines: shorts(w.Policy.Lines), MXHosts: shorts(w.Policy.Hosts),
		Successes: w.Summary.Successes, Failures: w.Summary.Failures,
	}
	if !counts(p.Successes) || !counts(p.Failures) {
		return p, &Unreadable{Reason: "The report counts sessions that cannot be."}
	}
	for _, d := range w.Details {
		if !counts(d.Count) {
			return p, &Unreadable{Reason: "The report counts sessions that cannot be."}
		}
		p.Details = append(p.Details, desk.TLSFailure{
			Type: short(strings.ToLower(d.Type)), SendingIP: address(d.SendingIP), ReceivingMX: short(strings.ToLower(d.ReceivingMX)), ReceivingIP: address(d.ReceivingIP),
			Count: d.Count, Reason: short(d.Reason), More: short(d.More),
		})
	}
	return p, nil
}

func counts(n int64) bool { return n >= 0 && n <= maxCount }

func shorts(list []string) []string {
	var all []string
	for _, one := range list[:min(len(list), maxLines)] {
		all = append(all, short(one))
	}
	return all
}

// stamp reads a time of RFC 3339; some reporters leave out the zone.
func stamp(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		var again error
		if at, again = time.Parse("2006-01-02T15:04:05", text); again != nil {
			return time.Time{}, err
		}
	}
	return at.UTC(), nil
}
