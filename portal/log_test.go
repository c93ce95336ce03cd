package portal

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/audit"
	"postern/desk"
	"postern/store"
)

func TestReadingsAreKeptWhereWanted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number := h.mail(question).Ticket
	agent, owner := h.reader("ada@example.com"), h.reader("olga@example.com")
	page := fmt.Sprintf("/tickets/%d", number)
	agent.get(page)
	check(t, h.audit.FlushReadings(t.Context()))
	if got := owner.get("/audit/readings"); got.status != http.StatusOK || !strings.Contains(got.body, "not kept now") || strings.Contains(got.body, "<tbody>") {
		t.Errorf("nobody asked for it: %d", got.status)
	}
	if got := owner.post("/audit/settings", "access_log.enabled", "on", "access_log.days", "90", "audit.retention_days", "0"); got.status != http.StatusOK {
		t.Fatalf("%d: %s", got.status, got.body)
	}
	agent.get(page)
	agent.get("/tickets?q=secret")
	agent.get("/tickets/999999")
	owner.get("/reports.csv")
	check(t, h.audit.FlushReadings(t.Context()))
	found, err := h.store.AccessLog(t.Context(), desk.AccessQuery{Limit: 50})
	check(t, err)
	var got []string
	for _, one := range found.Items {
		got = append(got, one.User+" "+one.Subject)
		if one.Route == "" || one.Request == "" || one.IP == "" || one.Session == nil {
			t.Errorf("%+v", one)
		}
	}
	slices.Sort(got)
	want := []string{"ada@example.com search", "ada@example.com " + fmt.Sprintf("ticket/%d", number), "olga@example.com export"}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if body := owner.get("/audit/readings?user=ada&kind=ticket").body; !strings.Contains(body, fmt.Sprintf("ticket/%d", number)) || strings.Contains(body, "olga@example.com <span") {
		t.Error("the page is not narrowed")
	}
	if out := owner.post("/audit/readings/export"); out.status != http.StatusOK || !strings.Contains(out.body, "ada@example.com") {
		t.Errorf("%d %s", out.status, out.body)
	}
	if log, err := h.store.AuditLog(t.Context(), desk.AuditQuery{Action: "access.export"}); err != nil || len(log.Items) != 1 {
		t.Error("taking it out is not recorded", err)
	}
	for _, path := range []string{"/audit/readings", "/audit/sinks", "/audit/settings", "/security/alerts"} {
		if got := agent.get(path); got.status != http.StatusForbidden {
			t.Errorf("an agent at %s: %d", path, got.status)
		}
	}
}

// TestReadingRoutesAreRoutes: a page that was renamed must not escape the log.
func TestReadingRoutesAreRoutes(t *testing.T) {
	t.Parallel()
	for pattern, at := range readingRoutes {
		if !slices.ContainsFunc(routes, func(r route) bool { return r.pattern == pattern }) {
			t.Errorf("there is no route %q", pattern)
		}
		if at.id != "" && !strings.Contains(pattern, "{"+at.id+"}") {
			t.Errorf("%q has no part %q", pattern, at.id)
		}
		if !slices.Contains(readingKinds, at.kind) {
			t.Errorf("the kind %q is not to be chosen", at.kind)
		}
	}
}

func TestSinksOnThePage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	made := owner.post("/audit/sinks", "name", "siem", "kind", "webhook", "address", "https://logs.example.com/in?key=hidden")
	_, rest, shown := strings.Cut(made.body, `<p class="mono">`)
	secret, _, _ := strings.Cut(rest, "<")
	if made.status != http.StatusOK || !shown || len(secret) != 43 {
		t.Fatalf("%d: the secret is not shown", made.status)
	}
	if again := owner.get("/audit/sinks").body; strings.Contains(again, secret) || !strings.Contains(again, "siem") {
		t.Error("the secret is shown again, or the sink is not there")
	}
	log, err := h.store.AuditLog(t.Context(), desk.AuditQuery{Action: "audit.sink"})
	check(t, err)
	if len(log.Items) != 1 || strings.Contains(string(log.Items[0].Detail), secret) || strings.Contains(string(log.Items[0].Detail), "hidden") {
		t.Errorf("%+v", log.Items)
	}
	sinks, err := h.store.Sinks(t.Context())
	check(t, err)
	if wrong := owner.post("/audit/sinks", "name", "plain", "kind", "webhook", "address", "http://logs.example.com/"); wrong.status < 400 || !strings.Contains(wrong.body, `role="alert"`) {
		t.Errorf("%d", wrong.status)
	}
	path := fmt.Sprintf("/audit/sinks/%d", sinks[0].ID)
	if got := owner.post(path, "name", "siem", "kind", "webhook", "address", "https://logs.example.com/other"); got.status != http.StatusOK || !strings.Contains(owner.get("/audit/sinks").body, "Stopped.") {
		t.Errorf("%d", got.status)
	}
	if got := owner.post(path + "/remove"); got.status != http.StatusOK || !strings.Contains(got.body, "sent nowhere") {
		t.Errorf("%d", got.status)
	}
}

func TestAlertsOnThePage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check(t, h.store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AddAlert(t.Context(), desk.Alert{At: time.Now(), Detector: string(audit.Guessed), About: "user/2", Detail: []byte(`{"failures":7,"ip":"192.0.2.1"}`), Done: "sign-out"}, time.Now())
		return err
	}))
	owner := h.reader("olga@example.com")
	got := owner.get("/security/alerts")
	for _, want := range []string{"A guess that came right", "user/2", "failures 7", "sessions of the person were ended"} {
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%d: no %q", got.status, want)
		}
	}
	if seen := owner.post("/security/alerts/1/seen"); seen.status != http.StatusOK || !strings.Contains(seen.body, "Nothing to alarm anybody") {
		t.Errorf("%d", seen.status)
	}
	if all := owner.get("/security/alerts?all=yes").body; !strings.Contains(all, "user/2") {
		t.Error("what was seen is gone")
	}
	if saved := owner.post("/security/alerts/settings", "alerts.guesses", "x"); saved.status < 400 {
		t.Errorf("%d for a number that is none", saved.status)
	}
}
