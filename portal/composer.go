package portal

import (
	"slices"
	"strings"
	"time"

	"postern/desk"
)

// composer is the form at the foot of a conversation: a reply and a note, each with a draft of its own.
type composer struct {
	Reply    letter
	Note     letter
	From     string
	Answers  int64
	LastSeen int64  // newest message that the writer has seen (T-STALE)
	Tab      string // reply or note
	Fault    string // why the form could not be sent
	Stale    bool   // a newer message came while it was written
	Closed   string // why nothing can be written here
	Direct   bool   // recipients are the sender only
	CanAll   bool   // there are others to reply to
	Diverted diverted
	Silent   []desk.Suppression // of the recipients, those who get no mail
}

// diverted warns of a reply that goes where the sender's mail wants it, and not to the sender (T-08). Empty: it does not.
type diverted struct {
	Warning string
	Author  string // the address that the mail is from
}

// letter is what is being written.
type letter struct {
	Ticket      int64 // 0: a new conversation, which has no draft on the server
	Text        string
	To, Cc, Bcc string
	Uploads     []desk.FileInfo
	SavedAt     time.Time
	Blank       bool
}

// composerOf fills the composer: from the form that could not be sent, else from the draft on the server, else with the recipients of a reply to all (T-RECIPIENTS).
func (p *Portal) composerOf(c *call, open *ticketPage, with composing) (composer, error) {
	ctx, number, query := c.r.Context(), open.Ticket.ID, c.r.URL.Query()
	box := composer{From: formatAddress(desk.Address{Name: open.Ticket.MailboxName, Addr: open.Ticket.MailboxAddress}), LastSeen: open.Newest, Tab: "reply"}
	if open.MergedIn != 0 {
		box.Closed = "This ticket was merged, so its conversation goes on there."
		return box, nil
	}
	to, cc, answers, err := p.tickets.Recipients(ctx, c.actor, number, number64(query, "answer"))
	if err != nil {
		return composer{}, err
	}
	box.Answers, box.CanAll = answers, len(to)+len(cc) > 1
	answered := cardNamed(open.Cards, answers)
	switch {
	case query.Get("to") == "sender" && len(to) > 0:
		to, cc, box.Direct = to[:1], nil, true
	case query.Get("to") == "author" && answered != nil:
		to, cc, box.Direct = []desk.Address{answered.Message.From()}, nil, true
	}
	box.Reply = letter{Ticket: number, To: formatAddresses(to), Cc: formatAddresses(cc), Blank: true}
	box.Note = letter{Ticket: number, Blank: true}
	for _, kind := range []desk.MessageKind{desk.KindReply, desk.KindNote} {
		draft, found, err := p.tickets.LoadDraft(ctx, c.actor, number, kind)
		if err != nil {
			return composer{}, err
		}
		if found {
			box.take(draft, query.Has("answer") || query.Has("to"))
		}
	}
	if with.draft != nil {
		box.take(*with.draft, false)
	}
	if with.fault != nil {
		box.Fault, box.Stale = sentence(with.fault.Reason), with.fault.Kind == desk.Conflict
	}
	if query.Get("tab") == "note" {
		box.Tab = "note"
	}
	box.Diverted = divertedOf(cardNamed(open.Cards, box.Answers), box.Reply)
	if box.Silent, err = p.silent(c, box.Reply); err != nil {
		return composer{}, err
	}
	if box.Reply.Uploads, err = p.named(c, box.Reply.Uploads); err != nil {
		return composer{}, err
	}
	box.Note.Uploads, err = p.named(c, box.Note.Uploads)
	return box, err
}

// silent are those recipients of a letter whose addresses bounce, so that nothing would be sent to them. What cannot be read as addresses yet has none.
func (p *Portal) silent(c *call, reply letter) ([]desk.Suppression, error) {
	var people []desk.Address
	for _, typed := range []string{reply.To, reply.Cc, reply.Bcc} {
		list, err := parseAddresses("to", typed)
		if err == nil {
			people = append(people, list...)
		}
	}
	return p.tickets.SuppressedAmong(c.r.Context(), c.actor, people)
}

// cardNamed is the card of a message, or nil where the page does not hold it.
func cardNamed(cards []card, id int64) *card {
	if at := slices.IndexFunc(cards, func(one card) bool { return one.ID == id }); at >= 0 && id != 0 {
		return &cards[at]
	}
	return nil
}

// divertedOf says whether the letter goes to a Reply-To that was warned of when its mail came.
func divertedOf(answered *card, reply letter) diverted {
	if answered == nil {
		return diverted{}
	}
	goes := desk.Canonical(reply.To + "," + reply.Cc + "," + reply.Bcc)
	for _, warning := range answered.Facts.Warnings {
		if warning.Kind != "reply-to" {
			continue
		}
		for _, to := range answered.Facts.ReplyTo {
			if !to.Is(answered.FromAddress) && strings.Contains(goes, desk.Canonical(to.Addr)) {
				return diverted{Warning: warning.Text, Author: answered.FromAddress}
			}
		}
	}
	return diverted{}
}

// take puts a draft into the composer. With fresh recipients the agent has just chosen another message to answer, and only the words are kept.
func (box *composer) take(draft desk.Draft, fresh bool) {
	words := letter{Ticket: draft.TicketID, Text: draft.Text, SavedAt: draft.UpdatedAt}
	for _, id := range draft.Uploads {
		words.Uploads = append(words.Uploads, desk.FileInfo{ID: id})
	}
	if draft.Kind == desk.KindNote {
		box.Note = words
		if box.Reply.Blank {
			box.Tab = "note"
		}
		return
	}
	words.To, words.Cc, words.Bcc = formatAddresses(draft.To), formatAddresses(draft.Cc), formatAddresses(draft.Bcc)
	if fresh || words.To == "" {
		words.To, words.Cc = box.Reply.To, box.Reply.Cc
	} else if draft.Answers != 0 {
		box.Answers = draft.Answers
	}
	box.Reply, box.Tab = words, "reply"
}

// Others is To, Cc and Bcc in one line, to be read at a glance.
func (l letter) Others() string {
	parts := []string{l.To}
	if l.Cc != "" {
		parts = append(parts, "Cc "+l.Cc)
	}
	if l.Bcc != "" {
		parts = append(parts, "Bcc "+l.Bcc)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}
