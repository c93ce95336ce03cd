package jobs

import (
	"postern/identity"
	"postern/language"
)

// ifNotYou says what to do about a change that somebody else made.
func ifNotYou(l *language.Language, p identity.PersonLetter) string {
	return l.Say("If it was not you, somebody else can use your account. Tell an admin of your desk, and set a new password at once: %s", p.Public+"/sign-in/reset")
}

func passwordChanged(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Your password was changed"), []string{
		l.Say("The password of your account was changed."), circumstances(l, p), ifNotYou(l, p),
	}
}

func passwordSet(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("An admin has set your password"), []string{
		l.Say("Somebody who administers your desk has set a password for your account. They will tell you what it is; at your first sign-in with it you choose another one, which only you know."),
		circumstances(l, p), l.Say("Your other sessions have ended."),
	}
}

func passwordReset(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Choose a new password"), []string{
		l.Say("Somebody asked for a new password for your account. If it was you, open this link and choose one:"),
		p.Secret,
		l.Say("The link works once, until %s.", l.Minute(p.Until.In(p.Zone))), circumstances(l, p),
		l.Say("If it was not you, there is nothing to do: your password stays as it is, and nobody can change it without this link. Never pass it on."),
	}
}

func resetByAdmin(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Choose a new password"), []string{
		l.Say("Somebody who administers your desk asks you to choose a new password. Open this link:"),
		p.Secret,
		l.Say("The link works once, until %s.", l.Minute(p.Until.In(p.Zone))), circumstances(l, p),
		l.Say("Nobody else learns what you choose. Never pass this link on."),
	}
}

func addressChanged(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("The address of your account was changed"), []string{
		l.Say("Your account has another address from now on. This letter goes to the one that it had so far; letters from us do not come here any more."), circumstances(l, p),
		l.Say("If it was not you, tell an admin of your desk at once."),
	}
}

func passwordMust(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Please choose a new password soon"), []string{
		l.Say("The rules for passwords of your desk have become stricter. When you sign in next, your password is compared with them; if it does not keep them, you choose another one then."),
		l.Say("From %s on everybody chooses a new one who has not signed in by then.", l.Minute(p.At.AddDate(0, 0, 5).In(p.Zone))),
		l.Say("Sign in here: %s", p.Public+"/sign-in"),
	}
}

func passwordLoosened(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("The rules for passwords are weaker now"), []string{
		l.Say("You are an owner of this desk. Its rules for passwords have become weaker."), circumstances(l, p),
		l.Say("The rules stand here: %s", p.Public+"/security/passwords"),
	}
}

func adminsSetPassword(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Who may set passwords has changed"), []string{
		l.Say("You are an owner of this desk. Whether admins may set passwords of others was changed."), circumstances(l, p),
		l.Say("The switch stands here: %s", p.Public+"/security/passwords"),
	}
}
