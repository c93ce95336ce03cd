package intake

import (
	"testing"
	"time"

	"postern/desk"
	"postern/reports"
)

// TestScreen is the manual of what is held back and refused before anybody asks which ticket a mail belongs to (behaviour §4, §5).
func TestScreen(t *testing.T) {
	t.Parallel()
	usual := view{Source: desk.FromSMTP, Hostname: "mail.example.com", From: "anna@customer.example", Level: desk.DMARCSuspend, Policy: desk.DefaultPolicy(), Hourly: 1}
	failing := desk.Method{Result: desk.ResultFail, Domain: "customer.example", Policy: "reject"}
	rule := func(action desk.RuleAction) *desk.SenderRule {
		return &desk.SenderRule{Pattern: "customer.example", Action: action}
	}
	spam := desk.Opinion{Action: "add header", Score: 7}
	const refused, later = desk.Cause("refused"), desk.Cause("later")
	for _, test := range []struct {
		name   string
		change func(*view)
		want   desk.Cause
	}{
		{"an ordinary mail", func(*view) {}, ""},
		{"unreadable", func(v *view) { v.Unreadable = "It is empty." }, desk.CauseUnprocessable},
		{"for nobody here", func(v *view) { v.NoMailbox = true }, desk.CauseUnprocessable},
		{"our own automatic mail", func(v *view) { v.Loops = []string{"mail.example.com"} }, desk.CauseLoop},
		{"somebody else's loop mark", func(v *view) { v.Loops = []string{"desk.other.example"} }, ""},
		{"From is our mailbox", func(v *view) { v.FromUs = true }, desk.CauseLoop},
		{"released, whatever speaks against it", func(v *view) {
			v.Source, v.FromUs, v.DMARC, v.Opinion, v.Rule = desk.FromRelease, true, failing, desk.Opinion{Malware: []string{"x"}}, rule(desk.RuleSuspend)
		}, ""},
		{"released, but unreadable", func(v *view) { v.Source, v.Unreadable = desk.FromRelease, "It is empty." }, desk.CauseUnprocessable},

		{"an agent without proof", func(v *view) { v.FromAgent = true }, desk.CauseAgentSpoof},
		{"an agent without proof, where DMARC is off", func(v *view) { v.FromAgent, v.Level = true, desk.DMARCOff }, desk.CauseAgentSpoof},
		{"an agent with proof", func(v *view) { v.FromAgent, v.Verified = true, true }, ""},
		{"our domain without proof (T-33)", func(v *view) { v.FromOwned = true }, desk.CauseAuth},
		{"our domain with proof", func(v *view) { v.FromOwned, v.Verified = true, true }, ""},
		{"DMARC fails under reject", func(v *view) { v.DMARC = failing }, desk.CauseAuth},
		{"DMARC fails under reject, and an ARC sealer vouches", func(v *view) { v.DMARC, v.Verified = failing, true }, ""},
		{"DMARC fails under none", func(v *view) { v.DMARC = desk.Method{Result: desk.ResultFail, Policy: "none"} }, ""},
		{"DMARC fails, monitored", func(v *view) { v.DMARC, v.Level = failing, desk.DMARCMonitor }, ""},
		{"DMARC fails, refused", func(v *view) { v.DMARC, v.Level = failing, desk.DMARCReject }, refused},
		{"DMARC could not be asked", func(v *view) {
			v.DMARC, v.Level = desk.Method{Result: desk.ResultTempError, Policy: "reject"}, desk.DMARCReject
		}, ""},
		{"an allowed sender is no proof", func(v *view) { v.DMARC, v.Rule = failing, rule(desk.RuleAllow) }, desk.CauseAuth},

		{"malware", func(v *view) { v.Opinion = desk.Opinion{Malware: []string{"Eicar"}} }, desk.CauseMalware},
		{"malware of an allowed sender", func(v *view) {
			v.Opinion, v.Rule = desk.Opinion{Malware: []string{"Eicar"}}, rule(desk.RuleAllow)
		}, desk.CauseMalware},
		{"spam", func(v *view) { v.Opinion = spam }, desk.CauseSpam},
		{"a score of nobody", func(v *view) { v.Opinion = desk.Opinion{Score: 7} }, ""},
		{"spam of an allowed sender", func(v *view) { v.Opinion, v.Rule = spam, rule(desk.RuleAllow) }, ""},
		{"spam beyond the limit of refusal", func(v *view) { v.Opinion, v.Policy.SpamReject = desk.Opinion{Action: "reject", Score: 20}, 15 }, refused},
		{"a milter refuses", func(v *view) { v.Opinion = desk.Opinion{Refused: "no"} }, refused},
		{"a milter puts off", func(v *view) { v.Opinion = desk.Opinion{Deferred: "not now"} }, later},
		{"a milter wants it held", func(v *view) { v.Opinion = desk.Opinion{Quarantined: "odd"} }, desk.CauseSpam},
		{"a filter is silent", func(v *view) { v.Opinion = desk.Opinion{Silent: []desk.Silence{{Filter: "clamd"}}} }, ""},
		{"a filter is silent, and mail waits for it", func(v *view) {
			v.Opinion, v.Policy.FilterDown = desk.Opinion{Silent: []desk.Silence{{Filter: "clamd"}}}, desk.FilterDownDefer
		}, later},
		{"a filter cannot take it: waiting would not help", func(v *view) {
			v.Opinion, v.Policy.FilterDown = desk.Opinion{Silent: []desk.Silence{{Filter: "clamd", Unable: true}}}, desk.FilterDownDefer
		}, ""},
		{"somebody else's sign-in code (T-11)", func(v *view) { v.Code = "It carries a code." }, desk.CauseCode},

		{"blocked", func(v *view) { v.Rule = rule(desk.RuleSuspend) }, desk.CauseBlocked},
		{"rejected", func(v *view) { v.Rule = rule(desk.RuleReject) }, refused},
		{"on a block list of the DNS", func(v *view) { v.Listed = []string{"zen.example"} }, desk.CauseSpam},
		{"on a block list, and allowed", func(v *view) { v.Listed, v.Rule = []string{"zen.example"}, rule(desk.RuleAllow) }, ""},
		{"too much", func(v *view) { v.Hourly = 201 }, desk.CauseRateLimit},
		{"too much of an allowed sender", func(v *view) { v.Hourly, v.Rule = 201, rule(desk.RuleAllow) }, ""},
		{"too much by a machine", func(v *view) { v.Hourly, v.Automatic = 21, true }, desk.CauseLoop},
		{"no limit", func(v *view) { v.Hourly, v.Policy.PerSender = 100_000, 0 }, ""},
	} {
		v := usual
		test.change(&v)
		held := screen(v)
		got := held.cause
		switch {
		case held.refused != "" && held.later:
			got = later
		case held.refused != "":
			got = refused
		case held.cause != "" && held.evidence == "":
			t.Errorf("%s: held for %s without evidence", test.name, held.cause)
		}
		if got != test.want {
			t.Errorf("%s: %q (%s%s), want %q", test.name, got, held.evidence, held.refused, test.want)
		}
	}
}

func TestHoldStranger(t *testing.T) {
	t.Parallel()
	crowd := view{Source: desk.FromSMTP, Policy: desk.DefaultPolicy(), Recipients: 49}
	for name, test := range map[string]struct {
		change func(*view)
		want   desk.Cause
	}{
		"to a crowd":             {func(*view) {}, desk.CauseRecipients},
		"to as many as may be":   {func(v *view) { v.Recipients = 48 }, ""},
		"proved":                 {func(v *view) { v.Verified = true }, ""},
		"allowed":                {func(v *view) { v.Rule = &desk.SenderRule{Action: desk.RuleAllow} }, ""},
		"released":               {func(v *view) { v.Source = desk.FromRelease }, ""},
		"brought by an operator": {func(v *view) { v.Source, v.Verified = desk.FromFile, true }, ""},
	} {
		v := crowd
		test.change(&v)
		if got := holdStranger(v).cause; got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestHoldUnmatched(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		report   reports.Kind
		auto     string
		mailFrom string
		source   desk.Source
		want     desk.Cause
	}{
		"a bounce of nothing of ours": {reports.Delivery, "", "", desk.FromSMTP, desk.CauseBackscatter},
		"a complaint about nothing":   {reports.Feedback, "", "fbl@isp.example", desk.FromSMTP, desk.CauseBackscatter},
		"somebody is away":            {reports.Answer, "auto-replied", "x@y.example", desk.FromSMTP, desk.CauseBackscatter},
		"an automatic answer":         {"", "auto-replied", "x@y.example", desk.FromSMTP, desk.CauseBackscatter},
		"the null sender":             {"", "", "", desk.FromSMTP, desk.CauseBackscatter},
		"a monitor":                   {"", "auto-generated", "x@y.example", desk.FromSMTP, ""},
		"out of a file":               {"", "", "", desk.FromFile, ""},
		"released":                    {reports.Delivery, "auto-replied", "", desk.FromRelease, ""},
	} {
		if got := holdUnmatched(test.report, test.auto, test.mailFrom, test.source).cause; got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestRatesForgetAfterAnHour(t *testing.T) {
	t.Parallel()
	var r rates
	at := newClock()
	for range 10 {
		r.count("a", at(0))
	}
	if n := r.count("a", at(40)); n != 11 { // minutes later
		t.Errorf("%d after 40 minutes", n)
	}
	if n := r.count("a", at(135)); n != 1 {
		t.Errorf("%d after more than two hours", n)
	}
	if n := r.count("b", at(136)); n != 1 {
		t.Errorf("%d of another", n)
	}
}

// newClock is a clock of minutes.
func newClock() func(minutes int) time.Time {
	begun := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	return func(minutes int) time.Time { return begun.Add(time.Duration(minutes) * time.Minute) }
}
