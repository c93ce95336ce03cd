package tickets

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"postern/desk"
	"postern/store"
)

// shortestNote is how long a note must be for its words in an answer to be more than chance.
const shortestNote = 15

// lookedAt is what decides whether a writer should be warned.
type lookedAt struct {
	Draft     desk.Draft
	Files     int      // that go along
	Notes     []string // the writer's own that is not written yet, and the newest of the ticket
	Staff     []desk.User
	Strangers []string // recipients to whom nobody has written yet
	Customers []string // recipients of a forward who are on the ticket
}

// What a text says about itself, in the languages that our desks write most.
var (
	speaksOfFile = regexp.MustCompile(`(?i)(^|[^\pL])(attached|attachments?|enclosed|(in )?allegat[oaie]|allego|alleghiamo|beigefügt|im anhang|anbei|ci-joint(e|s|es)?|pièces? jointes?|adjunt[oa]s?)([^\pL]|$)`)
	callsItself  = regexp.MustCompile(`(?i)(^|[^\pL])(internal (note|only|use)|(for )?internal use( only)?|internally|(do not|don't|never) (tell|forward (this )?to|show (this )?to|send (this )?to) the (customer|client)|nota interna|(solo )?(per )?uso interno|non (dire|dirlo|inoltrare|mostrare|mandare) al cliente)([^\pL]|$)`)
	placeholder  = regexp.MustCompile(`\{\{[^{}\n]{1,60}\}\}`)
)

// cautions says what the writer of a draft should look at before it leaves as mail.
func cautions(l lookedAt) (list []desk.Caution) {
	add := func(kind desk.CautionKind, saw string) { list = append(list, desk.Caution{Kind: kind, Saw: saw}) }
	own := ownWords(l.Draft.Text)
	if l.Draft.Kind == desk.KindReply {
		flat := flatWords(l.Draft.Text)
		if slices.ContainsFunc(l.Notes, func(note string) bool {
			note = flatWords(note)
			return len(note) >= shortestNote && strings.Contains(flat, note)
		}) {
			add(desk.CautionNote, "")
		}
		if named := Mentions(own, l.Staff); len(named) > 0 && strings.Contains(own, "@") {
			add(desk.CautionColleague, nameOf(l.Staff, named[0]))
		}
	}
	if saw := callsItself.FindStringSubmatch(own); saw != nil {
		add(desk.CautionInternal, saw[2])
	}
	if saw := speaksOfFile.FindStringSubmatch(own); saw != nil && l.Files == 0 {
		add(desk.CautionFile, saw[2])
	}
	if saw := placeholder.FindString(own); saw != "" {
		add(desk.CautionBlank, saw)
	}
	for _, stranger := range l.Strangers {
		add(desk.CautionStranger, stranger)
	}
	for _, customer := range l.Customers {
		add(desk.CautionCustomer, customer)
	}
	return list
}

// ownWords is a text without the lines that it quotes.
func ownWords(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), ">") })
	return strings.Join(lines, "\n")
}

// flatWords is a text in lower case with single spaces.
func flatWords(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

func nameOf(people []desk.User, id int64) string {
	at := slices.IndexFunc(people, func(person desk.User) bool { return person.ID == id })
	if at < 0 {
		return ""
	}
	return people[at].Name
}

// Cautions says what the actor should look at before a reply or a forward leaves: it decides nothing. A note causes none.
func (s *Service) Cautions(ctx context.Context, actor desk.Actor, d desk.Draft) ([]desk.Caution, error) {
	if err := need(actor, desk.MayReply); err != nil || !d.Kind.Leaves() {
		return nil, err
	}
	if d.TicketID != 0 {
		if err := s.see(ctx, actor, d.TicketID); err != nil {
			return nil, err
		}
	}
	looked := lookedAt{Draft: d, Files: len(d.Uploads) + len(d.Take)}
	if d.Original {
		looked.Files++
	}
	var err error
	if looked.Staff, err = s.store.Colleagues(ctx); err != nil {
		return nil, err
	}
	if looked.Notes, err = s.store.NewestNotes(ctx, d.TicketID); err != nil {
		return nil, err
	}
	if note, found, err := s.store.Draft(ctx, actor.User.ID, d.TicketID, desk.KindNote); err != nil {
		return nil, err
	} else if found {
		looked.Notes = append(looked.Notes, note.Text)
	}
	if err := s.lookAtPeople(ctx, &looked); err != nil {
		return nil, err
	}
	return cautions(looked), nil
}

// lookAtPeople finds out who among the recipients is new to the desk, and of a forward who is on the ticket.
func (s *Service) lookAtPeople(ctx context.Context, looked *lookedAt) error {
	d := looked.Draft
	ticket, err := s.store.Ticket(ctx, store.AllSeeing(), d.TicketID)
	if err != nil {
		return err
	}
	standing, err := s.store.Standing(ctx, d.TicketID)
	if err != nil {
		return err
	}
	onTicket := append(slices.Concat(standing.Present, standing.Accepted), ticket.RequesterAddress)
	ours := s.ours(standing.Ours)
	var asked []string
	for _, person := range slices.Concat(d.To, d.Cc, d.Bcc) {
		addr := desk.Canonical(person.Addr)
		staff := slices.ContainsFunc(looked.Staff, func(user desk.User) bool { return user.Email == addr })
		switch {
		case staff || ours(addr):
		case !slices.Contains(onTicket, addr):
			asked = append(asked, addr)
		case d.Kind == desk.KindForward:
			looked.Customers = append(looked.Customers, addr)
		}
	}
	if d.Kind == desk.KindForward || len(asked) == 0 { // whoever forwards means to write to somebody new
		return nil
	}
	named, err := s.store.NamedOn(ctx, d.TicketID, asked)
	if err != nil {
		return err
	}
	written, err := s.store.WrittenTo(ctx, asked)
	if err != nil {
		return err
	}
	looked.Strangers = slices.DeleteFunc(asked, func(addr string) bool { return slices.Contains(named, addr) || slices.Contains(written, addr) })
	return nil
}
