package mailtext

import (
	"slices"
	"strings"
	"testing"
)

func TestHeaderFindsFieldsByName(t *testing.T) {
	t.Parallel()
	raw := "Received: from a\r\nreceived: from b\r\nno field\r\nX-Shop:  =?utf-8?q?B=C3=A4r?=\r\n\tund Co\r\nX-Nul: a\x00b\r\nX-Empty:\r\n\r\nX-Body: no\r\n"
	got := Header([]byte(raw))
	for name, want := range map[string][]string{"Received": {"from a", "from b"}, "X-Shop": {"Bär und Co"}, "X-Empty": {""}, "X-Body": nil} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if strings.ContainsRune(got["X-Nul"][0], 0) {
		t.Error("a NUL stays")
	}
	if many := Header([]byte(strings.Repeat("A: b\n", 5000))); len(many["A"]) != headerFields {
		t.Errorf("%d fields", len(many["A"]))
	}
}
