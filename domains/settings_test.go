package domains

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
)

// TestSet: how a domain is used, and what cannot be.
func TestSet(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	if _, _, err := o.Add(ctx, cli, "example.com"); err != nil {
		t.Fatal(err)
	}
	fallback, days, enforce := desk.BrokenFallback, 30, desk.STSEnforce
	d, err := o.Set(ctx, cli, "example.com", Change{OnBroken: &fallback, RotateDays: &days, STS: &enforce})
	if err != nil || d.OnBroken != fallback || d.RotateDays != 30 || d.STS != enforce || d.Publication != desk.PublishTXT {
		t.Errorf("%+v, %v", d, err)
	}
	for _, wrong := range []Change{
		{OnBroken: ptr(desk.OnBroken("never"))}, {RotateDays: ptr(29)}, {RotateDays: ptr(366)}, {RotateDays: ptr(-1)}, {STS: ptr(desk.STSMode("on"))},
		{Publication: ptr(desk.Publication("fax"))}, {Publication: ptr(desk.PublishDelegated)}, // no zone is set
	} {
		if _, err := o.Set(ctx, cli, "example.com", wrong); !fault(err, desk.Invalid) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	if again, err := o.Set(ctx, cli, "example.com", Change{}); err != nil || again != d {
		t.Errorf("nothing changed: %+v, %v", again, err)
	}
	agent := desk.Actor{User: desk.User{ID: 1, Role: desk.RoleAgent}, Via: "portal"}
	if _, err := o.Set(ctx, agent, "example.com", Change{RotateDays: &days}); !fault(err, desk.Forbidden) {
		t.Errorf("an agent sets a domain: %v", err)
	}
}

func ptr[T any](value T) *T { return &value }

// TestPause: a paused domain is not used, whatever the DNS says, until it is resumed; then the last look counts.
func TestPause(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Resume(ctx, cli, "example.com"); !fault(err, desk.Conflict) {
		t.Errorf("resumed what is not paused: %v", err)
	}
	o.verify(t, records)
	if d, err := o.Pause(ctx, cli, "example.com"); err != nil || d.State != desk.DomainPaused || !d.BrokenSince.Equal(o.now) {
		t.Fatalf("%+v, %v", d, err)
	}
	if _, err := o.Pause(ctx, cli, "example.com"); !fault(err, desk.Conflict) {
		t.Errorf("paused twice: %v", err)
	}
	if d, _ := o.verify(t, records); d.State != desk.DomainPaused || d.BrokenSince.IsZero() {
		t.Errorf("a look resumes it: %+v", d)
	}
	if d, _ := o.verify(t, records[:1]); d.State != desk.DomainPaused {
		t.Errorf("%+v", d)
	}
	if d, err := o.Resume(ctx, cli, "example.com"); err != nil || d.State != desk.DomainDegraded || !strings.Contains(d.BrokenWhy, records[1].Name) {
		t.Errorf("resumed while it is broken: %+v, %v", d, err)
	}
	if d, _ := o.verify(t, records); d.State != desk.DomainActive || !d.BrokenSince.IsZero() {
		t.Errorf("%+v", d)
	}
}

// encoded is a private key as other programs write it.
func encoded(t *testing.T, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TestImportKey: a key that was made elsewhere signs in place of the one of its kind, once its record is found.
func TestImportKey(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.verify(t, records)
	ours, _ := o.selectorsOf(t)
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(edwards)
	edPEM := encoded(t, "PRIVATE KEY", pkcs8, err)
	bigPEM := encoded(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(big), nil)
	for name, wrong := range map[string][]byte{
		"nothing": nil, "no PEM": []byte("hunter2"), "weak": encoded(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small), nil),
		"protected": encoded(t, "ENCRYPTED PRIVATE KEY", pkcs8, nil), "broken": encoded(t, "PRIVATE KEY", pkcs8[:10], nil), "a public key": encoded(t, "PUBLIC KEY", pkcs8, nil),
		"too long": []byte(strings.Repeat("x", mostPEM+1)),
	} {
		if _, err := o.ImportKey(ctx, cli, "example.com", "wrong", wrong); !fault(err, desk.Invalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, selector := range []string{"", "a b", "postern1", "postern2e", strings.Repeat("a", 64), "x..y"} {
		if _, err := o.ImportKey(ctx, cli, "example.com", selector, edPEM); !fault(err, desk.Invalid) {
			t.Errorf("selector %q: %v", selector, err)
		}
	}
	records, err = o.ImportKey(ctx, cli, "example.com", "S2026", bigPEM)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.ImportKey(ctx, cli, "example.com", "s2026", edPEM); !fault(err, desk.Conflict) {
		t.Errorf("a selector twice: %v", err)
	}
	if names, _ := o.selectorsOf(t); names != ours {
		t.Errorf("before its record is found %s sign", names)
	}
	o.verify(t, records)
	names, active := o.selectorsOf(t)
	if !active || !strings.Contains(names, "s2026") || !strings.Contains(names, strings.Fields(ours)[1]) || strings.Contains(names, strings.Fields(ours)[0]) {
		t.Errorf("%s sign, active %v", names, active)
	}
	keys, _, err := o.SigningKeys(ctx, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if key.Selector == "s2026" && !big.Equal(key.Private) {
			t.Error("another key signs under its selector")
		}
	}
}

// An emergency where the owner publishes each key: new ones sign as soon as they are found, the old ones are destroyed then, and shall be deleted.
func TestEmergencyWithOwnRecords(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.verify(t, records)
	old, _ := o.selectorsOf(t)
	signed := o.now
	both, err := o.Emergency(ctx, cli, "example.com", 0)
	if err != nil || len(both) != len(records)+2 {
		t.Fatalf("%d records, %v", len(both), err)
	}
	if _, err := o.Emergency(ctx, cli, "example.com", 0); err != nil {
		t.Errorf("asked for twice: %v", err)
	}
	if names, active := o.selectorsOf(t); names != old || !active {
		t.Errorf("before the new records are found %s sign, active %v: mail must not be unsigned", names, active)
	}
	if valid, err := o.Valid(ctx, "example.com", strings.Fields(old), signed); err != nil || !valid {
		t.Errorf("nothing better to sign with, and mail that is signed is not valid: %v, %v", valid, err)
	}
	o.verify(t, both)
	names, active := o.selectorsOf(t)
	for _, selector := range strings.Fields(old) {
		if strings.Contains(names, selector) || !active {
			t.Errorf("%s sign, active %v", names, active)
		}
	}
	if valid, err := o.Valid(ctx, "example.com", strings.Fields(old), signed); err != nil || valid {
		t.Errorf("mail of the old keys is not signed anew: %v, %v", valid, err)
	}
	var left int
	if err := o.store.Pool().QueryRow(ctx, `select count(*) from domain_key where private is not null`).Scan(&left); err != nil || left != 2 {
		t.Errorf("%d private keys are left, %v", left, err)
	}
	_, found := o.verify(t, both)
	obsolete := 0
	for _, record := range found {
		if record.Purpose == PurposeObsolete && !record.OK {
			obsolete++
		}
	}
	if open, err := o.Alerts(ctx, cli); err != nil || obsolete != 2 || len(open) != 1 || open[0].Kind != alertDelete {
		t.Errorf("%d records shall go; alerts %+v, %v", obsolete, open, err)
	}
	var kept []desk.Record
	for _, record := range both {
		if !strings.Contains(record.Name, strings.Fields(old)[0]) && !strings.Contains(record.Name, strings.Fields(old)[1]) {
			kept = append(kept, record)
		}
	}
	o.verify(t, kept)
	if _, found = o.verify(t, kept); len(found) != len(records) {
		t.Errorf("deleted, they are still listed: %d records", len(found))
	}
	for _, grace := range []time.Duration{-1, mostGrace + 1} {
		if _, err := o.Emergency(ctx, cli, "example.com", grace); !fault(err, desk.Invalid) {
			t.Errorf("a grace of %s: %v", grace, err)
		}
	}
}

// From records of its own to CNAMEs and back, a domain is signed for all the time, and the labels that it gives up are empty.
func TestMove(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	knot := testkit.StartKnot(t, "dkim.operator.example")
	o.zone, o.spans = zoneAt(knot), testSpans
	o.restart()
	_, records, err := o.AddPublished(ctx, cli, "example.com", desk.PublishTXT)
	if err != nil {
		t.Fatal(err)
	}
	o.tend(t, knot, records)
	own, _ := o.selectorsOf(t)
	if _, err := o.Set(ctx, cli, "example.com", Change{Publication: ptr(desk.PublishDelegated)}); err != nil {
		t.Fatal(err)
	}
	_, both, err := o.Show(ctx, cli, "example.com")
	if err != nil || len(knot.Texts(t)) != 4 {
		t.Fatalf("the zone holds %v, %v", knot.Texts(t), err)
	}
	o.now = o.now.Add(testSpans.Routine)
	if d := o.tend(t, knot, records); d.State != desk.DomainActive {
		t.Errorf("before the CNAMEs are there: %+v", d)
	}
	if names, _ := o.selectorsOf(t); names != own {
		t.Errorf("before the CNAMEs are there %s sign", names)
	}
	o.now = o.now.Add(testSpans.Routine)
	if d := o.tend(t, knot, both); d.State != desk.DomainActive {
		t.Errorf("%+v", d)
	}
	if names, _ := o.selectorsOf(t); names != "postern1 postern1e" {
		t.Errorf("%s sign", names)
	}

	if _, err := o.Set(ctx, cli, "example.com", Change{Publication: ptr(desk.PublishTXT)}); err != nil {
		t.Fatal(err)
	}
	if names, _ := o.selectorsOf(t); names != "postern1 postern1e" {
		t.Errorf("going back, %s sign", names)
	}
	_, back, err := o.Show(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.now = o.now.Add(testSpans.Routine)
	o.tend(t, knot, back)
	if names, active := o.selectorsOf(t); strings.Contains(names, "postern") || len(strings.Fields(names)) != 2 || !active {
		t.Errorf("%s sign, active %v", names, active)
	}
	for range 3 {
		o.now = o.now.Add(testSpans.Retired)
		o.tend(t, knot, back)
	}
	if held := knot.Texts(t); len(held) != 0 {
		t.Errorf("labels that nothing needs any more hold %v", held)
	}
}
