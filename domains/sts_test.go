package domains

import (
	"regexp"
	"testing"
	"time"

	"postern/desk"
)

// TestSTSPolicy is the manual of the policy text: RFC 8461 §3.2.
func TestSTSPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		mode   desk.STSMode
		mx     []string
		maxAge time.Duration
		want   string
	}{
		{"testing", desk.STSTesting, []string{"mx.example.com"}, STSMaxAge(desk.STSTesting), "version: STSv1\r\nmode: testing\r\nmx: mx.example.com\r\nmax_age: 86400\r\n"},
		{"enforced, hosts in order and once", desk.STSEnforce, []string{"mx2.example.com", "MX1.example.com.", "mx2.example.com"}, STSMaxAge(desk.STSEnforce),
			"version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: mx2.example.com\r\nmax_age: 1209600\r\n"},
		{"off is none", desk.STSOff, []string{"mx.example.com"}, STSMaxAge(desk.STSOff), "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n"},
		{"no longer than a year", desk.STSEnforce, []string{"mx.example.com"}, 10 * 365 * 24 * time.Hour, "version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 31557600\r\n"},
		{"no shorter than nothing", desk.STSTesting, []string{"mx.example.com"}, -time.Second, "version: STSv1\r\nmode: testing\r\nmx: mx.example.com\r\nmax_age: 0\r\n"},
	} {
		if text, _ := STSPolicy(c.mode, c.mx, c.maxAge); text != c.want {
			t.Errorf("%s:\n%q, want\n%q", c.name, text, c.want)
		}
	}
}

// TestSTSPolicyID: RFC 8461 §3.1 wants another id for another policy, in 1 to 32 letters and digits.
func TestSTSPolicyID(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[A-Za-z0-9]{1,32}$`)
	seen := map[string]string{}
	for _, mode := range []desk.STSMode{desk.STSOff, desk.STSTesting, desk.STSEnforce} {
		for _, mx := range [][]string{{"a.example.com"}, {"b.example.com"}, {"a.example.com", "b.example.com"}} {
			text, id := STSPolicy(mode, mx, time.Hour)
			if !form.MatchString(id) {
				t.Errorf("%q cannot stand in a record", id)
			}
			if other, ok := seen[id]; ok && other != text {
				t.Errorf("%q and %q have one id", other, text)
			}
			seen[id] = text
		}
	}
	_, one := STSPolicy(desk.STSEnforce, []string{"b.example.com", "a.example.com"}, time.Hour)
	_, other := STSPolicy(desk.STSEnforce, []string{"A.example.com.", "b.example.com"}, time.Hour)
	if one != other {
		t.Error("the id depends on the order or the spelling of the hosts")
	}
	if record := STSRecord(one); record != "v=STSv1; id="+one+";" {
		t.Errorf("record %q", record)
	}
}

func TestSTSNames(t *testing.T) {
	t.Parallel()
	if STSHost("example.com") != "mta-sts.example.com" || STSRecordName("example.com") != "_mta-sts.example.com" {
		t.Error("names of RFC 8461 §3.1 and §3.3")
	}
	for host, want := range map[string]string{"mta-sts.example.com": "example.com", "example.com": "", "mta-sts.": "", "xmta-sts.example.com": ""} {
		if domain, ok := STSDomain(host); ok != (want != "") || ok && domain != want {
			t.Errorf("STSDomain(%q) = %q, %v", host, domain, ok)
		}
	}
}
