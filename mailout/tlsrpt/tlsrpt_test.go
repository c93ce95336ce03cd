package tlsrpt

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/reports"
)

func TestParseRecord(t *testing.T) {
	t.Parallel()
	many := "v=TLSRPTv1; rua=mailto:a@x.example" + strings.Repeat(",mailto:a@x.example", 50)
	for _, test := range []struct {
		name  string
		texts []string
		want  Record
		ok    bool
	}{
		{"RFC 8460 §3.1.1", []string{"v=TLSRPTv1;rua=mailto:reports@example.com"}, Record{Mailto: []string{"reports@example.com"}}, true},
		{"RFC 8460 §3.1.2", []string{"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt"}, Record{HTTPS: []string{"https://reporting.example.com/v1/tlsrpt"}}, true},
		{"both, and other records beside it", []string{"v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@x.example , https://x.example/r; future=1"},
			Record{Mailto: []string{"a@x.example"}, HTTPS: []string{"https://x.example/r"}}, true},
		{"escaped", []string{"v=TLSRPTv1; rua=mailto:a%2Bb@x.example"}, Record{Mailto: []string{"a+b@x.example"}}, true},
		{"none", nil, Record{}, false},
		{"two", []string{"v=TLSRPTv1; rua=mailto:a@x.example", "v=TLSRPTv1; rua=mailto:b@x.example"}, Record{}, false},
		{"another version", []string{"v=TLSRPTv2; rua=mailto:a@x.example"}, Record{}, false},
		{"version not first", []string{"rua=mailto:a@x.example; v=TLSRPTv1"}, Record{}, false},
		{"no place", []string{"v=TLSRPTv1;"}, Record{}, false},
		{"places that nobody can reach", []string{"v=TLSRPTv1; rua=http://x.example/,ftp://x.example,mailto:nobody,https://user:pw@x.example/"}, Record{}, false},
		{"fields of a header", []string{"v=TLSRPTv1; rua=mailto:a@x.example?subject=x&bcc=b@y.example"}, Record{Mailto: []string{"a@x.example"}}, true},
		{"a line break in an address", []string{"v=TLSRPTv1; rua=mailto:a%0d%0aBcc:b@x.example"}, Record{}, false},
		{"many places", []string{many}, Record{Mailto: slices.Repeat([]string{"a@x.example"}, maxPlaces)}, true},
		{"a long record", []string{"v=TLSRPTv1; rua=mailto:a@x.example; x=" + strings.Repeat("x", maxRecord)}, Record{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := ParseRecord(test.texts)
			if !reflect.DeepEqual(got, test.want) || ok != test.ok {
				t.Errorf("%+v, %v; want %+v, %v", got, ok, test.want, test.ok)
			}
		})
	}
}

// The reader of reports, which is tested against those of others, reads what we write.
func TestReportIsReadBack(t *testing.T) {
	t.Parallel()
	report := desk.TLSReport{
		Org: "desk.example", Contact: "postmaster@desk.example", ReportID: "2026-11-28.customer.example@desk.example",
		Begin: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 28, 23, 59, 59, 0, time.UTC),
		Policies: []desk.TLSPolicy{
			{Type: "sts", Domain: "customer.example", Lines: []string{"version: STSv1", "mode: testing", "mx: *.customer.example", "max_age: 86400"}, MXHosts: []string{"*.customer.example"}, Successes: 5326, Failures: 303,
				Details: []desk.TLSFailure{
					{Type: "certificate-expired", SendingIP: netip.MustParseAddr("2001:db8::1"), ReceivingMX: "mx1.customer.example", ReceivingIP: netip.MustParseAddr("192.0.2.1"), Count: 100},
					{Type: "starttls-not-supported", ReceivingMX: "mx2.customer.example", Count: 203, Reason: "500 what?"},
				}},
			{Type: "no-policy-found", Domain: "customer.example", Successes: 1},
		},
	}
	packed, err := Compressed(report)
	if err != nil {
		t.Fatal(err)
	}
	read, err := reports.ReadTLS(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, report) {
		t.Errorf("%+v\nwant\n%+v", read, report)
	}
	if name := FileName("desk.example", "customer.example", report); name != "desk.example!customer.example!1795824000!1795910399!2026-11-28.customer.example.json.gz" {
		t.Error(name)
	}
}

// The names of the members are those of RFC 8460 §4.4, to the letter.
func TestJSON(t *testing.T) {
	t.Parallel()
	got, err := JSON(desk.TLSReport{
		Org: "Example", Contact: "a@example", ReportID: "id", Begin: time.Unix(0, 0), End: time.Unix(1, 0),
		Policies: []desk.TLSPolicy{{Type: "tlsa", Domain: "x.example", Lines: []string{"3 1 1 AB"}, Failures: 1, Details: []desk.TLSFailure{{Type: "validation-failure", ReceivingMX: "mx.x.example", Count: 1}}}},
	})
	want := `{"organization-name":"Example","date-range":{"start-datetime":"1970-01-01T00:00:00Z","end-datetime":"1970-01-01T00:00:01Z"},"contact-info":"a@example","report-id":"id","policies":[` +
		`{"policy":{"policy-type":"tlsa","policy-string":["3 1 1 AB"],"policy-domain":"x.example"},"summary":{"total-successful-session-count":0,"total-failure-session-count":1},` +
		`"failure-details":[{"result-type":"validation-failure","receiving-mx-hostname":"mx.x.example","failed-session-count":1}]}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=mailto:a@x.example,https://x.example/r?x=1#y")
	f.Fuzz(func(t *testing.T, text string) {
		record, ok := ParseRecord([]string{text})
		if ok != (len(record.Mailto)+len(record.HTTPS) > 0) || len(record.Mailto)+len(record.HTTPS) > maxPlaces*strings.Count(text, "rua") {
			t.Errorf("%v %+v", ok, record)
		}
		for _, address := range record.Mailto {
			if strings.ContainsAny(address, "\r\n\x00 ") || !desk.ValidAddress(address) {
				t.Errorf("%q", address)
			}
		}
		for _, place := range record.HTTPS {
			if !strings.HasPrefix(place, "https://") || strings.ContainsAny(place, "\r\n\x00 ") {
				t.Errorf("%q", place)
			}
		}
	})
}
