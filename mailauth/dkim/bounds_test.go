package dkim_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crypto/rsa"
	"crypto/x509"

	"postern/desk"
	"postern/domains"
	"postern/mailauth/dkim"
	"postern/mailauth/lookup"
)

// longKey is an RSA key of 8200 bits that nobody has the private half of.
func longKey() string {
	n := new(big.Int).Lsh(big.NewInt(1), 8199)
	raw, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537})
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// bomb is a mail with many signatures that each want a key of their own, or all the same.
func bomb(signatures int, selector func(int) string) string {
	var mail strings.Builder
	for i := range signatures {
		fmt.Fprintf(&mail, "DKIM-Signature: v=1; a=rsa-sha256; d=bomb.example; s=%s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n", selector(i))
	}
	return mail.String() + "From: a@bomb.example\r\n\r\nHello\r\n"
}

// inFlight counts the questions that are under way at a real resolver.
type inFlight struct {
	lookup.Resolver
	now, most, all atomic.Int64
}

func (f *inFlight) LookupTXT(ctx context.Context, name string) ([]string, error) {
	f.all.Add(1)
	now := f.now.Add(1)
	defer f.now.Add(-1)
	for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
	}
	return f.Resolver.LookupTXT(ctx, name)
}

// Pitfall 10: many signatures cost ten questions, or none where the header is beyond the bounds; each key is asked for once; no goroutine is left, in time or not.
func TestT_AUTH_ManySignatures(t *testing.T) {
	_, server := serve(t, pair().records("bomb.example"))
	resolver := domains.NewResolver([]string{server.Addr}, 200*time.Millisecond)
	for i := range 10 {
		server.Mute(fmt.Sprintf("mute%d._domainkey.bomb.example", i))
	}
	before := runtime.NumGoroutine()
	for _, c := range []struct {
		signatures int
		selector   string
		results    int
		first      desk.Result
		asked      int64
	}{
		{1, "s%d", 1, desk.ResultPermError, 1},
		{10, "s%d", 10, desk.ResultPermError, 10},
		{11, "s%d", 11, desk.ResultPolicy, 10},
		{900, "s%d", 11, desk.ResultPolicy, 10},
		{900, "rsa%[2]s", 11, desk.ResultPolicy, 1},
		{900, "mute%d", 11, desk.ResultPolicy, 10},
		{5000, "s%d", 1, desk.ResultPermError, 0},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		counted := &inFlight{Resolver: resolver}
		mail := bomb(c.signatures, func(i int) string { return strings.Split(fmt.Sprintf(c.selector+"%[2]s", i, ""), "%")[0] })
		got := dkim.Verify(ctx, counted, section(mail), noon)
		cancel()
		if len(got) != c.results || got[len(got)-1].Result != c.first || counted.all.Load() != c.asked || counted.most.Load() > 10 || counted.now.Load() != 0 {
			t.Errorf("%d signatures with %s: %d results, %d questions, %d at once, %d left: %+v", c.signatures, c.selector, len(got), counted.all.Load(), counted.most.Load(), counted.now.Load(), got)
		}
	}
	for i := range 10 {
		if asked := server.Asked(fmt.Sprintf("s%d._domainkey.bomb.example", i)); asked < 1 || asked > 4 {
			t.Errorf("key %d was asked for %d times by four mails", i, asked)
		}
	}
	if asked := server.Asked("s10._domainkey.bomb.example"); asked != 0 {
		t.Errorf("the eleventh key was asked for %d times", asked)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// reads counts what is read of a mail.
type reads struct {
	io.ReaderAt
	octets atomic.Int64
}

func (r *reads) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, at)
	r.octets.Add(int64(n))
	return n, err
}

// Pitfall 10: the body is read once for ten signatures that hold, of both forms and with l= of all lengths, and not at all for those that do not.
func TestT_AUTH_BodyIsReadOnce(t *testing.T) {
	t.Parallel()
	resolver, _ := serve(t, pair().records("example.com"))
	body := strings.Repeat("\r\n", 4<<20) + "end\r\n"
	var fields strings.Builder
	for i := range 10 {
		tags := fmt.Sprintf("v=1; a=ed25519-sha256; d=example.com; s=ed; n=%d", i)
		if i%2 == 1 {
			tags += fmt.Sprintf("; l=%d; c=simple/relaxed", len(body)-i)
		}
		mail := byHand(t, tags, author, body)
		fields.WriteString(mail[:strings.Index(mail, "From:")])
	}
	for _, c := range []struct {
		author      string
		want, other desk.Result
		most        int
	}{
		{author, desk.ResultPass, desk.ResultFail, 1},
		{"From: Emma <anna@example.com>", desk.ResultFail, desk.ResultFail, 0},
	} {
		mail := fields.String() + c.author + "\r\n\r\n" + body
		counted := &reads{ReaderAt: strings.NewReader(mail)}
		got := dkim.Verify(t.Context(), resolver, io.NewSectionReader(counted, 0, int64(len(mail))), noon)
		for i, m := range got {
			if want := []desk.Result{c.want, c.other}[i%2]; m.Result != want {
				t.Errorf("%s, signature %d: %+v, want %s", c.author, i+1, m, want)
			}
		}
		if octets := int(counted.octets.Load()); len(got) != 10 || octets > c.most*len(body)+300<<10 {
			t.Errorf("%s: %d results after reading %d octets of %d", c.author, len(got), octets, len(mail))
		}
	}
}

// Pitfall 10: as many fields as a header may have, and as many names as fit in ten signatures, are verified; a header with more is not looked at.
func TestT_AUTH_ManyNames(t *testing.T) {
	t.Parallel()
	made := func(fields, names int) string {
		var mail strings.Builder
		for i := range 10 {
			fmt.Fprintf(&mail, "DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=ed; n=%d; h=from%s; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n", i, strings.Repeat(":a", names))
		}
		return mail.String() + "From: a@example.com\r\n" + strings.Repeat("a: b\r\n", fields) + "\r\n"
	}
	resolver, _ := serve(t, pair().records("example.com"))
	most := made(980, 10000)
	if got := verify(t, resolver, most); len(got) != 10 || got[9].Result != desk.ResultFail {
		t.Fatalf("%+v", got)
	}
	if got := verify(t, resolver, made(20000, 20000)); len(got) != 1 || got[0].Result != desk.ResultPermError || !strings.Contains(got[0].Reason, "more than 256 KiB or 1000 fields") {
		t.Errorf("%+v", got)
	}
}
