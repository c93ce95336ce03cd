package audit

import (
	"compress/gzip"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

func TestPurgeLeavesASignedMarkOnWhichTheChainStands(t *testing.T) {
	d := newDesktop(t)
	d.now = time.Now()
	d.record(t, 300, "ticket.note")
	d.exec(t, triggersOff+`; update audit set at = now() - interval '500 days'; `+triggersOn) // they are old, before anybody links them
	d.linkAll(t)
	d.record(t, 50, "ticket.status")
	d.linkAll(t)
	old := desk.Values{desk.AuditDays.Key: 400}
	if n, err := d.Purge(t.Context(), desk.Values{}); err != nil || n != 0 {
		t.Fatalf("nobody asked for it: %d, %v", n, err)
	}
	n, err := d.Purge(t.Context(), old)
	if err != nil || n != 300 {
		t.Fatalf("%d records were purged: %v", n, err)
	}
	d.linkAll(t)
	report := d.verified(t)
	if !report.Sound() || report.First != 301 || report.Records != 51 || len(report.Purged) != 1 {
		t.Fatalf("%+v", report)
	}
	packed, err := os.Open(filepath.Join(d.cfg.Folder, "purged-1-300.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil || strings.Count(string(text), "\n") != 300 {
		t.Errorf("%d lines, %v", strings.Count(string(text), "\n"), err)
	}
	if sum := sha256.Sum256(text); string(sum[:]) != string(report.Purged[0].Digest) {
		t.Error("the tombstone does not vouch for the file")
	}
	if n, err := d.Purge(t.Context(), old); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
	d.exec(t, `alter table audit_tombstone disable trigger user; update audit_tombstone set hash = sha256('x')`)
	if report := d.verified(t); report.Sound() {
		t.Error("a forged tombstone is believed")
	}
}

// TestAPurgeStopsAtAYear: whatever the setting says.
func TestAPurgeStopsAtAYear(t *testing.T) {
	d := newDesktop(t)
	d.now = time.Now()
	d.record(t, 3, "ticket.note")
	d.exec(t, triggersOff+`; update audit set at = now() - interval '300 days'; `+triggersOn)
	d.linkAll(t)
	if n, err := d.Purge(t.Context(), desk.Values{desk.AuditDays.Key: 10}); err != nil || n != 0 {
		t.Errorf("%d records of 300 days were purged: %v", n, err)
	}
	if n, err := d.purge(t.Context(), d.now); err == nil || n != 0 || !strings.Contains(err.Error(), "42501") {
		t.Errorf("the database let %d go: %v", n, err)
	}
}
