package reports

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postern/desk"
	"postern/mailtext"
)

// section wraps bytes as the source of a mail.
func section(raw []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(raw), 0, int64(len(raw)))
}

// returnPath is the envelope sender as the mailbox recorded it. A mail without a record gets one of a person: the harder case.
func returnPath(raw []byte) string {
	for _, f := range slices.Concat(blocks(string(beforeBody(raw)))...) {
		if f.name == "return-path" {
			return strings.Trim(f.value, "<> \t")
		}
	}
	return "somebody@example.invalid"
}

// mustRead reads the report of a mail and checks what holds for all.
func mustRead(t testing.TB, raw []byte) Report {
	t.Helper()
	mail, err := mailtext.Read(context.Background(), section(raw), mailtext.Limits{})
	if err != nil {
		t.Fatalf("mailtext: %v", err)
	}
	report, err := Read(context.Background(), section(raw), mail, returnPath(raw))
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	checkReport(t, report)
	return report
}

// expectation is a row of expected.tsv.
type expectation struct {
	file, status, reason string
	index, code          int
	hard                 bool
}

func expectations(t *testing.T) []expectation {
	t.Helper()
	raw, err := os.ReadFile("testdata/bounces/expected.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var all []expectation
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n")[1:] {
		cells := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if len(cells) != 6 {
			t.Fatalf("row %q", line)
		}
		index, _ := strconv.Atoi(cells[1])
		code, _ := strconv.Atoi(cells[3])
		all = append(all, expectation{file: cells[0], index: index, status: cells[2], code: code, reason: cells[4], hard: cells[5] == "true"})
	}
	return all
}

// meanings translate the reasons of expected.tsv. A bounce that one author files under one word, another files under its neighbour, so some have several; 'undefined' and 'on hold' are silence.
var meanings = map[string][]desk.Reason{
	"userunknown": {desk.ReasonUserUnknown}, "hostunknown": {desk.ReasonHostUnknown}, "hasmoved": {desk.ReasonMoved}, "notaccept": {desk.ReasonNoMail}, "mailboxfull": {desk.ReasonMailboxFull},
	"filtered": {desk.ReasonFiltered}, "rejected": {desk.ReasonSenderRefused}, "blocked": {desk.ReasonBlocked}, "requireptr": {desk.ReasonReverseDNS}, "expired": {desk.ReasonExpired, desk.ReasonNetwork}, "spamdetected": {desk.ReasonSpam},
	"networkerror": {desk.ReasonNetwork}, "suspend": {desk.ReasonSuspended}, "securityerror": {desk.ReasonPolicy}, "policyviolation": {desk.ReasonPolicy}, "systemerror": {desk.ReasonSystem}, "mailererror": {desk.ReasonSystem},
	"authfailure": {desk.ReasonAuthentication}, "delivered": {desk.ReasonDelivered}, "mesgtoobig": {desk.ReasonTooLarge}, "exceedlimit": {desk.ReasonTooLarge}, "syntaxerror": {desk.ReasonSyntax}, "norelaying": {desk.ReasonRelayDenied},
	"virusdetected": {desk.ReasonVirus}, "failedstarttls": {desk.ReasonTLS}, "contenterror": {desk.ReasonContent}, "notcompliantrfc": {desk.ReasonPolicy, desk.ReasonSpam}, "onhold": {desk.ReasonNone},
}

// pseudo says whether a status of expected.tsv was made up by its author, where the mail has none: 5.0.9xx.
func pseudo(status string) bool { return strings.Contains(status, ".0.9") }

// rate counts how many rows of one field are as expected.
type rate struct {
	name        string
	right, rows int
	missed      []string
}

func (r *rate) count(right bool, miss string) {
	r.rows++
	if right {
		r.right++
	} else {
		r.missed = append(r.missed, miss)
	}
}

func (r *rate) part() float64 { return float64(r.right) / float64(max(r.rows, 1)) }

// T-DSN over real bounces. How a row is compared:
//   - recipient: the mail names at least that many, and the one at that place is not empty. expected.tsv does not hold addresses.
//   - status: the same code; where the expected one is made up (5.0.9xx), the same class if a reply code is expected, and any otherwise, for then the class is the author's guess, too.
//   - code: the same reply code, for the rows that have one.
//   - hard and reason as they are, reason after translation.
func TestDSNCorpus(t *testing.T) {
	t.Parallel()
	read := map[string]Report{}
	recipient, status, class, code, hard, reason := rate{name: "recipient"}, rate{name: "status"}, rate{name: "class"}, rate{name: "code"}, rate{name: "hard"}, rate{name: "reason"}
	for _, want := range expectations(t) {
		report, ok := read[want.file]
		if !ok {
			raw, err := os.ReadFile(filepath.Join("testdata/bounces/mail", want.file))
			if err != nil {
				t.Fatal(err)
			}
			report = mustRead(t, raw)
			read[want.file] = report
		}
		kind := Delivery
		switch want.reason {
		case "feedback":
			kind = Feedback
		case "vacation":
			kind = Answer
		}
		if report.Kind != kind {
			t.Errorf("%s is %q, not %q", want.file, report.Kind, kind)
			continue
		}
		if kind != Delivery {
			continue
		}
		name := want.file + " #" + strconv.Itoa(want.index)
		if len(report.Recipients) < want.index {
			recipient.count(false, name)
			continue
		}
		got := report.Recipients[want.index-1]
		recipient.count(len(got.Addresses()) > 0, name)
		said := name + ": " + got.Status + " " + string(got.Reason) + ", not " + want.status + " " + want.reason + ": " + got.Diagnostic
		status.count(got.Status == want.status || pseudo(want.status) && (want.code == 0 || got.Status[0] == want.status[0]), said)
		class.count(got.Status[0] == want.status[0], said)
		if want.code != 0 {
			code.count(got.Code == want.code, name+": "+strconv.Itoa(got.Code)+", not "+strconv.Itoa(want.code)+": "+got.Diagnostic)
		}
		hard.count(got.Hard == want.hard, said)
		reason.count(slices.Contains(meanings[want.reason], got.Reason), said)
	}
	for _, r := range []*rate{&recipient, &status, &class, &code, &hard, &reason} {
		t.Logf("%-10s %d of %d, %.1f %%", r.name, r.right, r.rows, 100*r.part())
		if testing.Verbose() {
			for _, miss := range r.missed {
				t.Logf("   %s: %.260s", r.name, miss)
			}
		}
	}
	for _, r := range []*rate{&recipient, &status, &code, &hard} {
		if r.part() < 0.95 {
			t.Errorf("%s: %.1f %%, less than 95 %%", r.name, 100*r.part())
		}
	}
	if reason.part() < 0.85 {
		t.Errorf("reason: %.1f %%, less than 85 %%", 100*reason.part())
	}
}

// Every mail of the corpus that is a bounce by its name is one, whether or not expected.tsv has a row for it.
func TestDSNEveryMailIsRecognised(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bounces/mail/*.eml")
	if err != nil || len(files) < 300 {
		t.Fatalf("%d mails, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		report := mustRead(t, raw)
		if report.Kind == None {
			t.Errorf("%s reports nothing", file)
		}
		if report.Kind == Delivery && len(report.Recipients) == 0 {
			t.Errorf("%s names nobody", file)
		}
		t.Logf("%s: %s %+v %+v", filepath.Base(file), report.Kind, report.Recipients, report.Returned)
	}
}

// genuine are mails of the other corpora that are what they are taken for, and one of not-bounces: a notice that no form of ours reads, which calls itself an automatic answer.
var genuine = map[string]Kind{
	"badbound.msg": Delivery, "multi_address_bounce1.eml": Delivery, "multi_address_bounce2.eml": Delivery, "raw_email_with_mimepart_without_content_type.eml": Delivery, "report_422.eml": Delivery, "report_530.eml": Delivery,
	"rb-issue-368-bug.eml": Answer,
}

func TestDSNOrdinaryMailIsNone(t *testing.T) {
	t.Parallel()
	raws := map[string][]byte{}
	for _, root := range []string{"testdata/bounces/not-bounces", "../mailtext/testdata/mail-parser", "../mailtext/testdata/mime4j", "../mailtext/testdata/ruby-mail", "../mailtext/testdata/reply-crisp", "../mailtext/testdata/reply-github"} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !slices.Contains([]string{".eml", ".msg", ".txt"}, filepath.Ext(path)) {
				return err
			}
			raws[filepath.ToSlash(path)], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(raws) < 400 {
		t.Fatalf("only %d mails", len(raws))
	}
	t.Logf("%d mails", len(raws))
	for path, raw := range raws {
		mail, err := mailtext.Read(context.Background(), section(raw), mailtext.Limits{})
		if err != nil {
			continue
		}
		report, err := Read(context.Background(), section(raw), mail, returnPath(raw))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		checkReport(t, report)
		if report.Kind != genuine[filepath.Base(path)] {
			t.Errorf("%s is taken for %s: %+v", path, report.Kind, report)
		}
	}
}
