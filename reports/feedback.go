package reports

import (
	"net/mail"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
)

// maxDomains bounds the lists of a feedback report.
const maxDomains = 100

// feedback reads a feedback report (RFC 5965, RFC 6591), and two complaints that are none in form: Hotmail's, and Apple's request to unsubscribe.
func feedback(n *notice) (Report, bool) {
	report := Report{Kind: Feedback}
	switch {
	case strings.TrimSpace(n.complaint) != "":
		report.Complaint = complaint(n.complaint, &report)
	case strings.Contains(strings.ToLower(n.returned), "x-hmxmroriginalrecipient:") && strings.HasPrefix(strings.ToLower(n.mail.Subject), "complaint about message"):
		report.Complaint = hotmail(n.returned)
	case strings.HasPrefix(n.mail.Text, "Apple Mail sent this email to unsubscribe from the message"):
		report.Complaint = &desk.Complaint{Type: "opt-out", Agent: "Apple Mail", Incidents: 1}
		if from := firstOf(n.mail.From); from != "" {
			report.Complaint.Recipients = []string{from}
		}
	default:
		return Report{}, false
	}
	return report, report.Complaint != nil
}

// complaint reads the fields of RFC 5965 §3. A report that does not say what kind it is, is of 'other'.
func complaint(text string, report *Report) *desk.Complaint {
	var fields block
	for _, group := range blocks(text) {
		fields = append(fields, group...)
	}
	if len(fields) == 0 {
		return nil
	}
	kind, _, _ := strings.Cut(strings.ToLower(fields.get("feedback-type")), " ")
	c := &desk.Complaint{
		Type: short(strings.Trim(kind, "\"';")), AuthFailed: short(strings.ToLower(fields.get("auth-failure"))), Agent: short(fields.get("user-agent")),
		MailFrom: bare(fields.get("original-mail-from")), SourceIP: address(fields.get("source-ip")), Arrived: arrived(fields), Incidents: 1,
	}
	if c.Type == "" {
		c.Type = "other"
	}
	if many, err := strconv.ParseInt(fields.get("incidents"), 10, 32); err == nil && many > 0 {
		c.Incidents = many
	}
	for _, name := range []string{"original-rcpt-to", "removal-recipient"} {
		for _, value := range fields.all(name) {
			for one := range strings.SplitSeq(value, ",") {
				if addr := bare(one); addr != "" && len(c.Recipients) < maxRecipients && !slices.Contains(c.Recipients, addr) {
					c.Recipients = append(c.Recipients, addr)
				}
			}
		}
	}
	for _, domain := range fields.all("reported-domain") {
		if len(c.Domains) < maxDomains {
			c.Domains = append(c.Domains, strings.ToLower(short(domain)))
		}
	}
	report.EnvelopeID, report.Reporter = short(fields.get("original-envelope-id")), short(typed(fields.get("reporting-mta")))
	return c
}

// zones are the names of RFC 5322 §4.3, which net/mail takes for UTC.
var zones = map[string]string{"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700"}

// arrived reads the date of arrival; RFC 5965 §3.2 names two fields for it.
func arrived(fields block) time.Time {
	for _, name := range []string{"arrival-date", "received-date"} {
		value, _, _ := strings.Cut(fields.get(name), " (")
		if at := strings.LastIndexByte(value, ' '); at > 0 && zones[value[at+1:]] != "" {
			value = value[:at+1] + zones[value[at+1:]]
		}
		if date, err := mail.ParseDate(strings.TrimSpace(value)); err == nil && date.Year() > 1990 && date.Year() < 2200 {
			return date.UTC()
		}
	}
	return time.Time{}
}

// address reads an IP address with or without brackets and a prefix 'IPv6:'.
func address(value string) netip.Addr {
	value, _, _ = strings.Cut(strings.TrimSpace(value), " ") // 192.0.2.1 (mx.example.org)
	value = strings.Trim(value, "[]")
	if len(value) > 5 && strings.EqualFold(value[:5], "ipv6:") {
		value = value[5:]
	}
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// hotmail reads what Microsoft's junk mail reporting adds to the mail that it returns.
func hotmail(head string) *desk.Complaint {
	all := blocks(string(beforeBody([]byte(head))))
	if len(all) == 0 {
		return nil
	}
	c := &desk.Complaint{Type: "abuse", Agent: "Hotmail FBL", SourceIP: address(all[0].get("x-reporter-ip")), Incidents: 1}
	if addr := bare(all[0].get("x-hmxmroriginalrecipient")); addr != "" {
		c.Recipients = []string{addr}
	}
	return c
}

// disposition reads a message disposition notification (RFC 8098) as far as to know which mail it is about.
func disposition(n *notice) (Report, bool) {
	if strings.TrimSpace(n.mdn) == "" {
		return Report{}, false
	}
	report := Report{Kind: Disposition}
	for _, group := range blocks(n.mdn) {
		if id := group.get("original-message-id"); id != "" {
			report.Returned.MessageID = strings.Trim(short(id), "<> ")
		}
		if to := bare(group.get("final-recipient")); to != "" {
			report.Returned.To = []string{to}
		}
		if who := group.get("reporting-ua"); who != "" {
			report.Reporter = short(who)
		}
	}
	return report, true
}
