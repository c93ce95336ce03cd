package portal

import (
	"net/url"
	"strings"
	"unicode"

	"postern/desk"
	"postern/tickets"
)

// chooser asks whose ticket it is. Suggested is whom the agent may make it with one click.
type chooser struct {
	Number    int64
	By        string // an agent, whose mail named no customer that could be read (T-FWD); empty: nothing is wrong
	Suggested []suggestion
}

// suggestion is somebody as a button.
type suggestion struct {
	Label string
	Value string // as parseAddresses reads it
}

const (
	mostSuggested  = 6
	longestScanned = 32 << 10 // bytes of a mail in which addresses are looked for
)

// chooserOf looks who else the customer could be. Where one of our own people is, since the customer could not be read out of the mail that they sent in, their mail is looked through for addresses.
func chooserOf(open *ticketPage, staff []desk.User) chooser {
	asks := chooser{Number: open.Ticket.ID}
	ours := map[string]bool{desk.Canonical(open.Ticket.RequesterAddress): true, desk.Canonical(open.Ticket.MailboxAddress): true}
	names := map[string]string{}
	for _, user := range staff {
		email := desk.Canonical(user.Email)
		ours[email], names[email] = true, user.Name
	}
	var people []desk.Address
	if newest := newestMail(open.Cards); newest != nil {
		by := names[desk.Canonical(newest.FromAddress)]
		if by != "" && newest.Facts.Forwarded == nil && names[desk.Canonical(open.Ticket.RequesterAddress)] != "" && open.MergedIn == 0 && !open.Ticket.Status.Ended() {
			asks.By = by
			people = append(addressesIn(newest.Text+"\n"+newest.Quoted), append(newest.To, newest.Cc...)...)
		}
	}
	for _, person := range open.People {
		people = append(people, desk.Address{Name: person.Name, Addr: person.Address})
	}
	for _, person := range people {
		base, _ := desk.CutSubaddress(person.Addr)
		if key := desk.Canonical(person.Addr); !ours[key] && !ours[desk.Canonical(base)] && len(asks.Suggested) < mostSuggested {
			ours[key] = true
			asks.Suggested = append(asks.Suggested, suggestion{person.Label(), formatAddress(person)})
		}
	}
	return asks
}

// newestMail is the newest mail that came in from a person, or nil.
func newestMail(cards []card) *card {
	for i := len(cards) - 1; i >= 0; i-- {
		if cards[i].Kind == desk.KindInbound && cards[i].Facts.Automatic == "" {
			return &cards[i]
		}
	}
	return nil
}

// addressesIn finds what reads like an address in a text, in its order.
func addressesIn(text string) (found []desk.Address) {
	if len(text) > longestScanned {
		text = strings.ToValidUTF8(text[:longestScanned], "")
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`<>()[]{}"',;:*|`, r) }) {
		if word = strings.Trim(word, "."); strings.Contains(desk.DomainOf(word), ".") && desk.ValidAddress(word) {
			found = append(found, desk.Address{Addr: word})
		}
	}
	return found
}

// requesterPost makes somebody else the customer of the ticket.
func (p *Portal) requesterPost(c *call) error {
	return p.change(c, func(number int64, form url.Values) error {
		list, err := parseAddresses("address", form.Get("address"))
		if err != nil || len(list) != 1 {
			return desk.Wrong("address", "Write one address, like name@example.com.")
		}
		return p.tickets.SetRequester(c.r.Context(), c.actor, number, list[0].Addr, list[0].Name)
	})
}

// spamPost closes the ticket as spam.
func (p *Portal) spamPost(c *call) error {
	return p.change(c, func(number int64, form url.Values) error {
		sender := tickets.SenderStays
		if form.Has("block") {
			sender = tickets.SenderBlocked
		}
		return p.tickets.MarkSpam(c.r.Context(), c.actor, number, sender)
	})
}

// byMail is where the signed-in agent can write about a ticket from their own mail program (T-07). Empty: they may not, or there is nothing to answer.
type byMail struct{ Reply, Note mailLink }

// mailLink is an address, and what opens a mail to it.
type mailLink struct{ Addr, URL string }

// byMailOf asks for the agent's addresses on the ticket.
func (p *Portal) byMailOf(c *call, open *ticketPage) (byMail, error) {
	if open.MergedIn != 0 || !c.actor.Can(desk.MayWrite) {
		return byMail{}, nil
	}
	reply, note, err := p.tickets.AgentAddresses(c.r.Context(), c.actor, open.Ticket.ID)
	if err != nil || reply == "" {
		return byMail{}, err
	}
	subject := strings.ReplaceAll(url.QueryEscape("Re: "+open.Ticket.Subject), "+", "%20") // RFC 6068 §5
	to := func(addr string) mailLink {
		return mailLink{addr, "mailto:" + strings.ReplaceAll(url.PathEscape(addr), "+", "%2B") + "?subject=" + subject}
	}
	return byMail{to(reply), to(note)}, nil
}
