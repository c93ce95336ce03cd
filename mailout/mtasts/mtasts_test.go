package mtasts

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// RFC 8461 §3.1.
func TestParseRecord(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		texts []string
		want  string // the id; empty: none
	}{
		"of the RFC":                 {[]string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
		"no last delimiter":          {[]string{"v=STSv1; id=1"}, "1"},
		"no blanks":                  {[]string{"v=STSv1;id=1;"}, "1"},
		"blanks around delimiters":   {[]string{"v=STSv1 \t; \tid=1 ; "}, "1"},
		"extensions":                 {[]string{"v=STSv1; a.b-c_1=x:y; id=1; z=1"}, "1"},
		"beside others' records":     {[]string{"v=spf1 -all", "v=STSv1; id=1;", "v=STSv2; id=2"}, "1"},
		"two ids: the first":         {[]string{"v=STSv1; id=1; id=2"}, "1"},
		"32 characters":              {[]string{"v=STSv1; id=" + strings.Repeat("a", 32)}, strings.Repeat("a", 32)},
		"33 characters":              {[]string{"v=STSv1; id=" + strings.Repeat("a", 33)}, ""},
		"two records":                {[]string{"v=STSv1; id=1", "v=STSv1; id=2"}, ""},
		"none":                       {nil, ""},
		"no id":                      {[]string{"v=STSv1;"}, ""},
		"an empty id":                {[]string{"v=STSv1; id=;"}, ""},
		"an id with a hyphen":        {[]string{"v=STSv1; id=2016-08"}, ""},
		"the version in small":       {[]string{"v=stsv1; id=1"}, ""},
		"the version not first":      {[]string{"id=1; v=STSv1"}, ""},
		"a field that is none":       {[]string{"v=STSv1; id=1; what"}, ""},
		"a field with = in it":       {[]string{"v=STSv1; id=1; a=b=c"}, ""},
		"blanks around =":            {[]string{"v=STSv1; id = 1"}, ""},
		"an extension's name is odd": {[]string{"v=STSv1; id=1; -a=b"}, ""},
	} {
		id, err := ParseRecord(test.texts)
		if id != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%s: %q, %v; want %q", name, id, err, test.want)
		}
	}
}

// RFC 8461 §3.2.
func TestParsePolicy(t *testing.T) {
	t.Parallel()
	const whole = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n"
	enforced := Policy{Mode: ModeEnforce, MaxAge: 604800 * time.Second, MX: []string{"mail.example.com", "*.example.net", "backupmx.example.com"}}
	one := func(mode Mode, seconds int64) Policy {
		return Policy{Mode: mode, MaxAge: time.Duration(seconds) * time.Second, MX: []string{"a.example"}}
	}
	for name, test := range map[string]struct {
		text string
		want Policy
		err  string // part of it; empty: none
	}{
		"of the RFC":            {text: whole, want: enforced},
		"bare line feeds":       {text: strings.ReplaceAll(whole, "\r\n", "\n"), want: enforced},
		"no last line end":      {text: strings.TrimSuffix(whole, "\r\n"), want: enforced},
		"in any order":          {text: "max_age:1\nmx:a.example\nmode:testing\nversion:STSv1\n", want: one(ModeTesting, 1)},
		"hosts in any case":     {text: "version: STSv1\nmode: testing\nmx: A.Example\nmax_age: 1\n", want: one(ModeTesting, 1)},
		"blanks at the end":     {text: "version: STSv1 \nmode: testing\t\nmx: a.example  \nmax_age: 1 \r\n", want: one(ModeTesting, 1)},
		"empty lines":           {text: "version: STSv1\n\nmode: testing\nmx: a.example\n\nmax_age: 1\n\n", want: one(ModeTesting, 1)},
		"fields of others":      {text: "version: STSv1\nfuture_thing: {\"a\": ü}\nmode: testing\nmx: a.example\nmax_age: 1\n", want: one(ModeTesting, 1)},
		"the first counts":      {text: "version: STSv1\nmode: testing\nmode: enforce\nmx: a.example\nmax_age: 1\nmax_age: 2\n", want: one(ModeTesting, 1)},
		"longer than a year":    {text: "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 4000000000\n", want: one(ModeTesting, 31557600)},
		"none, without servers": {text: "version: STSv1\nmode: none\nmax_age: 86400\n", want: Policy{Mode: ModeNone, MaxAge: 24 * time.Hour}},
		"no age at all":         {text: "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 0\n", want: one(ModeEnforce, 0)},
		"empty":                 {text: "", err: "version"},
		"HTML":                  {text: "<!DOCTYPE html>\n<html></html>", err: "not in the form"},
		"no version":            {text: "mode: enforce\nmx: a.example\nmax_age: 1\n", err: "version"},
		"another version":       {text: "version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n", err: "version"},
		"no mode":               {text: "version: STSv1\nmx: a.example\nmax_age: 1\n", err: "no mode"},
		"another mode":          {text: "version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1\n", err: "no mode"},
		"no servers":            {text: "version: STSv1\nmode: enforce\nmax_age: 1\n", err: "no mail servers"},
		"no age":                {text: "version: STSv1\nmode: enforce\nmx: a.example\n", err: "max_age"},
		"an age in words":       {text: "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1d\n", err: "max_age"},
		"a negative age":        {text: "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n", err: "max_age"},
		"an age of 11 digits":   {text: "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 00000000001\n", err: "max_age"},
		"an asterisk inside":    {text: "version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1\n", err: "no host"},
		"an asterisk alone":     {text: "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", err: "no host"},
		"an address":            {text: "version: STSv1\nmode: enforce\nmx: [192.0.2.1]\nmax_age: 1\n", err: "no host"},
		"U-labels":              {text: "version: STSv1\nmode: enforce\nmx: bücher.example\nmax_age: 1\n", err: "no host"},
		"too many servers":      {text: "version: STSv1\nmode: enforce\n" + strings.Repeat("mx: a.example\n", 501) + "max_age: 1\n", err: "more than 500"},
		"too long":              {text: strings.Repeat("a: b\n", 14000), err: "65536 octets"},
	} {
		got, err := ParsePolicy(test.text)
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v, want %q", name, err, test.err)
			}
		case err != nil || got.Mode != test.want.Mode || got.MaxAge != test.want.MaxAge || !slices.Equal(got.MX, test.want.MX):
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, test.want)
		}
	}
}

// RFC 8461 §4.1.
func TestNames(t *testing.T) {
	t.Parallel()
	policy := Policy{MX: []string{"mail.example.com", "*.example.net"}}
	for host, want := range map[string]bool{
		"mail.example.com": true, "MAIL.Example.com.": true, "mx.mail.example.com": false, "example.com": false,
		"a.example.net": true, "a.b.example.net": false, "example.net": false, "": false, ".example.net": true, "aexample.net": false,
	} {
		if policy.Names(host) != want {
			t.Errorf("%q: %t", host, !want)
		}
	}
}

func TestLinesAreThePolicyAgain(t *testing.T) {
	t.Parallel()
	policy := Policy{Mode: ModeEnforce, MaxAge: time.Hour, MX: []string{"a.example", "*.b.example"}}
	again, err := ParsePolicy(strings.Join(policy.Lines(), "\n"))
	if err != nil || again.Mode != policy.Mode || again.MaxAge != policy.MaxAge || !slices.Equal(again.MX, policy.MX) {
		t.Errorf("%v, %v", again, err)
	}
}

// A policy is what a stranger's web server says: whatever that is, it is read or refused, and what is read can be followed and kept.
func FuzzParsePolicy(f *testing.F) {
	f.Add("version: STSv1\r\nmode: enforce\r\nmx: *.example.net\r\nmax_age: 604800\r\n")
	f.Add("version:STSv1\nmode:none\nmax_age:1")
	f.Add("version: STSv1\nmode: testing\nmx: \nmax_age: 99999999999")
	f.Fuzz(func(t *testing.T, text string) {
		policy, err := ParsePolicy(text)
		if err != nil {
			return
		}
		if policy.MaxAge < 0 || policy.MaxAge > longestAge || len(policy.MX) > maxServers || policy.Mode != ModeNone && len(policy.MX) == 0 {
			t.Errorf("%+v", policy)
		}
		for _, mx := range policy.MX {
			if strings.ContainsFunc(mx, func(c rune) bool { return c <= ' ' || c > '~' }) {
				t.Errorf("%q", mx)
			}
			if !policy.Names(strings.Replace(mx, "*", "x", 1)) {
				t.Errorf("%q does not name its own host", mx)
			}
		}
		again, err := ParsePolicy(strings.Join(policy.Lines(), "\n"))
		if err != nil || again.MaxAge != policy.MaxAge || !slices.Equal(again.MX, policy.MX) {
			t.Errorf("%+v becomes %+v, %v", policy, again, err)
		}
	})
}

// The record is what a stranger's zone says.
func FuzzParseRecord(f *testing.F) {
	f.Add("v=STSv1; id=20160831085700Z;", "v=spf1 -all")
	f.Add("v=STSv1;;id=1", "v=STSv1;")
	f.Fuzz(func(t *testing.T, one, two string) {
		id, err := ParseRecord([]string{one, two})
		if (err == nil) != (id != "") || len(id) > maxID || strings.Trim(id, letters) != "" {
			t.Errorf("%q, %v", id, err)
		}
	})
}
