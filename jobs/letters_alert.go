package jobs

import (
	"postern/audit"
	"postern/identity"
	"postern/language"
)

// alertRaised tells owners and admins what a detector found. It says no more than that: who reads the mail on the way learns little, and the page has the rest.
func alertRaised(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	what := l.Say(audit.DetectorWords[audit.Detector(p.Facts["detector"])])
	text = []string{l.Say("Postern has noticed something that you should look at: %s (%s).", what, p.Facts["about"]), circumstances(l, p)}
	switch audit.Remedy(p.Facts["done"]) {
	case audit.Throttle:
		text = append(text, l.Say("They may ask for little for a while."))
	case audit.SignOut:
		text = append(text, l.Say("All sessions of the person were ended."))
	case audit.Suspend:
		text = append(text, l.Say("The person was disabled. An admin can enable them again under People."))
	}
	return l.Say("Alert: %s", what), append(text, l.Say("What is known of it stands here: %s", p.Public+"/security/alerts"))
}
