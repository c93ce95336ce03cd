package jobs

import (
	"time"

	"postern/desk"
	"postern/identity"
	"postern/language"
)

// guestFacts says who the guest is, with which role, why and until when, a line each.
func guestFacts(l *language.Language, p identity.PersonLetter) string {
	ends, err := time.Parse(time.RFC3339, p.Facts["ends"])
	until := ""
	if err == nil {
		until = l.Minute(ends.In(p.Zone))
	}
	text := ""
	for _, one := range []struct{ text, value string }{{"Guest: %s", p.Facts["email"]}, {"Role: %s", p.Facts["role"]}, {"Why: %s", p.Facts["reason"]}, {"Until: %s", until}} {
		text += "    " + l.Say(one.text, one.value) + "\n"
	}
	return text + circumstances(l, p)
}

func guestComes(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A guest was let in to your desk"), []string{
		l.Say("You are an owner of the desk at %s. Somebody was let in there for a while, to help.", p.Public), guestFacts(l, p),
		l.Say("It ends by itself. Every owner can end it before: %s", p.Public+"/security/guests"),
	}
}

func guestGone(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	how := l.Say("The time of a guest at %s is over. All that they could come in with was taken away.", p.Public)
	switch desk.GuestEnd(p.Facts["how"]) {
	case desk.GuestByOwner:
		how = l.Say("The time of a guest at %s was ended. All that they could come in with was taken away.", p.Public)
	case desk.GuestBySwitch:
		how = l.Say("Guests were switched off at %s, and so this one ended. All that they could come in with was taken away.", p.Public)
	}
	return l.Say("A guest of your desk has gone"), []string{how, guestFacts(l, p), l.Say("What they did stands in the audit log: %s", p.Public+"/audit")}
}
