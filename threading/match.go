package threading

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
)

// Rules, in the order of evidence (behaviour §2). They are stored with every message and shown as 'Why here?'.
const (
	RuleToken     = "token"              // 1. a signed reply address
	RuleOurID     = "message-id"         // 2. our own signed Message-ID, answered
	RuleForeignID = "foreign-message-id" // 3. a Message-ID that we stored, answered
	RuleSubject   = "subject"            // 4. [#123], from somebody proved to be on the ticket
	RuleLate      = "late"               // an answer to this mail came before it (T-LATE)
	RuleNew       = "new"                // 5. nothing
	RuleFollowUp  = "follow-up"          // the ticket was closed too long ago (T-FOLLOWUP)
	RuleForwarded = "forwarded"          // an agent forwarded a customer's mail in (T-FWD)
	RuleReleased  = "released"           // an agent let it in from the suspended mail, onto this ticket
	RuleReturned  = "returned"           // it reports on a message of this ticket (T-DSN)
)

// maxNamed is how many of the ids that a mail names are looked up: the answered one and those next to it say all that there is to say.
const maxNamed = 30

// Mail is what of a mail is evidence.
type Mail struct {
	MessageID  string
	InReplyTo  []string
	References []string
	Addresses  []string // that may carry a token: envelope recipients, To, Cc, Delivered-To, X-Original-To
	People     []string // canonical addresses in To and Cc
	Subject    string
	From       string // canonical
	Verified   bool   // the domain vouches for From
	Automatic  bool
	Mailboxes  []int64 // of ours that it was sent to
	ReceivedAt time.Time
}

// Named lists the Message-IDs that the mail answers, the nearest first, without repetition: In-Reply-To, then References from the newest to the oldest.
func (m Mail) Named() []string {
	named := make([]string, 0, len(m.InReplyTo)+len(m.References))
	add := func(id string) {
		if id = strings.Trim(id, "<> \t"); id != "" && len(named) < maxNamed && !slices.Contains(named, id) {
			named = append(named, id)
		}
	}
	for _, id := range m.InReplyTo {
		add(id)
	}
	for i := len(m.References) - 1; i >= 0; i-- {
		add(m.References[i])
	}
	return named
}

// Clues is the evidence of one mail, read but not yet looked up.
type Clues struct {
	Tokens  []Mark   // of reply addresses, in order of appearance
	OurIDs  []Mark   // of our Message-IDs, nearest first
	Foreign []string // other Message-IDs, nearest first
	Number  int64    // [#123] in the subject; 0: none
}

// Mark is a token or a Message-ID of ours as it was seen.
type Mark struct {
	Message int64
	Saw     string
}

// Read takes the evidence out of a mail. Only what carries our signature comes back as a token or an id of ours.
func (c *Codec) Read(mail Mail) Clues {
	var clues Clues
	for _, addr := range mail.Addresses {
		_, message, ok := c.ParseAddress(addr)
		if !ok && mail.Automatic { // somebody is away: such answers go to the return path (RFC 3834 §4)
			_, message, _, ok = c.ParseReturnPath(addr)
		}
		if ok {
			clues.Tokens = append(clues.Tokens, Mark{message, addr})
		}
	}
	for _, id := range mail.Named() {
		if message, ok := c.ParseMessageID(id); ok {
			clues.OurIDs = append(clues.OurIDs, Mark{message, id})
		} else {
			clues.Foreign = append(clues.Foreign, id)
		}
	}
	clues.Number = subjectNumber(mail.Subject)
	return clues
}

// subjectNumber finds the last [#123] of a subject; 0 where there is none.
func subjectNumber(subject string) int64 {
	for {
		at := strings.LastIndex(subject, "[#")
		if at < 0 {
			return 0
		}
		digits, _, closed := strings.Cut(subject[at+2:], "]")
		if number, err := strconv.ParseInt(digits, 10, 64); closed && err == nil && number > 0 {
			return number
		}
		subject = subject[:at]
	}
}

// Ticket is what matching has to know of a ticket that may be the one.
type Ticket struct {
	ID        int64
	Status    desk.Status
	ClosedAt  time.Time
	Mailboxes []int64  // all in which it is seen
	Requester string   // canonical
	People    []string // canonical: participants, and everybody in To or Cc of its mails
}

// Has says whether the address is the requester's or a participant's.
func (t Ticket) Has(addr string) bool {
	return addr != "" && (t.Requester == addr || slices.Contains(t.People, addr))
}

func (t Ticket) seenIn(mailboxes []int64) bool {
	for _, mailbox := range mailboxes {
		if slices.Contains(t.Mailboxes, mailbox) {
			return true
		}
	}
	return false
}

// Side is a conversation with others beside a ticket's own: what was forwarded to them, and what they answered. It is never shown to the customer.
type Side struct {
	ID     int64    // of the forward that began it; 0: there is none
	People []string // canonical: to whom we wrote in it
}

// Candidates is what the look-up of a whole group of mails brought.
type Candidates struct {
	Messages map[int64]int64      // message of ours → the ticket that it stands on now
	Sides    map[int64]Side       // message of ours → the conversation beside its ticket's own in which it stands
	Bearers  map[[16]byte][]int64 // key → tickets with a message that bears the id
	Namers   map[[16]byte][]int64 // key → tickets with a message that names the id
	Tickets  map[int64]Ticket     // under every number that was asked for; a merged one leads to its target
}

// Match is where a mail belongs.
type Match struct {
	Ticket int64    // 0: a new one
	Before bool     // the mail is older than what is on the ticket (T-LATE)
	Why    desk.Why // the rule that decided, and what it saw
	Side   int64    // the conversation beside the ticket's own that it answers; 0: it is none of them
	Powers Powers   // what the mail may do there
	Trust  desk.Trust
}

// Decide applies the order of evidence to one mail. Evidence that may not be acted on becomes the suggestion of a new ticket.
func Decide(mail Mail, clues Clues, known Candidates) Match {
	token := len(clues.Tokens)+len(clues.OurIDs) > 0
	trust := trustOf(mail, token)
	suggested := int64(0)
	for _, found := range evidence(mail, clues, known) {
		ticket, exists := known.Tickets[found.ticket]
		if !exists {
			continue
		}
		powers := PowersOf(Sender{Trust: trust, OnTicket: ticket.Has(mail.From), Token: found.token(), Automatic: mail.Automatic})
		if found.rule == RuleSubject && trust != desk.TrustVerified {
			powers.Joins = false // a number that anybody can write is evidence only for somebody who proves who they are
		}
		if found.rule == RuleLate { // anybody could have named this id before: the two mails must have a person in common
			powers.Joins, powers.Pending = found.related, !ticket.Has(mail.From)
		}
		why := desk.Why{Rule: found.rule, Saw: found.saw}
		if found.side.ID != 0 {
			powers := besidePowers(Sender{Trust: trust, OnTicket: slices.Contains(found.side.People, mail.From), Token: true, Automatic: mail.Automatic})
			return Match{Ticket: ticket.ID, Side: found.side.ID, Why: why, Powers: powers, Trust: trust}
		}
		switch {
		case !powers.Joins:
			if suggested == 0 {
				suggested = ticket.ID
			}
		case ticket.Status.OnReply(ticket.ClosedAt, mail.ReceivedAt, powers.Reopens) == desk.ReplyFollowsUp:
			why.Rule, why.Suggested, why.Note = RuleFollowUp, ticket.ID, "The ticket was closed too long ago to be opened again; this one continues it."
			return Match{Why: why, Powers: PowersOf(Sender{Trust: trust, OnTicket: true, Automatic: mail.Automatic}), Trust: trust}
		default:
			return Match{Ticket: ticket.ID, Before: found.rule == RuleLate, Why: why, Powers: powers, Trust: trust}
		}
	}
	why := desk.Why{Rule: RuleNew, Saw: "no token, no Message-ID of a ticket, no number from somebody on one", Suggested: suggested}
	if suggested != 0 {
		why.Saw = "evidence that may not be acted on: nothing proves that the sender is on that ticket"
	}
	return Match{Why: why, Powers: PowersOf(Sender{Trust: trust, New: true, Automatic: mail.Automatic}), Trust: trust}
}

func trustOf(mail Mail, token bool) desk.Trust {
	switch {
	case mail.Verified:
		return desk.TrustVerified
	case token:
		return desk.TrustToken
	default:
		return desk.TrustUnverified
	}
}

// lead is one piece of evidence that leads to a ticket.
type lead struct {
	ticket  int64
	rule    string
	saw     string
	side    Side // of a mark on a message beside the ticket's own conversation
	related bool // T-LATE: the two mails have a person in common
}

func (l lead) token() bool { return l.rule == RuleToken || l.rule == RuleOurID }

// evidence lists all leads, the strongest first.
func evidence(mail Mail, clues Clues, known Candidates) []lead {
	var leads []lead
	marks := func(marks []Mark, rule string) {
		for _, mark := range marks {
			if ticket, ok := known.Messages[mark.Message]; ok {
				leads = append(leads, lead{ticket: ticket, rule: rule, saw: mark.Saw, side: known.Sides[mark.Message]})
			}
		}
	}
	marks(clues.Tokens, RuleToken)
	marks(clues.OurIDs, RuleOurID)
	within := func(tickets []int64, found lead) {
		for _, id := range tickets {
			if ticket, ok := known.Tickets[id]; ok && ticket.seenIn(mail.Mailboxes) {
				found.ticket = id
				found.related = ticket.Has(mail.From) || slices.ContainsFunc(mail.People, ticket.Has)
				leads = append(leads, found)
			}
		}
	}
	for _, id := range clues.Foreign {
		within(known.Bearers[Key(id)], lead{rule: RuleForeignID, saw: id})
	}
	if mail.MessageID != "" {
		within(known.Namers[Key(mail.MessageID)], lead{rule: RuleLate, saw: mail.MessageID})
	}
	if clues.Number != 0 {
		leads = append(leads, lead{ticket: clues.Number, rule: RuleSubject, saw: "[#" + strconv.FormatInt(clues.Number, 10) + "]"})
	}
	return leads
}
