package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
	"postern/mailtext"
	"postern/threading"
)

// office is the domain of mailboxes and agents where the database has none (RFC 2606).
const office = "lumen.example"

// agents are the people who answer.
func agents() []person {
	names := strings.Split("Mara Lindqvist|Tomás Ferreira|Aoife Byrne|Giorgio Valli|Hannah Weiß|Nadia Benali|Oskar Nowak|Priya Raman|Samuel Adeyemi|Élise Marchand|Jonas Brandt|Lucia Moretti|Kenji Mori|Rosa Delgado|Viktor Horvat|Wendy Clarke|Ana Sousa|Bram de Wit|Carla Conti|Dunja Petrović|Emil Karlsson|Farid Haddad|Greta Olsen|Hugo Lambert", "|")
	people := make([]person, len(names))
	for i, name := range names {
		first, _, _ := strings.Cut(name, " ")
		people[i] = person{name, plain(first) + "@" + office}
	}
	return people
}

// teams are who works on which subject: a team for each, and one for all others.
func teams() []string {
	return []string{"Shipping", "Billing", "Returns", "Accounts", "Workshop", "Sales"}
}

// makeTeams makes the teams, each of some agents.
func (f *filler) makeTeams(ctx context.Context) error {
	for i, name := range teams() {
		var id int64
		err := f.conn.QueryRow(ctx, `
			with there as (select id from team where lower(name) = lower($1) and removed_at is null),
			     made as (insert into team (name) select $1 where not exists (select from there) returning id)
			select id from there union all select id from made`, name).Scan(&id)
		if err != nil {
			return fmt.Errorf("team %s: %w", name, err)
		}
		f.teams = append(f.teams, id)
		for member := i; member < len(f.users); member += len(teams()) {
			if _, err := f.conn.Exec(ctx, `insert into team_member (team_id, user_id) values ($1, $2) on conflict do nothing`, id, f.users[member]); err != nil {
				return fmt.Errorf("team %s: %w", name, err)
			}
		}
	}
	return nil
}

// staff makes agents and teams, and mailboxes where there are none.
func (f *filler) staff(ctx context.Context) error {
	for _, one := range agents() {
		var id int64
		err := f.conn.QueryRow(ctx, `
			insert into "user" (email, name, role)
			values ($1, $2, 'agent')
			on conflict (email) do update
			set name = excluded.name
			returning id`, one.address, one.name).Scan(&id)
		if err != nil {
			return fmt.Errorf("agent %s: %w", one.address, err)
		}
		f.users = append(f.users, id)
	}
	if err := f.makeTeams(ctx); err != nil {
		return err
	}
	for range 2 {
		rows, err := f.conn.Query(ctx, `select id, address, name from mailbox where removed_at is null order by id limit 6`)
		if err != nil {
			return err
		}
		f.mailboxes = f.mailboxes[:0]
		if f.mailboxes, err = pgx.AppendRows(f.mailboxes, rows, func(row pgx.CollectableRow) (m mailbox, err error) {
			err = row.Scan(&m.id, &m.address, &m.name)
			return m, err
		}); err != nil || len(f.mailboxes) > 0 {
			return err
		}
		for _, name := range []string{"Support", "Billing", "Shipping", "Sales"} {
			if _, err := f.conn.Exec(ctx, `insert into mailbox (address, name) values ($1, $2)`, strings.ToLower(name)+"@"+office, name); err != nil {
				return err
			}
		}
	}
	return errors.New("there is no mailbox")
}

// addContacts writes the customers. Who is there already stays who they are.
func (f *filler) addContacts(ctx context.Context) error {
	bar := begin("contacts", f.contacts)
	for from := 0; from < f.contacts; from += batch {
		n := min(batch, f.contacts-from)
		addresses, names := make([]string, n), make([]string, n)
		for i := range n {
			one := f.author.customer(from + i)
			f.author.customers = append(f.author.customers, one)
			addresses[i], names[i] = desk.Canonical(one.address), one.name
		}
		rows, err := f.conn.Query(ctx, `
			with new as (select address, name, place from unnest($1::text[], $2::text[]) with ordinality as n (address, name, place)),
			     added as (
			    insert into contact (address, name)
			    select address, name from new
			    on conflict (address) do update
			    set name = contact.name
			    returning id, address)
			select a.id
			from new n
			join added a on a.address = n.address
			order by n.place`, addresses, names)
		if err != nil {
			return err
		}
		if f.people, err = pgx.AppendRows(f.people, rows, pgx.RowTo[int64]); err != nil {
			return fmt.Errorf("write contact: %w", err)
		}
		bar.add(n)
	}
	bar.end()
	if len(f.people) != f.contacts {
		return fmt.Errorf("%d contacts have %d addresses", f.contacts, len(f.people))
	}
	return nil
}

// tagsOf are the tags of a conversation: what it is about, and sometimes more.
func (f *filler) tagsOf(n int) []string {
	c := &f.talks[n]
	random := rand.New(rand.NewPCG(f.seed+6, uint64(n)))
	tags := []string{}
	if random.IntN(10) < 7 {
		tags = append(tags, f.languages[c.language].topics[c.topic].tag)
	}
	more := strings.Split("vip|urgent-call|wholesale|school|press|b2b|warranty-check|escalated|spare-parts|feedback|bug|praise|legal|newsletter|partner|trial", "|")
	for random.IntN(4) == 0 {
		tags = append(tags, more[min(random.IntN(len(more)), random.IntN(len(more)))])
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

const ticketColumns = `ticket (id, subject, status, priority, mailbox_id, requester_id, assignee_id, tags, preview, waiting_since, created_at, updated_at, solved_at, closed_at,
	team_id, first_answered_at, rating, rating_note)`

// addTickets writes the tickets as they stand at the end.
func (f *filler) addTickets(ctx context.Context) error {
	bar := begin("tickets ", f.tickets)
	defer bar.end()
	return f.parallel(ctx, (f.tickets+batch-1)/batch, func(ctx context.Context, conn *pgx.Conn, part int) error {
		var r rows
		for n := part * batch; n < min((part+1)*batch, f.tickets); n++ {
			c := &f.talks[n]
			r.number(f.ticket + int64(n))
			r.text(f.author.subject(n, c))
			r.text(string(c.status))
			r.text(string(c.priority))
			r.number(f.mailboxes[c.mailbox].id)
			r.number(f.people[c.contact])
			if c.answered.IsZero() {
				r.null()
			} else {
				r.number(f.users[c.agent])
			}
			r.list(f.tagsOf(n))
			r.text(mailtext.Snippet(f.lastWords(n), 160))
			r.time(c.waiting)
			r.time(c.created)
			r.time(c.updated)
			r.time(c.solved)
			r.time(c.closed)
			r.number(f.teams[c.topic%len(f.teams)])
			r.time(c.answered)
			if rating := c.rating(); rating == 0 {
				r.null()
			} else {
				r.number(int64(rating))
			}
			r.text("")
			r.end()
		}
		bar.add(min((part+1)*batch, f.tickets) - part*batch)
		return copyRows(ctx, conn, ticketColumns, &r)
	})
}

// lastWords is the newest mail of a conversation.
func (f *filler) lastWords(n int) string {
	c := &f.talks[n]
	for place := len(c.steps) - 1; place >= 0; place-- {
		if kind := c.steps[place].kind; kind == desk.KindInbound || kind == desk.KindReply {
			return f.author.words(n, c, place)
		}
	}
	return ""
}

const (
	messageColumns  = `message (id, ticket_id, kind, author_id, contact_id, from_name, from_address, "to", subject, message_id, at, sent_at, text, quoted, html, facts, search)`
	keyColumns      = `message_key (key, message, ticket_id, mailbox_id, named, digest)`
	deliveryColumns = `delivery (message_id, recipient, destination, sender, state, host, tls, reply, attempts, queued_at, updated_at)`
)

// addMessages writes every step in the order of time, each batch with its keys and deliveries in one transaction.
func (f *filler) addMessages(ctx context.Context, spots []spot) error {
	bar := begin("messages", len(spots))
	defer bar.end()
	var mu sync.Mutex
	return f.parallel(ctx, (len(spots)+batch-1)/batch, func(ctx context.Context, conn *pgx.Conn, part int) error {
		var one sheet
		for i := part * batch; i < min((part+1)*batch, len(spots)); i++ {
			if err := f.step(&one, f.message+int64(i), int(spots[i].talk), int(spots[i].place)); err != nil {
				return err
			}
		}
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			return errors.Join(copyRows(ctx, conn, messageColumns, &one.messages), copyRows(ctx, conn, keyColumns, &one.keys), copyRows(ctx, conn, deliveryColumns, &one.deliveries))
		})
		mu.Lock()
		defer mu.Unlock()
		f.written, f.events, f.longest = f.written+one.written, f.events+one.events, max(f.longest, one.longest)
		bar.add(min((part+1)*batch, len(spots)) - part*batch)
		return err
	})
}

// sheet is a batch: rows of three tables.
type sheet struct {
	messages, keys, deliveries rows
	written, events            int
	longest                    int64
}

// step writes one step.
func (f *filler) step(to *sheet, id int64, n, place int) error {
	c := &f.talks[n]
	s := c.steps[place]
	ticket, box, who := f.ticket+int64(n), f.mailboxes[c.mailbox], f.author.customers[c.contact]
	if s.kind == desk.KindEvent {
		to.events++
		return f.event(&to.messages, id, ticket, c, s)
	}
	if to.written++; place == 0 && len(c.steps) >= longLength {
		to.longest = ticket
	}
	agent := f.author.agents[c.agent]
	var facts desk.MessageFacts
	text, quoted, from, recipient := f.author.words(n, c, place), "", person{who.name, who.address}, box
	var author, contact int64
	messageID := ""
	switch s.kind {
	case desk.KindInbound:
		contact, quoted = f.people[c.contact], f.author.quoted(n, c, place)
		messageID = fmt.Sprintf("%x.%x@%s", id, n, who.address[strings.IndexByte(who.address, '@')+1:])
		facts.Trust, facts.Why = desk.TrustVerified, desk.Why{Rule: "new", Saw: box.address}
		if place > 0 {
			facts.Why = desk.Why{Rule: "message-id", Saw: messageID}
		}
		verdict := desk.Unchecked("")
		verdict.From, verdict.SPF = desk.DomainOf(who.address), desk.Method{Result: desk.ResultPass, Domain: desk.DomainOf(who.address), Aligned: true}
		facts.Verdict = &verdict
	case desk.KindReply:
		author, from, recipient = f.users[c.agent], person{box.name, box.address}, mailbox{address: who.address, name: who.name}
		messageID = fmt.Sprintf("p.%x@%s", id, office)
		facts.Why = desk.Why{Rule: "manual"}
	default:
		author, from = f.users[c.agent], agent
	}
	subject := f.author.subject(n, c)
	if place > 0 {
		subject = "Re: " + subject
	}
	document, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	recipients, err := json.Marshal([]desk.Address{{Name: recipient.name, Addr: recipient.address}})
	if err != nil {
		return err
	}
	html := ""
	if s.kind == desk.KindInbound && c.contact%2 == 0 {
		html = page(text)
	}
	to.messages.message(written{id: id, ticket: ticket, kind: s.kind, author: author, contact: contact, from: from, to: string(recipients), subject: subject, messageID: messageID, at: s.at,
		text: text, quoted: quoted, html: html, facts: string(document)})
	f.beside(to, id, ticket, messageID, box, s, who)
	return nil
}

// written is a message as its row holds it.
type written struct {
	id, ticket, author, contact          int64 // 0: no author, or nobody outside
	kind                                 desk.MessageKind
	from                                 person
	to, subject, messageID, text, quoted string
	html, facts                          string
	at                                   time.Time
}

// message writes the row of a message, with the words by which search finds it. A note goes to nobody and has no subject.
func (r *rows) message(m written) {
	if m.kind == desk.KindNote {
		m.to, m.subject = "[]", ""
	}
	r.number(m.id)
	r.number(m.ticket)
	r.text(string(m.kind))
	r.id(m.author)
	r.id(m.contact)
	r.text(m.from.name)
	r.text(m.from.address)
	r.text(m.to)
	r.text(m.subject)
	r.text(m.messageID)
	r.time(m.at)
	if m.kind == desk.KindInbound {
		r.time(m.at.Add(-3 * time.Second))
	} else {
		r.null()
	}
	r.text(m.text)
	r.text(m.quoted)
	r.text(m.html)
	r.text(m.facts)
	r.words(mailtext.Lexemes(strings.Join([]string{m.subject, m.from.name, m.from.address, m.text}, "\n")))
	r.end()
}

// beside writes what stands in other tables: the key by which answers find the ticket, and how a reply was delivered.
func (f *filler) beside(to *sheet, id, ticket int64, messageID string, box mailbox, s step, who person) {
	if messageID == "" {
		return
	}
	r := &to.keys
	r.uuid(threading.Key(messageID))
	r.number(id)
	r.number(ticket)
	r.number(box.id)
	r.truth(false)
	if s.kind == desk.KindInbound {
		digest := sha256.Sum256([]byte(messageID))
		r.bytes(digest[:])
	} else {
		r.null()
	}
	r.end()
	if s.kind != desk.KindReply {
		return
	}
	domain := desk.DomainOf(who.address)
	d := &to.deliveries
	d.number(id)
	d.text(who.address)
	d.text(domain)
	d.text(desk.DomainOf(box.address))
	state, reply := "sent", fmt.Sprintf("250 2.0.0 OK: queued as %010X", id*7919)
	if id%97 == 0 {
		state, reply = "bounced", "550 5.1.1 <"+who.address+">: mailbox unavailable"
	}
	d.text(state)
	d.text("mx1." + domain)
	d.text("TLS 1.3")
	d.text(reply)
	d.number(1)
	d.time(s.at)
	d.time(s.at.Add(12 * 1e9))
	d.end()
}

// event writes what happened to a ticket.
func (f *filler) event(r *rows, id, ticket int64, c *conversation, s step) error {
	event := desk.Event{Verb: s.verb, From: string(s.from), To: string(s.to)}
	switch s.verb {
	case "assigned":
		event.To = f.author.agents[c.agent].name
	case "rated-good", "rated-bad":
		event.From = f.author.customers[c.contact].name
	}
	document, err := json.Marshal(desk.MessageFacts{Event: &event})
	if err != nil {
		return err
	}
	r.number(id)
	r.number(ticket)
	r.text(string(desk.KindEvent))
	if s.verb == "reopened" || strings.HasPrefix(s.verb, "rated") {
		r.null()
	} else {
		r.number(f.users[c.agent])
	}
	r.null()
	r.text("")
	r.text("")
	r.text("[]")
	r.text("")
	r.text("")
	r.time(s.at)
	r.null()
	r.text("")
	r.text("")
	r.text("")
	r.text(string(document))
	r.null()
	r.end()
	return nil
}
