package api_test

import (
	"net/http"
	"testing"
)

func TestSuppressions(t *testing.T) {
	t.Parallel()
	o := open(t)
	made := o.post(t, "agent", "/suppressions", map[string]any{"address": "Ben@Elsewhere.test", "note": "asked for it"}).want(http.StatusCreated)
	if made.value("address") != "ben@elsewhere.test" || made.value("created_by") != "agnes@example.com" || made.value("bounces") != 0.0 || made.value("why") != "agnes@example.com put it on the list: asked for it" {
		t.Errorf("the new one is %s", made.body)
	}
	o.post(t, "agent", "/suppressions", map[string]any{"address": "ben@elsewhere.test"}).want(http.StatusConflict)
	o.post(t, "agent", "/suppressions", map[string]any{"address": "nobody"}).want(http.StatusUnprocessableEntity)
	o.post(t, "agent", "/suppressions", map[string]any{"address": "a@b.example", "bounces": 7}).want(http.StatusUnprocessableEntity)
	o.post(t, "reader", "/suppressions", map[string]any{"address": "a@b.example"}).want(http.StatusForbidden)
	o.get(t, "customer", "/suppressions").want(http.StatusForbidden)
	list := o.get(t, "reader", "/suppressions?q=ELSEWHERE").want(http.StatusOK)
	if list.value("items", 0, "address") != "ben@elsewhere.test" || list.value("next_cursor") != nil {
		t.Errorf("the list is %s", list.body)
	}
	if none := o.get(t, "agent", "/suppressions?q=other").want(http.StatusOK); len(none.value("items").([]any)) != 0 {
		t.Errorf("searched for others: %s", none.body)
	}
	one := o.get(t, "agent", "/suppressions/Ben@elsewhere.test").want(http.StatusOK)
	if evidence, is := one.value("evidence").([]any); !is || len(evidence) != 0 || one.value("note") != "asked for it" {
		t.Errorf("one is %s", one.body)
	}
	o.send(t, "reader", "DELETE", "/suppressions/ben@elsewhere.test", nil).want(http.StatusForbidden)
	o.send(t, "agent", "DELETE", "/suppressions/ben@elsewhere.test", nil).want(http.StatusNoContent)
	o.send(t, "agent", "DELETE", "/suppressions/ben@elsewhere.test", nil).want(http.StatusNotFound)
	o.get(t, "agent", "/suppressions/ben@elsewhere.test").want(http.StatusNotFound)
}
