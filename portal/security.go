package portal

import (
	"slices"

	"postern/desk"
)

// securityPlace is one line on a page that leads to others. One without a path is the heading of those that follow.
type securityPlace struct {
	Title, Path, Says string
	right             desk.Right // that it needs
}

// securityPlaces are the pages about accounts and access, for those who look after them.
var securityPlaces = []securityPlace{
	{Title: "Who comes in, and how"},
	{"Signing in", providersPath, "Passwords, codes, and who else may vouch for people: OpenID Connect, Google, Microsoft, SAML, JWT.", desk.MayReadSecurity},
	{"Passwords", "/security/passwords", "What passwords have to be, who may set them, and how forgotten ones are replaced.", desk.MayReadSecurity},
	{"Second factors", factorReportPath, "Who has to show more than a password, and who has what.", desk.MayReadSecurity},
	{"Sessions and devices", "/security/sessions", "How long people stay signed in, and who is told of new devices.", desk.MayReadSecurity},
	{"Where people come from", "/security/addresses", "Which addresses the desk and its API can be opened from.", desk.MayReadSecurity},
	{"Ownership", ownershipPath, "Make somebody else an owner, and stay one or become an admin.", desk.MayOwn},
	{"Guests", guestsPath, "Somebody who helps you for hours or days, and is gone by themselves after it.", desk.MayOwn},
	{"Who sees what", delegationSettingsPath, "Whether guests are let in, customers are told who looks, and being copied shows a conversation.", desk.MayReadSecurity},
	{"See as a customer", impersonatePath, "Look at the pages for customers in the place of one of them.", desk.MayImpersonate},
	{Title: "Programs"},
	{"Apps that people may connect", "/security/clients", "Programs that ask people to let them in, and what they may ask for.", desk.MayManageClients},
	{"Service accounts", "/security/services", "Accounts for programs that belong to nobody in particular.", desk.MayManageTokens},
	{"API and limits", "/security/api", "How long tokens work, and how much may be asked.", desk.MayReadSecurity},
	{Title: "What happens and what happened"},
	{"Alerts", "/security/alerts", "What looks like an attack, or like somebody who may do too much.", desk.MayReadAudit},
	{"Audit log", "/audit", "Every change and every sign-in. Nothing in it can be changed or taken out.", desk.MayReadAudit},
	{"Who read what", "/audit/readings", "The log of readings, where it is kept.", desk.MayReadAudit},
	{"Where the log is sent", "/audit/sinks", "Syslog, a webhook or a file, in which the audit log cannot be changed from here.", desk.MayReadAudit},
}

// ownSecurityPlaces are the pages about one's own sign-in.
var ownSecurityPlaces = []securityPlace{
	{"Second factors", factorsPath, "Authenticator app, passkeys, recovery codes.", desk.SignedIn},
	{"Name and address", "/you", "What others see, and what you sign in with.", desk.SignedIn},
	{"Password", "/you/password", "Choose another one.", desk.SignedIn},
	{"Devices and sessions", "/you/devices", "Where you are signed in.", desk.SignedIn},
	{"Connected accounts", "/you/accounts", "Accounts elsewhere by which you sign in.", desk.SignedIn},
	{Title: "Programs"},
	{"API tokens", "/tokens", "Programs that act for you.", desk.MayHoldTokens},
	{"Connected apps", "/apps", "Programs that you have let in by OAuth.", desk.MayHoldTokens},
}

// securityGroup is a heading, or none, and the places under it.
type securityGroup struct {
	Title  string
	Places []securityPlace
}

// securityPage is a page of such lines.
type securityPage struct {
	page
	Groups []securityGroup
}

// securityShow leads to all that decides who comes in and what they may do.
func (p *Portal) securityShow(c *call) error {
	return p.cardsPage(c, "Accounts and access", "/security", securityPlaces)
}

// ownSecurityShow leads to all that decides how the person signs in who is signed in.
func (p *Portal) ownSecurityShow(c *call) error {
	places, err := p.withOffers(c, ownSecurityPlaces)
	if err != nil {
		return err
	}
	return p.cardsPage(c, "Your sign-in", "/you/security", places)
}

// cardsPage renders the lines that the reader may follow, and no heading over nothing.
func (p *Portal) cardsPage(c *call, title, path string, places []securityPlace) error {
	frame, err := p.framed(c, title, path)
	if err != nil {
		return err
	}
	answer, under := securityPage{page: frame}, securityGroup{}
	for _, one := range append(slices.Clone(places), securityPlace{}) { // the last, without a name, ends the last group
		switch {
		case one.Path == "":
			if len(under.Places) > 0 {
				answer.Groups = append(answer.Groups, under)
			}
			under = securityGroup{Title: c.lang.Say(one.Title)}
		case c.actor.Can(one.right):
			under.Places = append(under.Places, securityPlace{Title: c.lang.Say(one.Title), Path: one.Path, Says: c.lang.Say(one.Says)})
		}
	}
	return p.show(c, "security", answer)
}
