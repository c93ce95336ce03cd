package portal

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// reported brings a month of reports about example.com: two sources, TLS, and one report that proves no sender.
func (h *house) reported(org string) {
	h.t.Helper()
	midnight := time.Now().UTC().Truncate(24 * time.Hour)
	const report = `insert into report (id, kind, domain, org, report_id, begins_at, ends_at, verified, from_address, received_at) values ($1, $2, 'example.com', $3, $4, $5, $6, $7, $8, $6)`
	for i := range 28 {
		if i == 9 || i == 10 {
			continue // nobody reported on these
		}
		day := midnight.AddDate(0, 0, -i)
		h.sql(report, 100+i, "dmarc", org, fmt.Sprint("d", i), day, day.Add(24*time.Hour), true, "reports@receiver.example")
		h.sql(`insert into report_source (report, source_ip, count, disposition, dkim, spf) values ($1, '192.0.2.25', $2, 'none', true, true), ($1, '198.51.100.66', $3, 'quarantine', false, false), ($1, '2001:db8::9', 4, 'none', true, false)`,
			100+i, 90+(i*37)%60, i%7)
		h.sql(report, 200+i, "tls", org, fmt.Sprint("t", i), day, day.Add(24*time.Hour), true, "tls@receiver.example")
		h.sql(`insert into report_session (report, policy, successes, failures) values ($1, 'sts', $2, $3)`, 200+i, 300+(i*53)%90, i%11/10)
	}
	h.sql(report, 300, "dmarc", "Anybody", "x", midnight, midnight.Add(24*time.Hour), false, "anybody@evil.example")
	h.sql(`insert into report_source (report, source_ip, count, disposition, dkim, spf) values (300, '203.0.113.99', 777777, 'none', true, true)`)
}

func TestReportsOnADomain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	owner.post("/domains", "name", "example.com").has(t, "No report has come yet.")
	h.reported("Receiver Inc")
	page := owner.get("/domains/example.com")
	page.has(t, "Who sends as you", "192.0.2.25", "Passes", "198.51.100.66", "Never passes", "2001:db8::9", "Receiver Inc", "Unverified: not counted", "777777",
		`role="img"`, `<title id="plot-dmarc-title">`, `<title id="plot-tls-title">`, `class="plot-line"`, "As a table", "mails passed: 9")
	page.lacks(t, "203.0.113.99") // what nobody vouches for names no source
	week := owner.get("/domains/example.com?days=7")
	week.has(t, "7 days</a>", "From "+time.Now().UTC().AddDate(0, 0, -6).Format("2 Jan 2006"))
	if len(page.body) > 60_000 {
		t.Errorf("the page is %d bytes", len(page.body))
	}
	if got := h.reader("ada@example.com").get("/domains/example.com"); got.status != http.StatusForbidden {
		t.Errorf("an agent gets %d", got.status)
	}
}
