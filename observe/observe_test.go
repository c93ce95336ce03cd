package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/desk"
)

// Metrics is what the SMTP server, which is above this room, wants to be handed.
var _ interface {
	Connections(delta int)
	Replied(code int)
	Received(disposition desk.Disposition, octets int64, took time.Duration)
	Limited(limit string)
	Listed(list, result string)
} = (*Metrics)(nil)

// get asks the admin listener.
func get(t *testing.T, handler http.Handler, path string) (status int, body string) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	response, err := http.Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := NewMetrics("1.2.3")
	m.Connections(1)
	m.Connections(1)
	m.Connections(-1)
	m.Replied(550)
	m.Limited("per-ip")
	m.Listed("bl.example.org", "error")
	m.Received(desk.Ticketed, 2000, 12*time.Millisecond)
	m.Received(desk.Refused, 2000, 12*time.Millisecond)
	m.Intake(desk.Outcome{Disposition: desk.Ticketed}, nil)
	m.Intake(desk.Outcome{Disposition: desk.Suspended, Cause: desk.CauseLoop}, nil)
	m.Intake(desk.Outcome{}, errors.New("the database is away"))
	m.Group(3, 5*time.Millisecond)
	m.Delivery(desk.Delivery{State: desk.DeliverySent, TLS: "TLS 1.3", Proof: desk.ProofDANE})
	m.Delivery(desk.Delivery{State: desk.DeliverySent})
	m.Delivery(desk.Delivery{State: desk.DeliveryBounced, Story: []desk.Attempt{{Kind: desk.AttemptSuppressed}}})
	asked := 0
	m.Waiting(func(context.Context) (desk.DeliveryCounts, error) {
		asked++
		return desk.DeliveryCounts{Queued: 7, Held: 2, Oldest: time.Now().Add(-time.Hour), Suppressed: 3}, nil
	})
	m.Domains([]desk.Domain{{Name: "example.com", State: desk.DomainActive}, {Name: "gone.example", State: desk.DomainRemoved}})
	m.Domains([]desk.Domain{{Name: "example.com", State: desk.DomainDegraded}})
	m.Requests("api")("GET /api/v1/tickets/{number}", 200, time.Millisecond)
	status, body := get(t, Admin(m, NewHealth(time.Now)), "/metrics")
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	for _, line := range []string{
		`postern_build_info{version="1.2.3"} 1`, `postern_smtp_connections 1`, `postern_smtp_refusals_total{code="550"} 1`,
		`postern_smtp_limited_total{limit="per-ip"} 1`, `postern_smtp_dnsbl_total{list="bl.example.org",result="error"} 1`,
		`postern_smtp_accepted_total{disposition="ticketed"} 1`, `postern_smtp_accepted_total{disposition="appended"} 0`,
		`postern_intake_mails_total{disposition="suspended"} 1`, `postern_intake_mails_total{disposition="refused"} 0`, `postern_intake_suspended_total{cause="loop"} 1`,
		`postern_intake_suspended_total{cause="spam"} 0`, `postern_intake_failures_total 1`, `postern_domain_state{domain="example.com",state="degraded"} 1`, `postern_intake_group_mails_sum 3`, `postern_delivery_attempts_total{state="sent"} 2`, `postern_delivery_attempts_total{state="bounced"} 0`,
		`postern_delivery_sent_total{proof="dane",tls="TLS 1.3"} 1`, `postern_delivery_sent_total{proof="none",tls="none"} 1`, `postern_delivery_suppressed_total 1`,
		`postern_delivery_waiting{state="queued"} 7`, `postern_delivery_waiting{state="held"} 2`, `postern_delivery_oldest_seconds 36`, `postern_suppressed_addresses 3`,

		`postern_http_requests_total{room="api",route="GET /api/v1/tickets/{number}",status="200"} 1`, `postern_smtp_mail_octets_count 2`, `go_goroutines `, `process_open_fds `,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("missing: %s", line)
		}
	}
	if get(t, Admin(m, NewHealth(time.Now)), "/metrics"); asked != 1 {
		t.Errorf("the database was asked %d times", asked)
	}
	if strings.Contains(body, `postern_smtp_accepted_total{disposition="refused"}`) {
		t.Error("a refused mail counts as accepted")
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	var database error
	now := time.Now()
	health := NewHealth(func() time.Time { return now }, Check{"database", func(context.Context) error { return database }}, Check{"storage", func(context.Context) error { return nil }})
	admin := Admin(NewMetrics("test"), health)
	ask := func(path string) (int, Report) {
		status, body := get(t, admin, path)
		var report Report
		if err := json.Unmarshal([]byte(body), &report); err != nil {
			t.Fatalf("%s: %s: %v", path, body, err)
		}
		return status, report
	}
	if status, report := ask("/readyz"); status != http.StatusOK || report.Status != "ok" || len(report.Checks) != 2 {
		t.Errorf("all well: %d %+v", status, report)
	}
	database = errors.New("connection refused")
	if status, _ := ask("/readyz"); status != http.StatusOK {
		t.Error("the report was not kept for a moment")
	}
	now = now.Add(keepFor)
	status, report := ask("/readyz")
	want := []Finding{{Name: "database", Error: "connection refused"}, {Name: "storage", OK: true}}
	for i := range report.Checks {
		report.Checks[i].Took = 0
	}
	if status != http.StatusServiceUnavailable || report.Status != "failing" || !reflect.DeepEqual(report.Checks, want) {
		t.Errorf("the database is away: %d %+v", status, report)
	}
	if status, report := ask("/healthz"); status != http.StatusOK || report.Status != "ok" {
		t.Errorf("the process lives: %d %+v", status, report)
	}
	database, now = nil, now.Add(keepFor)
	if status, _ := ask("/readyz"); status != http.StatusOK {
		t.Error("it did not recover")
	}
	health.Drain()
	if status, report := ask("/readyz"); status != http.StatusServiceUnavailable || report.Status != "stopping" {
		t.Errorf("stopping: %d %+v", status, report)
	}
	if status, _ := get(t, admin, "/debug/pprof/cmdline"); status != http.StatusOK {
		t.Errorf("profiles: %d", status)
	}
}

// TestReadyInTime: a check that hangs or panics fails alone, and /readyz still answers.
func TestReadyInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		health := NewHealth(time.Now,
			Check{"deaf", func(context.Context) error { <-release; return nil }},
			Check{"slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			Check{"broken", func(context.Context) error { panic("nil map") }},
			Check{"fine", func(context.Context) error { return nil }})
		began := time.Now()
		report := health.Ready(t.Context())
		if took := time.Since(began); took != checkFor {
			t.Errorf("it took %s", took)
		}
		for i, want := range []string{"no answer within 3s", "", "panic: nil map", ""} {
			finding := report.Checks[i]
			if finding.OK != (finding.Name == "fine") || (want != "" && finding.Error != want) {
				t.Errorf("%+v, want %q", finding, want)
			}
		}
		close(release)
	})
}

func TestLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	NewLog(&out, "", "").Info("taken", "ticket", 12)
	if !strings.HasPrefix(out.String(), "{") || !strings.Contains(out.String(), `"ticket":12`) {
		t.Errorf("not on a terminal: %s", out.String())
	}
	out.Reset()
	log := NewLog(&out, "text", "warn")
	log.Info("taken")
	log.Warn("deferred", "ticket", 12)
	if text := out.String(); !strings.Contains(text, "level=WARN msg=deferred ticket=12") || strings.Contains(text, "taken") {
		t.Errorf("text from warn on: %s", text)
	}
}
