package dkim_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/mailauth/dkim"
)

// FuzzSignature verifies whole mails: every result is in bounds and in words, and what holds says with what.
func FuzzSignature(f *testing.F) {
	keys := zone(pair().records("example.com"))
	paths, err := filepath.Glob(filepath.Join("testdata", "mail-auth", "0*.txt"))
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, path := range paths {
		mail, records := vector(f, filepath.Base(path))
		if len(mail) < 8<<10 {
			f.Add(mail)
		}
		for name, texts := range records {
			keys[name] = texts
		}
	}
	f.Add(byHand(f, "v=1; a=rsa-sha256; d=example.com; s=rsa; i=an=6Ea@mail.example.com; l=7; q=dns/txt", author, hello))
	f.Fuzz(func(t *testing.T, mail string) {
		got := dkim.Verify(t.Context(), keys, section(mail), time.Unix(1667843664, 0))
		if len(got) > dkim.MaxSignatures+1 {
			t.Fatalf("%d results", len(got))
		}
		for _, m := range got {
			words := m.Domain + m.Identity + m.Selector + m.Algorithm
			if m.Result == "" || m.Reason == "" || len(m.Reason) > 400 || strings.ToLower(words) != words || strings.IndexFunc(words, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0 {
				t.Fatalf("%+v", m)
			}
			if m.Result == desk.ResultPass && (m.Domain == "" || m.Selector == "" || m.Algorithm == "" || m.Bits == 0 || !strings.HasSuffix(m.Identity, m.Domain)) {
				t.Fatalf("%+v", m)
			}
		}
	})
}

// FuzzKey reads key records: a key is one that can verify, or there is a fault in words.
func FuzzKey(f *testing.F) {
	for _, texts := range pair().records("example.com") {
		f.Add(texts[0])
	}
	for _, record := range []string{"v=DKIM1; k=rsa; t=y:s; s=email; h=sha256; n=x; p=", "p=" + longKey(), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="} {
		f.Add(record)
	}
	sum := make([]byte, 32)
	f.Fuzz(func(t *testing.T, record string) {
		key, fault := dkim.ParseKey(record)
		if fault != nil {
			if fault.Reason == "" || fault.Result != desk.ResultPermError && fault.Result != desk.ResultPolicy {
				t.Fatalf("%+v", fault)
			}
			return
		}
		if key.Bits < 256 || key.Bits > 8192 || key.Algorithm != "rsa" && key.Algorithm != "ed25519" {
			t.Fatalf("%+v", key)
		}
		key.Verify(sum, make([]byte, (key.Bits+7)/8)) // must come to an end with whatever key this is
	})
}
