package desk

import (
	"math"
	"net/netip"
	"testing"
	"time"
)

func TestRules(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	past, future := now.Add(-time.Minute), now.Add(time.Minute)
	rules := NewRules([]SenderRule{
		{Pattern: "bad@one.example", Action: RuleSuspend}, {Pattern: "one.example", Action: RuleAllow}, {Pattern: "*.two.example", Action: RuleSuspend},
		{Pattern: "x@a.two.example", Action: RuleReject}, {Pattern: "192.0.2.0/24", Action: RuleSuspend}, {Pattern: "2001:db8::/32", Action: RuleReject},
		{Pattern: "over.example", Action: RuleReject, ExpiresAt: &past}, {Pattern: "still.example", Action: RuleReject, ExpiresAt: &future},
	})
	for name, test := range map[string]struct {
		sender Sender
		want   RuleAction
	}{
		"nobody named":                    {Sender{From: "a@b.example"}, ""},
		"allowed beats suspended":         {Sender{From: "bad@one.example", Proved: true}, RuleAllow},
		"allowed, but not proved":         {Sender{From: "bad@one.example"}, RuleSuspend},
		"allowed by the return path only": {Sender{From: "a@b.example", MailFrom: "a@one.example", Proved: true}, ""},
		"a domain is not its subdomains":  {Sender{From: "a@sub.one.example"}, ""},
		"below a domain":                  {Sender{From: "a@deep.a.two.example"}, RuleSuspend},
		"*. is not the domain itself":     {Sender{From: "a@two.example"}, ""},
		"the worse of two":                {Sender{From: "x@a.two.example"}, RuleReject},
		"by the return path":              {Sender{From: "a@b.example", MailFrom: "x@a.two.example"}, RuleReject},
		"by the address of the client":    {Sender{From: "a@b.example", IP: netip.MustParseAddr("192.0.2.7")}, RuleSuspend},
		"by the same, mapped into IPv6":   {Sender{From: "a@b.example", IP: netip.MustParseAddr("::ffff:192.0.2.7")}, RuleSuspend},
		"by an IPv6 network":              {Sender{From: "a@b.example", IP: netip.MustParseAddr("2001:db8::1")}, RuleReject},
		"a rule that is over":             {Sender{From: "a@over.example"}, ""},
		"a rule that is not over yet":     {Sender{From: "a@still.example"}, RuleReject},
		"no address at all":               {Sender{}, ""},
		"an address of a hundred domains": {Sender{From: "a@" + "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.two.example"}, ""},
	} {
		rule, found := rules.Match(test.sender, now)
		if rule.Action != test.want || found != (test.want != "") {
			t.Errorf("%s: %q, want %q", name, rule.Action, test.want)
		}
	}
	var none *Rules
	if _, found := none.Match(Sender{From: "a@b.example"}, now); found {
		t.Error("no rules found one")
	}
}

func TestCanonicalPattern(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" Anna@Example.COM ": "anna@example.com", "Example.com": "example.com", "*.Example.com": "*.example.com", "192.0.2.7": "192.0.2.7/32",
		"192.0.2.77/24": "192.0.2.0/24", "2001:db8::1": "2001:db8::1/128",
		"": "", "*": "", "com": "", "*@example.com": "", "a b@example.com": "", "exa mple.com": "", "192.0.2.7/33": "", "-": "", "a@": "", "@example.com": "",
	} {
		got, err := CanonicalPattern(text)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestPolicyIsChecked(t *testing.T) {
	t.Parallel()
	if err := DefaultPolicy().Check(); err != nil {
		t.Errorf("the policy of the first minute: %v", err)
	}
	for name, change := range map[string]func(*Policy){
		"days": func(p *Policy) { p.SuspendedDays = 91 }, "no days": func(p *Policy) { p.SuspendedDays = 0 }, "down": func(p *Policy) { p.FilterDown = "lose" },
		"digest": func(p *Policy) { p.Digest = "monthly" }, "score": func(p *Policy) { p.SpamSuspend = 0 }, "no number": func(p *Policy) { p.SpamSuspend = math.NaN() }, "endless": func(p *Policy) { p.SpamReject = math.Inf(1) }, "refusal below": func(p *Policy) { p.SpamReject = 3 },
		"rate": func(p *Policy) { p.PerSender = -1 }, "automatic": func(p *Policy) { p.PerAutomatic = -1 }, "crowd": func(p *Policy) { p.StrangerRecipients = 0 },
		"sealer": func(p *Policy) { p.ARCSealers = []string{"not a domain"} }, "sealers": func(p *Policy) { p.ARCSealers = make([]string, 101) },
	} {
		policy := DefaultPolicy()
		change(&policy)
		if policy.Check() == nil {
			t.Errorf("%s: nothing is wrong with %+v", name, policy)
		}
	}
}
