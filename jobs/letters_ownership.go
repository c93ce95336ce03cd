package jobs

import (
	"postern/desk"
	"postern/identity"
	"postern/language"
)

// becomesWords say what the owner who hands over is afterwards.
func becomesWords(l *language.Language, p identity.PersonLetter) string {
	if desk.Role(p.Facts["becomes"]) == desk.RoleAdmin {
		return l.Say("%s becomes an admin by it.", p.Facts["from"])
	}
	return l.Say("%s stays an owner.", p.Facts["from"])
}

func ownershipOffered(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("You are offered the ownership of a desk"), []string{
		l.Say("%s wants to make you an owner of the desk at %s. An owner may do everything there, and nobody but owners can take it from them.", p.Facts["from"], p.Public), circumstances(l, p),
		l.Say("You can accept or decline until %s, here: %s", l.Minute(p.Until.In(p.Zone)), p.Public+"/you/ownership"),
		l.Say("If you do not expect this, ask them on another way before you accept."),
	}
}

func ownersOffered(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("The ownership of your desk is offered to somebody"), []string{
		l.Say("You are an owner of this desk. %s offers %s to become an owner, too.", p.Facts["from"], p.Facts["to"]), becomesWords(l, p), circumstances(l, p),
		l.Say("Nothing changes until they accept. Every owner can withdraw the offer until then: %s", p.Public+"/security/ownership"),
	}
}

func ownershipWithdrawn(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("The offer of ownership was withdrawn"), []string{
		l.Say("%s had offered %s to become an owner of the desk at %s. The offer was withdrawn; nothing has changed.", p.Facts["from"], p.Facts["to"], p.Public), circumstances(l, p),
	}
}

func ownershipDeclined(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Your offer of ownership was declined"), []string{
		l.Say("%s does not want to become an owner of the desk at %s. Nothing has changed.", p.Facts["to"], p.Public), circumstances(l, p),
	}
}

func ownershipAccepted(l *language.Language, p identity.PersonLetter) (subject string, text []string) {
	return l.Say("Your desk has a new owner"), []string{
		l.Say("%s is an owner of the desk at %s from now on: they have accepted what %s had offered them.", p.Facts["to"], p.Public, p.Facts["from"]), becomesWords(l, p), circumstances(l, p),
		l.Say("If this is not right, another owner can change it back at once: %s", p.Public+"/people"),
	}
}
