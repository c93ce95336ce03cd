package store

import (
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
)

func TestTLSSessionsAreCountedAndReportedOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := Open(ctx, testkit.Postgres(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	day := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	sts := desk.TLSPolicy{Type: "sts", Domain: "a.example", Lines: []string{"version: STSv1"}, MXHosts: []string{"mx.a.example"}}
	none := desk.TLSPolicy{Type: "no-policy-found", Domain: "b.example"}
	add := func(rows ...TLSSessions) {
		t.Helper()
		if err := s.Write(ctx, func(tx *Tx) error { return tx.AddTLSSessions(ctx, rows) }); err != nil {
			t.Fatal(err)
		}
	}
	good := TLSSessions{Day: day.Add(13 * time.Hour), Domain: "a.example", Policy: sts, MX: "mx.a.example", Sessions: 3}
	bad := good
	bad.Result, bad.Sessions = "certificate-expired", 2
	add(good, bad, TLSSessions{Day: day.AddDate(0, 0, 1), Domain: "a.example", Policy: sts, Sessions: 9}, TLSSessions{Day: day, Domain: "b.example", Policy: none, Sessions: 1})
	add(good)

	rows, err := s.TLSSessions(ctx, day, "a.example")
	if err != nil || len(rows) != 2 || rows[0].Sessions != 6 || rows[1].Result != "certificate-expired" || rows[0].Policy.MXHosts[0] != "mx.a.example" || rows[0].Policy.Lines[0] != "version: STSv1" {
		t.Fatalf("%+v, %v", rows, err)
	}

	now := day.AddDate(0, 0, 1).Add(4 * time.Hour)
	take := func(at time.Time) (taken []TLSReport) {
		t.Helper()
		err := s.Write(ctx, func(tx *Tx) (err error) {
			taken, err = tx.TakeTLSReports(ctx, at.Truncate(24*time.Hour), at.Add(-time.Hour), at, 10)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return taken
	}
	first := take(now)
	if len(first) != 2 || first[0].Domain != "a.example" || first[1].Domain != "b.example" || first[0].Attempts != 1 {
		t.Fatalf("due: %+v", first)
	}
	if again := take(now.Add(time.Minute)); len(again) != 0 {
		t.Errorf("taken twice: %+v", again)
	}
	if err := s.Write(ctx, func(tx *Tx) error { return tx.EndTLSReport(ctx, first[0], now, "sent") }); err != nil {
		t.Fatal(err)
	}
	if later := take(now.Add(2 * time.Hour)); len(later) != 1 || later[0].Domain != "b.example" || later[0].Attempts != 2 {
		t.Errorf("due again: %+v", later)
	}
	if err := s.Write(ctx, func(tx *Tx) error { return tx.SweepTLSSessions(ctx, day.AddDate(0, 0, 1)) }); err != nil {
		t.Fatal(err)
	}
	if rows, err = s.TLSSessions(ctx, day, "a.example"); err != nil || len(rows) != 0 {
		t.Errorf("left: %+v, %v", rows, err)
	}
}
