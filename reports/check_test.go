package reports

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/desk"
)

// checkReport checks the promises of Report.
func checkReport(t testing.TB, r Report) {
	t.Helper()
	if len(r.Recipients) > maxRecipients {
		t.Errorf("%d recipients", len(r.Recipients))
	}
	for _, one := range r.Recipients {
		if one.Action == "" || !isStatus(one.Status) {
			t.Errorf("action %q, status %q", one.Action, one.Status)
		}
		if one.Hard && (one.Action != desk.ActionFailed || one.Status[0] != '5') {
			t.Errorf("hard: %+v", one)
		}
		for _, text := range []string{one.Final, one.Original, one.Diagnostic, one.Host} {
			checkLine(t, text)
		}
	}
	for _, text := range []string{r.EnvelopeID, r.Reporter, r.Returned.Subject} {
		checkLine(t, text)
	}
	if r.Complaint != nil && (r.Complaint.Type == "" || r.Complaint.Incidents < 1) {
		t.Errorf("complaint: %+v", r.Complaint)
	}
	if all := fmt.Sprintf("%+v %+v %+v %+v", r, r.Complaint, r.DMARC, r.TLS); !utf8.ValidString(all) || strings.ContainsAny(all, "\x00\r") {
		t.Errorf("a field cannot be stored: %.300q", all)
	}
	if (r.Kind == Aggregate || r.Kind == TLS) && (r.Err == nil) != (r.DMARC != nil || r.TLS != nil) {
		t.Errorf("%s: report and error do not exclude each other: %v", r.Kind, r.Err)
	}
}

func checkLine(t testing.TB, text string) {
	t.Helper()
	if len(text) > maxShort+320 || strings.ContainsAny(text, "\r\n\x00\x1b") {
		t.Errorf("no line: %.100q", text)
	}
}
