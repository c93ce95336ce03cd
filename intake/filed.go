package intake

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"postern/desk"
	"postern/store"
	"postern/threading"
)

// remoteMark is how cleaned HTML names an image that is not loaded until somebody asks for it.
const remoteMark = "data-src="

// filed is where one mail of the plan goes.
type filed struct {
	ticket      *ticketNow
	body        body
	at          time.Time // zero: when it was received
	disposition desk.Disposition
	bounced     bool // it says that a message of ours did not arrive
}

// body is the text of a mail as it is kept: the new part, and the rest, which the page folds (T-QUOTE).
type body struct{ text, quoted string }

// file writes down the message, its original, its files and the ids by which it is known.
func (p *plan) file(m *mail, match threading.Match, to filed) error {
	id := take(&p.found.MessageIDs)
	row := store.NewMessageRow{
		ID: id, TicketID: to.ticket.ID, Kind: desk.KindInbound, FromName: m.from.Name, FromAddress: m.from.Addr,
		To: m.parsed.To, Cc: m.parsed.Cc, Subject: m.parsed.Subject, MessageID: m.messageID, At: m.at,
		Text: to.body.text, Quoted: to.body.quoted, HTML: m.parsed.HTML, Facts: m.facts(match), Words: m.words,
	}
	if f := m.forwarded; f != nil && match.Why.Rule == threading.RuleForwarded {
		row.FromName, row.FromAddress, row.To, row.Cc, row.Subject, row.HTML = f.From.Name, f.From.Addr, f.To, f.Cc, f.Subject, f.HTML
		row.Facts.Forwarded = &desk.Forwarded{By: f.agent.Email, Form: f.Form}
	}
	if !to.at.IsZero() {
		row.At = to.at
	}
	if !m.parsed.Date.IsZero() {
		row.SentAt = &m.parsed.Date
	}
	if same := p.same[m.key()]; len(same) > 0 { // other bytes under an id that we know: both are kept, the second is marked (T-DUP-DIFF)
		row.Facts.SameID = same[0].message
	}
	p.filing.Messages = append(p.filing.Messages, row)
	for _, file := range m.files {
		file.Message = id
		p.filing.Files = append(p.filing.Files, file)
	}
	if match.Side != 0 {
		p.filing.Messages[len(p.filing.Messages)-1].Side = &match.Side
	} else if match.Powers.AddsPeople {
		p.addPeople(m, to.ticket)
	}
	if match.Powers.AddsPeople || match.Ticket == 0 || match.Trust == desk.TrustVerified && match.Side == 0 { // without proof nobody brings others onto a ticket that is there (T-09)
		to.ticket.People = append(to.ticket.People, m.evidence.People...)
	}
	p.know(to.ticket)
	p.keys(m, id, to.ticket)
	p.keysOfForward(m, id, to.ticket)
	p.happened(m, match, id, to)
	p.filing.News.Tickets = append(p.filing.News.Tickets, to.ticket.ID)
	p.outcomes = append(p.outcomes, desk.Outcome{Disposition: to.disposition, Ticket: to.ticket.ID, Message: id})
	return p.keep(m, keptBy{message: &id})
}

// happened tells those who react to what happens to tickets.
func (p *plan) happened(m *mail, match threading.Match, message int64, to filed) {
	row := store.HappeningRow{Ticket: to.ticket.ID, Message: message, Kind: desk.HappenedJoined, At: m.at, Detail: desk.HappeningDetail{Automatic: m.automatic() != ""}}
	switch {
	case to.disposition == desk.Ticketed:
		row.Kind = desk.HappenedCreated
	case match.Side != 0:
		row.Kind = desk.HappenedAside
	case to.bounced:
		row.Kind = desk.HappenedBounced
	}
	p.filing.Happenings = append(p.filing.Happenings, row)
}

// keys writes the id that the mail bears, and the nearest of those that it names and nobody bears yet: a mail that comes late is found by them.
func (p *plan) keys(m *mail, message int64, ticket *ticketNow) {
	add := func(row store.KeyRow) {
		row.Message, row.TicketID, row.MailboxID = message, ticket.ID, ticket.mailbox
		p.filing.Keys = append(p.filing.Keys, row)
		p.remember(row)
	}
	add(store.KeyRow{Key: m.key(), Digest: m.digest})
	kept := 0
	for _, key := range m.answers {
		if kept == maxKept {
			return
		}
		if len(p.known.Bearers[key]) == 0 && !slices.Contains(p.known.Namers[key], ticket.ID) {
			add(store.KeyRow{Key: key, Named: true})
			kept++
		}
	}
}

// addPeople makes the people in To and Cc participants, as far as they are neither ours nor the requester.
func (p *plan) addPeople(m *mail, ticket *ticketNow) {
	added := 0
	for _, person := range m.others {
		if added == maxPeople || person.Is(ticket.Requester) {
			continue
		}
		p.participant(ticket, person, joinsAtOnce)
		added++
	}
}

// key is the form in which the mail's id is looked up.
func (m *mail) key() [16]byte { return threading.Key(m.messageID) }

// subjectOf is what a ticket is called. A mail without a subject is called by what it is.
func subjectOf(text string) string {
	if subject := strings.TrimSpace(text); subject != "" {
		return cut(subject, 500)
	}
	return "(no subject)"
}

// attached says whether the mail has a file that somebody meant to send.
func (m *mail) attached() bool {
	return slices.ContainsFunc(m.files, func(f store.FileRow) bool { return !f.Info.Inline })
}

// body splits the text where the quoted history or the signature begins. A mail that would have no text of its own keeps all of it: forwarded mail, or a quote that is not one.
func (m *mail) body() body {
	text := m.parsed.Text
	at := min(m.parsed.QuoteAt, m.parsed.SignatureAt, len(text))
	if strings.TrimSpace(text[:at]) == "" {
		return body{text: strings.TrimRight(text, "\n")}
	}
	return body{text: strings.TrimRight(text[:at], "\n "), quoted: strings.Trim(text[at:], "\n")}
}

// facts collects what the message carries besides its text.
func (m *mail) facts(match threading.Match) desk.MessageFacts {
	facts := desk.MessageFacts{
		ReplyTo: m.parsed.ReplyTo, Envelope: &m.env, Verdict: &m.verdict, Trust: match.Trust, Why: match.Why, Automatic: m.automatic(),
		AsBcc: m.asBcc, Stranger: match.Powers.Pending, Events: m.parsed.Events, Signed: m.parsed.Signed, Encrypted: m.parsed.Encrypted, Problems: m.parsed.Problems,
		References: m.parsed.References, Remote: strings.Contains(m.parsed.HTML, remoteMark), Warnings: m.warnings, Released: m.released, Returned: m.settled,
	}
	if m.opinion.Action != "" || len(m.opinion.Symbols)+len(m.opinion.Silent)+len(m.opinion.Notes) > 0 {
		facts.Opinion = &m.opinion
	}
	if len(facts.References) > 50 {
		facts.References = append(slices.Clone(facts.References[:1]), facts.References[len(facts.References)-49:]...)
	}
	return facts
}

// cut shortens a text to at most n bytes, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
