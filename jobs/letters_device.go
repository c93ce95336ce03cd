package jobs

import (
	"postern/identity"
	"postern/language"
)

func newDevice(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A sign-in from a new device"), []string{
		l.Say("Somebody signed in to your account from a device that was not seen before."), circumstances(l, p),
		l.Say("If it was you, there is nothing to do. If it was not, say so here, and everybody who is signed in as you is signed out at once:"),
		p.Secret,
	}
}

func notMe(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Somebody signed in as one of your people"), []string{
		l.Say("You are an owner of this desk. One of your people says that a sign-in to their account was not theirs. Their sessions, devices and API tokens have ended, and their password is good for nothing any more."),
		circumstances(l, p), l.Say("What was done with the account until then is in the audit log: %s", p.Public+"/audit"),
	}
}
