package api_test

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"postern/store"
)

// report files a DMARC report about example.com: 90 mails of ours, 10 of somebody else.
func (o *office) report(t *testing.T, org string, begin time.Time, verified bool) {
	t.Helper()
	err := o.store.FileMails(t.Context(), store.Lookup{Need: store.Numbers{Reports: 1}}, func(found store.Found) (*store.Filing, error) {
		return &store.Filing{Reports: []store.ReportRow{{
			ID: found.ReportIDs[0], Kind: "dmarc", Domain: "example.com", Org: org, ReportID: begin.String(), Begin: begin, End: begin.Add(24 * time.Hour), Verified: verified,
			From: "dmarc@" + org, Policy: struct{}{}, At: begin.Add(25 * time.Hour), Sources: []store.SourceRow{
				{IP: netip.MustParseAddr("192.0.2.1"), Count: 90, Disposition: "none", DKIM: true, Detail: struct{}{}},
				{IP: netip.MustParseAddr("2001:db8::9"), Count: 10, Disposition: "reject", Detail: struct{}{}},
			},
		}}}, nil
	})
	must(t, err)
}

func TestReportsAboutADomain(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.post(t, "admin", "/domains", map[string]any{"name": "example.com"}).want(http.StatusCreated)
	if empty := o.get(t, "admin", "/domains/example.com/reports/summary").want(http.StatusOK); empty.value("dmarc") == nil || empty.value("sources") == nil {
		t.Errorf("without a report: %s", empty.body)
	}
	yesterday := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	o.report(t, "reporter.example", yesterday, true)
	o.report(t, "liar.example", yesterday.Add(time.Hour), false)
	o.report(t, "reporter.example", yesterday.AddDate(0, 0, -9), true)

	list := o.get(t, "admin", "/domains/Example.com/reports?limit=2").want(http.StatusOK)
	if list.value("items", 0, "org") != "liar.example" || list.value("items", 0, "verified") != false || list.value("items", 1, "total") != 100.0 || list.value("items", 1, "passed") != 90.0 {
		t.Errorf("the reports are %s", list.body)
	}
	cursor, _ := list.value("next_cursor").(string)
	if rest := o.get(t, "admin", "/domains/example.com/reports?limit=2&cursor="+cursor).want(http.StatusOK); len(rest.ids("id")) != 1 || rest.value("next_cursor") != nil {
		t.Errorf("the second page is %s", rest.body)
	}
	week := o.get(t, "admin", "/domains/example.com/reports/summary?days=7").want(http.StatusOK)
	if week.value("dmarc", 0, "day") != yesterday.Format(time.DateOnly) || week.value("dmarc", 0, "total") != 100.0 || week.value("dmarc", 1) != nil {
		t.Errorf("the days are %s", week.body)
	}
	if week.value("sources", 0, "source_ip") != "192.0.2.1" || week.value("sources", 1, "source_ip") != "2001:db8::9" || week.value("sources", 1, "stopped") != 10.0 {
		t.Errorf("the sources are %s", week.body)
	}
	if month := o.get(t, "admin", "/domains/example.com/reports/summary").want(http.StatusOK); month.value("dmarc", 1, "day") == nil || month.value("sources", 0, "total") != 180.0 {
		t.Errorf("30 days are %s", month.body)
	}
	o.get(t, "admin", "/domains/example.com/reports/summary?days=0").want(http.StatusUnprocessableEntity)
	o.get(t, "admin", "/domains/example.com/reports/summary?days=366").want(http.StatusUnprocessableEntity)
	o.get(t, "admin", "/domains/other.example/reports").want(http.StatusNotFound)
	o.get(t, "admin", "/domains/other.example/reports/summary").want(http.StatusNotFound)
	o.get(t, "agent", "/domains/example.com/reports").want(http.StatusForbidden)
}
