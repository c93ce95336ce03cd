package portal

import (
	"net/http"
	"strings"
	"testing"
)

func TestSystemSaysWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	got := owner.get("/system")
	for _, want := range []string{"No process delivers mail", "Largest tables", "PostgreSQL 1", `role="alert"`} {
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%d: the page does not say %q", got.status, want)
		}
	}
	for _, sql := range []string{
		`insert into worker (id, host) values ('vm-1', 'mail.example.com')`,
		`insert into certificate (name, issuer, not_before, not_after) values ('good.example.com', 'A CA', now(), now() + interval '60 days'), ('late.example.com', 'A CA', now(), now() + interval '2 days')`,
		`insert into certificate (name, failures, problem) values ('bad.example.com', 3, 'the CA cannot reach port 80')`,
		`insert into sts_policy (domain, record_id, mode, mx, max_age, fetched_at, expires_at, used_at)
		 select 'd' || n || '.example', '1', 'enforce', '{mx.example}', 86400, now(), now() + interval '1 day', now() from generate_series(100, 159) n`,
	} {
		_, err := h.store.Pool().Exec(t.Context(), sql)
		check(t, err)
	}
	got = owner.get("/system")
	for _, want := range []string{"mail.example.com", "The certificate for bad.example.com could not be obtained.", "The certificate for late.example.com ends on"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(got.body, "No process delivers mail") || strings.Contains(got.body, "good.example.com ends") {
		t.Error("the page complains of what is well")
	}
	first := owner.get("/certificates")
	for _, want := range []string{"the CA cannot reach port 80", "Ends soon", "d100.example", "cursor="} {
		if !strings.Contains(first.body, want) {
			t.Errorf("certificates do not say %q", want)
		}
	}
	next := first.body[strings.Index(first.body, "/certificates?cursor="):]
	if second := owner.get(next[:strings.IndexByte(next, '"')]); !strings.Contains(second.body, "d159.example") || strings.Contains(second.body, "d100.example") {
		t.Error("the second page of policies is not the rest")
	}
}
