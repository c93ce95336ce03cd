package mailout

import (
	"fmt"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

// ticketNumber is what stands for the ticket's number in the text of an acknowledgement.
const ticketNumber = "{number}"

// Acknowledgement is an automatic answer to a customer's first mail. Nothing that the customer wrote can stand in it but the address that it goes to and the id of the mail that it answers:
// whoever forges a sender must not be able to have us carry their words to somebody, under our name and signature (T-02).
type Acknowledgement struct {
	From      desk.Address
	ReplyTo   desk.Address
	To        string // a bare address: the name beside it is the customer's to choose
	Ticket    int64
	MessageID string
	Answers   string // the Message-ID of the customer's mail; left out where it is more than an id need be
	Date      time.Time
	Text      string // of the mailbox, with {number} for the ticket's number; empty: desk.DefaultAcknowledgement
	Language  string // code, of all that is not the mailbox's own; what nobody knows is English
	Loop      string // our mark
	Link      string // to the conversation on our pages; empty: none
}

// Draft is what the acknowledgement says, marked so that no program answers it (RFC 3834 §3.1, T-LOOP).
func (a Acknowledgement) Draft() Draft {
	number, lang := fmt.Sprintf("%d", a.Ticket), language.Pick(a.Language, "")
	text := a.Text
	if strings.TrimSpace(text) == "" {
		text = lang.Say(desk.DefaultAcknowledgement)
	}
	text = strings.ReplaceAll(text, ticketNumber, number) + "\n"
	if a.Link != "" {
		text += "\n" + VisitText(lang, a.Link)
	}
	d := Draft{
		From: a.From, ReplyTo: a.ReplyTo, To: []desk.Address{{Addr: a.To}}, Subject: lang.Say("We have received your message [#%s]", number), MessageID: a.MessageID, Date: a.Date,
		Text: text, AutoSubmitted: "auto-replied", Loop: a.Loop,
	}
	if plainID(a.Answers) {
		d.InReplyTo, d.References = a.Answers, []string{a.Answers}
	}
	return d
}

// longestPlainID is longer than the ids of all common programs.
const longestPlainID = 200

// plainID says whether a Message-ID is what programs make, dot-atom on both sides (RFC 5322 §3.6.4), rather than a place for somebody's words.
func plainID(id string) bool {
	id = strings.Trim(id, "<> ")
	left, right, found := strings.Cut(id, "@")
	return found && len(id) <= longestPlainID && isASCII(id) && dotAtom(left) && dotAtom(right)
}
