package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/mailout"
	"postern/mailout/tlsrpt"
	"postern/store"
	"postern/tickets"
)

const (
	reportsAtOnce  = 50              // reports that one run takes in hand
	reportAgain    = time.Hour       // after a report that did not leave
	reportAttempts = 24              // RFC 8460 §5.5: retries end after a day
	reportSpread   = 4 * time.Hour   // RFC 8460 §4.1: not everybody's reports at midnight
	tlsKept        = 14              // days that counts are kept for
	reportTime     = 2 * time.Minute // for one report to one place
)

// reportTLS tells other domains how TLS to their servers went on the days before (RFC 8460). A report is tried every hour for a day; one that was perhaps sent is not sent again.
type reportTLS struct {
	river.WorkerDefaults[desk.ReportTLS]
	store   *store.Store
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	now     func() time.Time
	log     *slog.Logger
}

func (w *reportTLS) Work(ctx context.Context, _ *river.Job[desk.ReportTLS]) error {
	from, ready, err := w.author(ctx)
	if err != nil || !ready {
		return err
	}
	now := w.now().UTC()
	midnight := now.Add(-spread(w.sender.Hostname)).Truncate(24 * time.Hour)
	if err := w.store.Write(ctx, func(tx *store.Tx) error { return tx.SweepTLSSessions(ctx, midnight.AddDate(0, 0, -tlsKept)) }); err != nil {
		return err
	}
	var due []store.TLSReport
	err = w.store.Write(ctx, func(tx *store.Tx) error {
		due, err = tx.TakeTLSReports(ctx, midnight, now.Add(-reportAgain), now, reportsAtOnce)
		return err
	})
	if err != nil {
		return err
	}
	for _, report := range due {
		outcome, over := w.report(ctx, report, from)
		w.log.InfoContext(ctx, "TLS report", "domain", report.Domain, "day", report.Day.Format(time.DateOnly), "outcome", outcome, "over", over)
		if !over && report.Attempts < reportAttempts {
			continue
		}
		if err := w.store.Write(ctx, func(tx *store.Tx) error { return tx.EndTLSReport(ctx, report, w.now(), outcome) }); err != nil {
			return err
		}
	}
	return nil
}

// spread is how long after midnight an installation reports: always the same, and different from its neighbours'.
func spread(hostname string) time.Duration {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(hostname)) // hashes take everything
	return time.Duration(sum.Sum32()) * time.Second % reportSpread
}

// author is who reports: an address on a domain of ours that signs, since others count only what is signed (RFC 8460 §5.3). Before there is one nothing is reported.
func (w *reportTLS) author(ctx context.Context) (author, bool, error) {
	system, err := w.tickets.SystemSender(ctx)
	if err != nil || system == "" {
		return author{}, false, err
	}
	from, err := authorOf(ctx, w.domains, desk.Address{Addr: system}, system)
	return from, err == nil && len(from.keys) > 0, err
}

// report makes and sends one report. over says that it need not be tried again.
func (w *reportTLS) report(ctx context.Context, due store.TLSReport, from author) (outcome string, over bool) {
	texts, err := w.sender.Resolver.LookupTXT(ctx, "_smtp._tls."+due.Domain)
	if err != nil && !domains.IsNotFound(err) {
		return err.Error(), false
	}
	places, wanted := tlsrpt.ParseRecord(texts)
	if !wanted {
		return "the domain wants no reports", true
	}
	rows, err := w.store.TLSSessions(ctx, due.Day, due.Domain)
	if err != nil {
		return err.Error(), false
	}
	report := reportOf(due, rows, from.from.Addr)
	packed, err := tlsrpt.Compressed(report)
	if err != nil {
		return err.Error(), true // nothing that time would mend
	}
	var said []string
	for _, place := range places.HTTPS {
		err := w.post(ctx, place, packed)
		said, over = append(said, result(place, err)), over || err == nil
	}
	for _, address := range places.Mailto {
		err := w.mail(ctx, tlsLetter{address, due.Domain, report, packed}, from)
		said, over = append(said, result(address, err)), over || err == nil
	}
	return strings.Join(said, "; "), over
}

func result(place string, err error) string {
	if err != nil {
		return place + ": " + err.Error()
	}
	return place + ": taken"
}

// reportOf sums up the sessions of a day, policy by policy.
func reportOf(due store.TLSReport, rows []store.TLSSessions, contact string) desk.TLSReport {
	submitter := desk.DomainOf(contact)
	begin := due.Day.UTC()
	report := desk.TLSReport{
		Org: submitter, Contact: contact, ReportID: begin.Format(time.DateOnly) + "." + due.Domain + "@" + submitter,
		Begin: begin, End: begin.Add(24*time.Hour - time.Second), // RFC 8460 §4.1: a whole day in UTC
	}
	where := map[string]int{}
	for _, row := range rows {
		key := fmt.Sprint(row.Policy.Type, row.Policy.Domain, row.Policy.Lines, row.Policy.MXHosts)
		at, known := where[key]
		if !known {
			at = len(report.Policies)
			where[key] = at
			report.Policies = append(report.Policies, row.Policy)
		}
		policy := &report.Policies[at]
		if row.Result == "" {
			policy.Successes += row.Sessions
			continue
		}
		policy.Failures += row.Sessions
		policy.Details = append(policy.Details, desk.TLSFailure{
			Type: row.Result, SendingIP: addressOf(row.SendingIP), ReceivingMX: row.MX, ReceivingIP: addressOf(row.ReceivingIP), Count: row.Sessions, Reason: row.Reason,
		})
	}
	return report
}

func addressOf(text string) netip.Addr {
	addr, _ := netip.ParseAddr(text) // what is none is left out
	return addr
}

// post hands a report in over HTTPS (RFC 8460 §5.4).
func (w *reportTLS) post(ctx context.Context, place string, packed []byte) error {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	return w.sender.Web().Post(ctx, place, "application/tlsrpt+gzip", packed)
}

// mail sends a report by mail (RFC 8460 §5.3), whatever the policies of the domain say: it may be about exactly what keeps mail from arriving.
func (w *reportTLS) mail(ctx context.Context, l tlsLetter, from author) error {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	letter, err := write(l.draft(from), from.keys, int64(letterSize+2*len(l.packed)), time.Time{})
	if err != nil {
		return err
	}
	defer letter.close()
	outcome := w.sender.Deliver(ctx, mailout.Outgoing{ // without a return path: nobody answers to it
		ID: l.report.ReportID, Recipients: []string{l.to}, Size: letter.size, Wish: mailout.WishAnyhow,
		Open: func() (io.ReadCloser, error) {
			reader, err := letter.reader()
			if err != nil {
				return nil, fmt.Errorf("jobs: TLS report: %w", err)
			}
			return io.NopCloser(reader), nil
		},
	})
	for _, one := range outcome {
		if one.State != desk.DeliverySent && !mailout.PerhapsTaken(one) {
			return errors.New(one.Reply)
		}
	}
	return nil
}

// tlsLetter is one report on its way to one address.
type tlsLetter struct {
	to, domain string
	report     desk.TLSReport
	packed     []byte
}

// draft is the mail that brings it.
func (l tlsLetter) draft(from author) mailout.Draft {
	submitter := l.report.Org
	var good, bad int64
	for _, policy := range l.report.Policies {
		good, bad = good+policy.Successes, bad+policy.Failures
	}
	day := l.report.Begin.Format("2 January 2006")
	return mailout.Draft{
		From: desk.Address{Name: from.from.Name, Addr: from.from.Addr}, To: []desk.Address{{Addr: l.to}},
		Subject:   fmt.Sprintf("Report Domain: %s Submitter: %s Report-ID: <%s>", l.domain, submitter, l.report.ReportID), // RFC 8460 §5.3
		MessageID: "tls." + l.report.ReportID, Date: l.report.End, AutoSubmitted: "auto-generated",
		Text: fmt.Sprintf("This is a report about TLS (RFC 8460) on connections from %s to the mail servers of %s on %s (UTC).\n\n%d sessions went well, %d did not. The attached file says which, and why.\n",
			submitter, l.domain, day, good, bad),
		TLSReport: &mailout.TLSReport{Domain: l.domain, Submitter: submitter, File: mailout.File{
			Name: tlsrpt.FileName(submitter, l.domain, l.report), MediaType: "application/tlsrpt+gzip", Size: int64(len(l.packed)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(l.packed)), nil },
		}},
	}
}
