package arc_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth/arc"
)

// suite is one scenario of ValiMail's: mails, the keys for them, and what the chain of each is.
type suite struct {
	Tests yaml.Node         // a mapping in which some names stand twice
	TXT   map[string]string `yaml:"txt-records"`
}

type testCase struct{ Description, Message, CV string }

func section(mail string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(mail), 0, int64(len(mail)))
}

// crlf gives the line ends that a mail has on the wire.
func crlf(mail string) string {
	return strings.ReplaceAll(strings.ReplaceAll(mail, "\r\n", "\n"), "\n", "\r\n")
}

// serve answers for key records through a name server.
func serve(t testing.TB, records map[string]string) (*domains.DNS, *testkit.DNSServer) {
	var zone strings.Builder
	for name, record := range records {
		fmt.Fprintf(&zone, "%s. IN TXT", name)
		for chunk := range slices.Chunk([]byte(record), 200) {
			fmt.Fprintf(&zone, " %q", chunk)
		}
		zone.WriteString("\n")
	}
	server := testkit.DNS(t, zone.String())
	return domains.NewResolver([]string{server.Addr}, 5*time.Second), server
}

// T-AUTH: every validation case of the ValiMail suite.
func TestT_AUTH_ValiMail(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/valimail/arc-draft-validation-tests.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	cases := 0
	for decoder := yaml.NewDecoder(file); ; {
		var s suite
		if err := decoder.Decode(&s); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		resolver, _ := serve(t, s.TXT)
		for pair := range slices.Chunk(s.Tests.Content, 2) {
			name, c := pair[0].Value, testCase{}
			if err := pair[1].Decode(&c); err != nil {
				t.Fatal(err)
			}
			cases++
			want := desk.Result(strings.ToLower(strings.TrimSpace(c.CV)))
			if want == "" {
				want = desk.ResultFail // a chain that says cv=fail itself: the suite leaves it open, RFC 8617 §5.2 does not
			}
			got := arc.Verify(t.Context(), resolver, section(crlf(c.Message)), time.Unix(20000, 0))
			if got.Method.Result != want || got.Method.Reason == "" || len(got.Sets) > 0 != (want == desk.ResultPass) {
				t.Errorf("%s (%s): %+v, want %s", name, c.Description, got, want)
			}
		}
	}
	if cases < 160 {
		t.Errorf("only %d cases", cases)
	}
	t.Logf("%d cases", cases)
}

// chains are mails with a chain that holds: what stands in them, and the keys for it.
func chain(t testing.TB, name string) (mail string, keys map[string]string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "mail-auth", name))
	if err != nil {
		t.Fatal(err)
	}
	records, mail, _ := strings.Cut(string(raw), "\n\n")
	keys = map[string]string{}
	for line := range strings.Lines(records) {
		host, record, _ := strings.Cut(strings.TrimSpace(line), " ")
		keys[host] = record
	}
	return crlf(mail), keys
}

func TestT_AUTH_Chains(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]arc.Set{
		"001.txt": {{Instance: 1, Sealer: "google.com", Selector: "arc-20160816", Results: "mx.google.com;"}},
		"002.txt": {
			{Instance: 1, Sealer: "scamorza.org", Selector: "ed", Results: "scamorza.org;"},
			{Instance: 2, Sealer: "manchego.org", Selector: "rsa", Results: "manchego.org;"},
		},
	} {
		mail, keys := chain(t, name)
		resolver, _ := serve(t, keys)
		got := arc.Verify(t.Context(), resolver, section(mail), time.Unix(1700000000, 0))
		last := want[len(want)-1]
		if m := got.Method; m.Result != desk.ResultPass || m.Domain != last.Sealer || m.Selector != last.Selector || m.Algorithm != "rsa-sha256" || m.Bits < 1024 {
			t.Errorf("%s: %+v", name, m)
		}
		if len(got.Sets) != len(want) {
			t.Fatalf("%s: %d sets", name, len(got.Sets))
		}
		for i, set := range got.Sets {
			results := set.Results
			if set.Results = want[i].Results; set != want[i] || !strings.HasPrefix(results, want[i].Results+" ") || strings.ContainsAny(results, "\r\n") {
				t.Errorf("%s: set %d: %+v with results %q, want %+v", name, i+1, set, results, want[i])
			}
		}
	}
}

// What is done to a mail after its last seal shows, and the reason says where.
func TestT_AUTH_BrokenChains(t *testing.T) {
	t.Parallel()
	good, keys := chain(t, "002.txt")
	resolver, _ := serve(t, keys)
	for name, c := range map[string]struct {
		old, new string
		reason   string
	}{
		"body":                        {"tastier", "larger", "set 2, message signature: the body was changed"},
		"subject":                     {"Subject: Say", "Subject: Do not say", "set 2, message signature: the signature does not match"},
		"results":                     {"ARC-Authentication-Results: i=1; scamorza", "ARC-Authentication-Results: i=1; evil", "set 2, seal: the signature does not match"},
		"older seal":                  {"b=k/MAHECt", "b=k/MAHECu", "set 2, seal"},
		"set taken out":               {"ARC-Seal: i=1;", "X-Seal: i=1;", "the chain has 1 seals but 2 fields"},
		"gap":                         {"i=1;", "i=3;", "not numbered from 1 to 2"},
		"instance 0":                  {"ARC-Seal: i=1;", "ARC-Seal: i=0;", "no instance from 1 to 50"},
		"instance of three digits":    {"ARC-Seal: i=1;", "ARC-Seal: i=001;", "no instance from 1 to 50"},
		"twice the same":              {"ARC-Seal: i=1;", "ARC-Seal: i=2;", "not numbered"},
		"found broken":                {"cv=pass", "cv=fail", "its sealer found the chain broken"},
		"begins with pass":            {"cv=none", "cv=pass", `its cv= is not "none"`},
		"no tag list":                 {"ARC-Seal: i=1;", "ARC-Seal: nothing;", "cannot be read"},
		"key is gone":                 {"s=rsa; d=manchego.org; cv", "s=old; d=manchego.org; cv", "set 2, seal: there is no key at old._domainkey.manchego.org"},
		"newest seal of another time": {"Subject: Say", "ARC-Seal: i=3; x=y\r\nSubject: Say", "the chain has 3 seals but 2"},
		"message signature expired":   {"h=Subject:To:From:DKIM-Signature; t=1674137914;", "h=Subject:To:From:DKIM-Signature; x=1674137915;", "set 2, message signature: the signature has expired"},
	} {
		mail := strings.ReplaceAll(good, c.old, c.new)
		if mail == good {
			t.Fatalf("%s changes nothing", name)
		}
		got := arc.Verify(t.Context(), resolver, section(mail), time.Unix(1700000000, 0))
		if got.Method.Result != desk.ResultFail || !strings.Contains(got.Method.Reason, c.reason) || got.Sets != nil {
			t.Errorf("%s: %+v, want fail with %q", name, got, c.reason)
		}
	}
}

// A name server that does not answer makes no chain fail.
func TestT_AUTH_ChainWithoutDNS(t *testing.T) {
	t.Parallel()
	mail, keys := chain(t, "002.txt")
	for _, name := range []string{"rsa._domainkey.manchego.org", "ed._domainkey.scamorza.org"} {
		resolver, server := serve(t, keys)
		server.Fail(name)
		if got := arc.Verify(t.Context(), resolver, section(mail), time.Unix(1700000000, 0)); got.Method.Result != desk.ResultTempError || !strings.Contains(got.Method.Reason, name) {
			t.Errorf("without %s: %+v", name, got)
		}
	}
}

// A chain made up by a stranger costs two questions at most, whatever its length, and none when it is too long or the header is.
func TestT_AUTH_ChainBombs(t *testing.T) {
	t.Parallel()
	made := func(sets int) string {
		var mail strings.Builder
		for i := sets; i > 0; i-- {
			cv := "pass"
			if i == 1 {
				cv = "none"
			}
			fmt.Fprintf(&mail, "ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=bomb.example; s=s%d; b=AAAA\r\n", i, cv, i)
			fmt.Fprintf(&mail, "ARC-Message-Signature: i=%d; a=rsa-sha256; d=bomb.example; s=m%d; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n", i, i)
			fmt.Fprintf(&mail, "ARC-Authentication-Results: i=%d; bomb.example; none\r\n", i)
		}
		return mail.String() + "From: a@bomb.example\r\n\r\nHello\r\n"
	}
	for _, c := range []struct{ sets, asked int }{{50, 2}, {51, 0}, {400, 0}} {
		keys := map[string]string{}
		for i := range c.sets + 1 {
			keys[fmt.Sprintf("s%d._domainkey.bomb.example", i)] = "p="
			keys[fmt.Sprintf("m%d._domainkey.bomb.example", i)] = "p="
		}
		resolver, server := serve(t, keys)
		got := arc.Verify(t.Context(), resolver, section(made(c.sets)), time.Unix(1700000000, 0))
		asked := 0
		for name := range keys {
			asked += server.Asked(name)
		}
		if got.Method.Result != desk.ResultFail || asked != c.asked {
			t.Errorf("%d sets: %+v after %d questions, want fail after %d", c.sets, got.Method, asked, c.asked)
		}
	}
}

func FuzzARC(f *testing.F) {
	for _, name := range []string{"001.txt", "002.txt"} {
		mail, _ := chain(f, name)
		f.Add([]byte(mail))
	}
	_, keys := chain(f, "002.txt")
	f.Fuzz(func(t *testing.T, mail []byte) {
		got := arc.Verify(t.Context(), zone(keys), section(string(mail)), time.Unix(1700000000, 0))
		if got.Method.Reason == "" || len(got.Sets) > arc.MaxSets || (got.Method.Result == desk.ResultPass) != (len(got.Sets) > 0) {
			t.Fatalf("%+v", got)
		}
		for i, set := range got.Sets {
			if set.Instance != i+1 || set.Sealer == "" || strings.ContainsAny(set.Results, "\n") {
				t.Fatalf("%+v", got)
			}
		}
	})
}
