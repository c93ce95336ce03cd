package domains

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"postern/desk"
	"postern/internal/testkit"
)

func zoneAt(k *testkit.Knot) OperatorZone {
	return OperatorZone{Name: k.Zone, Server: k.Addr, Key: TSIG{Name: k.KeyName, Algorithm: k.Algorithm, Secret: k.Secret}}
}

// The zone's real server takes our changes, and says truly what it holds.
func TestZoneOfARealServer(t *testing.T) {
	t.Parallel()
	knot, ctx := testkit.StartKnot(t, "dkim.operator.example"), t.Context()
	zone := zoneAt(knot)
	long := "v=DKIM1; k=rsa; p=" + strings.Repeat("A", 400)
	if text, err := zone.holds(ctx, "abc"); err != nil || text != "" {
		t.Errorf("nothing is there yet: %q, %v", text, err)
	}
	if err := zone.put(ctx, map[string]string{"abc": long, "def": `a "quoted" \ text`, "ghi": ""}, 60); err != nil {
		t.Fatal(err)
	}
	knot.Put(t, "abc.dkim.operator.example. 60 IN TXT \"somebody else's\"")
	if text, err := zone.holds(ctx, "abc"); err != nil || text == long || !strings.Contains(text, "somebody") {
		t.Errorf("two records: %q, %v", text, err)
	}
	if err := zone.put(ctx, map[string]string{"abc": long, "def": ""}, 60); err != nil {
		t.Fatal(err)
	}
	if text, err := zone.holds(ctx, "abc"); err != nil || text != long {
		t.Errorf("%q, %v", text, err)
	}
	if got := knot.Texts(t); len(got) != 1 || len(got["abc.dkim.operator.example"]) != 1 {
		t.Errorf("the zone holds %v", got)
	}

	inside := zone
	inside.Name = "keys.dkim.operator.example" // no zone of its own
	if err := inside.put(ctx, map[string]string{"abc": "inside"}, 60); err != nil {
		t.Error(err)
	}
	if text, err := inside.holds(ctx, "abc"); err != nil || text != "inside" {
		t.Errorf("%q, %v", text, err)
	}

	for what, broken := range map[string]func(*OperatorZone){
		"without a key":           func(z *OperatorZone) { z.Key = TSIG{} },
		"with another secret":     func(z *OperatorZone) { z.Key.Secret = "aHVudGVyMmh1bnRlcjI=" },
		"with an unknown key":     func(z *OperatorZone) { z.Key.Name = "nobody" },
		"of a zone not there":     func(z *OperatorZone) { z.Name = "elsewhere.example" },
		"at a server not there":   func(z *OperatorZone) { z.Server = "127.0.0.1:1" },
		"at one that knows no RR": func(z *OperatorZone) { z.Server = testkit.DNS(t, "").Addr },
	} {
		zone := zone
		broken(&zone)
		err := zone.put(ctx, map[string]string{"abc": "no"}, 60)
		if err == nil || strings.Contains(err.Error(), knot.Secret) {
			t.Errorf("a change %s: %v", what, err)
		}
	}
	if text, err := zone.holds(ctx, "abc"); err != nil || text != long {
		t.Errorf("after all that: %q, %v", text, err)
	}
}

// publishedWorld lets the resolver of an office see the owner's records and the operator's zone as Knot holds it.
func (o *office) world(t *testing.T, knot *testkit.Knot, owner []desk.Record) {
	t.Helper()
	zone := zoneOf(owner)
	for name, found := range knot.Texts(t) {
		for _, text := range found {
			zone += ZoneLine(desk.Record{Type: "TXT", Name: name, Wanted: text}) + "\n"
		}
	}
	o.dns.Set(t, zone)
	o.restart()
}

// tend looks again at a later time.
func (o *office) tend(t *testing.T, knot *testkit.Knot, owner []desk.Record) desk.Domain {
	t.Helper()
	o.world(t, knot, owner)
	if err := o.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := o.store.Domain(t.Context(), "example.com")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDelegated is the life of a domain whose owner publishes CNAMEs once: its keys change by themselves, and the operator's zone holds exactly what it should (T-31).
func TestDelegated(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	knot := testkit.StartKnot(t, "dkim.operator.example")
	o.zone, o.spans = zoneAt(knot), testSpans
	o.restart()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, record := range records {
		if record.Type == "CNAME" {
			names = append(names, strings.TrimSuffix(record.Name, "._domainkey.example.com"))
			if label, zone, _ := strings.Cut(record.Wanted, "."); len(label) != 26 || zone != knot.Zone {
				t.Errorf("%s leads to %s", record.Name, record.Wanted)
			}
			if record.Required != !strings.HasSuffix(record.Name, "e._domainkey.example.com") {
				t.Errorf("%s is required: %v", record.Name, record.Required)
			}
		}
	}
	if !slices.Equal(names, []string{"postern1", "postern1e", "postern2", "postern2e"}) {
		t.Fatalf("CNAMEs %v", names)
	}
	first := knot.Texts(t)
	if len(first) != 4 {
		t.Fatalf("the zone holds %v", first)
	}
	if d := o.tend(t, knot, records); d.State != desk.DomainActive {
		t.Fatalf("%+v", d)
	}
	if names, _ := o.selectorsOf(t); names != "postern1 postern1e" {
		t.Errorf("%s sign", names)
	}
	if _, err := o.Rotate(ctx, cli, "example.com"); !fault(err, desk.Conflict) {
		t.Errorf("rotated before caches have forgotten: %v", err)
	}

	o.now = o.now.Add(90 * testSpans.Day)
	signed := o.now
	if d := o.tend(t, knot, records); d.State != desk.DomainActive {
		t.Fatalf("%+v", d)
	}
	if names, _ := o.selectorsOf(t); names != "postern2 postern2e" {
		t.Errorf("after 90 days %s sign", names)
	}
	if got := knot.Texts(t); !maps.EqualFunc(got, first, slices.Equal) {
		t.Errorf("the old keys' records are not there any more: %v", got)
	}
	if valid, err := o.Valid(ctx, "example.com", []string{"postern1", "postern1e"}, signed); err != nil || !valid {
		t.Errorf("mail that the old keys signed: valid %v, %v", valid, err)
	}
	o.now = o.now.Add(testSpans.Retired)
	o.tend(t, knot, records)
	empty, full := 0, 0
	for _, found := range knot.Texts(t) {
		if strings.HasSuffix(found[0], "p=") {
			empty++
		} else {
			full++
		}
	}
	if empty != 2 || full != 2 {
		t.Errorf("after its week the old pair is not revoked: %v", knot.Texts(t))
	}
	if valid, err := o.Valid(ctx, "example.com", []string{"postern1"}, signed); err != nil || valid {
		t.Errorf("mail that a revoked key signed: valid %v, %v", valid, err)
	}
	o.now = o.now.Add(testSpans.Revoked)
	o.tend(t, knot, records)
	third := knot.Texts(t)
	for name, found := range third {
		if strings.HasSuffix(found[0], "p=") || len(found) != 1 {
			t.Errorf("no fresh pair at %s: %v", name, found)
		}
	}
	if len(third) != 4 || maps.EqualFunc(third, first, slices.Equal) {
		t.Errorf("the fresh pair is the old one: %v", third)
	}
	if valid, err := o.Valid(ctx, "example.com", []string{"postern1"}, signed); err != nil || valid {
		t.Errorf("the fresh key stands for what the old one signed: valid %v, %v", valid, err)
	}
	if d := o.tend(t, knot, records); d.State != desk.DomainActive {
		t.Errorf("a fresh pair that was not looked up yet makes the domain %s: %s", d.State, d.BrokenWhy)
	}

	if err := o.Remove(ctx, cli, "example.com"); err != nil {
		t.Fatal(err)
	}
	if got := knot.Texts(t); len(got) != 0 {
		t.Errorf("of a removed domain the zone holds %v", got)
	}
	d := o.tend(t, knot, records) // its owner's CNAMEs are still there
	if d.State != desk.DomainRemoved {
		t.Errorf("%+v", d)
	}
	_, again, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range records {
		for _, new := range again {
			if (old.Purpose == PurposeChallenge || old.Type == "CNAME") && old.Wanted == new.Wanted {
				t.Errorf("added again it wants what it wanted before: %+v", new)
			}
		}
	}
	var labels int
	if err := o.store.Pool().QueryRow(ctx, `select count(*) from domain_label`).Scan(&labels); err != nil || labels != 8 {
		t.Errorf("%d labels are kept, %v", labels, err)
	}
}

// An emergency: the standby pair signs at once, the old one is revoked after the grace; and when that is so soon followed by another that no standby is there, none of the mail in between is unsigned.
func TestEmergencyBehindCNAMEs(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	knot := testkit.StartKnot(t, "dkim.operator.example")
	o.zone, o.spans = zoneAt(knot), testSpans
	o.restart()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.tend(t, knot, records)
	signed := o.now
	o.now = o.now.Add(testSpans.Cached)
	if _, err := o.Emergency(ctx, cli, "example.com", testSpans.Grace); err != nil {
		t.Fatal(err)
	}
	if names, active := o.selectorsOf(t); names != "postern2 postern2e" || !active {
		t.Errorf("%s sign, active %v", names, active)
	}
	var left int
	if err := o.store.Pool().QueryRow(ctx, `select count(*) from domain_key where private is not null`).Scan(&left); err != nil || left != 2 {
		t.Errorf("%d private keys are left, %v", left, err)
	}
	if valid, err := o.Valid(ctx, "example.com", []string{"postern1"}, signed); err != nil || valid {
		t.Errorf("mail in the queue is not signed anew: valid %v, %v", valid, err)
	}
	revoked := func() (n int) {
		for _, found := range knot.Texts(t) {
			if strings.HasSuffix(found[0], "p=") {
				n++
			}
		}
		return n
	}
	if n := revoked(); n != 0 {
		t.Errorf("%d records are revoked within the grace", n)
	}
	o.now = o.now.Add(testSpans.Grace)
	if d := o.tend(t, knot, records); d.State != desk.DomainActive {
		t.Errorf("%+v", d)
	}
	if n := revoked(); n != 2 {
		t.Errorf("%d records are revoked after the grace", n)
	}

	// another emergency, while the other slot is still revoked
	if _, err := o.Emergency(ctx, cli, "example.com", 0); err != nil {
		t.Fatal(err)
	}
	if names, active := o.selectorsOf(t); names != "postern2 postern2e" || !active {
		t.Errorf("before the fresh pair can be believed, %s sign, active %v", names, active)
	}
	o.tend(t, knot, records) // seen
	o.now = o.now.Add(testSpans.Cached)
	o.tend(t, knot, records)
	if names, active := o.selectorsOf(t); names != "postern1 postern1e" || !active {
		t.Errorf("%s sign, active %v", names, active)
	}
	o.now = o.now.Add(testSpans.Memory)
	o.tend(t, knot, records)
	if n := revoked(); n != 2 {
		t.Errorf("%d records are revoked", n)
	}
}

// What the zone lost, or somebody else put there, is mended at the next look; what cannot be mended is told.
func TestZoneIsReconciled(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	knot := testkit.StartKnot(t, "dkim.operator.example")
	o.zone, o.spans = zoneAt(knot), testSpans
	o.restart()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.tend(t, knot, records)
	want := knot.Texts(t)
	for name := range want {
		knot.Put(t, name+`. 60 IN TXT "v=DKIM1; p=AAAA"`)
		break
	}
	if _, _, err := o.Verify(ctx, cli, "example.com"); err != nil {
		t.Fatal(err)
	}
	if got := knot.Texts(t); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the zone holds %v", got)
	}
	zone, err := o.ZoneRecords(ctx, cli)
	if err != nil || len(zone) != 4 {
		t.Fatalf("%d records for who publishes by hand, %v", len(zone), err)
	}
	for _, record := range zone {
		if parsed, err := dns.NewRR(ZoneLine(record)); err != nil || want[record.Name][0] != strings.Join(parsed.(*dns.TXT).Txt, "") {
			t.Errorf("%s: %v", ZoneLine(record), err)
		}
	}

	kinds := func() (kinds []string) {
		alerts, err := o.Alerts(ctx, cli)
		if err != nil {
			t.Fatal(err)
		}
		for _, alert := range alerts {
			kinds = append(kinds, alert.Kind)
		}
		return kinds
	}
	if got := kinds(); len(got) != 0 {
		t.Errorf("alerts %v", got)
	}
	knot.Stop()
	o.restart()
	if _, _, err := o.Verify(ctx, cli, "example.com"); err != nil {
		t.Fatal(err)
	}
	if got := kinds(); !slices.Equal(got, []string{alertZone}) {
		t.Errorf("the zone's server is gone: alerts %v", got)
	}
}
