package tickets

import (
	"testing"

	"postern/desk"
)

// Every change of a rule for a destination stands in the audit log.
func TestDestinationsAreAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admin := h.ann
	admin.User.Role = desk.RoleAdmin
	rule, err := h.SetDestination(t.Context(), admin, desk.Destination{Pattern: " *.Partner.Test ", TLS: desk.TLSVerify})
	if err != nil || rule.Pattern != "*.partner.test" || rule.CreatedBy != admin.User.Email || rule.AtOnce() != desk.DefaultConnections {
		t.Fatalf("%+v, %v", rule, err)
	}
	if _, err = h.SetDestination(t.Context(), admin, desk.Destination{Pattern: "*.partner.test", Connections: 2}); err != nil {
		t.Error(err)
	}
	_, err = h.SetDestination(t.Context(), h.ann, desk.Destination{Pattern: "partner.test"})
	wantFault(t, err, desk.Forbidden)
	wantFault(t, h.DropDestination(t.Context(), h.ann, "*.partner.test"), desk.Forbidden)
	if rules, err := h.Destinations(t.Context(), admin); err != nil || len(rules) != 1 || rules[0].AtOnce() != 2 {
		t.Errorf("%+v, %v", rules, err)
	}
	if err := h.DropDestination(t.Context(), admin, "*.partner.test"); err != nil {
		t.Error(err)
	}
	wantFault(t, h.DropDestination(t.Context(), admin, "*.partner.test"), desk.NotFound)
	if h.audited(t, "destination.rule") != 2 || h.audited(t, "destination.unrule") != 1 {
		t.Error("the audit log misses something")
	}
}
