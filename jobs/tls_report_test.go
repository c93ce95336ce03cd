package jobs

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"mime"
	parts "mime/multipart"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailout"
	"postern/reports"
	"postern/store"
)

// Yesterday's sessions are reported once to every place that the domain names, by mail and by HTTPS, signed; domains that want no reports get none.
func TestTLSReports(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	certificate, roots := testkit.Certificate(t, "report.customer.test")
	posted := make(chan []byte, 10)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/tlsrpt+gzip" {
			posted <- body
		}
		w.WriteHeader(http.StatusCreated)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())

	h.activate(t, "example.com")
	h.mailbox(t, "support@example.com")
	h.publish(t, `
_smtp._tls.customer.test. 60 IN TXT "v=TLSRPTv1; rua=mailto:tls@other.test,https://report.customer.test:`+port+`/v1"
report.customer.test. 60 IN A 127.0.0.1
`)
	h.config.Sender.Roots = roots
	day := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	counter := NewTLSCounter(h.store, h.config.Log)
	h.config.Sender.Results = counter.Note
	sts := mailout.Policy{Type: mailout.PolicyTypeSTS, Domain: "customer.test", Lines: []string{"version: STSv1", "mode: enforce"}, MX: []string{"mx.customer.test"}}
	for range 3 {
		counter.Note(mailout.TLSResult{At: day, Recipient: "customer.test", Policy: sts, Host: "mx.customer.test", Addr: netip.MustParseAddr("192.0.2.7")})
	}
	counter.Note(mailout.TLSResult{At: day, Recipient: "customer.test", Policy: sts, Host: "mx.customer.test", Addr: netip.MustParseAddr("192.0.2.7"), Type: mailout.ResultExpired, Reason: "it ended yesterday"})
	counter.Note(mailout.TLSResult{At: day, Recipient: "silent.test", Policy: mailout.Policy{Type: mailout.PolicyTypeNone, Domain: "silent.test"}})
	counter.Note(mailout.TLSResult{At: day.AddDate(0, 0, 1), Recipient: "customer.test", Policy: sts}) // today's are not over
	if err := counter.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := day.AddDate(0, 0, 1).Add(-12*time.Hour + reportSpread)
	job := &reportTLS{store: h.store, tickets: h.tickets, domains: h.domains, sender: h.config.Sender, now: func() time.Time { return now }, log: h.config.Log}
	for range 2 { // the second run finds nothing to do
		if err := job.Work(t.Context(), &river.Job[desk.ReportTLS]{}); err != nil {
			t.Fatal(err)
		}
	}
	want := desk.TLSReport{
		Org: "example.com", Contact: "support@example.com", ReportID: "2026-11-28.customer.test@example.com",
		Begin: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 28, 23, 59, 59, 0, time.UTC),
	}
	for _, packed := range [][]byte{receive(t, posted), attached(t, h.sink.Next(t))} {
		got, err := reports.ReadTLS(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if got.Org != want.Org || got.Contact != want.Contact || got.ReportID != want.ReportID || !got.Begin.Equal(want.Begin) || !got.End.Equal(want.End) || len(got.Policies) != 1 {
			t.Fatalf("%+v", got)
		}
		policy := got.Policies[0]
		if policy.Type != "sts" || policy.Successes != 3 || policy.Failures != 1 || len(policy.Details) != 1 || policy.Details[0].Type != "certificate-expired" || policy.Details[0].ReceivingIP != netip.MustParseAddr("192.0.2.7") || !slices.Equal(policy.MXHosts, []string{"mx.customer.test"}) {
			t.Errorf("%+v", policy)
		}
	}
	if more := h.sink.Mails(); len(more) != 1 || len(posted) != 0 {
		t.Errorf("%d mails and %d posts more than one each", len(more), len(posted))
	}
	if err := counter.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, err := h.store.TLSSessions(t.Context(), now.Truncate(24*time.Hour), "other.test"); err != nil || len(rows) != 0 {
		t.Errorf("the report's own delivery is reported: %+v, %v", rows, err)
	}
}

// What a domain has that cannot be reached stays due, hour by hour, for a day.
func TestTLSReportIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testkit.Behaviour{})
	h.activate(t, "example.com")
	h.mailbox(t, "support@example.com")
	h.publish(t, "_smtp._tls.customer.test. 60 IN TXT \"v=TLSRPTv1; rua=https://127.0.0.1:1/\"\n")
	day := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	err := h.store.Write(t.Context(), func(tx *store.Tx) error {
		return tx.AddTLSSessions(t.Context(), []store.TLSSessions{{Day: day, Domain: "customer.test", Policy: desk.TLSPolicy{Type: "no-policy-found", Domain: "customer.test"}, Sessions: 1}})
	})
	if err != nil {
		t.Fatal(err)
	}
	now := day.Add(24*time.Hour + reportSpread)
	job := &reportTLS{store: h.store, tickets: h.tickets, domains: h.domains, sender: h.config.Sender, now: func() time.Time { return now }, log: h.config.Log}
	for hour := range reportAttempts + 2 {
		if err := job.Work(t.Context(), &river.Job[desk.ReportTLS]{}); err != nil {
			t.Fatal(err)
		}
		var attempts int
		var over bool
		if err := h.store.Pool().QueryRow(t.Context(), `select attempts, done_at is not null from tls_report where domain = 'customer.test'`).Scan(&attempts, &over); err != nil {
			t.Fatal(err)
		}
		if attempts != min(hour+1, reportAttempts) || over != (attempts == reportAttempts) {
			t.Fatalf("after %d hours: %d attempts, over %v", hour, attempts, over)
		}
		now = now.Add(reportAgain + time.Second)
	}
}

// publish adds records to what is in the DNS.
func (h *house) publish(t *testing.T, lines string) {
	t.Helper()
	_, records, err := h.domains.Show(t.Context(), h.ann, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	all := zone + lines
	for _, record := range records {
		all += domains.ZoneLine(record) + "\n"
	}
	h.dns.Set(t, all)
}

func receive(t *testing.T, posted <-chan []byte) []byte {
	t.Helper()
	select {
	case body := <-posted:
		return body
	case <-time.After(patience):
		t.Fatal("nothing was posted")
		return nil
	}
}

// attached is the report in a mail, which has to be signed and to say what it is.
func attached(t *testing.T, came testkit.Mail) []byte {
	t.Helper()
	read, err := mail.ReadMessage(bytes.NewReader(came.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	if came.From != "" || !slices.Equal(came.To, []string{"tls@other.test"}) || len(read.Header["Dkim-Signature"]) == 0 || read.Header.Get("TLS-Report-Domain") != "customer.test" ||
		!strings.HasPrefix(read.Header.Get("Subject"), "Report Domain: customer.test Submitter: example.com Report-ID: <") {
		t.Errorf("from <%s> to %v: %v", came.From, came.To, read.Header)
	}
	_, params, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	inside := parts.NewReader(read.Body, params["boundary"])
	for {
		part, err := inside.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if part.Header.Get("Content-Type") == "application/tlsrpt+gzip" {
			packed, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
			if err != nil {
				t.Fatal(err)
			}
			return packed
		}
	}
}
