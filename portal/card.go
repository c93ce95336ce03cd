package portal

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

// card is one message of a conversation as the page shows it.
type card struct {
	desk.Message
	Facts     desk.MessageFacts
	Author    string // the name that a person recognises
	Address   string
	Face      string     // its initials
	Event     string     // of an event: the whole line
	Until     *time.Time // of an event: a moment at the end of the line
	Merged    []int64    // of an event: tickets that were merged into this one by it, and still are
	Source    int64      // of an event: the message with the mail by which an agent did it
	Folded    bool       // one line; a click fetches the rest
	Line      string     // the first words, for the folded line
	Words     []span     // the new part as text, with links
	Old       []span     // the quoted part, folded (T-QUOTE)
	AsHTML    bool
	Images    bool   // remote images are shown
	Frame     string // class that gives the frame of an HTML mail about the height that it needs
	Trust     trustWords
	Why       string
	Accept    int64         // contact to accept as participant (T-STRANGER)
	Requester int64         // contact of the customer, to whom the sender's address may belong (T-ALT-ADDR)
	Undo      time.Duration // how long the reply can still be taken back
	Unsettled bool          // a delivery may still change
	Returned  string        // of a report on a message of ours: what it says (T-DSN)
	Told      []string      // of a reply: what reports on it say, beyond its deliveries
	Released  string        // why it was suspended before an agent let it in
	Downloads []desk.FileInfo
	Pictures  []desk.FileInfo // inline images that the text view cannot place
	Reader    desk.User       // who looks at it: what they may not do, it does not offer
}

// Moves says whether the reader may move the message to another ticket, or split it off.
func (c card) Moves() bool { return c.Reader.Can(desk.MayMerge) }

// Replies says whether they may answer it, or pass it on.
func (c card) Replies() bool { return c.Reader.Can(desk.MayReply) }

// Copies says whether they may say who takes part.
func (c card) Copies() bool { return c.Reader.Can(desk.MayManageCopied) }

// unfolded is how many of the newest messages are open when the page is.
const unfolded = 3

// cardsOf turns messages into cards. The newest stay open, the others are a line each; automatic mail is one always, unless there is nothing else to read (T-OOO).
func (p *Portal) cardsOf(lang *language.Language, messages []desk.Message, all bool) ([]card, error) {
	cards := make([]card, len(messages))
	open := 0
	for i := len(messages) - 1; i >= 0; i-- {
		one, err := p.cardOf(lang, messages[i], "")
		if err != nil {
			return nil, err
		}
		switch {
		case one.Kind == desk.KindEvent:
		case one.Facts.Automatic != "" && i > 0:
			one.Folded = !all
		default:
			one.Folded = !all && open >= unfolded
			open++
		}
		cards[i] = one
	}
	tellReplies(cards)
	tellMerged(cards)
	return joinEvents(cards), nil
}

// mostLines is how many entries of a conversation a page shows at first, the newest. What lies between the first and those is one click away: a long conversation shall not make a heavy page.
const mostLines = 9

// shorten leaves the middle out of a long conversation and says how many messages that are. What asks something of the reader stays.
func shorten(cards []card) (shown []card, earlier int) {
	if len(cards) <= mostLines+4 {
		return cards, 0
	}
	for i, one := range cards {
		switch {
		case i == 0 || i >= len(cards)-mostLines || one.Accept != 0 || one.Kind != desk.KindEvent && !one.Folded:
			shown = append(shown, one)
		case one.Kind != desk.KindEvent:
			earlier++
		}
	}
	return shown, earlier
}

// cardOf makes one card. as is text, html or images; empty lets the mail decide.
func (p *Portal) cardOf(lang *language.Language, m desk.Message, as string) (card, error) {
	facts, err := m.Decode()
	if err != nil {
		return card{}, fmt.Errorf("portal: message %d: facts: %w", m.ID, err)
	}
	one := card{Message: m, Facts: facts, Author: m.AuthorName, Line: clip(m.Text, 70)}
	if m.Kind == desk.KindInbound || one.Author == "" {
		one.Author, one.Address = m.From().Label(), m.FromAddress
	}
	if one.Author == "" {
		one.Author = lang.Say("Unknown sender")
	}
	if one.Line == "" {
		one.Line = emptyLine(lang, m)
	}
	one.Face = initials(one.Author)
	one.Event = eventLine(lang, one)
	if e := facts.Event; e != nil && e.Verb == "snoozed" {
		if until, err := time.Parse(time.RFC3339, e.To); err == nil {
			one.Until = &until
		}
	}
	if m.Kind == desk.KindEvent && m.HasOriginal {
		one.Source = m.ID
	}
	one.Words, one.Old = linkify(strings.TrimRight(m.Text, "\n ")), linkify(strings.Trim(m.Quoted, "\n"))
	one.AsHTML = m.HTML != "" && (as == "html" || as == "images" || as == "" && rich(m))
	one.Images, one.Frame = as == "images", frameClass(m)
	one.Trust, one.Why = trustOf(lang, facts), whyOf(lang, facts.Why)
	one.Released = lang.Say(desk.Causes[facts.Released])
	if facts.Returned != nil {
		one.Returned = returnedWords(lang, *facts.Returned)
		one.Line = one.Returned
	}
	if m.Kind.Leaves() && m.SendAt != nil {
		one.Undo = max(0, m.SendAt.Sub(p.now()))
	}
	for _, d := range m.Deliveries {
		one.Unsettled = one.Unsettled || !d.State.Final()
	}
	for _, file := range m.Files {
		switch {
		case !file.Inline:
			one.Downloads = append(one.Downloads, file)
		case !one.AsHTML:
			one.Pictures = append(one.Pictures, file)
		}
	}
	return one, nil
}

// mark adds what follows from the ticket: who waits to be accepted.
func (one *card) mark(ticket desk.Ticket, people []desk.Participant) {
	for _, person := range people {
		if person.Pending && one.Kind == desk.KindInbound && desk.Canonical(person.Address) == desk.Canonical(one.FromAddress) {
			one.Accept, one.Requester = person.ContactID, ticket.RequesterID
		}
	}
}

// rich says whether an HTML mail says more than its text: pictures and tables lose their sense as text, paragraphs do not.
func rich(m desk.Message) bool {
	return m.Text == "" || strings.Contains(m.HTML, "<img") || strings.Contains(m.HTML, "<table")
}

// emptyLine stands for a message without words.
func emptyLine(lang *language.Language, m desk.Message) string {
	if len(m.Files) > 0 {
		return m.Files[0].Name
	}
	return lang.Say("(no text)")
}

// frameClass guesses how high the frame of an HTML mail should be. The frame is sandboxed, so the page cannot measure it; the reader can drag it.
func frameClass(m desk.Message) string {
	lines := strings.Count(m.HTML, "<br") + 2*strings.Count(m.HTML, "<p") + strings.Count(m.HTML, "<tr") + strings.Count(m.HTML, "<div") + 8*strings.Count(m.HTML, "<img") + (len(m.Text)+len(m.Quoted))/90
	switch {
	case lines < 8:
		return "frame-s"
	case lines < 20:
		return "frame-m"
	case lines < 40:
		return "frame-l"
	}
	return "frame-xl"
}

// rules says for each rule of threading why a message stands where it stands.
var rules = map[string]string{
	"token":              "It came to a signed reply address of this ticket.",
	"message-id":         "It answers a mail that Postern sent on this ticket.",
	"foreign-message-id": "It answers a mail that is on this ticket.",
	"subject":            "Its subject names this ticket, and its sender is on the ticket and verified.",
	"late":               "A later mail on this ticket answers it.",
	"new":                "It answers nothing that Postern knows, so it started this ticket.",
	"follow-up":          "It answers a ticket that was closed too long ago, so it started this one.",
	"moved":              "An agent moved it here.",
	"manual":             "An agent decided it.",
	"forwarded":          "A colleague forwarded it here, which started this ticket.",
	"released":           "It was held back, and an agent let it in onto this ticket.",
	"agent-address":      "An agent mailed it to their own address for this ticket.",
	"returned":           "It reports on a message of this ticket.",
}

// whyOf is the answer to 'Why here?'.
func whyOf(lang *language.Language, why desk.Why) string {
	if known, ok := rules[why.Rule]; ok {
		return lang.Say(known)
	}
	return why.Rule
}

// From is where the message claims to be from, with its name.
func (one card) From() string { return formatAddress(one.Message.From()) }

// MovedFrom is the ticket from which an agent moved the message here; 0: nobody did.
func (one card) MovedFrom() int64 {
	if one.Facts.Why.Rule != "moved" {
		return 0
	}
	return ticketNamed(one.Facts.Why.Saw)
}

// InlineURL is where the bytes of an inline picture are.
func (one card) InlineURL(file desk.FileInfo) string {
	return fmt.Sprintf("/messages/%d/cid/%s", one.ID, url.PathEscape(file.ContentID))
}

// ReplyToElsewhere says whether answers go to another domain than the mail claims to come from (T-FROM), unless a warning says it already.
func (one card) ReplyToElsewhere() string {
	for _, warning := range one.Facts.Warnings {
		if warning.Kind == "reply-to" {
			return ""
		}
	}
	for _, to := range one.Facts.ReplyTo {
		if desk.DomainOf(to.Addr) != desk.DomainOf(one.FromAddress) {
			return to.Addr
		}
	}
	return ""
}

// Seconds is how long the reply can still be taken back, rounded up.
func (one card) Seconds() int { return int((one.Undo + time.Second - 1) / time.Second) }
