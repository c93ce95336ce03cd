package intake

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
	"postern/threading"
)

const (
	maxPeople  = 48  // who become participants by one mail (behaviour §4)
	maxKept    = 10  // foreign ids that a mail names and that are kept for a mail that comes late (T-LATE)
	previewLen = 140 // runes
)

// plan turns a group of mails into rows, one mail after the other, each seeing what those before it did. It is pure but for the sealing of keys.
type plan struct {
	found    store.Found
	known    threading.Candidates
	same     map[[16]byte][]bearer // who bears an id already
	tickets  map[int64]*ticketNow
	filing   store.Filing
	outcomes []desk.Outcome
	contacts map[string]bool
	touched  map[int64]int // ticket → its row in filing.Touches
	oddities oddities
}

// bearer is a message that bears an id.
type bearer struct {
	message, ticket int64
	digest          []byte
}

// ticketNow is a ticket as the mails of this group have left it so far.
type ticketNow struct {
	threading.Ticket
	mailbox int64
	fresh   int // its row in filing.Tickets; -1 for one that was there before
}

func newPlan(found store.Found) *plan {
	p := &plan{
		found: found, same: map[[16]byte][]bearer{}, tickets: map[int64]*ticketNow{}, contacts: map[string]bool{}, touched: map[int64]int{},
		known: threading.Candidates{Messages: found.Messages, Sides: map[int64]threading.Side{}, Bearers: map[[16]byte][]int64{}, Namers: map[[16]byte][]int64{}, Tickets: map[int64]threading.Ticket{}},
	}
	for message, side := range found.Sides {
		p.known.Sides[message] = threading.Side{ID: side.ID, People: side.People}
	}
	for _, row := range found.Keys {
		p.remember(row)
	}
	for _, row := range found.Tickets {
		now := &ticketNow{mailbox: row.MailboxID, fresh: -1, Ticket: threading.Ticket{
			ID: row.ID, Status: row.Status, Mailboxes: append(row.Mailboxes, row.MailboxID), Requester: row.Requester, People: row.People,
		}}
		if row.ClosedAt != nil {
			now.ClosedAt = *row.ClosedAt
		}
		p.tickets[row.ID] = now
	}
	for _, row := range found.Tickets { // a merged ticket leads to its target (T-MERGE)
		target := row.ID
		for hops := 0; hops < 100; hops++ {
			state := slices.IndexFunc(found.Tickets, func(t store.TicketState) bool { return t.ID == target })
			if state < 0 || found.Tickets[state].MergedTo == nil {
				break
			}
			target = *found.Tickets[state].MergedTo
		}
		if now := p.tickets[target]; now != nil {
			p.known.Tickets[row.ID] = now.Ticket
		}
	}
	return p
}

// remember takes one row of the key table into the candidates.
func (p *plan) remember(row store.KeyRow) {
	index := p.known.Bearers
	if row.Named {
		index = p.known.Namers
	} else {
		p.same[row.Key] = append(p.same[row.Key], bearer{row.Message, row.TicketID, row.Digest})
	}
	if !slices.Contains(index[row.Key], row.TicketID) {
		index[row.Key] = append(index[row.Key], row.TicketID)
	}
}

// add decides about one mail and writes down its rows.
func (p *plan) add(m *mail) error {
	p.oddities.note(m)
	switch {
	case m.hold.cause != "":
		return p.suspend(m, m.hold)
	case m.about != nil:
		return p.report(m)
	}
	if outcome, is := p.duplicate(m); is {
		p.outcomes = append(p.outcomes, outcome)
		return nil
	}
	match := p.match(m)
	if match.Ticket != 0 {
		return p.append(m, match)
	}
	if m.automatic() != "" || m.reportKind != "" {
		if held := holdUnmatched(m.reportKind, m.parsed.AutoSubmitted, m.env.MailFrom, m.env.Source); held.cause != "" {
			return p.suspend(m, held)
		}
	}
	if held := holdStranger(m.view); held.cause != "" {
		return p.suspend(m, held)
	}
	if m.forwarded != nil {
		return p.openForwarded(m, match)
	}
	return p.open(m, match)
}

// match finds the mail's ticket: where an agent let it in, by the message of ours that it reports on, else by the order of evidence.
func (p *plan) match(m *mail) threading.Match {
	if ticket, ok := p.known.Tickets[m.into]; ok {
		shown, trust := desk.TrustUnverified, desk.TrustToken // an agent's word says where it belongs, not who wrote it
		if m.verified() {
			shown, trust = desk.TrustVerified, desk.TrustVerified
		}
		powers := threading.PowersOf(threading.Sender{Trust: trust, OnTicket: ticket.Has(m.from.Addr), Token: true, Automatic: m.automatic() != ""})
		powers.Joins, powers.Reopens = true, m.automatic() == ""
		return threading.Match{Ticket: ticket.ID, Why: desk.Why{Rule: threading.RuleReleased, Saw: fmt.Sprintf("#%d", m.into)}, Powers: powers, Trust: shown}
	}
	if r := m.returned; r != nil {
		if ticket, ok := p.known.Tickets[p.found.Messages[r.message]]; ok && len(p.found.Recipients[r.message]) > 0 {
			saw := r.report.Returned.MessageID
			if r.recipient != nil {
				saw = m.env.Recipients[0]
			}
			return threading.Match{Ticket: ticket.ID, Why: desk.Why{Rule: threading.RuleReturned, Saw: saw}, Powers: threading.Powers{Joins: true}, Trust: desk.TrustToken}
		}
	}
	return threading.Decide(m.evidence, m.clues, p.known)
}

// duplicate says whether the same mail is here already (T-DUP-SAME). If it reached a further mailbox of ours this time, its ticket is seen there too (T-TWO-INBOX).
func (p *plan) duplicate(m *mail) (desk.Outcome, bool) {
	for _, same := range p.same[m.key()] {
		if !m.keyed || !bytes.Equal(same.digest, m.digest) {
			continue
		}
		if ticket := p.tickets[same.ticket]; ticket != nil {
			for _, mailbox := range m.mailboxes {
				p.show(ticket, mailbox)
			}
		}
		return desk.Outcome{Disposition: desk.Duplicate, Ticket: same.ticket, Message: same.message}, true
	}
	return desk.Outcome{}, false
}

// show makes a ticket visible in a mailbox.
func (p *plan) show(ticket *ticketNow, mailbox int64) {
	if !slices.Contains(ticket.Mailboxes, mailbox) {
		ticket.Mailboxes = append(ticket.Mailboxes, mailbox)
		p.know(ticket)
		p.filing.SeenIn = append(p.filing.SeenIn, store.SeenRow{TicketID: ticket.ID, MailboxID: mailbox})
	}
}

// know refreshes what later mails of the group see of the ticket.
func (p *plan) know(ticket *ticketNow) {
	p.known.Tickets[ticket.ID] = ticket.Ticket
	for number, state := range p.known.Tickets {
		if state.ID == ticket.ID {
			p.known.Tickets[number] = ticket.Ticket
		}
	}
}

// suspend holds a mail back, unless the same one waits there already.
func (p *plan) suspend(m *mail, why hold) error {
	if id, waits := p.found.Suspended[string(m.digest)]; waits && m.env.Source != desk.FromRelease {
		p.outcomes = append(p.outcomes, desk.Outcome{Disposition: desk.Duplicate, Suspended: id})
		return nil
	}
	id := take(&p.found.SuspendedIDs)
	row := store.SuspendedRow{
		ID: id, Cause: why.cause, Evidence: clean(why.evidence), From: m.from.Addr, Preview: m.preview, Envelope: m.env, Verdict: m.verdict, Opinion: m.opinion,
		Mailboxes: m.mailboxes, Digest: m.digest, ReceivedAt: m.at,
	}
	if m.parsed != nil {
		row.Subject = m.parsed.Subject
	}
	if why.cause == desk.CauseCode {
		row.Subject, row.Preview = "(a sign-in code)", "" // both may show it
	}
	p.filing.Suspended = append(p.filing.Suspended, row)
	p.filing.News.Suspended = true
	p.found.Suspended[string(m.digest)] = id
	p.outcomes = append(p.outcomes, desk.Outcome{Disposition: desk.Suspended, Suspended: id, Cause: why.cause})
	return p.keep(m, keptBy{suspended: &id})
}

// keptBy is what an original belongs to: one of the three.
type keptBy struct{ message, suspended, report *int64 }

// keep files the mail's original.
func (p *plan) keep(m *mail, by keptBy) error {
	id := take(&p.found.OriginalIDs)
	row, err := m.keepOriginal(id)
	if err != nil {
		return err
	}
	row.ID, row.Message, row.Suspended, row.Report = id, by.message, by.suspended, by.report
	p.filing.Originals = append(p.filing.Originals, row)
	return nil
}

// open starts a ticket.
func (p *plan) open(m *mail, match threading.Match) error {
	ticket := p.begin(m, match, opening{subject: m.parsed.Subject, requester: m.from})
	if follows := p.filing.Tickets[ticket.fresh].Follows; follows != nil {
		p.inherit(ticket, *follows, m)
	}
	p.contact(m.from)
	if err := p.file(m, match, filed{ticket: ticket, body: m.body(), disposition: desk.Ticketed}); err != nil {
		return err
	}
	p.acknowledge(m, match, ticket)
	return nil
}

// opening is what a new ticket is about, and whose it is.
type opening struct {
	subject   string
	requester desk.Address
}

// begin writes the row of a new ticket.
func (p *plan) begin(m *mail, match threading.Match, o opening) *ticketNow {
	id := take(&p.found.TicketIDs)
	row := store.NewTicketRow{
		ID: id, Subject: subjectOf(o.subject), MailboxID: m.mailboxes[0], Requester: o.requester.Addr, Preview: m.preview,
		HasAttachment: m.attached(), Unverified: match.Powers.Unverified, At: m.at, WaitingSince: &m.at,
	}
	if suggested := match.Why.Suggested; suggested != 0 {
		if row.Suggested = &suggested; match.Why.Rule == threading.RuleFollowUp {
			row.Suggested, row.Follows = nil, &suggested
		}
	}
	p.filing.Tickets = append(p.filing.Tickets, row)
	ticket := &ticketNow{mailbox: row.MailboxID, fresh: len(p.filing.Tickets) - 1, Ticket: threading.Ticket{
		ID: id, Status: desk.StatusNew, Mailboxes: []int64{row.MailboxID}, Requester: o.requester.Addr, People: m.evidence.People,
	}}
	p.tickets[id] = ticket
	for _, mailbox := range m.mailboxes[1:] {
		p.show(ticket, mailbox)
	}
	p.know(ticket)
	return ticket
}

// acknowledge asks for one neutral answer to a new ticket, if its mailbox sends such: to a proved sender, or to one whose server may send for the domain of the return path (behaviour §4).
// Whether it is sent the limits decide when its turn comes (T-LOOP).
func (p *plan) acknowledge(m *mail, match threading.Match, ticket *ticketNow) {
	proved := match.Powers.Answered || m.verdict.SPF.Result == desk.ResultPass && m.verdict.SPF.Domain == desk.DomainOf(m.from.Addr)
	if !m.acknowledge || !proved || m.automatic() != "" || m.env.Source != desk.FromSMTP && m.env.Source != desk.FromVisitor || desk.NoAnswer(m.from.Addr) != "" {
		return
	}
	p.filing.Acknowledge = append(p.filing.Acknowledge, store.AcknowledgementRow{
		Mailbox: ticket.mailbox, Ticket: ticket.ID, Message: p.outcomes[len(p.outcomes)-1].Message, Address: m.from.Addr, At: m.at,
	})
}

// inherit gives a follow-up the people of the ticket that it continues (T-FOLLOWUP): the requester of that one stays with it, as a participant where somebody else wrote.
func (p *plan) inherit(ticket *ticketNow, from int64, m *mail) {
	before := p.tickets[from]
	if before == nil {
		return
	}
	if before.Requester != m.from.Addr {
		if before.Has(m.from.Addr) { // a participant answered: the conversation is still the requester's
			p.filing.Tickets[ticket.fresh].Requester = before.Requester
			ticket.Requester = before.Requester
			p.participant(ticket, m.from, joinsAtOnce)
		} else {
			p.participant(ticket, desk.Address{Addr: before.Requester}, joinsAtOnce)
		}
	}
	p.event(ticket, m.at, desk.Event{Verb: "continues", To: fmt.Sprint(from)})
	p.know(ticket)
}

// append puts the mail on a ticket that is there.
func (p *plan) append(m *mail, match threading.Match) error {
	ticket := p.tickets[match.Ticket]
	for _, mailbox := range m.mailboxes {
		p.show(ticket, mailbox)
	}
	body := m.body()
	facts, bounced := p.settle(m)
	m.settled = facts
	switch {
	case bounced:
		p.bounce(m, ticket)
	case m.automatic() == "" && m.returned == nil:
		p.touch(m, match, ticket)
	}
	at := m.at
	if match.Before && m.parsed.Date.Before(m.at) && m.parsed.Date.After(m.at.AddDate(0, -1, 0)) {
		at = m.parsed.Date // it came late: its place is before the answer (T-LATE)
	}
	p.contact(m.from)
	if match.Powers.Pending && match.Side == 0 {
		p.participant(ticket, m.from, waitsForAgent)
	}
	return p.file(m, match, filed{ticket: ticket, body: body, at: at, disposition: desk.Appended, bounced: bounced})
}

// touch changes the ticket as the mail's powers allow.
func (p *plan) touch(m *mail, match threading.Match, ticket *ticketNow) {
	before := ticket.Status
	if before.OnReply(ticket.ClosedAt, m.at, match.Powers.Reopens) == desk.ReplyReopens {
		ticket.Status, ticket.ClosedAt = desk.StatusOpen, time.Time{}
		p.know(ticket)
		p.event(ticket, m.at, desk.Event{Verb: "reopened", From: string(before), To: string(ticket.Status)})
		p.filing.Audit = append(p.filing.Audit, store.AuditRow{
			Action: "ticket.reopen", Subject: fmt.Sprintf("ticket/%d", ticket.ID), Detail: map[string]string{"from": string(before), "by": m.from.Addr},
		})
	}
	if ticket.fresh >= 0 { // opened by a mail of this very group: its row is not written yet
		row := &p.filing.Tickets[ticket.fresh]
		row.HasAttachment = row.HasAttachment || m.attached()
		if !match.Before {
			row.Preview = m.preview
		}
		if !match.Powers.Pending {
			return
		}
	}
	row := p.touchRow(ticket)
	fresh := row.At.IsZero()
	row.Status, row.At, row.Waiting = ticket.Status, m.at, &m.at
	row.HasAttachment = row.HasAttachment || m.attached()
	if match.Side != 0 { // what others say is neither the ticket's preview nor the customer's standing
		row.Quiet = row.Quiet || fresh
		return
	}
	row.Unverified, row.Quiet = match.Powers.Unverified, false
	row.NewParticipant = row.NewParticipant || match.Powers.Pending
	if !match.Before {
		row.Preview = m.preview
	}
}

// bounce shows on the ticket that a message of ours did not arrive, and opens it again (T-DSN): somebody thinks that they have answered, and has not.
func (p *plan) bounce(m *mail, ticket *ticketNow) {
	before := ticket.Status
	if before.OnReply(ticket.ClosedAt, m.at, true) == desk.ReplyReopens {
		ticket.Status, ticket.ClosedAt = desk.StatusOpen, time.Time{}
		p.know(ticket)
		p.event(ticket, m.at, desk.Event{Verb: "reopened", From: string(before), To: string(ticket.Status)})
	}
	p.event(ticket, m.at, desk.Event{Verb: "bounced", To: m.settled.Recipients[0]})
	if ticket.fresh >= 0 {
		return
	}
	row := p.touchRow(ticket)
	if row.At.IsZero() {
		row.Quiet = true
	}
	row.Status, row.At, row.Waiting, row.Problem = ticket.Status, m.at, &m.at, true
	p.filing.Audit = append(p.filing.Audit, store.AuditRow{
		Action: "delivery.bounced", Subject: fmt.Sprintf("message/%d", m.returned.message),
		Detail: map[string]any{"recipients": m.settled.Recipients, "status": m.settled.Status},
	})
}

func (p *plan) touchRow(ticket *ticketNow) *store.TicketTouch {
	at, touched := p.touched[ticket.ID]
	if !touched {
		at = len(p.filing.Touches)
		p.touched[ticket.ID] = at
		p.filing.Touches = append(p.filing.Touches, store.TicketTouch{ID: ticket.ID})
	}
	return &p.filing.Touches[at]
}

// event writes a thin line into the conversation.
func (p *plan) event(ticket *ticketNow, at time.Time, event desk.Event) {
	p.filing.Messages = append(p.filing.Messages, store.NewMessageRow{
		ID: take(&p.found.MessageIDs), TicketID: ticket.ID, Kind: desk.KindEvent, At: at, Facts: desk.MessageFacts{Event: &event},
	})
}

// standing is how somebody comes onto a ticket.
type standing int

const (
	joinsAtOnce   standing = iota
	waitsForAgent          // T-STRANGER
)

func (p *plan) participant(ticket *ticketNow, person desk.Address, how standing) {
	p.contact(person)
	p.filing.Participants = append(p.filing.Participants, store.ParticipantRow{TicketID: ticket.ID, Address: desk.Canonical(person.Addr), Pending: how == waitsForAgent})
	if how == joinsAtOnce {
		ticket.People = append(ticket.People, desk.Canonical(person.Addr))
		p.know(ticket)
	}
}

// contact makes sure that the person has a row.
func (p *plan) contact(person desk.Address) {
	addr := desk.Canonical(person.Addr)
	if !p.contacts[addr] {
		p.contacts[addr] = true
		p.filing.Contacts = append(p.filing.Contacts, desk.Address{Name: person.Name, Addr: addr})
	}
}

// finish returns the rows of the whole group. Contacts are sorted so that two processes take the locks of their index entries in one order.
func (p *plan) finish() *store.Filing {
	p.filing.Audit = append(p.filing.Audit, p.oddities.rows()...)
	slices.SortFunc(p.filing.Contacts, func(a, b desk.Address) int { return bytes.Compare([]byte(a.Addr), []byte(b.Addr)) })
	return &p.filing
}

// take hands out the next of the numbers that were asked for. There are always enough: see ask.
func take(ids *[]int64) int64 {
	id := (*ids)[0]
	*ids = (*ids)[1:]
	return id
}
