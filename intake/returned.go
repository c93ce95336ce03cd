package intake

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"postern/desk"
	"postern/reports"
	"postern/store"
	"postern/threading"
)

// returned is a report on a message of ours: a bounce, a delay, a complaint.
type returned struct {
	message   int64
	recipient *[4]byte // tag of the recipient that the return path names; nil: the report was matched by our Message-ID
	report    reports.Report
}

// readReport finds out whether the mail reports something: on a message of ours, or on a domain of ours (T-DSN). Only what a machine may have written is looked at.
func (in *Intake) readReport(ctx context.Context, m *mail, raw *io.SectionReader) error {
	if !m.mayReport() {
		return nil
	}
	report, err := reports.Read(ctx, raw, m.parsed, m.env.MailFrom)
	if err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	m.reportKind = report.Kind
	switch report.Kind {
	case reports.Delivery, reports.Feedback, reports.Disposition:
		m.returned = in.matchReturned(m, report)
	case reports.Aggregate:
		if report.DMARC != nil && in.directory.owns(report.DMARC.Domain) {
			m.about = dmarcRow(m, report.DMARC)
		}
	case reports.TLS:
		if report.TLS != nil {
			m.about = in.tlsRow(m, report.TLS)
		}
	}
	if report.Kind == reports.Aggregate || report.Kind == reports.TLS {
		m.reportKind = reports.None // one about others' domains, or one that cannot be read, is a mail like any other
		if report.Err != nil {
			m.parsed.Problems = append(m.parsed.Problems, "It brings a report that cannot be read: "+report.Err.Error())
		}
	}
	return nil
}

// mayReport says whether it is worth looking for a report: in mail of machines, and in mail with a packed file. Everything else would cost every customer's mail a search.
func (m *mail) mayReport() bool {
	local, _ := desk.SplitAddress(m.from.Addr)
	switch local {
	case "mailer-daemon", "postmaster", "mail-daemon", "mailerdaemon", "mdaemon", "postmast", "mail_daemon", "postmaster-returns":
		return true
	}
	if m.env.MailFrom == "" && m.env.Source != desk.FromFile || m.parsed.Automatic != "" || m.parsed.Report != "" {
		return true
	}
	for _, file := range m.parsed.Files {
		name := strings.ToLower(file.Name)
		if strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".zip") || strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".json") {
			return true
		}
	}
	return false
}

// matchReturned finds the message of ours that a report is about: by the return path that only its server has seen, then by our signed Message-ID in the part that it returns.
// A Message-ID alone is known to everybody who got the mail: it counts only with the null sender, which mail of people does not have (security T-50).
func (in *Intake) matchReturned(m *mail, report reports.Report) *returned {
	for _, addr := range m.env.Recipients {
		if _, message, recipient, ok := in.codec.ParseReturnPath(addr); ok {
			return &returned{message: message, recipient: &recipient, report: report}
		}
	}
	message, ok := in.codec.ParseMessageID(report.Returned.MessageID)
	if !ok || m.env.MailFrom != "" && report.Kind == reports.Delivery {
		return nil
	}
	return &returned{message: message, report: report}
}

// entries are those of the message's recipients that the report is about, each with what is said of it.
func (r *returned) entries(recipients []string) map[string]desk.DeliveryReport {
	about := map[string]desk.DeliveryReport{}
	for _, recipient := range recipients {
		canonical := desk.Canonical(recipient)
		if r.recipient != nil {
			if threading.RecipientTag(canonical) == *r.recipient && len(r.report.Recipients) > 0 {
				about[recipient] = r.report.Recipients[0] // the return path names exactly one, whatever address it was forwarded to
			}
			continue
		}
		for _, one := range r.report.Recipients {
			if slices.ContainsFunc(one.Addresses(), func(addr string) bool { return desk.Canonical(addr) == canonical }) {
				about[recipient] = one
			}
		}
	}
	return about
}

// hard is why the report counts against the address itself: it says that there is no such mailbox or domain, and came to the return path, which only that mailbox's server has seen.
// Our Message-ID is known to everybody who got the mail: what it proves is enough for a line on the message, and not to stop mail to anybody (security T-50).
func (r *returned) hard(one desk.DeliveryReport) desk.Reason {
	if r.recipient == nil || !one.Hard {
		return desk.ReasonNone
	}
	return one.Reason
}

// words is what a person reads at the recipient: the remote's own, with its codes.
func words(one desk.DeliveryReport) string {
	text := one.Diagnostic
	if text == "" {
		text = string(one.Reason)
	}
	if one.Host != "" {
		text += " (" + one.Host + ")"
	}
	if one.Status != "" && !strings.Contains(text, one.Status) {
		text = one.Status + " " + text
	}
	if one.Action == desk.ActionDelayed {
		return "delayed: " + text
	}
	return text
}

// settle marks the recipients that a delivery report is about and says what the mail's facts hold. It is true for bounced when a recipient was given up.
func (p *plan) settle(m *mail) (facts *desk.Returned, bounced bool) {
	r := m.returned
	if r == nil {
		return nil, false
	}
	facts = &desk.Returned{Message: r.message}
	switch r.report.Kind {
	case reports.Feedback:
		facts.Kind, facts.Words = "complaint", ""
		if r.report.Complaint != nil {
			facts.Words = r.report.Complaint.Type
		}
		return facts, false
	case reports.Disposition:
		facts.Kind = "opened"
		return facts, false
	}
	for recipient, one := range r.entries(p.found.Recipients[r.message]) {
		facts.Recipients = append(facts.Recipients, recipient)
		facts.Status, facts.Words, facts.Hard = one.Status, words(one), facts.Hard || one.Hard
		switch one.Action {
		case desk.ActionFailed:
			facts.Kind, bounced = "failed", true
			p.filing.Returns = append(p.filing.Returns, store.ReturnRow{Message: r.message, Recipient: recipient, Bounced: true, Words: words(one), Host: one.Host, Hard: r.hard(one), At: m.at})
		case desk.ActionDelayed:
			if facts.Kind == "" {
				facts.Kind = "delayed"
			}
			p.filing.Returns = append(p.filing.Returns, store.ReturnRow{Message: r.message, Recipient: recipient, Words: words(one), Host: one.Host, At: m.at})
		default:
			if facts.Kind == "" {
				facts.Kind = "delivered"
			}
		}
	}
	slices.Sort(facts.Recipients)
	if facts.Kind == "" { // it names nobody to whom the message was sent
		return nil, false
	}
	return facts, bounced
}
