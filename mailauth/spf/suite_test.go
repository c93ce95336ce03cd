package spf_test

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth/spf"
)

// scenario is a document of the openspf suites: a zone, and what is expected of it.
type scenario struct {
	Description string
	Comment     string
	Tests       map[string]struct {
		Helo, Host, MailFrom, Explanation string
		Result                            yaml.Node
	}
	ZoneData map[string][]yaml.Node
}

// zone writes the data of a scenario as a zone text, and says which names never answer and which answer SERVFAIL. Records of type SPF are TXT records too, unless the name has some of
// its own: the suites are older than RFC 7208, and its answer to type 99 is never to ask for it.
func (s scenario) zone(t *testing.T) (text string, mute, failing []string) {
	t.Helper()
	var out strings.Builder
	for name, records := range s.ZoneData {
		texts := slices.ContainsFunc(records, func(n yaml.Node) bool { return kindOf(n) == "TXT" })
		silent, holds := false, false
		for _, node := range records {
			kind := kindOf(node)
			switch kind {
			case "TIMEOUT":
				silent = true
				continue
			case "SERVFAIL":
				failing = append(failing, name)
				continue
			case "CNAMELOOP":
				fmt.Fprintf(&out, "%s CNAME %s\n", presented(name), presented(name))
				continue
			case "SPF":
				if texts {
					continue
				}
				kind = "TXT"
			}
			value := *node.Content[1]
			if kind == "TXT" && value.Value == "NONE" {
				continue
			}
			holds = holds || kind == "TXT"
			fmt.Fprintf(&out, "%s %s %s\n", presented(name), kind, recordData(t, kind, value))
		}
		if silent && !holds {
			mute = append(mute, name) // otherwise it is silent about type SPF only
		}
	}
	return out.String(), mute, failing
}

func kindOf(record yaml.Node) string {
	if record.Kind == yaml.ScalarNode {
		return record.Value
	}
	return record.Content[0].Value
}

func recordData(t *testing.T, kind string, value yaml.Node) string {
	t.Helper()
	switch kind {
	case "TXT":
		parts := value.Content
		if value.Kind == yaml.ScalarNode {
			parts = []*yaml.Node{&value}
		}
		data := `""`
		for _, part := range parts {
			for octets := range slices.Chunk(latin1(part.Value), 250) {
				data += ` "` + escaped(octets, "") + `"`
			}
		}
		return data
	case "MX":
		return value.Content[0].Value + " " + presented(value.Content[1].Value)
	case "A", "AAAA":
		return value.Value
	case "CNAME", "PTR":
		return presented(value.Value)
	}
	t.Fatalf("a record of type %s", kind)
	return ""
}

// latin1 gives back the octets that the suites write as characters.
func latin1(s string) (octets []byte) {
	for _, r := range s {
		octets = append(octets, byte(r))
	}
	return octets
}

func presented(name string) string {
	return escaped([]byte(strings.TrimSuffix(name, ".")), ".") + "."
}

func escaped(octets []byte, plain string) string {
	var out strings.Builder
	for _, c := range octets {
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_"+plain, c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\%03d`, c)
		}
	}
	return out.String()
}

// asked starts a name server for a zone and returns a resolver of it.
func asked(t *testing.T, zone string, mute, failing []string) *domains.DNS {
	t.Helper()
	server, patience := testkit.DNS(t, zone), 5*time.Second
	for _, name := range failing {
		server.Fail(name)
	}
	for _, name := range mute {
		server.Mute(name)
		patience = 400 * time.Millisecond
	}
	return domains.NewResolver([]string{server.Addr}, patience)
}

// deviation is a case of a suite to which we give another answer, and why that is right.
type deviation struct {
	want desk.Result
	why  string
}

// T-AUTH: what is said of SPF is what RFC 7208 wants.
func TestSuites(t *testing.T) {
	t.Parallel()
	for _, suite := range []struct {
		file    string
		cases   int
		differs map[string]deviation
	}{
		{"rfc7208-tests.yml", 203, nil},
		{"rfc4408-tests.yml", 191, nil}, // where the RFCs differ, the older suite allows the newer answer
		{"pyspf-tests.yml", 16, map[string]deviation{
			"default-modifier":       {desk.ResultNeutral, "default= is of a draft before RFC 4408; to RFC 7208 §6 it is an unknown modifier"},
			"default-modifier-harsh": {desk.ResultNeutral, "the same; and 'ambiguous' is no result of RFC 7208 §2.6"},
		}},
		{"blitirispf-tests.yml", 21, map[string]deviation{
			"resolution-with-10-lookups": {desk.ResultPermError, "include:d11 is no domain-spec: its top label needs a dot before it (RFC 7208 §7.1); TestLimits has the same with full names"},
			"mx-resolution-10-terms":     {desk.ResultNone, "a domain of one label has no SPF (RFC 7208 §4.3); TestLimits has the same with full names"},
			"mx-resolution-11-terms":     {desk.ResultNone, "the same"},
			"one-mx-not-found":           {desk.ResultNone, "the same"},
			"all-mx-not-found":           {desk.ResultNone, "the same"},
			"include-not-found":          {desk.ResultNone, "the same"},
			"redirect-not-found":         {desk.ResultNone, "the same"},
		}},
	} {
		t.Run(suite.file, func(t *testing.T) {
			t.Parallel()
			scenarios, cases := readSuite(t, suite.file), 0
			for _, s := range scenarios {
				cases += len(s.Tests)
			}
			if cases != suite.cases {
				t.Errorf("%d cases, want %d", cases, suite.cases)
			}
			for i, s := range scenarios {
				t.Run(fmt.Sprintf("%d %s", i, s.Description), func(t *testing.T) {
					t.Parallel()
					s.run(t, suite.differs)
				})
			}
		})
	}
}

func readSuite(t *testing.T, file string) (all []scenario) {
	t.Helper()
	data, err := os.Open("testdata/suites/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	for documents := yaml.NewDecoder(data); ; {
		var s scenario
		if err := documents.Decode(&s); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return all
		}
		all = append(all, s)
	}
}

func (s scenario) run(t *testing.T, differs map[string]deviation) {
	zone, mute, failing := s.zone(t)
	r := asked(t, zone, mute, failing)
	for name, c := range s.Tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := words(c.Result)
			if other, ok := differs[name]; ok {
				if slices.Contains(want, string(other.want)) {
					t.Error("does not differ")
				}
				want = []string{string(other.want)}
			}
			got := spf.CheckMailFrom(t.Context(), r, spf.Query{IP: netip.MustParseAddr(c.Host), Helo: c.Helo, MailFrom: c.MailFrom, Receiver: "mx.example.org", Now: time.Unix(1767225600, 0)})
			if !slices.Contains(want, string(got.Result)) || got.Reason == "" {
				t.Errorf("%s, want %v (%s)", got.Result, want, got.Reason)
			}
			if told := strings.TrimPrefix(c.Explanation, "DEFAULT"); got.Result == desk.ResultFail && c.Explanation != "" && got.Told != told {
				t.Errorf("told %q, want %q", got.Told, told)
			}
		})
	}
}

// words are the results that a case allows.
func words(result yaml.Node) (list []string) {
	if result.Kind == yaml.ScalarNode {
		return []string{result.Value}
	}
	for _, one := range result.Content {
		list = append(list, one.Value)
	}
	return list
}
