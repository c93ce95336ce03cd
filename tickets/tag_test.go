package tickets

import (
	"slices"
	"testing"

	"postern/desk"
)

func TestManagedTags(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tag := func(tags ...string) int64 {
		t.Helper()
		number, _ := h.ask(t)
		if _, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Tags: &tags}); err != nil {
			t.Fatal(err)
		}
		return number
	}
	first, second := tag("Billing", "vip"), tag("bills")
	names, err := h.TagNames(t.Context(), h.ann)
	if err != nil || !slices.Equal(names, []string{"billing", "bills", "vip"}) {
		t.Errorf("%v, %v", names, err)
	}
	tags, next, err := h.Tags(t.Context(), h.ann, "", "bil", 1)
	if err != nil || len(tags) != 1 || tags[0].Name != "billing" || tags[0].Tickets != 1 || next != "billing" {
		t.Errorf("%v, next %q, %v", tags, next, err)
	}
	if _, err := h.RenameTag(t.Context(), h.ann, "bills", "billing"); !isFault(err, desk.Forbidden) {
		t.Errorf("an agent renames a tag: %v", err)
	}
	if n, err := h.RenameTag(t.Context(), h.owner, "bills", "Billing"); err != nil || n != 1 {
		t.Errorf("%d renamed, %v", n, err)
	}
	if got := h.get(t, second).Tags; !slices.Equal(got, []string{"billing"}) {
		t.Errorf("merged: %v", got)
	}
	if n, err := h.RenameTag(t.Context(), h.owner, "vip", "billing"); err != nil || n != 1 {
		t.Errorf("%d renamed, %v", n, err)
	}
	if got := h.get(t, first).Tags; !slices.Equal(got, []string{"billing"}) {
		t.Errorf("merged where both were: %v", got)
	}
	if n, err := h.DropTag(t.Context(), h.owner, "billing"); err != nil || n != 2 {
		t.Errorf("taken off %d, %v", n, err)
	}
	if got := h.get(t, first).Tags; len(got) != 0 {
		t.Errorf("removed: %v", got)
	}
	if _, err := h.DropTag(t.Context(), h.owner, "billing"); !isFault(err, desk.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if err := h.AddTag(t.Context(), h.owner, "New One"); err != nil {
		t.Error(err)
	}
	if names, err := h.TagNames(t.Context(), h.ann); err != nil || !slices.Equal(names, []string{"new-one"}) {
		t.Errorf("%v, %v", names, err)
	}
}
