package filters_test

import (
	"strings"
	"testing"

	"postern/filters"
	"postern/internal/testkit"
)

// BenchmarkCheck asks each real program about an ordinary mail of 4 KiB.
func BenchmarkCheck(b *testing.B) {
	mail := letter("Your invoice", strings.Repeat("Dear all, the invoice is attached as ever.\r\n", 90))
	for name, cfg := range map[string]filters.Config{
		"none":   {},
		"rspamd": {RspamdURL: "http://" + testkit.Rspamd(b) + ":11333"},
		"clamd":  {Clamd: testkit.Clamd(b).Unix},
		"milter": {Milters: []string{testkit.Milter(b, "Reject")}},
	} {
		c, err := filters.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if o := c.Check(b.Context(), mail); len(o.Silent) > 0 {
					b.Fatalf("%+v", o)
				}
			}
		})
	}
}
