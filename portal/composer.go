package portal

import (
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/tickets"
)

// composer is the form at the foot of a conversation: a reply, a note and a forward, each with a draft of its own.
type composer struct {
	Reply     letter
	Note      letter
	Forward   letter
	Passed    passed // what the forward passes on
	Sender    letter // recipients of an answer to its author alone
	All       letter // recipients of an answer to everybody
	CanAll    bool   // the two differ
	Mailboxes []fromChoice
	LastSeen  int64  // newest message that the writer has seen (T-STALE)
	Tab       string // reply, note or forward
	Fault     string // why the form could not be sent
	Stale     bool   // a newer message came while it was written
	Meanwhile []card // those messages
	Cautions  []cautionWords
	Heard     []string // marks of cautions that were heard before
	Closed    string   // why nothing can be written here
	Diverted  diverted
	Silent    []desk.Suppression // of the recipients, those who get no mail
}

// fromChoice is a mailbox that a mail can leave from.
type fromChoice struct {
	ID    int64
	Label string
	Below string // what stands below a mail of it
}

// diverted warns of a reply that goes where the sender's mail wants it, and not to the sender (T-08). Empty: it does not.
type diverted struct {
	Warning string
	Author  string // the address that the mail is from
}

// letter is what is being written.
type letter struct {
	ID          string // begins the ids of its fields
	Ticket      int64  // 0: a new conversation, which has no draft on the server
	Text        string
	To, Cc, Bcc string
	Subject     string // of a forward
	Answers     int64
	From        int64 // the mailbox that it leaves from
	Uploads     []desk.FileInfo
	SavedAt     time.Time
	Blank       bool
}

// passed is the message that a forward passes on.
type passed struct {
	ID       int64 // 0: none; the forward goes on with a conversation
	Author   string
	At       time.Time
	Line     string // its first words
	Files    []passedFile
	Mail     bool // the mail as it came is there and could go along
	Original bool // it does
}

// passedFile is a file of it, and whether it goes along.
type passedFile struct {
	desk.FileInfo
	Taken bool
}

// composerOf fills the composer: from the form that could not be sent, else from the drafts on the server, else with the recipients of a reply to all (T-RECIPIENTS).
func (p *Portal) composerOf(c *call, open *ticketPage, with composing) (composer, error) {
	query, number := c.r.URL.Query(), open.Ticket.ID
	box := composer{LastSeen: open.Newest, Tab: "reply"}
	if open.MergedIn != 0 {
		box.Closed = c.lang.Say("This ticket was merged, so its conversation goes on there.")
		return box, nil
	}
	known, err := p.tickets.Composing(c.r.Context(), c.actor, open.Ticket, number64(query, "answer"))
	if err != nil {
		return box, err
	}
	box.fresh(number, known)
	box.Mailboxes = fromChoices(known)
	answered := cardNamed(open.Cards, known.Answers)
	switch {
	case query.Get("to") == "sender":
		box.Reply.To, box.Reply.Cc = box.Sender.To, ""
	case query.Get("to") == "author" && answered != nil:
		box.Reply.To, box.Reply.Cc, box.CanAll = formatAddress(answered.Message.From()), "", false
	}
	drafts := known.Drafts
	if with.draft != nil {
		drafts[with.draft.Kind] = *with.draft
	}
	chosen := query.Has("answer") || query.Has("to") || query.Has("forward")
	for _, kind := range []desk.MessageKind{desk.KindNote, desk.KindForward, desk.KindReply} {
		if draft, found := drafts[kind]; found {
			box.take(draft, chosen && with.draft == nil)
		}
	}
	box.pass(open.Cards, number64(query, "forward"), drafts[desk.KindForward], chosen && with.draft == nil)
	if box.tab(query.Get("tab"), with); !open.Replies() {
		box.Tab = "note"
	}
	if err := p.putIn(c, &box, number, number64(query, "canned")); err != nil {
		return box, err
	}
	if err := p.troubles(c, &box, number, with); err != nil {
		return box, err
	}
	box.Diverted = divertedOf(cardNamed(open.Cards, box.Reply.Answers), box.Reply)
	if box.Silent, err = p.silent(c, box.Reply); err != nil {
		return box, err
	}
	for _, one := range []*letter{&box.Reply, &box.Note, &box.Forward} {
		if one.Uploads, err = p.named(c, one.Uploads); err != nil {
			return box, err
		}
	}
	return box, nil
}

// fresh is a composer in which nothing is written yet. An answer to somebody beside the conversation with the customer is written as a forward is, and stands there too.
func (box *composer) fresh(number int64, known tickets.Composing) {
	box.Sender = letter{To: formatAddresses(known.Sender)}
	box.All = letter{To: formatAddresses(known.To), Cc: formatAddresses(known.Cc)}
	box.CanAll = box.All.To != box.Sender.To || box.All.Cc != ""
	box.Reply = letter{Ticket: number, From: known.From, Blank: true}
	box.Note = letter{ID: "note-", Ticket: number, Blank: true}
	box.Forward = letter{ID: "forward-", Ticket: number, From: known.From, Blank: true}
	if known.Side {
		box.Forward.Answers, box.Forward.To, box.Forward.Cc, box.Forward.Subject = known.Answers, box.All.To, box.All.Cc, known.Subject
		box.Tab = "forward"
		return
	}
	box.Reply.Answers, box.Reply.To, box.Reply.Cc = known.Answers, box.All.To, box.All.Cc
}

// fromChoices are the mailboxes that a mail can leave from.
func fromChoices(known tickets.Composing) []fromChoice {
	choices := make([]fromChoice, len(known.Mailboxes))
	for i, box := range known.Mailboxes {
		below, own := known.Below[box.ID]
		if !own {
			below = known.Below[0]
		}
		choices[i] = fromChoice{ID: box.ID, Label: formatAddress(desk.Address{Name: box.Name, Addr: box.Address}), Below: strings.TrimPrefix(below, "-- \n")}
	}
	return choices
}

// take puts a draft into the composer. With fresh recipients the agent has just chosen another message to answer or to pass on, and only the words are kept.
func (box *composer) take(draft desk.Draft, fresh bool) {
	into := &box.Reply
	switch draft.Kind {
	case desk.KindNote:
		into = &box.Note
	case desk.KindForward:
		into = &box.Forward
	}
	words := letter{ID: into.ID, Ticket: draft.TicketID, Text: draft.Text, SavedAt: draft.UpdatedAt, Subject: into.Subject, Answers: into.Answers, From: into.From}
	for _, id := range draft.Uploads {
		words.Uploads = append(words.Uploads, desk.FileInfo{ID: id})
	}
	if draft.Kind != desk.KindNote {
		words.To, words.Cc, words.Bcc = formatAddresses(draft.To), formatAddresses(draft.Cc), formatAddresses(draft.Bcc)
		if fresh || words.To == "" && draft.Kind == desk.KindReply {
			words.To, words.Cc = into.To, into.Cc
		} else if draft.Answers != 0 || draft.Kind == desk.KindForward {
			words.Answers = draft.Answers
		}
		if draft.MailboxID != 0 && !fresh {
			words.From = draft.MailboxID
		}
		if draft.Subject != "" && !(fresh && into.Subject != "") {
			words.Subject = draft.Subject
		}
	}
	*into = words
}

// pass chooses the message that the forward passes on: the one asked for, the draft's, else the newest mail of the customer. A forward that answers somebody passes nothing on.
func (box *composer) pass(cards []card, asked int64, draft desk.Draft, fresh bool) {
	if asked == 0 && box.Forward.Answers != 0 {
		return
	}
	chosen := cardNamed(cards, asked)
	taken := draft.Kind != "" && !fresh
	if chosen == nil {
		chosen = cardNamed(cards, draft.Forwards)
	}
	if chosen == nil && !taken {
		chosen = cardNamed(cards, box.Reply.Answers)
	}
	if chosen == nil || chosen.Kind == desk.KindNote || chosen.Kind == desk.KindEvent {
		return
	}
	if asked != 0 {
		box.Forward.Answers = 0
	}
	box.Passed = passed{ID: chosen.ID, Author: chosen.Author, At: chosen.At, Line: clip(chosen.Text, 240), Mail: chosen.HasOriginal, Original: draft.Original && taken}
	for _, file := range chosen.Files {
		box.Passed.Files = append(box.Passed.Files, passedFile{file, !file.Inline && (!taken || slices.Contains(draft.Take, file.ID))})
	}
	if box.Forward.Subject == "" || asked != 0 {
		box.Forward.Subject = forwardSubject(chosen.Subject)
	}
}

// forwardSubject puts one Fwd: in front, and no second one.
func forwardSubject(subject string) string {
	if start := strings.ToLower(subject); strings.HasPrefix(start, "fwd:") || strings.HasPrefix(start, "fw:") {
		return subject
	}
	return "Fwd: " + subject
}

// tab opens what was asked for, what could not be sent, or what was begun.
func (box *composer) tab(asked string, with composing) {
	switch {
	case with.draft != nil:
		box.Tab = string(with.draft.Kind)
	case asked == "reply" || asked == "note" || asked == "forward":
		box.Tab = asked
	case box.Tab == "forward" || !box.Reply.Blank:
	case !box.Note.Blank:
		box.Tab = "note"
	case !box.Forward.Blank:
		box.Tab = "forward"
	}
}

// troubles says why the form could not be sent.
func (p *Portal) troubles(c *call, box *composer, number int64, with composing) error {
	for _, one := range with.cautions {
		box.Cautions = append(box.Cautions, cautionIn(c.lang, one))
	}
	box.Heard = with.heard
	if with.fault == nil {
		return nil
	}
	box.Fault = sentence(c.lang.Sentence(with.fault.Reason))
	if with.fault.Kind != desk.Conflict || with.seen == 0 {
		return nil
	}
	box.Stale = true
	messages, err := p.tickets.Meanwhile(c.r.Context(), c.actor, number, with.seen)
	if err != nil {
		return err
	}
	for _, m := range messages {
		one, err := p.cardOf(c.lang, m, "text")
		if err != nil {
			return err
		}
		one.Line = clip(m.Text, 600)
		box.Meanwhile = append(box.Meanwhile, one)
	}
	return nil
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

// Used is how many bytes the letter's files take.
func (l letter) Used() (n int64) {
	for _, file := range l.Uploads {
		n += file.Size
	}
	return n
}

// Limit is how many bytes of files a mail takes.
func (l letter) Limit() int64 { return tickets.MostFiles }

// fromPart is the field in which the mailbox is chosen that a mail leaves from.
type fromPart struct {
	ID      string // begins the field's id
	Choices []fromChoice
	From    int64
}

// FromOf is that field of a letter.
func (box composer) FromOf(l letter) fromPart { return fromPart{l.ID, box.Mailboxes, l.From} }

// Signed says whether anything stands below a mail, whichever mailbox it leaves from.
func (box composer) Signed() bool {
	return slices.ContainsFunc(box.Mailboxes, func(one fromChoice) bool { return one.Below != "" })
}

// Below is what stands below a letter when it leaves.
func (box composer) Below(l letter) string {
	for _, one := range box.Mailboxes {
		if one.ID == l.From {
			return one.Below
		}
	}
	return ""
}
