package api

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"postern/desk"
	"postern/tickets"
)

// Numbered names a ticket in the path.
type Numbered struct {
	Number int64 `path:"number" minimum:"1"`
}

// ticketsAsked is the query of a list of tickets.
type ticketsAsked struct {
	Page
	Status    []string `query:"status,explode" doc:"One or several of new, open, pending, hold, solved, closed; repeated or with commas."`
	Assignee  string   `query:"assignee" doc:"A user's address or id, me, or none."`
	Mailbox   string   `query:"mailbox" doc:"A mailbox's address or id."`
	Requester string   `query:"requester" doc:"An address."`
	Tag       string   `query:"tag"`
	Text      string   `query:"q" maxLength:"500" doc:"Words, \"phrases\", -words, and operators: from: to: subject: status: assignee: tag: mailbox: has:attachment is:unassigned before: after:."`
	Order     string   `query:"order" enum:"waiting,newest,updated" default:"waiting"`
}

func (a *API) listTickets(ctx context.Context, actor desk.Actor, in *ticketsAsked) (list[Ticket], error) {
	query := desk.TicketQuery{
		Requester: in.Requester, Tag: in.Tag, Text: in.Text, Order: desk.Order(in.Order), Cursor: in.Cursor, Limit: in.Limit,
	}
	var err error
	if query.Statuses, err = statuses(in.Status); err != nil {
		return list[Ticket]{}, err
	}
	if query.MailboxID, err = a.mailboxNamed(ctx, in.Mailbox); err != nil {
		return list[Ticket]{}, err
	}
	switch trimmed(in.Assignee) {
	case "":
	case "none", "unassigned":
		query.Unassigned = true
	default:
		if query.AssigneeID, err = a.userNamed(ctx, actor, in.Assignee); err != nil {
			return list[Ticket]{}, err
		}
	}
	found, err := a.cfg.Tickets.List(ctx, actor, query)
	if err != nil {
		return list[Ticket]{}, err
	}
	staff, err := a.roster(ctx)
	return listed(found, staff.view), err
}

// statuses reads status=open&status=new as well as status=open,new.
func statuses(words []string) ([]desk.Status, error) {
	var found []desk.Status
	for _, word := range strings.Split(strings.Join(words, ","), ",") {
		status := desk.Status(trimmed(word))
		if status == "" {
			continue
		}
		if !status.Valid() {
			return nil, desk.Wrong("query.status", "%q is no status: there are new, open, pending, hold, solved and closed", word)
		}
		found = append(found, status)
	}
	return found, nil
}

// mailboxNamed finds a mailbox by address or id; 0 for an empty word.
func (a *API) mailboxNamed(ctx context.Context, word string) (int64, error) {
	if word = trimmed(word); word == "" {
		return 0, nil
	}
	mailboxes, err := a.cfg.Domains.Mailboxes(ctx)
	if err != nil {
		return 0, err
	}
	for _, mailbox := range mailboxes {
		if desk.Canonical(mailbox.Address) == word || strconv.FormatInt(mailbox.ID, 10) == word {
			return mailbox.ID, nil
		}
	}
	return 0, desk.Wrong("mailbox", "there is no mailbox %s", word)
}

// userNamed finds somebody who works on tickets by address, id or 'me'.
func (a *API) userNamed(ctx context.Context, actor desk.Actor, word string) (int64, error) {
	if word = trimmed(word); word == "me" {
		return actor.User.ID, nil
	}
	people, err := a.cfg.Identity.Staff(ctx)
	if err != nil {
		return 0, err
	}
	for _, user := range people {
		if desk.Canonical(user.Email) == word || strconv.FormatInt(user.ID, 10) == word {
			return user.ID, nil
		}
	}
	return 0, desk.Wrong("assignee", "nobody named %s works on tickets", word)
}

// roster is who works on tickets.
func (a *API) roster(ctx context.Context) (roster, error) {
	people, err := a.cfg.Identity.Staff(ctx)
	staff := make(roster, len(people))
	for _, user := range people {
		staff[user.ID] = user
	}
	return staff, err
}

// viewTicket is one ticket with its participants.
func (a *API) viewTicket(ctx context.Context, actor desk.Actor, from desk.Ticket) (Ticket, error) {
	staff, err := a.roster(ctx)
	if err != nil {
		return Ticket{}, err
	}
	people, err := a.cfg.Tickets.Participants(ctx, actor, from.ID)
	if err != nil {
		return Ticket{}, err
	}
	to := staff.view(from)
	for _, each := range people {
		to.Participants = append(to.Participants, participant{Person{each.ContactID, each.Address, each.Name}, each.Pending})
	}
	return to, nil
}

func (a *API) showTicket(ctx context.Context, actor desk.Actor, in *Numbered) (Ticket, error) {
	found, err := a.cfg.Tickets.Get(ctx, actor, in.Number)
	if err != nil {
		return Ticket{}, err
	}
	return a.viewTicket(ctx, actor, found)
}

// ticketPatch is a merge patch (RFC 7396): what is absent stays.
type ticketPatch struct {
	Numbered
	Body struct {
		Status     *desk.Status      `json:"status,omitempty" enum:"new,open,pending,hold,solved,closed"`
		Priority   *desk.Priority    `json:"priority,omitempty" enum:"low,normal,high,urgent"`
		Assignee   assigneePatch     `json:"assignee,omitzero" required:"false" doc:"A user's id, address, or me; null: nobody."`
		Subject    *string           `json:"subject,omitempty" minLength:"1" maxLength:"998"`
		Requester  *recipient        `json:"requester,omitempty" doc:"Whose ticket it is. Who was it before stays as a participant, unless it is one of your people."`
		Tags       *[]string         `json:"tags,omitempty" maxItems:"50" doc:"All tags, instead of those it has."`
		AddTags    []string          `json:"add_tags,omitempty" maxItems:"50"`
		RemoveTags []string          `json:"remove_tags,omitempty" maxItems:"50"`
		Team       *int64            `json:"team,omitempty" minimum:"0" doc:"Number of a team; 0: none."`
		Fields     map[string]string `json:"fields,omitempty" maxProperties:"50" doc:"Custom fields that change, by their keys; an empty value clears one."`
		Snooze     *time.Time        `json:"snoozed_until,omitempty" doc:"When it comes back into the lists; 0001-01-01T00:00:00Z: now."`
	}
}

// assigneePatch tells an absent assignee from null.
type assigneePatch struct {
	given bool
	word  string // empty: nobody
}

// UnmarshalJSON takes a number, a string or null.
func (p *assigneePatch) UnmarshalJSON(text []byte) error {
	p.given = true
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	if text[0] != '"' {
		p.word = string(text)
		return nil
	}
	return json.Unmarshal(text, &p.word)
}

// Schema says the same to the OpenAPI document, by which the value is checked first.
func (assigneePatch) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeInteger, Nullable: true}, {Type: huma.TypeString}}}
}

func (a *API) patchTicket(ctx context.Context, actor desk.Actor, in *ticketPatch) (Ticket, error) {
	change := desk.TicketChange{
		Status: in.Body.Status, Priority: in.Body.Priority, Subject: in.Body.Subject, Tags: in.Body.Tags, AddTags: in.Body.AddTags, DropTags: in.Body.RemoveTags,
		Team: in.Body.Team, Fields: in.Body.Fields, Snooze: in.Body.Snooze,
	}
	if in.Body.Assignee.given {
		var nobody int64
		change.Assignee = &nobody
		if in.Body.Assignee.word != "" {
			id, err := a.userNamed(ctx, actor, in.Body.Assignee.word)
			if err != nil {
				return Ticket{}, err
			}
			change.Assignee = &id
		}
	}
	if who := in.Body.Requester; who != nil {
		if err := a.cfg.Tickets.SetRequester(ctx, actor, in.Number, who.Addr, who.Name); err != nil {
			return Ticket{}, err
		}
	}
	changed, err := a.cfg.Tickets.Update(ctx, actor, in.Number, change)
	if err != nil {
		return Ticket{}, err
	}
	return a.viewTicket(ctx, actor, changed)
}

// mergeAsked puts one ticket into another.
type mergeAsked struct {
	Numbered
	Body struct {
		Into int64 `json:"into" minimum:"1" doc:"The ticket that takes the messages."`
	}
}

func (a *API) mergeTicket(ctx context.Context, actor desk.Actor, in *mergeAsked) (Ticket, error) {
	if err := a.cfg.Tickets.Merge(ctx, actor, in.Number, in.Body.Into); err != nil {
		return Ticket{}, err
	}
	return a.showTicket(ctx, actor, &Numbered{in.Body.Into})
}

func (a *API) unmergeTicket(ctx context.Context, actor desk.Actor, in *Numbered) (Ticket, error) {
	if err := a.cfg.Tickets.Unmerge(ctx, actor, in.Number); err != nil {
		return Ticket{}, err
	}
	return a.showTicket(ctx, actor, in)
}

// spamAsked closes a ticket as spam.
type spamAsked struct {
	Numbered
	Body *struct {
		Block bool `json:"block,omitempty" doc:"The sender's next mail is suspended."`
	} `required:"false"`
}

func (a *API) condemnTicket(ctx context.Context, actor desk.Actor, in *spamAsked) (Ticket, error) {
	sender := tickets.SenderStays
	if in.Body != nil && in.Body.Block {
		sender = tickets.SenderBlocked
	}
	if err := a.cfg.Tickets.MarkSpam(ctx, actor, in.Number, sender); err != nil {
		return Ticket{}, err
	}
	return a.showTicket(ctx, actor, &in.Numbered)
}

// agentAddresses are where whoever asks can write about a ticket by mail.
type agentAddresses struct {
	Reply *string `json:"reply" doc:"What is sent there from your own address is sent on as an answer. Null while agents_by_mail of the policy is off, and where the mailbox's address has no room for a token."`
	Note  *string `json:"note" doc:"The same for a note."`
}

func (a *API) showAgentAddresses(ctx context.Context, actor desk.Actor, in *Numbered) (agentAddresses, error) {
	reply, note, err := a.cfg.Tickets.AgentAddresses(ctx, actor, in.Number)
	return agentAddresses{unlessEmpty(reply), unlessEmpty(note)}, err
}

// unlessEmpty is null for an empty text.
func unlessEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// participantNamed names a person on a ticket in the path.
type participantNamed struct {
	Numbered
	Contact int64 `path:"contact" minimum:"1"`
}

func (a *API) acceptParticipant(ctx context.Context, actor desk.Actor, in *participantNamed) (Ticket, error) {
	if err := a.cfg.Tickets.AcceptParticipant(ctx, actor, in.Number, in.Contact); err != nil {
		return Ticket{}, err
	}
	return a.showTicket(ctx, actor, &in.Numbered)
}

func (a *API) removeParticipant(ctx context.Context, actor desk.Actor, in *participantNamed) error {
	return a.cfg.Tickets.RemoveParticipant(ctx, actor, in.Number, in.Contact)
}

// newTicket starts a conversation from our side.
type newTicket struct {
	Body struct {
		Mailbox     string      `json:"mailbox" minLength:"1" doc:"The address or id of the mailbox that writes."`
		To          []recipient `json:"to" minItems:"1" maxItems:"100" nullable:"false" doc:"The first is the requester."`
		Cc          []recipient `json:"cc,omitempty" maxItems:"100"`
		Subject     string      `json:"subject" minLength:"1" maxLength:"998"`
		Text        string      `json:"text,omitempty"`
		HTML        string      `json:"html,omitempty" doc:"Sanitized and sent beside the text."`
		Attachments []int64     `json:"attachments,omitempty" maxItems:"100" doc:"Ids of uploads."`
		Status      desk.Status `json:"status,omitempty" enum:"new,open,pending,hold,solved,closed" doc:"Afterwards; absent: pending."`
	}
}

// started is a new ticket and its first message.
type started struct {
	Ticket
	Message message `json:"message"`
}

func (a *API) startTicket(ctx context.Context, actor desk.Actor, in *newTicket) (started, error) {
	mailbox, err := a.mailboxNamed(ctx, in.Body.Mailbox)
	if err != nil {
		return started{}, err
	}
	made, first, err := a.cfg.Tickets.Start(ctx, actor, desk.NewTicket{
		MailboxID: mailbox, To: addresses(in.Body.To), Cc: addresses(in.Body.Cc), Subject: in.Body.Subject,
		Text: in.Body.Text, HTML: in.Body.HTML, Uploads: in.Body.Attachments, Status: in.Body.Status,
	})
	if err != nil {
		return started{}, err
	}
	shown, err := a.viewTicket(ctx, actor, made)
	if err != nil {
		return started{}, err
	}
	said, err := viewMessage(first)
	return started{shown, said}, err
}
