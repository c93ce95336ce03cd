package tickets

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"postern/desk"
	"postern/store"
	"postern/threading"
)

// errMailed ends a transaction that has nothing to write: the mail is here already.
var errMailed = errors.New("tickets: the mail became a message before")

// AgentAddresses are the addresses to which the actor can mail an answer to a ticket and a note on it (security T-07). The answer goes to everybody on the newest mail of the ticket, as it is now,
// or to its author alone where its Reply-To names another organization (T-08). Both are empty while agents may not answer by mail, and where there is no mail to answer or the mailbox's address leaves no room for a token.
func (s *Service) AgentAddresses(ctx context.Context, actor desk.Actor, number int64) (reply, note string, err error) {
	if err := need(actor, desk.MayNote); err != nil {
		return "", "", err
	}
	ticket, err := s.sighted(ctx, actor, number)
	if err != nil {
		return "", "", err
	}
	set, err := agentsByMail(ctx, s.store.Reader)
	if err != nil || set != desk.AgentsByMailOn || actor.User.ID == 0 {
		return "", "", err
	}
	newest, err := s.store.NewestInbound(ctx, number)
	if err != nil || newest == 0 {
		return "", "", err
	}
	mark := threading.AgentMark{Message: newest, User: actor.User.ID, Kind: desk.KindReply}
	if actor.Can(desk.MayReply) {
		reply = s.codec.AgentAddress(ticket.MailboxAddress, mark)
	}
	mark.Kind = desk.KindNote
	return reply, s.codec.AgentAddress(ticket.MailboxAddress, mark), nil
}

// mailSays is what a mail to a personal address does, by what it becomes.
var mailSays = map[desk.MessageKind]string{
	desk.KindReply: "Answer the customer; from people who lack the right, a note",
	desk.KindNote:  "Put a note on the ticket",
}

// MailNeeds are the mails by which people of ours do something, with the right that each asks for.
func MailNeeds() []desk.Need {
	needs := make([]desk.Need, len(threading.AgentKinds))
	for i, kind := range threading.AgentKinds {
		needs[i] = desk.Need{Way: "mail to one's address for a " + string(kind), Says: mailSays[kind], Right: rightOf(kind)}
	}
	return needs
}

// AgentMail is a mail of one of our people to a personal address of theirs. That it is really theirs its taker has made sure of.
type AgentMail struct {
	Mark     threading.AgentMark
	From     string            // canonical, and proved
	IP       string            // of the server that brought it; empty: unknown
	Text     string            // the new part of it: neither what it quotes nor its signature
	Files    []store.File      // whose bytes are stored
	People   []desk.Address    // in To and Cc, without ours: an answer makes them participants
	Key      [16]byte          // of its Message-ID
	Digest   []byte            // of its bytes: with the key, it tells the same mail from another
	Facts    desk.MessageFacts // what is shown of its way here
	Original func(id int64) (store.Original, error)
}

// ByMail makes the mail of one of our people a public answer or a note on their ticket, by the address that they used. When it returns nil that is durable; the same mail again is a
// desk.Duplicate and changes nothing. Forbidden: it may not be taken for theirs. Any other fault but Conflict says what is wrong with it for good; after a Conflict it may be tried again.
//
// The original hangs on the note. That of an answer hangs on the line which says that it came by mail: the answer's own is what leaves.
func (s *Service) ByMail(ctx context.Context, m AgentMail) (outcome desk.Outcome, err error) {
	actor, err := s.mailing(ctx, m)
	if err != nil {
		return outcome, err
	}
	written, err := bodyOf(m.Text, "", make([]int64, len(m.Files)))
	if err != nil {
		return outcome, err
	}
	named, err := s.sightedMessage(ctx, actor, m.Mark.Message)
	if err != nil {
		return outcome, err
	}
	if m.Mark.Kind == desk.KindReply && !actor.Can(desk.MayReply) {
		m.Mark.Kind = desk.KindNote // who may write no mail to customers says it to colleagues
	}
	err = s.changeBy(ctx, permitted{actor, rightOf(m.Mark.Kind)}, named.TicketID, func(c *change) error {
		now, err := c.Message(ctx, store.AllSeeing(), m.Mark.Message)
		if err != nil {
			return err
		}
		if now.TicketID != c.ticket.ID {
			return desk.Faultf(desk.Conflict, "the message that this address names is being moved to ticket #%d", now.TicketID)
		}
		before, err := c.MailedBefore(ctx, m.Key, actor.User.ID)
		switch {
		case err != nil:
			return err
		case before.Message != 0 && bytes.Equal(before.Digest, m.Digest):
			outcome = desk.Outcome{Disposition: desk.Duplicate, Ticket: before.TicketID, Message: before.Message}
			return errMailed
		case before.Message != 0: // who has seen the first could send it again with something added
			return desk.Faultf(desk.Forbidden, "another mail with its Message-ID was taken before")
		}
		outcome, err = s.mailed(ctx, c, m, written)
		return err
	})
	if errors.Is(err, errMailed) {
		return outcome, nil
	}
	if err != nil {
		return desk.Outcome{}, err
	}
	return outcome, nil
}

// mailing is the actor of a mail: the user whom the address names, as they are at this moment.
func (s *Service) mailing(ctx context.Context, m AgentMail) (desk.Actor, error) {
	set, err := agentsByMail(ctx, s.store.Reader)
	if err != nil {
		return desk.Actor{}, err
	}
	if set != desk.AgentsByMailOn {
		return desk.Actor{}, desk.Faultf(desk.Forbidden, "agents may not answer by mail here")
	}
	places, err := s.store.SettingValues(ctx, []string{desk.AddressesOn.Key, desk.AddressesMail.Key})
	if err != nil {
		return desk.Actor{}, err
	}
	if places.On(desk.AddressesOn) && !places.On(desk.AddressesMail) { // a mail comes from anywhere: it must be no way round (security row 37)
		return desk.Actor{}, desk.Faultf(desk.Forbidden, "people come in from some addresses only here, and a mail may come from any")
	}
	person, err := s.store.PersonByEmail(ctx, desk.Canonical(m.From))
	if err != nil && !isFault(err, desk.NotFound) {
		return desk.Actor{}, err
	}
	if err != nil || person.ID != m.Mark.User || person.DisabledAt != nil || !person.Can(desk.MayNote) {
		return desk.Actor{}, desk.Faultf(desk.Forbidden, "the address is not, or not any more, that of an agent who may answer")
	}
	return desk.Actor{User: person.User, Via: "mail", IP: m.IP}, nil
}

// mailed writes the message, and beside it what tells the same mail when it comes again.
func (s *Service) mailed(ctx context.Context, c *change, m AgentMail, written body) (desk.Outcome, error) {
	uploads, err := c.takeFiles(ctx, m.Files)
	if err != nil {
		return desk.Outcome{}, err
	}
	outcome := desk.Outcome{Disposition: desk.Appended, Ticket: c.ticket.ID}
	bearer := int64(0)
	switch m.Mark.Kind {
	case desk.KindNote:
		bearer, err = c.note(ctx, noted{text: written.text, uploads: uploads, facts: m.Facts})
		outcome.Message = bearer
	case desk.KindReply:
		asked := desk.ReplyRequest{Ticket: c.ticket.ID, Answers: m.Mark.Message, Uploads: uploads, Status: desk.StatusPending}
		if !c.actor.Can(desk.MayWrite) {
			asked.Status = desk.KeepStatus
		}
		if asked.To, asked.Cc, err = s.unseen(ctx, c, m.Mark.Message); err != nil {
			return outcome, err
		}
		asked.Recipients = desk.AsGiven
		if outcome.Message, err = s.reply(ctx, c, asked, written); err != nil {
			return outcome, err
		}
		if err = c.addPeople(ctx, m.People); err != nil {
			return outcome, err
		}
		bearer, err = c.cameByMail(ctx, m.Facts)
	default:
		err = desk.Faultf(desk.Forbidden, "an address for messages of kind %q is nobody's", m.Mark.Kind)
	}
	if err != nil {
		return outcome, err
	}
	return outcome, c.keepMailed(ctx, bearer, m)
}

// unseen is who receives an answer whose writer was not shown the recipients: 'reply all', but only the author of a mail that wants its answers elsewhere (T-08). The conversation says so.
func (s *Service) unseen(ctx context.Context, c *change, answers int64) (to, cc []desk.Address, err error) {
	asked, err := s.answering(ctx, c.Reader, c.ticket, answers)
	if err != nil {
		return nil, nil, err
	}
	if elsewhere := asked.elsewhere(); elsewhere != "" {
		to = asked.author()
		names, err := envelope(to)
		c.event("reply-to", elsewhere, strings.Join(names, ", "))
		return to, nil, err
	}
	to, cc = asked.recipients()
	return to, cc, nil
}

// takeFiles makes uploads of the author of files whose bytes are stored.
func (c *change) takeFiles(ctx context.Context, files []store.File) ([]int64, error) {
	uploads := make([]int64, 0, len(files))
	for _, file := range files {
		file.Name, file.MediaType, file.UploadedBy = fileName(file.Name), mediaType(file.MediaType), &c.actor.User.ID
		id, err := c.AddUpload(ctx, file)
		if err != nil {
			return nil, err
		}
		uploads = append(uploads, id)
	}
	return uploads, nil
}

// cameByMail writes the line that stands beside an answer which came by mail.
func (c *change) cameByMail(ctx context.Context, facts desk.MessageFacts) (int64, error) {
	id, err := c.NextMessage(ctx)
	if err != nil {
		return 0, err
	}
	facts.Event = &desk.Event{Verb: "mailed"}
	line := desk.Message{ID: id, TicketID: c.ticket.ID, Kind: desk.KindEvent, AuthorID: &c.actor.User.ID, At: c.at}
	return id, c.AddMessage(ctx, store.Written{Message: line, Facts: facts})
}

// keepMailed keeps the mail's bytes and the key by which it is known again. Both go with the message that bears them; undoing an answer leaves its line, and so the key.
func (c *change) keepMailed(ctx context.Context, bearer int64, m AgentMail) error {
	id, err := c.NextOriginal(ctx)
	if err != nil {
		return err
	}
	original, err := m.Original(id)
	if err != nil {
		return err
	}
	if _, err := c.AddOriginal(ctx, bearer, original); err != nil {
		return err
	}
	return c.AddKey(ctx, store.KeyRow{Key: m.Key, Message: bearer, TicketID: c.ticket.ID, MailboxID: c.ticket.MailboxID, Digest: m.Digest})
}

// isFault says whether err is a fault of that kind.
func isFault(err error, kind desk.FaultKind) bool {
	var fault *desk.Fault
	return errors.As(err, &fault) && fault.Kind == kind
}
