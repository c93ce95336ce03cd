package api_test

import (
	"net/http"
	"testing"
)

// Rules for destinations: an admin's, canonical, one for each pattern, audited.
func TestDestinations(t *testing.T) {
	t.Parallel()
	o := open(t)
	made := o.post(t, "admin", "/destinations", map[string]any{"pattern": "Partner.Example.", "tls": "verify", "connections": 3, "per_minute": 60, "note": "as agreed"}).want(http.StatusCreated)
	if made.value("pattern") != "partner.example" || made.value("tls") != "verify" || made.value("connections") != 3.0 || made.value("per_minute") != 60.0 || made.value("created_by") == "" {
		t.Errorf("the new rule is %s", made.body)
	}
	o.post(t, "admin", "/destinations", map[string]any{"pattern": "*", "connections": 5}).want(http.StatusCreated)
	o.post(t, "admin", "/destinations", map[string]any{"pattern": "partner.example", "tls": "encrypt"}).want(http.StatusCreated) // in its place
	list := o.get(t, "admin", "/destinations").want(http.StatusOK)
	if list.value("items", 0, "pattern") != "*" || list.value("items", 0, "tls") != "opportunistic" || list.value("items", 1, "tls") != "encrypt" || list.value("items", 1, "connections") != 0.0 || list.value("next_cursor") != nil {
		t.Errorf("the rules are %s", list.body)
	}
	for name, body := range map[string]map[string]any{
		"an address": {"pattern": "a@b.example"}, "a host alone": {"pattern": "localhost"}, "stars": {"pattern": "*.*.example"}, "no rule of TLS": {"pattern": "b.example", "tls": "please"},
		"too many": {"pattern": "b.example", "connections": 101}, "too fast": {"pattern": "b.example", "per_minute": 60001}, "two lines": {"pattern": "b.example", "note": "a\nb"}, "less than none": {"pattern": "b.example", "connections": -1},
	} {
		if got := o.post(t, "admin", "/destinations", body); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, got.status)
		}
	}
	o.send(t, "admin", "DELETE", "/destinations?pattern=*", nil).want(http.StatusNoContent)
	o.send(t, "admin", "DELETE", "/destinations?pattern=*", nil).want(http.StatusNotFound)
	o.post(t, "agent", "/destinations", map[string]any{"pattern": "b.example"}).want(http.StatusForbidden)
	o.get(t, "agent", "/destinations").want(http.StatusForbidden)
}
