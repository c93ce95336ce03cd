package portal

import "postern/desk"

// securityPlace is one card on a page that leads to others.
type securityPlace struct {
	Title, Path, Says string
	right             desk.Right // that it needs
}

// securityPlaces are the pages about accounts and access, for those who look after them.
var securityPlaces = []securityPlace{
	{"Sessions and devices", "/security/sessions", "How long people stay signed in, and who is told of new devices.", desk.MayReadSecurity},
	{"Where people come from", "/security/addresses", "Which addresses the desk and its API can be opened from.", desk.MayReadSecurity},
	{"Audit log", "/audit", "Every change and every sign-in. Nothing in it can be changed or taken out.", desk.MayReadAudit},
}

// ownSecurityPlaces are the pages about one's own sign-in.
var ownSecurityPlaces = []securityPlace{
	{"Name, address, password", "/you", "What you sign in with.", desk.SignedIn},
	{"API tokens", "/tokens", "Programs that act for you.", desk.MayHoldTokens},
}

// securityPage is a page of cards.
type securityPage struct {
	page
	Places []securityPlace
}

// securityShow leads to all that decides who comes in and what they may do.
func (p *Portal) securityShow(c *call) error {
	return p.cardsPage(c, "Accounts and access", "/security", securityPlaces)
}

// ownSecurityShow leads to all that decides how the person signs in who is signed in.
func (p *Portal) ownSecurityShow(c *call) error {
	return p.cardsPage(c, "Your sign-in", "/you/security", ownSecurityPlaces)
}

// cardsPage renders the cards that the reader may follow.
func (p *Portal) cardsPage(c *call, title, path string, places []securityPlace) error {
	frame, err := p.framed(c, title, path)
	if err != nil {
		return err
	}
	answer := securityPage{page: frame}
	for _, one := range places {
		if c.actor.Can(one.right) {
			answer.Places = append(answer.Places, securityPlace{Title: c.lang.Say(one.Title), Path: one.Path, Says: c.lang.Say(one.Says)})
		}
	}
	return p.show(c, "security", answer)
}
