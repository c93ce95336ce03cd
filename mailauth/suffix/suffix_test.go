package suffix_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/idna"

	"postern/mailauth/suffix"
)

func TestRegistrableByTheListsOwnVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/publicsuffix/test_psl.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, found := range regexp.MustCompile(`(?m)^checkPublicSuffix\('([^']+)', (?:'([^']+)'|null)\);`).FindAllStringSubmatch(string(text), -1) {
		domain, want := ascii(t, found[1]), ascii(t, found[2])
		if strings.HasPrefix(domain, ".") {
			continue // no domain name: nobody asks for it
		}
		if want == "" {
			want = domain
		}
		checked++
		if got := suffix.Registrable(domain); got != want {
			t.Errorf("Registrable(%q) = %q, want %q", domain, got, want)
		}
	}
	if checked < 70 {
		t.Errorf("only %d vectors were read", checked)
	}
}

func ascii(t *testing.T, domain string) string {
	t.Helper()
	name, err := idna.ToASCII(strings.ToLower(domain))
	if err != nil {
		t.Fatal(err)
	}
	return name
}
