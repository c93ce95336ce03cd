package desk

import "testing"

func TestDestinationsMatch(t *testing.T) {
	t.Parallel()
	rules := NewDestinations([]Destination{{Pattern: "one.example"}, {Pattern: "*.one.example"}, {Pattern: "*.deep.one.example"}, {Pattern: "*"}})
	for domain, want := range map[string]string{
		"one.example": "one.example", "a.one.example": "*.one.example", "b.a.one.example": "*.one.example", "deep.one.example": "*.one.example", "a.deep.one.example": "*.deep.one.example",
		"two.example": "*", "xone.example": "*", "[192.0.2.1]": "*", "": "*",
	} {
		if got := rules.Match(domain).Pattern; got != want {
			t.Errorf("%q: %q, want %q", domain, got, want)
		}
	}
	if none := NewDestinations([]Destination{{Pattern: "one.example"}}).Match("two.example"); none.Pattern != "" || none.TLS != TLSOpportunistic || none.AtOnce() != DefaultConnections || none.PerMinute != 0 {
		t.Errorf("%+v", none)
	}
	if none := (Destinations)(nil).Match("two.example"); none.TLS != TLSOpportunistic {
		t.Errorf("%+v", none)
	}
}

func TestCanonicalDestination(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Partner.Example": "partner.example", " partner.example. ": "partner.example", "*.Partner.example": "*.partner.example", "*": "*", "bücher.example": "bücher.example",
		"": "", "localhost": "", "a@b.example": "", "*.": "", "*.example": "", "a.*.example": "", "**": "", "*.*.example": "", "a b.example": "", "a..example": "",
	} {
		got, err := CanonicalDestination(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}
