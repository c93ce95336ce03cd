package jobs

import (
	"postern/identity"
	"postern/language"
)

func accountConnected(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("An account was connected"), []string{
		l.Say("An account at %s is connected with yours from now on: whoever can sign in there can sign in here.", p.Facts["provider"]), circumstances(l, p),
		l.Say("If it was not you, tell an admin of your desk, and disconnect it at once: %s", p.Public+"/you/accounts"),
	}
}

func accountDisconnected(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("An account was disconnected"), []string{
		l.Say("The account at %s opens yours no more.", p.Facts["provider"]), circumstances(l, p),
		l.Say("If it was not you, tell an admin of your desk at once."),
	}
}

func bypassLetter(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Your way in for an emergency"), []string{
		l.Say("Somebody asked for a way in past the provider by which your desk signs in. If it was you, open this link:"),
		p.Secret,
		l.Say("The link works once, until %s.", l.Minute(p.Until.In(p.Zone))), circumstances(l, p),
		l.Say("If it was not you, there is nothing to do: nobody gets in without this link. Never pass it on."),
	}
}

func bypassUsed(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("An owner came in by the emergency way"), []string{
		l.Say("You are an owner of this desk. Somebody signed in as an owner by a link for emergencies, and not by the provider."), circumstances(l, p),
		l.Say("If none of you did, another person can read an owner's mail or uses the machine: look into the audit log at %s", p.Public+"/audit"),
	}
}

func recoveredLetter(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("A way in was made on the server"), []string{
		l.Say("You are an owner of this desk. Somebody on the server itself made a link by which an owner can sign in once, within 15 minutes."), circumstances(l, p),
		l.Say("If nobody whom you know did, somebody else uses the server: look into the audit log at %s", p.Public+"/audit"),
	}
}
