// Package tlsrpt makes the reports by which we tell other domains how well our connections to their mail servers could be encrypted (RFC 8460), and reads where they want them.
//
// It is pure: counting sessions, looking records up and sending reports are the caller's. What a domain publishes is a stranger's text: its record, the number of its addresses and their length are bounded.
package tlsrpt

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"postern/desk"
)

// Bounds of what a domain may ask for.
const (
	maxRecord   = 4 << 10 // octets of its record
	maxPlaces   = 10      // addresses in it that are used
	maxLocation = 1000    // octets of one
)

// Record is where the reports about a domain go.
type Record struct {
	Mailto []string // addresses
	HTTPS  []string // URLs that a report is posted to
}

// ParseRecord reads the TXT records of _smtp._tls.<domain> (RFC 8460 §3). It is false where there is no record, or more than one, since such a domain does not take part.
// Places that are neither mailto: nor https: are passed over, as are parameters that nobody knows (§3).
func ParseRecord(texts []string) (Record, bool) {
	var found []string
	for _, text := range texts {
		if version, _, _ := strings.Cut(text, ";"); strings.TrimRight(version, " \t") == "v=TLSRPTv1" {
			found = append(found, text)
		}
	}
	if len(found) != 1 || len(found[0]) > maxRecord {
		return Record{}, false
	}
	var record Record
	for field := range strings.SplitSeq(found[0], ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if name != "rua" {
			continue
		}
		for i, place := range strings.Split(value, ",") {
			if i < maxPlaces {
				record.add(strings.TrimSpace(place))
			}
		}
	}
	return record, len(record.Mailto)+len(record.HTTPS) > 0
}

// add reads one place. A mailto: may carry header fields behind a ?, which are nobody's to choose here.
func (r *Record) add(place string) {
	if len(place) > maxLocation {
		return
	}
	parsed, err := url.Parse(place)
	if err != nil {
		return
	}
	switch strings.ToLower(parsed.Scheme) {
	case "mailto":
		address, err := url.PathUnescape(parsed.Opaque)
		if err == nil && desk.ValidAddress(address) {
			r.Mailto = append(r.Mailto, address)
		}
	case "https":
		if parsed.Host != "" && parsed.User == nil {
			r.HTTPS = append(r.HTTPS, parsed.String())
		}
	}
}

// wire is the JSON of RFC 8460 §4.4.
type wire struct {
	Organization string       `json:"organization-name"`
	DateRange    dateRange    `json:"date-range"`
	Contact      string       `json:"contact-info"`
	ID           string       `json:"report-id"`
	Policies     []wirePolicy `json:"policies"`
}

type dateRange struct {
	Start time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

type wirePolicy struct {
	Policy struct {
		Type   string   `json:"policy-type"`
		Lines  []string `json:"policy-string,omitempty"`
		Domain string   `json:"policy-domain"`
		Hosts  []string `json:"mx-host,omitempty"`
	} `json:"policy"`
	Summary struct {
		Successes int64 `json:"total-successful-session-count"`
		Failures  int64 `json:"total-failure-session-count"`
	} `json:"summary"`
	Failures []wireFailure `json:"failure-details,omitempty"`
}

type wireFailure struct {
	Type        string `json:"result-type"`
	SendingIP   string `json:"sending-mta-ip,omitempty"`
	ReceivingMX string `json:"receiving-mx-hostname,omitempty"`
	ReceivingIP string `json:"receiving-ip,omitempty"`
	Count       int64  `json:"failed-session-count"`
	Reason      string `json:"failure-reason-code,omitempty"`
}

// JSON writes a report.
func JSON(r desk.TLSReport) ([]byte, error) {
	out := wire{Organization: r.Org, DateRange: dateRange{r.Begin.UTC(), r.End.UTC()}, Contact: r.Contact, ID: r.ReportID, Policies: []wirePolicy{}}
	for _, from := range r.Policies {
		var to wirePolicy
		to.Policy.Type, to.Policy.Lines, to.Policy.Domain, to.Policy.Hosts = from.Type, from.Lines, from.Domain, from.MXHosts
		to.Summary.Successes, to.Summary.Failures = from.Successes, from.Failures
		for _, failure := range from.Details {
			to.Failures = append(to.Failures, wireFailure{
				Type: failure.Type, SendingIP: shown(failure.SendingIP), ReceivingMX: failure.ReceivingMX, ReceivingIP: shown(failure.ReceivingIP), Count: failure.Count, Reason: failure.Reason,
			})
		}
		out.Policies = append(out.Policies, to)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("tlsrpt: report %s: %w", r.ReportID, err)
	}
	return text, nil
}

func shown(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// Compressed is a report as it travels: JSON in gzip, application/tlsrpt+gzip (RFC 8460 §6.4).
func Compressed(r desk.TLSReport) ([]byte, error) {
	text, err := JSON(r)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return nil, fmt.Errorf("tlsrpt: pack report %s: %w", r.ReportID, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("tlsrpt: pack report %s: %w", r.ReportID, err)
	}
	return packed.Bytes(), nil
}

// FileName is how the file of a report is called (RFC 8460 §5.1): sender ! domain ! begin ! end ! id, times in seconds.
func FileName(submitter, domain string, r desk.TLSReport) string {
	id, _, _ := strings.Cut(r.ReportID, "@")
	return fmt.Sprintf("%s!%s!%d!%d!%s.json.gz", submitter, domain, r.Begin.Unix(), r.End.Unix(), id)
}
