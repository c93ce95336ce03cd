package mailout

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		" Ann@Customer.Example ":                "Ann@customer.example",
		"ann@bücher.example":                    "ann@xn--bcher-kva.example",
		"a..b@x.example":                        `"a..b"@x.example`,
		"a b@x.example":                         `"a b"@x.example`,
		`"a b"@x.example`:                       `"a b"@x.example`,
		`"a.b"@x.example`:                       "a.b@x.example",
		`"a\"b"@x.example`:                      `"a\"b"@x.example`,
		"a@b@x.example":                         `"a@b"@x.example`,
		"josé@x.example":                        "josé@x.example",
		"a@[192.0.2.1]":                         "a@[192.0.2.1]",
		"a@[IPv6:2001:db8::1]":                  "a@[IPv6:2001:db8::1]",
		"a@[2001:db8::1]":                       "",
		"a@[IPv6:fe80::1%eth0]":                 "",
		"a@[300.0.0.1]":                         "",
		"a@x.example\r\nRCPT TO:":               "",
		"a\x00@x.example":                       "",
		"a@x example":                           "",
		"@x.example":                            "",
		"a@":                                    "",
		"a":                                     "",
		"":                                      "",
		strings.Repeat("a", 250) + "@x.example": "",
	} {
		m, err := parseAddress(addr)
		if want == "" {
			if err == nil {
				t.Errorf("%q was taken as %s", addr, m)
			}
			continue
		}
		if err != nil || m.String() != want {
			t.Errorf("%q: %s, %v; want %s", addr, m, err, want)
		}
	}
}

// An address that passes is one line that another parser reads as exactly one address.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"a@b.example", `"a b"@b.example`, "a..b@b.example", "a@[192.0.2.1]", "josé@bücher.example", "a@b\r\nc", `a"@b`, "@b", "a>@b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		m, err := parseAddress(addr)
		if err != nil {
			return
		}
		again, err := parseAddress(m.String())
		if err != nil || again != m {
			t.Errorf("%q → %q → %q, %v", addr, m, again, err)
		}
		if strings.ContainsAny(m.String(), "\r\n\x00") {
			t.Errorf("%q", m)
		}
	})
}
