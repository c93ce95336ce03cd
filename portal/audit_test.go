package portal

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"postern/desk"
	"postern/store"
)

// auditHouse is a desk with entries of several kinds.
func auditHouse(t *testing.T) (*house, *reader) {
	h := newHouse(t)
	check(t, h.store.Write(t.Context(), func(tx *store.Tx) error {
		ctx := t.Context()
		for i, one := range []struct {
			actor           desk.Actor
			action, subject string
			detail          any
		}{
			{desk.Actor{User: h.agent.User, Via: "portal", IP: "192.0.2.9"}, "ticket.subject", "ticket/7", map[string]string{"from": "a", "to": "=HYPERLINK(\"https://evil.example\")"}},
			{desk.Actor{User: h.owner.User, Via: "api", IP: "2001:db8::7"}, "domain.add", "domain/x.example", nil},
			{desk.Actor{Via: "portal", IP: "198.51.100.4"}, "user.signin-failed", "\n{\"fake\":1}\n+1", map[string]string{"email": "a\r\n@x"}},
		} {
			if err := tx.Audit(ctx, one.actor, one.action, one.subject, one.detail); err != nil {
				t.Fatal(i, err)
			}
		}
		return nil
	}))
	return h, h.reader("olga@example.com")
}

func TestAuditPageIsFiltered(t *testing.T) {
	t.Parallel()
	_, owner := auditHouse(t)
	for query, want := range map[string][2]string{ // what is there, and what is not
		"actor=ada":                      {"ticket/7", "domain/x.example"},
		"action=domain.add":              {"domain/x.example", "ticket/7"},
		"action=ticket.":                 {"ticket/7", "domain/x.example"},
		"subject=domain/x.example":       {"Domain added", "ticket/7"},
		"subject=ticket/":                {"ticket/7", "domain/x.example"},
		"ip=192.0.2.9":                   {"ticket/7", "domain/x.example"},
		"ip=192.0.2.0/24":                {"ticket/7", "198.51.100.4"},
		"ip=2001:db8::/32":               {"domain/x.example", "ticket/7"},
		"q=HYPERLINK":                    {"ticket/7", "domain/x.example"},
		"from=2001-01-01&until=2001-1-2": {`role="alert"`, "ticket/7"},
		"until=2001-01-02":               {"Nothing like that", "ticket/7"},
		"ip=nonsense/99":                 {`role="alert"`, "ticket/7"},
	} {
		got := owner.get("/audit?" + query)
		body := got.body
		if at := strings.Index(body, "</form>"); at > 0 {
			body = body[at:]
		}
		if got.status != http.StatusOK || !strings.Contains(body, want[0]) || strings.Contains(body, want[1]) {
			t.Errorf("%s: %d, wants %q and not %q", query, got.status, want[0], want[1])
		}
	}
}

func TestAuditIsTakenOutAndThatIsRecorded(t *testing.T) {
	t.Parallel()
	h, owner := auditHouse(t)
	got := owner.post("/audit/export", "format", "csv")
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	check(t, err)
	if got.status != http.StatusOK || len(rows) < 4 || rows[0][1] != "time" {
		t.Fatalf("%d: %v", got.status, rows)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
				t.Errorf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(owner.post("/audit/export", "format", "jsonl", "action", "user.signin-failed").body), "\n")
	var entry desk.AuditEntry
	if len(lines) != 1 || json.Unmarshal([]byte(lines[0]), &entry) != nil || entry.Subject != "\n{\"fake\":1}\n+1" || entry.Outcome != desk.EndRefused {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	found, err := h.store.AuditLog(t.Context(), desk.AuditQuery{Action: "audit.export"})
	check(t, err)
	if len(found.Items) != 2 || found.Items[0].Actor != "olga@example.com" || !strings.Contains(string(found.Items[0].Detail), "user.signin-failed") {
		t.Errorf("%+v", found.Items)
	}
	agent := h.reader("ada@example.com")
	if page, out := agent.get("/audit"), agent.post("/audit/export", "format", "csv"); page.status != http.StatusForbidden || out.status != http.StatusForbidden {
		t.Errorf("an agent: %d, %d", page.status, out.status)
	}
	if got := owner.post("/audit/export", "format", "exe"); got.status != http.StatusUnprocessableEntity && got.status != http.StatusBadRequest {
		t.Errorf("a format that does not exist: %d", got.status)
	}
}
