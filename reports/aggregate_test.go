package reports

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/desk"
	"postern/mailtext"
)

// fields of the JSON that mail-auth reads out of a report.
type wantAggregate struct {
	Metadata struct {
		Org   string `json:"org_name"`
		Email string `json:"email"`
		ID    string `json:"report_id"`
		Range struct {
			Begin int64 `json:"begin"`
			End   int64 `json:"end"`
		} `json:"date_range"`
	} `json:"report_metadata"`
	Policy struct {
		Domain string `json:"domain"`
		ADKIM  string `json:"adkim"`
		ASPF   string `json:"aspf"`
		P      string `json:"p"`
		SP     string `json:"sp"`
	} `json:"policy_published"`
	Records []struct {
		Row struct {
			IP        string `json:"source_ip"`
			Count     int64  `json:"count"`
			Evaluated struct {
				Disposition string            `json:"disposition"`
				DKIM        string            `json:"dkim"`
				SPF         string            `json:"spf"`
				Reasons     []json.RawMessage `json:"reason"`
			} `json:"policy_evaluated"`
		} `json:"row"`
		Identifiers struct {
			EnvelopeFrom string `json:"envelope_from"`
			HeaderFrom   string `json:"header_from"`
		} `json:"identifiers"`
		Results struct {
			DKIM []wantResult `json:"dkim"`
			SPF  []wantResult `json:"spf"`
		} `json:"auth_results"`
	} `json:"record"`
}

type wantResult struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	Result   string `json:"result"`
}

// same compares a word of a report with one of mail-auth's enumerations.
func same(got, want string) bool {
	want = strings.ToLower(want)
	switch {
	case want == "unspecified":
		return true
	case len(got) == 1 && want != "":
		return got[:1] == want[:1]
	}
	return got == want
}

func TestAggregateAsMailAuthReadsIt(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/mail-auth/dmarc-feedback/*.json")
	if len(files) < 10 {
		t.Fatalf("%d files", len(files))
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want wantAggregate
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(file, ".json")
		var got desk.DMARCReport
		if source, err := os.ReadFile(base + ".xml"); err == nil {
			if got, err = ReadAggregate(bytes.NewReader(source)); err != nil {
				t.Errorf("%s: %v", base, err)
				continue
			}
		} else {
			source, err := os.ReadFile(base + ".eml")
			if err != nil {
				t.Fatal(err)
			}
			report := mustRead(t, source)
			if report.Kind != Aggregate || report.DMARC == nil {
				t.Errorf("%s: %q %v", base, report.Kind, report.Err)
				continue
			}
			got = *report.DMARC
		}
		compareAggregate(t, base, got, want)
	}
}

func compareAggregate(t *testing.T, name string, got desk.DMARCReport, want wantAggregate) {
	t.Helper()
	meta := want.Metadata
	if got.Org != meta.Org || got.Email != meta.Email || got.ReportID != meta.ID || got.Begin.Unix() != meta.Range.Begin || got.End.Unix() != meta.Range.End || got.Domain != want.Policy.Domain {
		t.Errorf("%s: %+v, want %+v", name, got, meta)
	}
	for word, pair := range map[string][2]string{"p": {got.Policy.P, want.Policy.P}, "sp": {got.Policy.SP, want.Policy.SP}, "adkim": {got.Policy.ADKIM, want.Policy.ADKIM}, "aspf": {got.Policy.ASPF, want.Policy.ASPF}} {
		if !same(pair[0], pair[1]) {
			t.Errorf("%s: %s is %q, want %q", name, word, pair[0], pair[1])
		}
	}
	if len(got.Rows) != len(want.Records) {
		t.Errorf("%s: %d rows, want %d", name, len(got.Rows), len(want.Records))
		return
	}
	for i, row := range got.Rows {
		record := want.Records[i]
		evaluated := record.Row.Evaluated
		if row.SourceIP.String() != record.Row.IP || row.Count != record.Row.Count || !same(row.Disposition, evaluated.Disposition) || !same(row.DKIM, evaluated.DKIM) || !same(row.SPF, evaluated.SPF) || len(row.Reasons) != len(evaluated.Reasons) {
			t.Errorf("%s row %d: %+v, want %+v", name, i, row, record.Row)
		}
		if row.HeaderFrom != strings.ToLower(record.Identifiers.HeaderFrom) || row.EnvelopeFrom != strings.ToLower(record.Identifiers.EnvelopeFrom) {
			t.Errorf("%s row %d: from %q, %q", name, i, row.HeaderFrom, row.EnvelopeFrom)
		}
		compareResults(t, name, row.DKIMResults, record.Results.DKIM)
		compareResults(t, name, row.SPFResults, record.Results.SPF)
	}
}

func compareResults(t *testing.T, name string, got []desk.DMARCResult, want []wantResult) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d results, want %d", name, len(got), len(want))
		return
	}
	for i := range got {
		if got[i].Domain != want[i].Domain || got[i].Selector != want[i].Selector || !same(got[i].Result, want[i].Result) {
			t.Errorf("%s: %+v, want %+v", name, got[i], want[i])
		}
	}
}

func TestAggregateParsedmarc(t *testing.T) {
	t.Parallel()
	broken := map[string]string{"invalid_xml.xml": "no well-formed XML", "empty.xml": "is empty"}
	files := 0
	for _, pattern := range []string{"aggregate/*", "aggregate_invalid/*", "extract_report/nice*", "*.xml"} {
		found, _ := filepath.Glob("testdata/parsedmarc/" + pattern)
		for _, file := range found {
			files++
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			report := Report{}
			if filepath.Ext(file) == ".eml" {
				report = mustRead(t, raw)
			} else if one, err := ReadAggregate(bytes.NewReader(raw)); err != nil {
				report.Err = err
			} else {
				report.DMARC = &one
			}
			if why := broken[filepath.Base(file)]; why != "" {
				if report.Err == nil || !strings.Contains(report.Err.Error(), why) {
					t.Errorf("%s: %v", file, report.Err)
				}
				continue
			}
			if report.Err != nil || report.DMARC == nil || len(report.DMARC.Rows) == 0 {
				t.Errorf("%s: %v", file, report.Err)
			}
		}
	}
	if files < 20 {
		t.Fatalf("%d files", files)
	}
}

// aggregateXML is a report with rows of our making.
func aggregateXML(declaration, rows string) string {
	return declaration + `<feedback><report_metadata><org_name>o</org_name><report_id>1</report_id><date_range><begin>100</begin><end>200</end></date_range></report_metadata><policy_published><domain>example.com</domain><p>none</p></policy_published>` + rows + `</feedback>`
}

const oneRow = `<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row><identifiers><header_from>Example.com</header_from></identifiers></record>`

func zipOf(t testing.TB, name string, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func gzipOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// T-22 of security.md: what is packed, deep, long or clever is refused, quickly and in a sentence.
func TestAggregateBounds(t *testing.T) {
	t.Parallel()
	spaces := bytes.Repeat([]byte(" "), 30<<20)
	deep := aggregateXML("", strings.Repeat("<a>", 100_000))
	var rows strings.Builder
	for i := range maxRows + 1 {
		fmt.Fprintf(&rows, "<record><row><source_ip>10.%d.%d.%d</source_ip><count>%d</count></row></record>", i>>16, i>>8&255, i*7&255, i*i%9973)
	}
	many := aggregateXML("", rows.String())
	for _, c := range []struct {
		name    string
		raw     []byte
		tooMuch bool
	}{
		{"gzip bomb", gzipOf(t, spaces), true},
		{"zip bomb", zipOf(t, "a.xml", spaces), true},
		{"gzip in zip bomb", zipOf(t, "a.gz", gzipOf(t, spaces)), true},
		{"too large", append([]byte("<feedback>"), spaces...), true},
		{"depth", []byte(deep), true},
		{"rows", gzipOf(t, []byte(many)), true},
		{"results", []byte(aggregateXML("", "<record><auth_results>"+strings.Repeat("<spf><domain>x</domain></spf>", 1000))), true},
		{"entities", []byte(aggregateXML(`<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;">]>`, "<record>&b;</record>")), false},
		{"external entity", []byte(aggregateXML(`<!DOCTYPE x SYSTEM "file:///etc/passwd">`, oneRow)), false},
		{"unknown entity", []byte(aggregateXML("", "<record>&nbsp;</record>")), false},
		{"no report", []byte("<html></html>"), false},
		{"nothing", nil, false},
		{"cut", []byte(aggregateXML("", oneRow)[:300]), false},
		{"crossed", []byte(`<feedback><report_metadata></feedback></report_metadata>`), false},
		{"negative count", []byte(aggregateXML("", strings.Replace(oneRow, ">1<", ">-1<", 1))), false},
		{"no address", []byte(aggregateXML("", strings.Replace(oneRow, "192.0.2.1", "localhost", 1))), false},
		{"zip without report", zipOf(t, "a.exe", []byte("MZ")), false},
		{"broken gzip", []byte("\x1f\x8bxx"), false},
	} {
		_, err := ReadAggregate(bytes.NewReader(c.raw))
		var tooLarge *TooLarge
		var bad *Unreadable
		if c.tooMuch && !errors.As(err, &tooLarge) || !c.tooMuch && !errors.As(err, &bad) {
			t.Errorf("%s: %T %v", c.name, err, err)
		}
		if c.name == "rows" && !strings.Contains(err.Error(), "rows") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAggregateForgives(t *testing.T) {
	t.Parallel()
	plain := aggregateXML("", oneRow)
	latin := aggregateXML(`<?xml version="1.0" encoding="iso-8859-1"?>`, oneRow)
	for name, raw := range map[string]string{
		"plain": plain, "byte order mark": "\xef\xbb\xbf" + plain, "namespace": strings.ReplaceAll(strings.ReplaceAll(plain, "<", "<d:"), "<d:/", "</d:"),
		"latin": strings.Replace(latin, ">o<", ">\xe9<", 1), "bad utf-8": strings.Replace(plain, ">o<", ">\xe9<", 1), "control": strings.Replace(plain, ">o<", ">\x01o<", 1),
		"unknown elements": strings.Replace(plain, "</feedback>", "<x><y>1</y></x></feedback>", 1), "upper case": strings.ToUpper(plain), "mapped": strings.Replace(plain, "192.0.2.1", "::ffff:192.0.2.1", 1),
		"zip": string(zipOf(t, "A.XML", []byte(plain))), "gzip": string(gzipOf(t, []byte(plain))), "gzip in zip": string(zipOf(t, "a.xml.gz", gzipOf(t, []byte(plain)))),
	} {
		r, err := ReadAggregate(strings.NewReader(raw))
		if err != nil || len(r.Rows) != 1 || r.Rows[0].SourceIP.String() != "192.0.2.1" || r.Rows[0].HeaderFrom != "example.com" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if name == "latin" && r.Org != "é" {
			t.Errorf("%s: org %q", name, r.Org)
		}
	}
	// A character on the seam of two reads is not torn.
	long := strings.Replace(plain, ">o<", ">"+strings.Repeat(" ", 32<<10)+"é<", 1)
	for shift := range 4 {
		if r, err := ReadAggregate(strings.NewReader(strings.Repeat(" ", shift) + long)); err != nil || strings.Contains(r.Org, "\uFFFD") {
			t.Errorf("seam %d: %q, %v", shift, r.Org, err)
		}
	}
}

// A broken report is announced with the reason; a source that breaks off is no fault of the report.
func TestAggregateInMail(t *testing.T) {
	t.Parallel()
	mail := "From: a@b.example\r\nSubject: Report Domain: example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: application/gzip; name=\"r!example.com!1!2.xml.gz\"\r\nContent-Disposition: attachment\r\n\r\nnot a gzip\r\n--x--\r\n"
	report := mustRead(t, []byte(mail))
	var bad *Unreadable
	if report.Kind != Aggregate || !errors.As(report.Err, &bad) {
		t.Errorf("%+v", report)
	}
	m, err := mailtext.Read(context.Background(), section([]byte(mail)), mailtext.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(done, section([]byte(mail)), m, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	ordinary := strings.Replace(strings.Replace(mail, "r!example.com!1!2.xml.gz", "holiday.zip", 1), "Report Domain: example.com", "Our holiday", 1)
	if report := mustRead(t, []byte(ordinary)); report.Kind != None {
		t.Errorf("an archive is taken for a report: %+v", report)
	}
}

func BenchmarkAggregate(b *testing.B) {
	raw, err := os.ReadFile("testdata/parsedmarc/aggregate/!large-example.com!1711897200!1711983600.xml")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadAggregate(bytes.NewReader(raw)); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleReadAggregate() {
	report, err := ReadAggregate(io.LimitReader(strings.NewReader(aggregateXML("", oneRow)), 1<<20))
	fmt.Println(report.Domain, report.Rows[0].SourceIP, report.Rows[0].Count, err)
	// Output: example.com 192.0.2.1 1 <nil>
}
