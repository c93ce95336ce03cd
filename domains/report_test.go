package domains

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// file puts a report about example.com into the database, as intake does.
func (o *office) file(t *testing.T, report store.ReportRow) {
	t.Helper()
	err := o.store.FileMails(t.Context(), store.Lookup{Need: store.Numbers{Reports: 1}}, func(found store.Found) (*store.Filing, error) {
		report.ID, report.Domain, report.At, report.Policy = found.ReportIDs[0], "example.com", o.now, struct{}{}
		return &store.Filing{Reports: []store.ReportRow{report}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// T-DSN, last sentence: what others report about a domain is summed up by day and by source, and only where the reporter is proved.
func TestReportsAreSummedUp(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if _, _, err := o.Add(t.Context(), cli, "example.com"); err != nil {
		t.Fatal(err)
	}
	yesterday, longAgo := o.now.AddDate(0, 0, -1), o.now.AddDate(0, 0, -40)
	sources := []store.SourceRow{
		{IP: netip.MustParseAddr("192.0.2.1"), Count: 90, Disposition: "none", DKIM: true, SPF: true, Detail: struct{}{}},
		{IP: netip.MustParseAddr("203.0.113.9"), Count: 10, Disposition: "reject", Detail: struct{}{}},
	}
	o.file(t, store.ReportRow{Kind: "dmarc", Org: "reporter.example", ReportID: "1", Begin: yesterday, End: o.now, Verified: true, Sources: sources})
	o.file(t, store.ReportRow{Kind: "dmarc", Org: "liar.example", ReportID: "1", Begin: yesterday, End: o.now, Sources: sources})
	o.file(t, store.ReportRow{Kind: "dmarc", Org: "reporter.example", ReportID: "0", Begin: longAgo, End: longAgo, Verified: true, Sources: sources})
	o.file(t, store.ReportRow{Kind: "tls", Org: "reporter.example", ReportID: "1", Begin: yesterday, End: o.now, Verified: true,
		Sessions: []store.SessionRow{{Policy: "sts", Successes: 7, Failures: 1, Detail: struct{}{}}}})

	summary, err := o.ReportSummary(t.Context(), cli, "Example.com.", 30)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Domain != "example.com" || !summary.Since.Equal(time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the summary is of %s since %v", summary.Domain, summary.Since)
	}
	if len(summary.DMARC) != 1 || summary.DMARC[0].Total != 100 || summary.DMARC[0].Passed != 90 {
		t.Errorf("DMARC by day: %+v", summary.DMARC)
	}
	if len(summary.TLS) != 1 || summary.TLS[0].Total != 8 || summary.TLS[0].Passed != 7 {
		t.Errorf("TLS by day: %+v", summary.TLS)
	}
	if len(summary.Sources) != 2 || summary.Sources[0].IP != "192.0.2.1" || summary.Sources[1].Stopped != 10 {
		t.Errorf("sources: %+v", summary.Sources)
	}
	list, err := o.Reports(t.Context(), cli, "EXAMPLE.com", "", 3)
	if err != nil || len(list.Items) != 3 || list.Next == "" {
		t.Errorf("%d reports, next %q, %v", len(list.Items), list.Next, err)
	}
}

func TestReportsAreOfOurDomainsOnly(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for name, ask := range map[string]func(context.Context, desk.Actor, string) error{
		"list": func(ctx context.Context, actor desk.Actor, domain string) error {
			_, err := o.Reports(ctx, actor, domain, "", 0)
			return err
		},
		"summary": func(ctx context.Context, actor desk.Actor, domain string) error {
			_, err := o.ReportSummary(ctx, actor, domain, 30)
			return err
		},
	} {
		for _, c := range []struct {
			actor  desk.Actor
			domain string
			want   desk.FaultKind
		}{
			{cli, "exmaple.com", desk.NotFound},
			{cli, "not a domain", desk.Invalid},
			{desk.Actor{User: desk.User{ID: 1, Role: desk.RoleAgent}}, "example.com", desk.Forbidden},
		} {
			var fault *desk.Fault
			if err := ask(t.Context(), c.actor, c.domain); !errors.As(err, &fault) || fault.Kind != c.want {
				t.Errorf("%s of %q by %q: %v", name, c.domain, c.actor.User.Role, err)
			}
		}
	}
}
