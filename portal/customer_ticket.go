package portal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/intake"
)

// customerListPage lists the conversations of an address.
type customerListPage struct {
	customerFrame
	Items []customerItem
	More  string // path of the next page
}

// customerItem is a conversation in the list.
type customerItem struct {
	Number  int64
	Subject string
	State   string // in words for customers
	Look    string // its colour
	At      time.Time
}

// customerNotices are the sentences about what was just done, by the word that a redirect carries.
var customerNotices = map[string]string{
	"sent": "Sent. The answer comes by mail to your address, and stands here too.", "held": "Your message has come. Somebody looks at it before it is shown here.",
	"solved": "Solved. If something comes up after all, write here again.", "reopened": "Open again.", "rated": "Thank you. Your answer was kept.", "out": "Signed out.",
}

// customerState is a status in words for customers: they care for whose turn it is.
func customerState(status desk.Status) (words, look string) {
	switch {
	case status.Ended():
		return "Solved", "solved"
	case status == desk.StatusPending:
		return "Waits for your answer", "pending"
	}
	return "We are working on it", "open"
}

// customerList shows the conversations, the newest change first.
func (p *Portal) customerList(c *call) error {
	values := c.r.URL.Query()
	found, err := p.tickets.List(c.r.Context(), c.actor, desk.TicketQuery{Order: desk.OrderUpdated, Cursor: values.Get("after"), Limit: 25})
	if err != nil {
		return err
	}
	answer := customerListPage{customerFrame: p.customerFrame(c, c.lang.Say("Your conversations"), "")}
	answer.Notice = c.lang.Say(customerNotices[values.Get("done")])
	for _, one := range found.Items {
		state, look := customerState(one.Status)
		answer.Items = append(answer.Items, customerItem{one.ID, one.Subject, c.lang.Say(state), look, one.UpdatedAt})
	}
	if found.Next != "" {
		answer.More = "/my?after=" + found.Next
	}
	return p.showCustomer(c, "customer_list", answer)
}

// customerTicketPage is one conversation as its customer sees it.
type customerTicketPage struct {
	customerFrame
	Number   int64
	Subject  string
	State    string
	Look     string
	Ended    bool
	Messages []customerMessage
	Earlier  string // path of the page with the messages before these
	Rate     rateForm
	Stamp    string
	Answers  int64  // the newest message on the page
	Text     string // typed before, when it could not be sent
	Most     int64  // bytes of files
}

// customerMessage is a mail of the conversation.
type customerMessage struct {
	ID     int64
	Own    bool   // the reader wrote it
	Author string // a person, or the mailbox: who of our people answered is not told
	At     time.Time
	Words  []span
	Old    []span // the quoted part, folded
	Cut    bool   // there is more text than the page shows
	AsHTML bool
	Frame  string
	Files  []desk.FileInfo
}

const (
	customerMessages = 50         // on a page: the newest
	customerText     = 6_000      // bytes of one message's text on the page; the rest is a click away
	customerBudget   = 24_000     // of all messages together: a page weighs 60 kB at most
	customerShort    = 160        // of a message's text, however little room is left
	customerQuoted   = 1_500      // and of its quoted part
	mostFromCustomer = 20_000_000 // bytes of the files of one answer
)

// customerTicket shows a conversation.
func (p *Portal) customerTicket(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	return p.customerPage(c, number, customerTicketPage{}, nil)
}

// customerPage renders a conversation, with what was typed when it could not be sent.
func (p *Portal) customerPage(c *call, number int64, answer customerTicketPage, fault *desk.Fault) error {
	ctx := c.r.Context()
	ticket, err := p.tickets.Get(ctx, c.actor, number)
	if err != nil {
		return err
	}
	if into := ticket.MergedInto; into != nil {
		return c.seeOther(fmt.Sprintf("/my/tickets/%d", *into))
	}
	answer.customerFrame = p.customerFrame(c, ticket.Subject, desk.Address{Name: ticket.MailboxName, Addr: ticket.MailboxAddress}.Label())
	answer.Notice = c.lang.Say(customerNotices[c.r.URL.Query().Get("done")])
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	state, look := customerState(ticket.Status)
	answer.Number, answer.Subject, answer.State, answer.Look, answer.Ended = number, ticket.Subject, c.lang.Say(state), look, ticket.Status.Ended()
	if err := p.readConversation(c, &answer); err != nil {
		return err
	}
	rate, err := p.tickets.Rateable(ctx, ticket)
	if err != nil {
		return err
	}
	answer.Rate = rateFormOf(rate, fmt.Sprintf("/my/tickets/%d/rate", number))
	answer.Stamp, answer.Most = p.identity.Stamp(answerStamp), mostFromCustomer
	return p.render(c, view{statusOf(fault), "customer_ticket", "customer-layout"}, answer)
}

// readConversation reads the public messages and keeps the newest of them, or the newest before the one that the address names. However long a conversation is, few are held at once.
func (p *Portal) readConversation(c *call, answer *customerTicketPage) error {
	before := number64(c.r.URL.Query(), "before")
	var all []desk.Message
	for cursor, found := "", false; !found; {
		page, err := p.tickets.Conversation(c.r.Context(), c.actor, answer.Number, cursor, 200)
		if err != nil {
			return err
		}
		all = append(all, page.Items...)
		if at := slices.IndexFunc(all, func(m desk.Message) bool { return m.ID == before }); at >= 0 {
			all, found = all[:at], true
		}
		all = all[max(0, len(all)-customerMessages-1):]
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if extra := len(all) - customerMessages; extra > 0 {
		all = all[extra:]
		answer.Earlier = fmt.Sprintf("/my/tickets/%d?before=%d", answer.Number, all[0].ID)
	}
	answer.Messages = make([]customerMessage, len(all))
	for i, left := len(all)-1, customerBudget; i >= 0; i-- { // the newest have what room there is
		answer.Messages[i] = customerMessageOf(c, all[i], &left)
		answer.Answers = max(answer.Answers, all[i].ID)
	}
	return nil
}

// customerMessageOf is a message as the page shows it, cut to what is left of the page's room.
func customerMessageOf(c *call, m desk.Message, left *int) customerMessage {
	whole, rest := strings.TrimRight(m.Text, "\n "), strings.Trim(m.Quoted, "\n")
	text := cutText(whole, min(customerText, max(customerShort, *left)))
	*left -= len(text)
	quoted := ""
	if *left > 0 {
		quoted = cutText(rest, min(customerQuoted, *left))
	}
	*left -= len(quoted)
	one := customerMessage{ID: m.ID, Author: m.From().Label(), At: m.At, AsHTML: m.HTML != "" && m.Kind == desk.KindInbound && rich(m), Frame: frameClass(m), Cut: text != whole || quoted != rest}
	one.Own = m.Kind == desk.KindInbound && desk.Canonical(m.FromAddress) == desk.Canonical(c.actor.User.Email)
	one.Words, one.Old = linkify(text), linkify(quoted)
	for _, file := range m.Files {
		if !file.Inline || !one.AsHTML {
			one.Files = append(one.Files, file)
		}
	}
	return one
}

// cutText keeps the beginning of a text, whole characters of it.
func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " …"
}

// answerStamp names the form by which customers answer.
const answerStamp = "answer"

// answerFor is how long the form of an answer may lie open.
const answerFor = 24 * time.Hour

// customerAnswer takes in what a customer wrote, as a mail of the address that they have proved.
func (p *Portal) customerAnswer(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	typed, done, err := c.customerForm(mostFromCustomer)
	if fault := asFault(err); fault != nil {
		return p.customerPage(c, number, customerTicketPage{}, fault)
	}
	if err != nil {
		return err
	}
	defer done()
	to, err := p.tickets.AnswerTo(c.r.Context(), c.actor, number, number64(typed.values, "answers"))
	if err != nil {
		return err
	}
	again := customerTicketPage{Text: typed.text("text")}
	stamp, ok := p.identity.ReadStamp(answerStamp, typed.text("stamp"))
	switch {
	case !ok || p.now().Sub(stamp.At) > answerFor:
		return p.customerPage(c, number, again, desk.Faultf(desk.Conflict, "This page was open for very long. Your text is still here: send it once more. Files have to be chosen again."))
	case again.Text == "" && len(typed.files) == 0:
		return p.customerPage(c, number, again, desk.Wrong("text", "Write something first, or choose a file."))
	}
	user := c.actor.User
	outcome, err := p.intake.TakeLetter(c.r.Context(), intake.Letter{
		From: desk.Address{Name: user.Name, Addr: user.Email}, To: to.Address, Subject: answerSubject(to.Ticket.Subject), Text: again.Text, Files: typed.files,
		Answers: to.MessageID, Once: stamp.Once, At: stamp.At,
	}, intake.Page{Source: desk.FromVisitor, IP: c.actor.IP, At: p.now()})
	if fault := asFault(err); fault != nil {
		return p.customerPage(c, number, again, fault)
	}
	if err != nil {
		return err
	}
	return p.tookIn(c, outcome, number)
}

// tookIn leads to where a letter went.
func (p *Portal) tookIn(c *call, outcome desk.Outcome, number int64) error {
	switch outcome.Disposition {
	case desk.Refused:
		return desk.Faultf(desk.Forbidden, "Your message was not taken: %s", outcome.Reason)
	case desk.Suspended:
		return c.seeOther("/my?done=held")
	}
	if outcome.Ticket != 0 {
		number = outcome.Ticket
	}
	return c.seeOther(fmt.Sprintf("/my/tickets/%d?done=sent#m-%d", number, outcome.Message))
}

// answerSubject puts one Re: in front.
func answerSubject(subject string) string {
	if len(subject) >= 3 && strings.EqualFold(subject[:3], "re:") {
		return subject
	}
	return "Re: " + subject
}

// customerSolve is a customer who needs nothing more.
func (p *Portal) customerSolve(c *call) error {
	return p.customerSay(c, "solved", func(number int64) error { return p.tickets.CustomerSolve(c.r.Context(), c.actor, number) })
}

// customerReopen is a customer for whom it is not solved.
func (p *Portal) customerReopen(c *call) error {
	return p.customerSay(c, "reopened", func(number int64) error { return p.tickets.CustomerReopen(c.r.Context(), c.actor, number) })
}

// customerSay does one thing to a conversation and shows it again.
func (p *Portal) customerSay(c *call, done string, do func(number int64) error) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	err = do(number)
	if fault := asFault(err); fault != nil && fault.Kind == desk.Conflict {
		return p.customerPage(c, number, customerTicketPage{}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(fmt.Sprintf("/my/tickets/%d?done=%s", number, done))
}

// customerRate keeps a customer's word on whether they were helped.
func (p *Portal) customerRate(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	err = p.tickets.CustomerRate(c.r.Context(), c.actor, number, ratingOf(form))
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.customerPage(c, number, customerTicketPage{}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(fmt.Sprintf("/my/tickets/%d?done=rated", number))
}
