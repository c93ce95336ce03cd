package dkim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"postern/desk"
	"postern/mailauth/dkim"
)

const (
	author = "From: Anna <anna@example.com>"
	hello  = "Hello\r\n"
)

// T-AUTH: mails as they came from elsewhere, and the examples of RFC 6376 and RFC 8463.
func TestT_AUTH_Vectors(t *testing.T) {
	t.Parallel()
	type want struct {
		domain, identity, selector, algorithm string
		bits                                  int
	}
	for name, c := range map[string]struct {
		at   int64
		want []want
	}{
		"001.txt": {1528637909, []want{
			{"football.example.com", "@football.example.com", "brisbane", "ed25519-sha256", 256},
			{"football.example.com", "@football.example.com", "test", "rsa-sha256", 1024},
		}},
		"002.txt": {1615825284, []want{{"example.com", "joe@football.example.com", "newengland", "rsa-sha256", 1024}}},
		"003.txt": {1667592145, []want{{"ietf.org", "@ietf.org", "ietf1", "rsa-sha256", 1024}, {"ietf.org", "@ietf.org", "ietf1", "rsa-sha256", 1024}}},
		"004.txt": {1667862801, []want{{"facebookmail.com", "@facebookmail.com", "s1024-2013-q3", "rsa-sha256", 1024}}},
		"005.txt": {1667843664, []want{{"topicbox.com", "@topicbox.com", "sysmsg-1", "rsa-sha256", 1024}}},
		"006.txt": {1667843664, []want{{"github.com", "github@github.com", "dk2016", "rsa-sha256", 1024}}},
	} {
		mail, records := vector(t, name)
		resolver, server := serve(t, records)
		got := dkim.Verify(t.Context(), resolver, section("Received: by us\r\n"+mail), time.Unix(c.at, 0))
		if len(got) < len(c.want) {
			t.Fatalf("%s: %d results: %+v", name, len(got), got)
		}
		for i, want := range c.want {
			m := desk.Method{Result: desk.ResultPass, Domain: want.domain, Identity: want.identity, Selector: want.selector, Algorithm: want.algorithm, Bits: want.bits, Reason: got[i].Reason}
			if got[i] != m || m.Reason == "" {
				t.Errorf("%s, signature %d: %+v, want %+v", name, i+1, got[i], m)
			}
		}
		for host := range records {
			if server.Asked(host) > 1 {
				t.Errorf("%s: %s was asked for %d times", name, host, server.Asked(host))
			}
		}
	}
}

// T-AUTH: every rule about a signature, on mails signed by hand.
func TestT_AUTH_Signatures(t *testing.T) {
	t.Parallel()
	records := pair().records("example.com")
	for _, domain := range []string{"xn--bcher-kva.example", "co.uk", "example.co.uk"} {
		records["rsa._domainkey."+domain] = records["rsa._domainkey.example.com"]
	}
	resolver, _ := serve(t, records)
	const base = "v=1; a=rsa-sha256; d=example.com; s=rsa"
	at := func(moved time.Duration) int64 { return noon.Add(moved).Unix() }
	for name, c := range map[string]struct {
		tags   string
		want   desk.Result
		reason string
	}{
		"plain":                {base, desk.ResultPass, ""},
		"ed25519":              {"v=1; a=ed25519-sha256; d=example.com; s=ed", desk.ResultPass, ""},
		"upper case":           {"v=1; a=rsa-sha256; d=EXAMPLE.com; s=RSA; i=Anna@Mail.Example.COM", desk.ResultPass, ""},
		"folded":               {"v = 1;\r\n\ta=rsa-sha256 ; d=example.com;\r\n s=rsa", desk.ResultPass, ""},
		"U-label":              {"v=1; a=rsa-sha256; d=bücher.example; s=rsa", desk.ResultPass, ""},
		"i= below d=":          {base + "; i=anna@mail.example.com", desk.ResultPass, ""},
		"i= quoted":            {base + "; i=an=6Ea=40=65xample.com", desk.ResultPass, ""},
		"i= quoted and folded": {base + "; i=anna=3B\r\n x@\r\n example.com", desk.ResultPass, ""},
		"i= elsewhere":         {base + "; i=anna@evil.example", desk.ResultPermError, "not in the domain"},
		"i= looks like it":     {base + "; i=anna@evilexample.com", desk.ResultPermError, "not in the domain"},
		"i= above":             {base + "; i=anna@com", desk.ResultPermError, "not in the domain"},
		"i= no address":        {base + "; i=example.com", desk.ResultPermError, "no address"},
		"i= broken quoting":    {base + "; i==4@example.com", desk.ResultPermError, "no address"},
		"made now":             {base + fmt.Sprintf("; t=%d; x=%d", at(0), at(time.Hour)), desk.ResultPass, ""},
		"clock a bit off":      {base + fmt.Sprintf("; t=%d", at(4*time.Minute)), desk.ResultPass, ""},
		"future":               {base + fmt.Sprintf("; t=%d", at(time.Hour)), desk.ResultFail, "from the future"},
		"expired":              {base + fmt.Sprintf("; x=%d", at(-time.Hour)), desk.ResultFail, "has expired"},
		"expired before made":  {base + fmt.Sprintf("; t=%d; x=%d", at(0), at(-time.Second)), desk.ResultPermError, "before it was made"},
		"never expires":        {base + "; x=99999999999999999999999999", desk.ResultPass, ""},
		"t= no number":         {base + "; t=-5", desk.ResultPermError, "t= is no number"},
		"x= empty":             {base + "; x=", desk.ResultPermError, "x= is no number"},
		"version":              {"v=2; a=rsa-sha256; d=example.com; s=rsa", desk.ResultPermError, "another version"},
		"no version":           {"a=rsa-sha256; d=example.com; s=rsa", desk.ResultPermError, "another version"},
		"twice a tag":          {base + "; s=rsa", desk.ResultPermError, "stands twice"},
		"no tag list":          {base + ";;", desk.ResultPermError, "cannot be read"},
		"SHA-1":                {"v=1; a=rsa-sha1; d=example.com; s=rsa", desk.ResultPolicy, "SHA-1"},
		"algorithm":            {"v=1; a=dsa-sha256; d=example.com; s=rsa", desk.ResultPermError, "not known"},
		"other key":            {"v=1; a=ed25519-sha256; d=example.com; s=rsa", desk.ResultPermError, "not for ed25519"},
		"no domain":            {"v=1; a=rsa-sha256; s=rsa", desk.ResultPermError, "no domain"},
		"broken domain":        {"v=1; a=rsa-sha256; d=exam ple.com; s=rsa", desk.ResultPermError, "no domain"},
		"empty label":          {"v=1; a=rsa-sha256; d=example..com; s=rsa", desk.ResultPermError, "no domain"},
		"top level":            {"v=1; a=rsa-sha256; d=com; s=rsa", desk.ResultPermError, "no domain"},
		"public suffix":        {"v=1; a=rsa-sha256; d=co.uk; s=rsa", desk.ResultPolicy, "public suffix"},
		"below public suffix":  {"v=1; a=rsa-sha256; d=example.co.uk; s=rsa", desk.ResultPass, ""},
		"no selector":          {"v=1; a=rsa-sha256; d=example.com", desk.ResultPermError, "no selector"},
		"selector too long":    {"v=1; a=rsa-sha256; d=example.com; s=" + strings.Repeat("a.", 120) + "a", desk.ResultPermError, "no selector"},
		"selector of dots":     {"v=1; a=rsa-sha256; d=example.com; s=..", desk.ResultPermError, "no selector"},
		"q= known":             {base + "; q=x/y : dns/txt", desk.ResultPass, ""},
		"q= unknown":           {base + "; q=x/y", desk.ResultPermError, "q="},
		"c= unknown":           {base + "; c=nofws", desk.ResultPermError, "c="},
		"c= simple":            {base + "; c=simple", desk.ResultPass, ""},
		"l= all":               {base + "; l=7", desk.ResultPass, ""},
		"l= more than all":     {base + "; l=8", desk.ResultPermError, "l= is more"},
		"no key":               {"v=1; a=rsa-sha256; d=example.com; s=none", desk.ResultPermError, "no key at none._domainkey.example.com"},
		"unknown tags":         {base + "; z=From:x|To:y; r=y; anything=", desk.ResultPass, ""},
	} {
		got := verify(t, resolver, byHand(t, c.tags, author, hello))
		if len(got) != 1 || got[0].Result != c.want || !strings.Contains(got[0].Reason, c.reason) || got[0].Reason == "" {
			t.Errorf("%s: %+v, want %s with %q", name, got, c.want, c.reason)
			continue
		}
		if m := got[0]; m.Result == desk.ResultPass && (m.Domain == "" || !strings.Contains(m.Identity, "@") || strings.ToLower(m.Identity) != m.Identity || m.Bits == 0 || m.Algorithm == "") {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// What was changed after signing shows in the reason; what was not signed does not.
func TestT_AUTH_ChangedMails(t *testing.T) {
	t.Parallel()
	resolver, server := serve(t, pair().records("example.com"))
	mail := byHand(t, "v=1; a=rsa-sha256; d=example.com; s=rsa", author, hello)
	for name, c := range map[string]struct {
		mail   string
		want   desk.Result
		reason string
	}{
		"nothing":            {mail, desk.ResultPass, ""},
		"trace in front":     {"Received: by us\r\nReturn-Path: <x@y.example>\r\n" + mail, desk.ResultPass, ""},
		"subject not signed": {"Subject: x\r\n" + mail, desk.ResultPass, ""},
		"empty lines":        {mail + "\r\n\r\n", desk.ResultPass, ""},
		"author":             {strings.Replace(mail, "Anna", "Emma", 1), desk.ResultFail, "does not match"},
		"body":               {strings.Replace(mail, "Hello", "Bye", 1), desk.ResultFail, "the body was changed"},
		"longer":             {mail + "PS\r\n", desk.ResultFail, "the body was changed"},
		"tag":                {strings.Replace(mail, "d=example", "t=1; d=example", 1), desk.ResultFail, "does not match"},
		"value":              {strings.Replace(mail, "; b=", "; b=AAAA", 1), desk.ResultFail, "does not match"},
		"value gone":         {strings.Replace(mail, "; b=", "; b=; xb=", 1), desk.ResultPermError, "b= is no signature"},
		"value no base64":    {strings.Replace(mail, "; b=", "; b=!", 1), desk.ResultPermError, "b= is no signature"},
		"hash gone":          {strings.Replace(mail, "; bh=", "; xx=", 1), desk.ResultPermError, "bh= is no hash"},
		"names gone":         {strings.Replace(mail, "; h=From", "", 1), desk.ResultPermError, "h= is missing"},
		"author not signed":  {strings.Replace(mail, "h=From", "h=To", 1), desk.ResultPermError, "From is not signed"},
	} {
		if got := verify(t, resolver, c.mail); len(got) != 1 || got[0].Result != c.want || !strings.Contains(got[0].Reason, c.reason) {
			t.Errorf("%s: %+v, want %s with %q", name, got, c.want, c.reason)
		}
	}
	if asked := server.Asked("rsa._domainkey.example.com"); asked != 1 {
		t.Errorf("the key was asked for %d times by a resolver that keeps it", asked)
	}
	if got := verify(t, resolver, author+"\r\n\r\n"+hello); got != nil {
		t.Errorf("a mail without signatures: %+v", got)
	}
}

// T-AUTH: every rule about a key.
func TestT_AUTH_Keys(t *testing.T) {
	t.Parallel()
	rsa, ed := pair().p("rsa"), pair().p("ed25519")
	const short = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIWmlgix/84GJ+dfgjm7LTc9EPdfkftlgiPpCq4/kbDAZmU0VvYKDljjleJ1dfvS+CGy9U/kk1tG3EeEvb82xAcCAwEAAQ=="
	long := longKey()
	for name, c := range map[string]struct {
		records []string
		extra   string // tags
		want    desk.Result
		reason  string
	}{
		"bare":                {[]string{"p=" + rsa}, "", desk.ResultPass, ""},
		"full":                {[]string{"v=DKIM1; h=sha1:sha256; k=rsa; n=a note; s=tlsrpt : email; t=x; p=" + rsa + ";"}, "", desk.ResultPass, ""},
		"spaces in key":       {[]string{"v=DKIM1; p=" + rsa[:40] + "  " + rsa[40:]}, "", desk.ResultPass, ""},
		"any service":         {[]string{"v=DKIM1; s=*; p=" + rsa}, "", desk.ResultPass, ""},
		"testing":             {[]string{"v=DKIM1; t=y; p=" + rsa}, "", desk.ResultPass, ""},
		"strict":              {[]string{"v=DKIM1; t=s; p=" + rsa}, "; i=anna@example.com", desk.ResultPass, ""},
		"strict without i=":   {[]string{"v=DKIM1; t=y:s; p=" + rsa}, "", desk.ResultPass, ""},
		"strict and below":    {[]string{"v=DKIM1; t=s; p=" + rsa}, "; i=anna@mail.example.com", desk.ResultPermError, "not for domains below"},
		"revoked":             {[]string{"v=DKIM1; p="}, "", desk.ResultPermError, "revoked"},
		"no key in it":        {[]string{"v=DKIM1"}, "", desk.ResultPermError, "has no key"},
		"other version":       {[]string{"v=DKIM2; p=" + rsa}, "", desk.ResultPermError, "another version"},
		"version not first":   {[]string{"p=" + rsa + "; v=DKIM1"}, "", desk.ResultPermError, "another version"},
		"other hash":          {[]string{"h=sha1; p=" + rsa}, "", desk.ResultPermError, "not for SHA-256"},
		"other service":       {[]string{"s=tlsrpt; p=" + rsa}, "", desk.ResultPermError, "not for mail"},
		"other type":          {[]string{"k=dsa; p=" + rsa}, "", desk.ResultPermError, "type that is not known"},
		"no base64":           {[]string{"p=?"}, "", desk.ResultPermError, "not base64"},
		"no RSA":              {[]string{"p=" + ed}, "", desk.ResultPermError, "no RSA key"},
		"no Ed25519":          {[]string{"k=ed25519; p=" + rsa}, "", desk.ResultPermError, "no Ed25519 key"},
		"Ed25519 for RSA":     {[]string{"k=ed25519; p=" + ed}, "", desk.ResultPermError, "not for rsa"},
		"512 bits":            {[]string{"p=" + short}, "", desk.ResultPolicy, "512 bits"},
		"too many bits":       {[]string{"p=" + long}, "", desk.ResultPolicy, "more than are checked"},
		"no record":           {[]string{"hello"}, "", desk.ResultPermError, "cannot be read"},
		"empty":               {[]string{""}, "", desk.ResultPermError, "cannot be read"},
		"endless":             {[]string{"p=" + strings.Repeat("A", 9000)}, "", desk.ResultPermError, "longer than"},
		"beside another text": {[]string{"v=spf1 -all", "v=DKIM1; p=" + rsa}, "", desk.ResultPass, ""},
		"one of each type":    {[]string{"k=ed25519; p=" + ed, "k=rsa; p=" + rsa}, "", desk.ResultPass, ""},
		"beside a short one":  {[]string{"p=" + short, "p=" + rsa}, "", desk.ResultPass, ""},
		"two":                 {[]string{"n=1; p=" + rsa, "n=2; p=" + rsa}, "", desk.ResultPermError, "several keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resolver, _ := serve(t, map[string][]string{"sel._domainkey.example.com": c.records})
			got := verify(t, resolver, byHand(t, "v=1; a=rsa-sha256; d=example.com; s=sel"+c.extra, author, hello))
			if len(got) != 1 || got[0].Result != c.want || !strings.Contains(got[0].Reason, c.reason) {
				t.Fatalf("%+v, want %s with %q", got, c.want, c.reason)
			}
			if got[0].Testing != strings.Contains(c.records[0], "t=y") {
				t.Errorf("%+v", got)
			}
			if wanted := map[string]int{"512 bits": 512, "bare": 2048, "too many bits": 8200}[name]; wanted != 0 && got[0].Bits != wanted {
				t.Errorf("%d bits", got[0].Bits)
			}
		})
	}
}

// A name server that does not answer, or is not there in time, makes no signature false; other signatures go on.
func TestT_AUTH_WithoutDNS(t *testing.T) {
	t.Parallel()
	resolver, server := serve(t, pair().records("example.com"))
	server.Fail("rsa._domainkey.example.com")
	ed := byHand(t, "v=1; a=ed25519-sha256; d=example.com; s=ed", author, hello)
	both := byHand(t, "v=1; a=rsa-sha256; d=example.com; s=rsa", author, hello)
	both = both[:strings.Index(both, "From:")] + ed
	got := verify(t, resolver, both)
	if len(got) != 2 || got[0].Result != desk.ResultTempError || !strings.Contains(got[0].Reason, "rsa._domainkey.example.com") || got[1].Result != desk.ResultPass {
		t.Errorf("%+v", got)
	}
}

// Pitfall 12: a mail that is all header is an empty body, not an error.
func TestT_AUTH_HeaderOnly(t *testing.T) {
	t.Parallel()
	resolver, _ := serve(t, pair().records("example.com"))
	for _, form := range []msgauth.Canonicalization{"simple", "relaxed"} {
		mail := signed(t, author+"\r\n\r\n", msgauth.SignOptions{Domain: "example.com", Selector: "rsa", Signer: pair().rsa, HeaderCanonicalization: form, BodyCanonicalization: form})
		for _, mail := range []string{mail, strings.TrimSuffix(mail, "\r\n")} {
			if got := verify(t, resolver, mail); len(got) != 1 || got[0].Result != desk.ResultPass {
				t.Errorf("%s: %q: %+v", form, mail, got)
			}
		}
	}
}
