package jobs

import (
	"postern/desk"
	"postern/identity"
	"postern/language"
)

// factorWords name a kind of second factor in the middle of a sentence.
func factorWords(l *language.Language, p identity.PersonLetter) string {
	switch desk.FactorKind(p.Facts["kind"]) {
	case desk.FactorPasskey:
		return l.Say("a passkey")
	case desk.FactorSMS:
		return l.Say("a telephone")
	}
	return l.Say("an authenticator app")
}

// strangerHasPassword says what to do when somebody came as far as the second factor.
func strangerHasPassword(l *language.Language, p identity.PersonLetter) string {
	return l.Say("If it was not you, somebody knows your password. Tell an admin of your desk, and set a new one at once: %s", p.Public+"/sign-in/reset")
}

func factorAdded(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A second factor was added to your account"), []string{
		l.Say("From now on your account can be opened with %s, too.", factorWords(l, p)), circumstances(l, p), ifNotYou(l, p),
		l.Say("What you have is listed here: %s", p.Public+"/you/security/factors"),
	}
}

func factorRemoved(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A second factor was removed from your account"), []string{
		l.Say("Your account cannot be opened with %s any more that you had. Your other sessions have ended.", factorWords(l, p)), circumstances(l, p), ifNotYou(l, p),
		l.Say("What you have is listed here: %s", p.Public+"/you/security/factors"),
	}
}

func factorGuessed(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Wrong codes for your account"), []string{
		l.Say("Somebody gave the right password for your account, or had your session, and then five wrong codes in a row. Codes of that kind are not taken for a quarter of an hour; a passkey and recovery codes are."),
		circumstances(l, p), strangerHasPassword(l, p),
	}
}

func passkeyCopied(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A passkey of yours may have been copied"), []string{
		l.Say("A passkey of your account was used that counts fewer uses than we know of: there may be a copy of it. We did not let it in."), circumstances(l, p),
		l.Say("Remove it, and add another one: %s", p.Public+"/you/security/factors"),
	}
}

func recoveryMade(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("New recovery codes for your account"), []string{
		l.Say("New recovery codes were made. Those that you had do not work any more."), circumstances(l, p), ifNotYou(l, p),
	}
}

func recoveryUsed(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A recovery code was used for your account"), []string{
		l.Say("Somebody signed in with one of your recovery codes. It does not work any more."), circumstances(l, p), strangerHasPassword(l, p),
	}
}

func recoveryIssued(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A recovery code was made for you"), []string{
		l.Say("Somebody who administers your desk has made a code by which you get in once without your second factor, within 24 hours. They tell you what it is; it is not in this letter."), circumstances(l, p),
		l.Say("If you have not asked for it, tell an owner of your desk at once."),
	}
}

func ownersRecovery(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Somebody was given a recovery code"), []string{
		l.Say("You are an owner of this desk. %s was given a code by which one gets in once without a second factor. How it was made sure that it is really them is in the audit log.", p.Facts["address"]), circumstances(l, p),
		l.Say("The audit log: %s", p.Public+"/audit"),
	}
}

func signInCode(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Your code to sign in"), []string{
		l.Say("Somebody signs in to your account from a browser that we do not know. If it is you, type this code there:"),
		"    " + p.Secret,
		l.Say("It works until %s, and only there.", l.Minute(p.Until.In(p.Zone))), circumstances(l, p), strangerHasPassword(l, p),
		l.Say("Nobody of us will ever ask you for this code."),
	}
}
