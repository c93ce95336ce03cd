package desk

import (
	"testing"
	"time"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	past := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	ann, sales := int64(7), int64(3)
	s := Situation{
		When: WhenOpened, Now: now, LastCustomer: past(90 * time.Minute),
		Ticket: Ticket{Subject: "Refund for Order 12", Status: StatusOpen, Priority: PriorityHigh, MailboxID: 5, AssigneeID: &ann, TeamID: &sales, Tags: []string{"billing", "vip"},
			Fields: map[string]string{"Order": "A-12"}, HasAttachment: true, CreatedAt: now.Add(-49 * time.Hour), WaitingSince: past(5 * time.Hour)},
		Message: &Message{Text: "I want my\nmoney back!", FromAddress: "carol@shop.customer.test"},
		Facts:   MessageFacts{Trust: TrustVerified},
		Header:  map[string][]string{"X-Shop-Id": {"12", "14"}},
	}
	yes, no := true, false
	for _, c := range []struct {
		Condition
		met bool
	}{
		{Condition{Of: OfSubject, Is: Contains, Value: "refund"}, yes},
		{Condition{Of: OfSubject, Is: Lacks, Value: "refund"}, no},
		{Condition{Of: OfSubject, Is: Is, Value: "refund for order 12"}, yes},
		{Condition{Of: OfSubject, Is: IsNot, Value: "refund"}, yes},
		{Condition{Of: OfSubject, Is: Begins, Value: "refund"}, yes},
		{Condition{Of: OfSubject, Is: Ends, Value: "12"}, yes},
		{Condition{Of: OfSubject, Is: Matches, Value: `order \d+$`}, yes},
		{Condition{Of: OfSubject, Is: Matches, Value: `order [a-z]+$`}, no},
		{Condition{Of: OfText, Is: Contains, Value: "MONEY BACK"}, yes},
		{Condition{Of: OfText, Is: Matches, Value: "my.money"}, yes},
		{Condition{Of: OfSender, Is: Is, Value: "Carol@shop.customer.test"}, yes},
		{Condition{Of: OfDomain, Is: Is, Value: "shop.customer.test"}, yes},
		{Condition{Of: OfDomain, Is: Ends, Value: ".customer.test"}, yes},
		{Condition{Of: OfMailbox, Is: Is, Value: "5"}, yes},
		{Condition{Of: OfMailbox, Is: IsNot, Value: "5"}, no},
		{Condition{Of: OfTag, Is: Is, Value: "vip"}, yes},
		{Condition{Of: OfTag, Is: IsNot, Value: "vip"}, no},
		{Condition{Of: OfTag, Is: Is, Value: "vi"}, no},
		{Condition{Of: OfStatus, Is: Is, Value: "open"}, yes},
		{Condition{Of: OfPriority, Is: IsNot, Value: "low"}, yes},
		{Condition{Of: OfAssignee, Is: Is, Value: "7"}, yes},
		{Condition{Of: OfAssignee, Is: Is, Value: "0"}, no},
		{Condition{Of: OfTeam, Is: Is, Value: "3"}, yes},
		{Condition{Of: OfField, Name: "Order", Is: Begins, Value: "a-"}, yes},
		{Condition{Of: OfField, Name: "Size", Is: Is, Value: ""}, yes},
		{Condition{Of: OfTrust, Is: Is, Value: "verified"}, yes},
		{Condition{Of: OfAutomatic, Is: Is, Value: "no"}, yes},
		{Condition{Of: OfAttachment, Is: Is, Value: "yes"}, yes},
		{Condition{Of: OfHeader, Name: "x-shop-id", Is: Is, Value: "14"}, yes},
		{Condition{Of: OfHeader, Name: "x-shop-id", Is: IsNot, Value: "14"}, no},
		{Condition{Of: OfHeader, Name: "X-None", Is: Contains, Value: "x"}, no},
		{Condition{Of: OfHeader, Name: "X-None", Is: Lacks, Value: "x"}, yes},
		{Condition{Of: OfHours, Is: Is, Value: "open"}, no},
		{Condition{Of: OfHours, Is: Is, Value: "closed"}, yes},
		{Condition{Of: OfAge, Is: MoreThan, Value: "2d"}, yes},
		{Condition{Of: OfAge, Is: LessThan, Value: "2d"}, no},
		{Condition{Of: OfWaiting, Is: MoreThan, Value: "5h"}, no}, // five hours are not more than five hours
		{Condition{Of: OfWaiting, Is: MoreThan, Value: "299m"}, yes},
		{Condition{Of: OfSinceCustomer, Is: LessThan, Value: "2h"}, yes},
		{Condition{Of: OfSinceReply, Is: MoreThan, Value: "1m"}, no}, // nobody has answered: nothing has passed
		{Condition{Of: OfSinceReply, Is: LessThan, Value: "1m"}, no},
	} {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c.Condition, err)
		}
		if got := c.judge(s); got.Met != c.met {
			t.Errorf("%+v: %v, it saw %q", c.Condition, got.Met, got.Saw)
		}
	}
}

func TestARuleActsWhenItLooksAndItsConditionsAreMet(t *testing.T) {
	t.Parallel()
	met, not := Condition{Of: OfStatus, Is: Is, Value: "open"}, Condition{Of: OfStatus, Is: Is, Value: "new"}
	s := Situation{When: WhenOpened, Ticket: Ticket{Status: StatusOpen}}
	for name, c := range map[string]struct {
		match Match
		when  Trigger
		list  []Condition
		want  bool
	}{
		"all, none asked": {MatchAll, WhenOpened, nil, true},
		"all met":         {MatchAll, WhenOpened, []Condition{met, met}, true},
		"all, one not":    {MatchAll, WhenOpened, []Condition{met, not}, false},
		"any, one met":    {MatchAny, WhenOpened, []Condition{not, met}, true},
		"any, none met":   {MatchAny, WhenOpened, []Condition{not, not}, false},
		"another moment":  {MatchAll, WhenNoted, []Condition{met}, false},
	} {
		rule := Automation{Match: c.match, When: []Trigger{c.when}, If: c.list}
		if got, findings := rule.Judge(s); got != c.want || len(findings) != len(c.list) {
			t.Errorf("%s: %v, %d findings", name, got, len(findings))
		}
	}
}

func TestRulesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	good := func() Automation {
		return Automation{Name: "x", When: []Trigger{WhenOpened}, Match: MatchAll, Then: []Action{{Do: ActStatus, Value: "open"}}}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Automation){
		"no name":                  func(a *Automation) { a.Name = "" },
		"a name on two lines":      func(a *Automation) { a.Name = "a\nb" },
		"never":                    func(a *Automation) { a.When = nil },
		"at an unknown moment":     func(a *Automation) { a.When = []Trigger{"soon"} },
		"any of none":              func(a *Automation) { a.Match = MatchAny },
		"nothing to do":            func(a *Automation) { a.Then = nil },
		"taking":                   func(a *Automation) { a.Then = []Action{{Do: ActTake}} },
		"an unknown action":        func(a *Automation) { a.Then = []Action{{Do: "explode"}} },
		"an unknown status":        func(a *Automation) { a.Then = []Action{{Do: ActStatus, Value: "lost"}} },
		"no tags":                  func(a *Automation) { a.Then = []Action{{Do: ActAddTags, Value: " "}} },
		"no reply":                 func(a *Automation) { a.Then = []Action{{Do: ActReply}} },
		"an unknown placeholder":   func(a *Automation) { a.Then = []Action{{Do: ActNote, Value: "{{x}}"}} },
		"no span":                  func(a *Automation) { a.Then = []Action{{Do: ActSnooze, Value: "soon"}} },
		"too long a span":          func(a *Automation) { a.Then = []Action{{Do: ActSnooze, Value: "400d"}} },
		"an unknown subject":       func(a *Automation) { a.If = []Condition{{Of: "mood", Is: Is, Value: "good"}} },
		"a comparison that is off": func(a *Automation) { a.If = []Condition{{Of: OfStatus, Is: Contains, Value: "open"}} },
		"nothing to look for":      func(a *Automation) { a.If = []Condition{{Of: OfSubject, Is: Contains}} },
		"a broken expression":      func(a *Automation) { a.If = []Condition{{Of: OfSubject, Is: Matches, Value: "("}} },
		"a header without a name":  func(a *Automation) { a.If = []Condition{{Of: OfHeader, Is: Contains, Value: "x"}} },
		"time without a span":      func(a *Automation) { a.When = []Trigger{WhenTime} },
		"time, any of": func(a *Automation) {
			a.When, a.Match, a.If = []Trigger{WhenTime}, MatchAny, []Condition{{Of: OfAge, Is: MoreThan, Value: "1h"}}
		},
		"time, less than a span": func(a *Automation) {
			a.When, a.If = []Trigger{WhenTime}, []Condition{{Of: OfAge, Is: LessThan, Value: "1h"}}
		},
	} {
		rule := good()
		if change(&rule); rule.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
