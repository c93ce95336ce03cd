package compare

import (
	"errors"
	"fmt"
	"io"
	"os"
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

// sealedSuite is one scenario of ValiMail's: mails, and the keys for them.
type sealedSuite struct {
	Tests yaml.Node         // a mapping in which some names stand twice
	TXT   map[string]string `yaml:"txt-records"`
}

type sealedCase struct{ Description, Message, CV string }

func sealedSuites(t *testing.T) (all []sealedSuite) {
	t.Helper()
	file, err := os.Open("../../mailauth/arc/testdata/valimail/arc-draft-validation-tests.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	for decoder := yaml.NewDecoder(file); ; {
		var s sealedSuite
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}

// chainOf is what rspamd says of a chain.
func (s symbols) chainOf() string {
	switch {
	case s.has("ARC_ALLOW"):
		return string(desk.ResultPass)
	case s.has("ARC_DNSFAIL"):
		return string(desk.ResultTempError)
	}
	if s.has("ARC_REJECT") || s.has("ARC_INVALID") {
		return string(desk.ResultFail)
	}
	if s.has("ARC_NA") {
		return string(desk.ResultNone)
	}
	return "" // of a seal that it cannot read, for one
}

// T-AUTH: of the chains of ValiMail's suite, which expects what we say, rspamd says the same, but for explained differences.
func TestCompareARC(t *testing.T) {
	t.Parallel()
	sum := newTally(t, compareScale(), chainDifferences)
	suites := sealedSuites(t)
	var zone strings.Builder
	known := map[string]string{}
	for _, s := range suites {
		for name, record := range s.TXT {
			if other, twice := known[name]; twice && other != record {
				t.Fatalf("two records at %s", name)
			} else if !twice {
				fmt.Fprintf(&zone, "%s. TXT %s\n", name, quoted(record))
			}
			known[name] = record
		}
	}
	server := testkit.DNS(t, zone.String())
	resolver, program := domains.NewResolver([]string{server.Addr}, 5*time.Second), startScanner(t, server.Addr)
	for _, s := range suites {
		for pair := range slices.Chunk(s.Tests.Content, 2) {
			var one sealedCase
			if err := pair[1].Decode(&one); err != nil {
				t.Fatal(err)
			}
			mail := strings.ReplaceAll(strings.ReplaceAll(one.Message, "\r\n", "\n"), "\n", "\r\n")
			ours := arc.Verify(t.Context(), resolver, io.NewSectionReader(strings.NewReader(mail), 0, int64(len(mail))), time.Unix(20000, 0))
			found, err := program.scan(t.Context(), []byte(mail), envelope{IP: "192.0.2.1", Helo: "mail.relay.example"})
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, symbol := range []string{"ARC_ALLOW", "ARC_INVALID", "ARC_REJECT", "ARC_NA", "ARC_DNSFAIL"} {
				if found.has(symbol) {
					said += symbol + fmt.Sprint(found[symbol])
				}
			}
			theirs := found.chainOf()
			if theirs == "" && ours.Method.Result != desk.ResultPass {
				theirs = string(ours.Method.Result)
			}
			sum.add(comparison{who: rspamd, ours: string(ours.Method.Result), theirs: theirs, reason: ours.Method.Reason, said: said, about: []string{pair[0].Value}, question: one.Description + "\n" + mail})
		}
	}
	sum.close()
}

// chainDifferences are all between us and rspamd about ARC.
var chainDifferences = []difference{
	{"incomplete sets", []string{rspamd}, "A field of a set that is missing breaks the chain (RFC 8617 §5.2). rspamd sees no chain.", of("as_struct_missing", "ams_struct_missing", "cv_fail_i1_as_na", "cv_fail_i1_ams_na")},
	{"results twice in a set", []string{rspamd}, "One of each field to a set (RFC 8617 §5.2). rspamd does not count ARC-Authentication-Results.", of("aar_struct_dup")},
	{"weak seals", []string{rspamd}, "SHA-1 and keys below 1024 bits prove nothing in a chain either (RFC 8301). rspamd takes them.", of("as_fields_b_512", "as_fields_a_sha1", "ams_fields_a_sha1")},
	{"a tag twice in a seal", []string{rspamd}, "It makes the whole list invalid (RFC 6376 §3.2). rspamd takes one of the two.", of("as_format_tags_dup")},
	{"signatures of seals", []string{rspamd}, "ARC-Message-Signature must not cover ARC-Seal (RFC 8617 §4.1.2). rspamd does not look.", of("ams_fields_h_includes_as")},
	{"odd h= or no c= in a message signature", []string{rspamd}, "The suite lets an empty `h=` pass, one that names a field more often than it is there, and takes a missing `c=` for relaxed, as we do. rspamd does not.", of("ams_fields_h_empty", "ams_fields_h_dup1", "ams_fields_h_mis_hdr", "ams_fields_c_na")},
}

// of is a difference about some cases of the suite.
func of(cases ...string) func(comparison) bool {
	return func(c comparison) bool { return c.any(cases...) }
}
