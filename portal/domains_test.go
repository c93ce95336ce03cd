package portal

import (
	"net/http"
	"strings"
	"testing"

	"postern/desk"
	"postern/domains"
	"postern/language"
)

// An owner goes through the steps of a domain: published records tick them off, a test mail says in sentences what is left.
func TestDomainChecklist(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	owner.post("/domains", "name", "example.com").has(t, "Waiting for the DNS", "Prove that the domain is yours", "Let Postern sign", "_postern-challenge</code>", "Needed", "Recommended")
	_, records, err := h.domains.Show(t.Context(), h.owner, "example.com")
	check(t, err)
	var zone strings.Builder
	zone.WriteString("mail.example.com. 60 IN A 127.0.0.1\n")
	for _, record := range records {
		zone.WriteString(domains.ZoneLine(record) + "\n")
	}
	h.dns.Set(t, zone.String())
	owner.post("/domains/example.com/verify").has(t, "Active", "In use: answers leave in its name", "looked up just now", "so since")
	owner.post("/domains/example.com/settings", "on_broken", "fallback", "sts", "testing", "rotate_days", "0", "publication", "txt").has(t, "Saved.", `value="fallback" selected`)
	if got := owner.post("/domains/example.com/settings", "on_broken", "fallback", "sts", "testing", "rotate_days", "7"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a week between keys gives %d", got.status)
	}
	owner.post("/domains/example.com/pause").has(t, "Paused", "Resume", "What waits")
	owner.post("/domains/example.com/resume").has(t, "In use again.", "Active")
	owner.post("/domains/example.com/rotate").has(t, "New keys are made")
	h.dns.Set(t, "mail.example.com. 60 IN A 127.0.0.1\n")
	owner.post("/domains/example.com/verify").has(t, "Broken", "It was in use, and now", "Not found")
	owner.get("/domains").has(t, "What wants attention", "example.com")
	owner.post("/domains/example.com/emergency", "minutes", "0").has(t, "as fast as the DNS allows")
	owner.post("/domains/example.com/remove").has(t, "Removed.")
}

func TestStepsOfADomain(t *testing.T) {
	t.Parallel()
	steps := stepsOf(language.English, desk.Domain{Name: "example.com"}, []desk.Record{
		{Purpose: domains.PurposeSPF, Name: "example.com", OK: true, Warning: "it ends in +all"},
		{Purpose: domains.PurposeRSA, Name: "s1._domainkey.example.com", OK: true, Required: true},
		{Purpose: domains.PurposeEd25519, Name: "s2._domainkey.example.com"},
		{Purpose: "of another time", Name: "elsewhere.example", OK: true},
	})
	if len(steps) != 3 || steps[0].Title != "Let Postern sign" || steps[0].Done || !steps[0].Needed || !steps[0].Open() || steps[0].Records[0].Host != "s1._domainkey" ||
		!steps[1].Done || !steps[1].Warned() || steps[1].Records[0].Host != "@" || steps[2].Title != "Further records" || steps[2].Records[0].Host != "elsewhere.example" {
		t.Errorf("%+v", steps)
	}
}
