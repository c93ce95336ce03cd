package desk

import (
	"testing"
	"time"
)

func TestWhyTold(t *testing.T) {
	me, other := int64(7), int64(8)
	verb := func(verb, to string) HappeningDetail { return HappeningDetail{Events: []Event{{Verb: verb, To: to}}} }
	for _, test := range []struct {
		what   string
		kind   HappeningKind
		actor  *int64
		detail HappeningDetail
		tie    Tie
		taken  bool
		want   NotificationKind
	}{
		{"what one does oneself is no news", HappenedNoted, &me, HappeningDetail{}, Tie{Mentioned: true, Assignee: true}, true, ""},
		{"a mention counts more than watching", HappenedNoted, &other, HappeningDetail{}, Tie{Mentioned: true, Watcher: true}, true, NotifyMentioned},
		{"given to me", HappenedChanged, &other, verb("assigned", "Me"), Tie{Name: "Me", Assignee: true}, true, NotifyAssigned},
		{"given to me by a rule", HappenedChanged, nil, verb("assigned", "Me"), Tie{Name: "Me", Assignee: true}, true, NotifyAssigned},
		{"given to somebody else", HappenedChanged, &other, verb("assigned", "Bo"), Tie{Name: "Me", Member: true}, true, ""},
		{"the customer wrote on mine", HappenedJoined, nil, HappeningDetail{}, Tie{Assignee: true, Watcher: true}, true, NotifyAnswered},
		{"the customer's machine wrote (T-OOO)", HappenedJoined, nil, HappeningDetail{Automatic: true}, Tie{Assignee: true, Watcher: true}, true, ""},
		{"the customer wrote on one that I watch", HappenedJoined, nil, HappeningDetail{}, Tie{Watcher: true}, true, NotifyFollowed},
		{"the customer wrote on one that nobody has", HappenedJoined, nil, HappeningDetail{}, Tie{Member: true}, false, NotifyTeam},
		{"new for my team", HappenedCreated, nil, HappeningDetail{}, Tie{Member: true}, false, NotifyTeam},
		{"new for my team, and a colleague has it", HappenedCreated, nil, HappeningDetail{}, Tie{Member: true}, true, ""},
		{"given to my team", HappenedChanged, &other, verb("team", "Second line"), Tie{Member: true}, false, NotifyTeam},
		{"a colleague answered on mine", HappenedReplied, &other, HappeningDetail{}, Tie{Assignee: true}, true, NotifyFollowed},
		{"a colleague answered on one that I watch", HappenedReplied, &other, HappeningDetail{}, Tie{Watcher: true}, true, NotifyFollowed},
		{"a colleague changed tags on one that I watch", HappenedChanged, &other, verb("tagged", "x"), Tie{Watcher: true}, true, ""},
		{"a colleague solved one that I watch", HappenedChanged, &other, verb("status", "solved"), Tie{Watcher: true}, true, NotifyFollowed},
		{"my answer bounced", HappenedBounced, nil, HappeningDetail{}, Tie{Author: true}, true, NotifyBounced},
		{"an answer on mine bounced, told by a machine", HappenedBounced, nil, HappeningDetail{Automatic: true}, Tie{Assignee: true}, true, NotifyBounced},
		{"a target of mine was missed", HappenedChanged, nil, verb("missed", "answer"), Tie{Assignee: true}, true, NotifyTarget},
		{"a target was missed on one that nobody has", HappenedChanged, nil, verb("missed", "answer"), Tie{Member: true}, false, NotifyTarget},
		{"mine woke", HappenedChanged, nil, verb("woken", ""), Tie{Assignee: true}, true, NotifyWoken},
		{"none of my business", HappenedReplied, &other, HappeningDetail{}, Tie{}, true, ""},
	} {
		test.tie.User = me
		if got := WhyTold(test.kind, test.actor, test.detail, test.tie, test.taken); got != test.want {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
}

func TestMailAt(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		when     NotifyWhen
		at, want string
	}{
		{"", "2026-11-29T10:07:00Z", "2026-11-29T10:09:00Z"},
		{NotifySoon, "2026-11-29T10:07:00Z", "2026-11-29T10:09:00Z"},
		{NotifyHourly, "2026-11-29T10:07:00Z", "2026-11-29T11:00:00Z"},
		{NotifyHourly, "2026-11-29T11:00:00Z", "2026-11-29T12:00:00Z"},
		{NotifyDaily, "2026-11-29T06:30:00Z", "2026-11-29T07:00:00Z"}, // half past seven in Rome
		{NotifyDaily, "2026-11-29T07:00:00Z", "2026-11-30T07:00:00Z"},
		{NotifyDaily, "2026-11-29T22:00:00Z", "2026-11-30T07:00:00Z"},
		{NotifyDaily, "2026-03-28T12:00:00Z", "2026-03-29T06:00:00Z"}, // the clocks go forward that night
	} {
		at, _ := time.Parse(time.RFC3339, test.at)
		if got := (Wishes{When: test.when}).MailAt(at, rome).UTC().Format(time.RFC3339); got != test.want {
			t.Errorf("%s of %s: %s, want %s", test.when, test.at, got, test.want)
		}
	}
}

func TestWishes(t *testing.T) {
	w := Wishes{By: map[NotificationKind]NotifyBy{NotifyTeam: NotifyOff}}
	if w.Of(NotifyTeam) != NotifyOff || w.Of(NotifyAssigned) != NotifyPortal || w.Check() != nil {
		t.Error("what was not chosen is told behind the bell, and nowhere else")
	}
	for _, wrong := range []Wishes{{By: map[NotificationKind]NotifyBy{"x": NotifyOff}}, {By: map[NotificationKind]NotifyBy{NotifyTeam: "x"}}, {When: "x"}} {
		if wrong.Check() == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
