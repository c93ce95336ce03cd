package main

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/store"
)

// fileReport puts a report about a domain into the database, as intake does with one whose sender is proved: report dmarc|tls DOMAIN DAYS-AGO PASSED FAILED
func fileReport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: report dmarc|tls DOMAIN DAYS-AGO PASSED FAILED")
	}
	var numbers [3]int
	for i, arg := range args[2:] {
		var err error
		numbers[i], err = strconv.Atoi(arg)
		ts.Check(err)
	}
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -numbers[0])
	row := store.ReportRow{
		Kind: args[0], Domain: args[1], Org: "reporter.example", ReportID: begin.String(), Begin: begin, End: begin.Add(24 * time.Hour), Verified: true, Policy: struct{}{}, At: time.Now(),
	}
	if row.Kind == "tls" {
		row.Sessions = []store.SessionRow{{Policy: "sts", Successes: int64(numbers[1]), Failures: int64(numbers[2]), Detail: struct{}{}}}
	} else {
		row.Sources = []store.SourceRow{
			{IP: netip.MustParseAddr("192.0.2.1"), Count: int64(numbers[1]), Disposition: "none", DKIM: true, Detail: struct{}{}},
			{IP: netip.MustParseAddr("203.0.113.9"), Count: int64(numbers[2]), Disposition: "reject", Detail: struct{}{}},
		}
	}
	ctx := ts.Value(theTest).(testing.TB).Context()
	db, err := store.Open(ctx, ts.Getenv("POSTERN_DATABASE_URL"), 2)
	ts.Check(err)
	defer db.Close()
	ts.Check(db.FileMails(ctx, store.Lookup{Need: store.Numbers{Reports: 1}}, func(found store.Found) (*store.Filing, error) {
		row.ID = found.ReportIDs[0]
		return &store.Filing{Reports: []store.ReportRow{row}}, nil
	}))
}
