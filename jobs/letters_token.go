package jobs

import (
	"postern/identity"
	"postern/language"
)

// tokensPage says where tokens are looked after.
func tokensPage(l *language.Language, p identity.PersonLetter) string {
	return l.Say("Your tokens stand here: %s", p.Public+"/tokens")
}

func tokenExposed(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	how := l.Say("It was sent to us without TLS, so that whoever was on the way could read it. The program that uses it has to be set to https.")
	if p.Facts["how"] == string(identity.ExposedLeak) {
		how = l.Say("It was found where others can read it, and reported to us. Where: %s", p.Facts["where"])
		if p.Facts["where"] == "" {
			how = l.Say("It was found where others can read it, and reported to us.")
		}
	}
	return l.Say("A token was revoked, since others may have it"), []string{
		l.Say("The token «%s» opens nothing any more.", p.Facts["token"]), how, circumstances(l, p),
		l.Say("Make a new one, and look through the audit log for what was done with the old one."), tokensPage(l, p),
	}
}

func tokenNetwork(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A token is used from a new place"), []string{
		l.Say("The token «%s» was used from a network from which it never came before.", p.Facts["token"]), circumstances(l, p),
		l.Say("If a program of yours has moved, there is nothing to do. If not, revoke the token at once."), tokensPage(l, p),
	}
}

func tokenOff(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A token was switched off, since nobody used it"), []string{
		l.Say("Nobody has used the token «%s» for long, so it was switched off.", p.Facts["token"]), circumstances(l, p),
		l.Say("If you still need it, switch it on again within 60 days. After that it ends for good."), tokensPage(l, p),
	}
}

func tokenEnds(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A token ends soon"), []string{
		l.Say("The token «%s» works until %s.", p.Facts["token"], l.Minute(p.Until.In(p.Zone))),
		l.Say("If its program is to go on, make a new token and give it that one before then."), tokensPage(l, p),
	}
}

func appReuse(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A connected app was disconnected"), []string{
		l.Say("Something that only the app «%s» should have was used twice, so one of the two who used it was not the app. Its connection to your account was ended.", p.Facts["app"]), circumstances(l, p),
		l.Say("If you still want to use the app, connect it again. If this comes again, tell an admin of your desk."), l.Say("Your connected apps stand here: %s", p.Public+"/apps"),
	}
}
