// Package reports promises to say what a mail of a machine reports about our own mail: what became of it, who complained of it, and how others saw our domains.
//
// It is pure and decides nothing: it reads a mail that mailtext has read, and keeps no state. Whether a report may be believed (T-DSN: a return path of ours, or a Message-ID of ours) is for those who act on it. It is bounded: 256 KiB of each part that reports, 64 KiB of text, 100 recipients; an aggregate report 10 MiB packed and 25 MiB unpacked. A notice in a language or form that its tables do not know is an ordinary mail.
package reports

import (
	"context"
	"fmt"
	"io"
	"time"

	"postern/desk"
	"postern/mailtext"
)

// Kind is what a mail reports.
type Kind string

const (
	None        Kind = ""            // an ordinary mail, or one that nothing is known of
	Delivery    Kind = "delivery"    // what became of a mail (RFC 3464, and what came before it)
	Feedback    Kind = "feedback"    // a complaint (RFC 5965)
	Aggregate   Kind = "aggregate"   // DMARC (RFC 7489, RFC 9990)
	TLS         Kind = "tls"         // RFC 8460
	Disposition Kind = "disposition" // displayed, deleted (RFC 8098)
	Answer      Kind = "answer"      // an automatic answer, such as that somebody is away (RFC 3834)
)

// Report is what a mail reports. Everything in it is a stranger's word: of valid UTF-8, one line each, without controls, and of a bounded length.
type Report struct {
	Kind       Kind
	EnvelopeID string                // Original-Envelope-Id: the ENVID that we gave, if we gave one (RFC 3461 §4.4)
	Reporter   string                // Reporting-MTA: who wrote it
	Recipients []desk.DeliveryReport // of Delivery, in order of appearance, each address once, at most 100; may be empty when the notice names nobody
	Returned   Returned              // of Delivery, Feedback and Disposition
	Complaint  *desk.Complaint       // of Feedback
	DMARC      *desk.DMARCReport     // of Aggregate; nil when Err says why
	TLS        *desk.TLSReport       // of TLS; nil when Err says why
	Err        error                 // the report that this mail announces cannot be read: an *Unreadable or a *TooLarge
}

// Returned is what a report tells of our mail, out of the header that it returns. Fields are empty where that is missing.
type Returned struct {
	MessageID  string // without < and >
	From       string // address
	ReplyTo    string // address: ours carries the token of its ticket
	To         []string
	Subject    string
	Date       time.Time
	InReplyTo  []string
	References []string
}

// Bounced says whether a recipient was given up: the mail opens its ticket again (T-DSN).
func (r Report) Bounced() bool { return r.any(desk.ActionFailed) }

// Delayed says whether a recipient waits.
func (r Report) Delayed() bool { return r.any(desk.ActionDelayed) }

func (r Report) any(action desk.ReportAction) bool {
	for _, one := range r.Recipients {
		if one.Action == action {
			return true
		}
	}
	return false
}

// Read says what a mail reports; Kind None for one that reports nothing. src and mail are the same message, mailFrom is its return path, empty for <>.
// An error means that src could not be read or ctx was called off; what is wrong with a report is told by Report.Err.
func Read(ctx context.Context, src *io.SectionReader, mail *mailtext.Mail, mailFrom string) (Report, error) {
	n, err := gather(ctx, src, mail)
	if err != nil {
		return Report{}, fmt.Errorf("reading a report: %w", err)
	}
	n.null = mailFrom == ""
	for _, read := range []func(*notice) (Report, bool){attached, feedback, status, disposition, amazon, legacy, answer} {
		if report, ok := read(n); ok {
			switch report.Kind {
			case Delivery, Feedback, Disposition:
				report.Returned = report.Returned.or(n.returnedMail(ctx))
				report.guess()
			}
			return report, nil
		}
	}
	return Report{}, nil
}

// guess names the recipient of our mail where the notice names none, and the mail had only one.
func (r *Report) guess() {
	if r.Kind != Delivery || len(r.Returned.To) != 1 {
		return
	}
	for i := range r.Recipients {
		if one := &r.Recipients[i]; one.Final == "" && one.Original == "" {
			one.Original = r.Returned.To[0]
		}
	}
}
