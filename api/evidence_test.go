package api_test

import (
	"net/http"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// file puts a message with these facts onto a ticket, as intake does.
func (o *office) file(t *testing.T, ticket int64, facts desk.MessageFacts) (message int64) {
	t.Helper()
	now := time.Now()
	err := o.store.FileMails(t.Context(), store.Lookup{Need: store.Numbers{Messages: 1}}, func(found store.Found) (*store.Filing, error) {
		message = found.MessageIDs[0]
		return &store.Filing{
			Touches:  []store.TicketTouch{{ID: ticket, Status: desk.StatusOpen, At: now}},
			Messages: []store.NewMessageRow{{ID: message, TicketID: ticket, Kind: desk.KindInbound, FromAddress: customerEmail, Subject: "x", At: now, Facts: facts}},
		}, nil
	})
	must(t, err)
	return message
}

// T-AUTH: who wrote a mail is told with all that was found out, to staff; a customer learns nothing of it.
func TestMessageTellsItsEvidence(t *testing.T) {
	t.Parallel()
	o := open(t)
	ticket := o.started(t, customerEmail, "Evidence")
	verdict := desk.Unchecked("")
	verdict.ARC = desk.Method{Result: desk.ResultPass, Domain: "list.example"}
	verdict.Rescued = "list.example"
	verdict.DKIM = []desk.Method{{Result: desk.ResultFail}, {Result: desk.ResultTempError}}
	verdict.Helo.Result, verdict.IPRev.Result = desk.ResultSoftFail, desk.ResultPermError
	full := o.file(t, ticket, desk.MessageFacts{
		Verdict: &verdict, Trust: desk.TrustVerified, Opinion: &desk.Opinion{Score: 2.5, Action: "no action"}, Released: desk.CauseSpam,
		Warnings:  []desk.Warning{{Kind: "look-alike", Text: "It looks like another."}},
		Forwarded: &desk.Forwarded{By: "agnes@example.com", Form: "inline", Note: 7},
		Returned:  &desk.Returned{Kind: "failed", Message: 9, Recipients: []string{customerEmail}, Status: "5.1.1", Hard: true, Words: "no such user"},
	})
	shown := o.get(t, "agent", at("/messages/%d", full)).want(http.StatusOK)
	for want, path := range map[any][]any{
		"pass": {"auth", "arc"}, "list.example": {"auth", "rescued"}, "verified": {"auth", "trust"}, "softfail": {"auth", "helo"}, "permerror": {"auth", "iprev"}, "fail": {"auth", "dkim"},
		"temperror": {"auth", "checks", "dkim", 1, "result"}, 2.5: {"opinion", "score"}, "look-alike": {"warnings", 0, "kind"}, "spam": {"released"},
		"agnes@example.com": {"forwarded", "by"}, "no such user": {"returned", "words"}, "5.1.1": {"returned", "status"},
	} {
		if got := shown.value(path...); got != want {
			t.Errorf("%v is %v, want %v", path, got, want)
		}
	}
	plain := o.get(t, "agent", at("/messages/%d", o.file(t, ticket, desk.MessageFacts{Opinion: &desk.Opinion{}}))).want(http.StatusOK)
	theirs := o.get(t, "customer", at("/messages/%d", full)).want(http.StatusOK)
	for _, field := range []string{"auth", "opinion", "warnings", "released", "forwarded", "returned"} {
		if plain.value(field) != nil {
			t.Errorf("%s of a mail without it is %v", field, plain.value(field))
		}
		if theirs.value(field) != nil {
			t.Errorf("a customer sees %s: %v", field, theirs.value(field))
		}
	}
}
