package reports

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"

	"postern/desk"
)

const (
	maxRows    = 100_000
	maxDepth   = 32
	maxResults = 20 // DKIM or SPF results, or reasons, of one row
	maxErrors  = 20
	maxCount   = 1 << 50
)

// ReadAggregate reads a DMARC aggregate report (RFC 7489 Appendix C, RFC 9990 Appendix A) as XML, or that in gzip or zip. Namespaces, case and the order of elements do not matter, elements that it does not know are passed over, and bytes that are not in the encoding they claim become U+FFFD.
// A report needs an identifier, a time, a policy domain, and an address in every row. Its errors are *Unreadable, *TooLarge, or those of src.
func ReadAggregate(src io.Reader) (desk.DMARCReport, error) {
	plain, err := unpack(src)
	if err != nil {
		return desk.DMARCReport{}, err
	}
	a := aggregate{decoder: newDecoder(plain)}
	if err := a.read(); err != nil {
		return desk.DMARCReport{}, err
	}
	return a.report, a.check()
}

func newDecoder(src io.Reader) *xml.Decoder {
	decoder := xml.NewDecoder(&utf8Reader{src: src})
	decoder.CharsetReader = charset
	return decoder
}

// charset undoes the encoding that the XML declaration names. Broken UTF-8 has been mended before.
func charset(label string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return input, nil
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("encoding %q is not known", short(label))
	}
	return enc.NewDecoder().Reader(input), nil
}

// element is an open element: its name in lower case, and its path below <feedback>.
type element struct{ name, path string }

// aggregate reads the XML as a stream of tokens and holds no tree.
type aggregate struct {
	decoder *xml.Decoder
	report  desk.DMARCReport
	path    []element
	text    strings.Builder
	row     desk.DMARCRow
	ended   bool // </feedback> was seen
	bad     error
}

// read reads up to the end of <feedback>; what follows it, if anything, is the reporter's mishap. Checking the nesting is left to RawToken's caller.
func (a *aggregate) read() error {
	for a.bad == nil && !a.ended {
		token, err := a.decoder.RawToken()
		switch {
		case err == io.EOF && len(a.path) == 0:
			return &Unreadable{Reason: "The report is empty."}
		case err == io.EOF:
			return unreadable(io.ErrUnexpectedEOF, "The report ends in the middle.")
		case err != nil:
			return unreadable(err, "The report is no well-formed XML.")
		}
		switch t := token.(type) {
		case xml.Directive:
			return &Unreadable{Reason: "The report has a document type; reports have none, and what it could define is not wanted."}
		case xml.StartElement:
			a.open(strings.ToLower(t.Name.Local))
		case xml.CharData:
			if a.text.Len() < maxShort*4 {
				a.text.Write(t[:min(len(t), maxShort*4)])
			}
		case xml.EndElement:
			a.close(strings.ToLower(t.Name.Local))
		}
	}
	return a.bad
}

func (a *aggregate) fail(format string, values ...any) {
	if a.bad == nil {
		a.bad = &Unreadable{Reason: fmt.Sprintf(format, values...)}
	}
}

func (a *aggregate) open(name string) {
	a.text.Reset()
	if len(a.path) == 0 && name == "schema" { // some wrap the report in the beginning of its schema
		return
	}
	if len(a.path) == 0 && name != "feedback" {
		a.fail("The report is no DMARC report: it begins with <%s>.", short(name))
	}
	path := ""
	if len(a.path) == 1 {
		path = name
	} else if len(a.path) > 1 {
		path = a.path[len(a.path)-1].path + "/" + name
	}
	if a.path = append(a.path, element{name, path}); len(a.path) > maxDepth || len(path) > 1000 {
		a.bad = &TooLarge{fmt.Sprintf("The elements of the report are nested more than %d deep.", maxDepth)}
		return
	}
	row := &a.row
	switch path {
	case "record":
		*row = desk.DMARCRow{}
	case "record/auth_results/dkim":
		row.DKIMResults = append(row.DKIMResults, desk.DMARCResult{})
	case "record/auth_results/spf":
		row.SPFResults = append(row.SPFResults, desk.DMARCResult{})
	case "record/row/policy_evaluated/reason":
		row.Reasons = append(row.Reasons, desk.DMARCReason{})
	}
	if len(row.DKIMResults) > maxResults*5 || len(row.SPFResults) > maxResults*5 || len(row.Reasons) > maxResults*5 {
		a.bad = &TooLarge{fmt.Sprintf("A row of the report has more than %d results.", maxResults*5)}
	}
}

func (a *aggregate) close(name string) {
	if len(a.path) == 0 || a.path[len(a.path)-1].name != name {
		a.fail("The report is no well-formed XML: </%s> closes nothing.", short(name))
		return
	}
	at, text := a.path[len(a.path)-1].path, short(a.text.String())
	a.text.Reset()
	a.path = a.path[:len(a.path)-1]
	a.ended = len(a.path) == 0
	switch {
	case at == "record":
		a.finishRow()
	case strings.HasPrefix(at, "record/auth_results/") || strings.HasPrefix(at, "record/row/policy_evaluated/reason/"):
		a.result(at, text)
	case strings.HasPrefix(at, "record/"):
		a.field(at, text)
	default:
		a.head(at, text)
	}
}

// head takes what stands before the rows.
func (a *aggregate) head(at, text string) {
	r, lower := &a.report, strings.ToLower(text)
	switch at {
	case "report_metadata/org_name":
		r.Org = text
	case "report_metadata/email":
		r.Email = text
	case "report_metadata/report_id":
		r.ReportID = strings.Trim(text, "<>")
	case "report_metadata/date_range/begin":
		r.Begin = a.second("begin", text)
	case "report_metadata/date_range/end":
		r.End = a.second("end", text)
	case "report_metadata/error":
		if text != "" && len(r.Errors) < maxErrors {
			r.Errors = append(r.Errors, text)
		}
	case "policy_published/domain":
		r.Domain = strings.TrimSuffix(lower, ".")
	case "policy_published/p":
		r.Policy.P = lower
	case "policy_published/sp":
		r.Policy.SP = lower
	case "policy_published/np":
		r.Policy.NP = lower
	case "policy_published/adkim":
		r.Policy.ADKIM = lower
	case "policy_published/aspf":
		r.Policy.ASPF = lower
	case "policy_published/pct":
		r.Policy.Pct = lower
	case "policy_published/testing":
		r.Policy.T = lower
	case "policy_published/fo":
		r.Policy.FO = lower
	}
}

// field takes a part of a row that occurs once.
func (a *aggregate) field(at, text string) {
	row, lower := &a.row, strings.ToLower(text)
	switch strings.TrimPrefix(at, "record/") {
	case "row/source_ip":
		row.SourceIP = address(text)
		if !row.SourceIP.IsValid() {
			a.fail("Row %d of the report has no IP address but %q.", len(a.report.Rows)+1, text)
		}
	case "row/count":
		count, err := strconv.ParseInt(text, 10, 64)
		if err != nil || count < 0 || count > maxCount {
			a.fail("Row %d of the report counts %q mails.", len(a.report.Rows)+1, text)
		}
		row.Count = count
	case "row/policy_evaluated/disposition":
		row.Disposition = lower
	case "row/policy_evaluated/dkim":
		row.DKIM = lower
	case "row/policy_evaluated/spf":
		row.SPF = lower
	case "identifiers/header_from", "identities/header_from": // the second from an early draft
		row.HeaderFrom = lower
	case "identifiers/envelope_from", "identities/envelope_from":
		row.EnvelopeFrom = lower
	case "identifiers/envelope_to", "identities/envelope_to":
		row.EnvelopeTo = lower
	}
}

// result takes a part of the newest result or reason of a row.
func (a *aggregate) result(at, text string) {
	row, lower := &a.row, strings.ToLower(text)
	group, name, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(at, "record/auth_results/"), "record/row/policy_evaluated/"), "/")
	if !ok {
		return
	}
	if group == "reason" {
		reason := &row.Reasons[len(row.Reasons)-1]
		switch name {
		case "type":
			reason.Type = lower
		case "comment":
			reason.Comment = text
		}
		return
	}
	var one *desk.DMARCResult
	switch group {
	case "dkim":
		one = &row.DKIMResults[len(row.DKIMResults)-1]
	case "spf":
		one = &row.SPFResults[len(row.SPFResults)-1]
	default:
		return
	}
	switch name {
	case "domain":
		one.Domain = strings.TrimSuffix(lower, ".")
	case "selector":
		one.Selector = lower
	case "scope":
		one.Scope = lower
	case "result":
		one.Result = lower
	case "human_result":
		one.Human = text
	}
}

// finishRow keeps a row. Programs write empty reasons and results; they say nothing.
func (a *aggregate) finishRow() {
	row := a.row
	row.DKIMResults, row.SPFResults = some(row.DKIMResults), some(row.SPFResults)
	row.Reasons = some(row.Reasons)
	switch {
	case !row.SourceIP.IsValid():
		a.fail("Row %d of the report has no IP address.", len(a.report.Rows)+1)
	case len(a.report.Rows) >= maxRows:
		a.bad = &TooLarge{fmt.Sprintf("The report has more than %d rows.", maxRows)}
	default:
		a.report.Rows = append(a.report.Rows, row)
	}
}

// some are the first maxResults of those that say something.
func some[T comparable](list []T) []T {
	var empty T
	var kept []T
	for _, one := range list {
		if one != empty && len(kept) < maxResults {
			kept = append(kept, one)
		}
	}
	return kept
}

// second reads a time in seconds since 1970.
func (a *aggregate) second(what, text string) time.Time {
	whole, _, _ := strings.Cut(text, ".")
	at, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || at < 0 || at > 253402300799 { // the last of the year 9999
		a.fail("The %s of the report is %q, which is no time.", what, text)
		return time.Time{}
	}
	return time.Unix(at, 0).UTC()
}

// check says what a report lacks that nothing can be done without.
func (a *aggregate) check() error {
	r := &a.report
	switch {
	case r.ReportID == "":
		return &Unreadable{Reason: "The report has no identifier."}
	case r.Begin.IsZero() || r.End.IsZero() || r.End.Before(r.Begin):
		return &Unreadable{Reason: "The report does not say which time it is about."}
	case r.Domain == "":
		return &Unreadable{Reason: "The report does not say which domain it is about."}
	}
	return nil
}

// utf8Reader replaces bytes that are no UTF-8, for the decoder refuses a report with one of them. Text in another encoding is left alone: its declaration is seen first.
type utf8Reader struct {
	src  io.Reader
	held []byte // checked, not yet read
	tail []byte // the beginning of a character
	off  bool   // the report names another encoding, and means it
	seen bool
	err  error
}

func (u *utf8Reader) Read(p []byte) (int, error) {
	for len(u.held) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.fill()
	}
	n := copy(p, u.held)
	u.held = u.held[n:]
	return n, nil
}

// fill checks the next piece.
func (u *utf8Reader) fill() {
	buffer := make([]byte, 32<<10)
	kept := copy(buffer, u.tail)
	n, err := io.ReadAtLeast(u.src, buffer[kept:], 1)
	buffer, u.tail = buffer[:kept+n], nil
	if u.err = err; errors.Is(err, io.ErrUnexpectedEOF) {
		u.err = io.EOF
	}
	if !u.seen {
		u.seen = true
		u.off = otherEncoding(buffer)
		buffer = trimBOM(buffer)
	}
	if u.off {
		u.held = buffer
		return
	}
	if u.err == nil {
		whole := wholeRunes(buffer)
		u.tail = append([]byte(nil), buffer[whole:]...)
		buffer = buffer[:whole]
	}
	u.held = []byte(strings.Map(xmlRune, string(buffer))) // Map makes U+FFFD of what is no UTF-8
}
