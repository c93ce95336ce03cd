package api

import (
	"fmt"
	"reflect"
	"time"

	"postern/desk"
)

// Types that are sent and stand embedded in others are exported: only such fields are seen by the library that makes the OpenAPI document and reads requests.

// Page asks for one page of a list.
type Page struct {
	Cursor string `query:"cursor" maxLength:"500" doc:"next_cursor of the page before; empty: the first page"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"25"`
}

// list is one page of a list as it is sent.
type list[T any] struct {
	Items []T     `json:"items" nullable:"false"`
	Next  *string `json:"next_cursor" doc:"Null on the last page."`
}

// listed turns a page of the product's values into one of what is sent.
func listed[T, U any](from desk.Page[T], view func(T) U) list[U] {
	to := list[U]{Items: make([]U, 0, len(from.Items))}
	for _, item := range from.Items {
		to.Items = append(to.Items, view(item))
	}
	if from.Next != "" {
		to.Next = &from.Next
	}
	return to
}

// whole is a list that has one page only.
func whole[T, U any](items []T, view func(T) U) list[U] {
	return listed(desk.Page[T]{Items: items}, view)
}

// some is the slice, or an empty one: lists are never null.
func some[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// utc is the time as it is sent. The database driver hands out times in the machine's zone.
func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	moved := at.UTC()
	return &moved
}

// Ticket is desk.Ticket as it is sent. Its requester, assignee and mailbox are objects.
type Ticket struct {
	Number          int64             `json:"number"`
	Subject         string            `json:"subject"`
	Status          desk.Status       `json:"status" enum:"new,open,pending,hold,solved,closed"`
	Priority        desk.Priority     `json:"priority" enum:"low,normal,high,urgent"`
	Mailbox         MailboxRef        `json:"mailbox"`
	Requester       Person            `json:"requester"`
	Assignee        *assignee         `json:"assignee" doc:"Null: nobody."`
	Team            *string           `json:"team" doc:"Name of the team. Null: none."`
	TeamID          *int64            `json:"team_id"`
	Fields          map[string]string `json:"fields" nullable:"false" doc:"Custom fields by their keys; an empty one is absent."`
	SnoozedUntil    *time.Time        `json:"snoozed_until" doc:"Out of the lists until then."`
	FirstAnsweredAt *time.Time        `json:"first_answered_at"`
	AnswerDueAt     *time.Time        `json:"answer_due_at" doc:"By when the first answer is due. Null: there is no target, or its clock stands still."`
	SolveDueAt      *time.Time        `json:"solve_due_at" doc:"By when the ticket should be solved. Null: there is no target, or its clock stands still."`
	Tags            []string          `json:"tags" nullable:"false"`
	Participants    []participant     `json:"participants" nullable:"false" doc:"People besides the requester. Filled in the answers about one ticket; empty in lists."`
	Preview         string            `json:"preview"`
	WaitingSince    *time.Time        `json:"waiting_since" doc:"Since when somebody waits for an answer of ours. Null: nobody does."`
	HasAttachment   bool              `json:"has_attachment"`
	Unverified      bool              `json:"unverified"`
	NewParticipant  bool              `json:"new_participant"`
	DeliveryProblem bool              `json:"delivery_problem"`
	Suggested       *int64            `json:"suggested" doc:"The ticket that this one perhaps belongs to."`
	MergedInto      *int64            `json:"merged_into"`
	Follows         *int64            `json:"follows" doc:"The closed ticket that this one continues."`
	CreatedAt       time.Time         `json:"created_at"`
	UpdatedAt       time.Time         `json:"updated_at"`
	SolvedAt        *time.Time        `json:"solved_at"`
	ClosedAt        *time.Time        `json:"closed_at"`
}

// MailboxRef names a mailbox.
type MailboxRef struct {
	ID      int64  `json:"id"`
	Address string `json:"address"`
	Name    string `json:"name"`
}

// Person is a contact: somebody who writes to us.
type Person struct {
	ID      int64  `json:"id"`
	Address string `json:"address"`
	Name    string `json:"name"`
}

// assignee is a user of ours: who works on a ticket, or who wrote a message.
type assignee struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email,omitempty" doc:"Absent once the person is disabled."`
}

// participant is a person on a ticket besides the requester.
type participant struct {
	Person
	Pending bool `json:"pending" doc:"They wrote with a reply token; an agent has not accepted them yet."`
}

// roster is who works on tickets, by id.
type roster map[int64]desk.User

// view is the ticket as it is sent. What a customer may not see, the service has left out.
func (r roster) view(from desk.Ticket) Ticket {
	to := Ticket{
		Number: from.ID, Subject: from.Subject, Status: from.Status, Priority: from.Priority,
		Mailbox:   MailboxRef{from.MailboxID, from.MailboxAddress, from.MailboxName},
		Requester: Person{from.RequesterID, from.RequesterAddress, from.RequesterName},
		TeamID:    from.TeamID, Fields: from.Fields, SnoozedUntil: utc(from.SnoozedUntil), FirstAnsweredAt: utc(from.FirstAnsweredAt), AnswerDueAt: utc(from.AnswerDueAt), SolveDueAt: utc(from.SolveDueAt),
		Tags: some(from.Tags), Participants: []participant{}, Preview: from.Preview, WaitingSince: utc(from.WaitingSince),
		HasAttachment: from.HasAttachment, Unverified: from.Unverified, NewParticipant: from.NewParticipant, DeliveryProblem: from.DeliveryProblem,
		Suggested: from.Suggested, MergedInto: from.MergedInto, Follows: from.Follows,
		CreatedAt: from.CreatedAt.UTC(), UpdatedAt: from.UpdatedAt.UTC(), SolvedAt: utc(from.SolvedAt), ClosedAt: utc(from.ClosedAt),
	}
	if to.Fields == nil {
		to.Fields = map[string]string{}
	}
	if from.TeamID != nil {
		to.Team = &from.TeamName
	}
	if from.AssigneeID != nil {
		to.Assignee = &assignee{ID: *from.AssigneeID, Name: from.AssigneeName, Email: r[*from.AssigneeID].Email}
	}
	return to
}

// message is desk.Message as it is sent.
type message struct {
	ID          int64                `json:"id"`
	Ticket      int64                `json:"ticket"`
	Kind        desk.MessageKind     `json:"kind" enum:"inbound,reply,note,event,forward"`
	Author      *assignee            `json:"author" doc:"The user of ours who wrote it, if one did."`
	From        desk.Address         `json:"from"`
	To          []desk.Address       `json:"to" nullable:"false"`
	Cc          []desk.Address       `json:"cc" nullable:"false"`
	Bcc         []desk.Address       `json:"bcc" nullable:"false" doc:"Of our own replies."`
	ReplyTo     []desk.Address       `json:"reply_to" nullable:"false" doc:"Where an answer goes, when that is not From."`
	Subject     string               `json:"subject"`
	MessageID   string               `json:"message_id" doc:"Without angle brackets."`
	At          time.Time            `json:"at" doc:"Its place in the conversation."`
	SentAt      *time.Time           `json:"sent_at" doc:"The mail's own Date."`
	SendAt      *time.Time           `json:"send_at" doc:"When a reply leaves; until then it can be undone."`
	Text        string               `json:"text" doc:"The new part."`
	Quoted      string               `json:"quoted" doc:"The rest: signature and quoted history."`
	HTML        string               `json:"html" doc:"Sanitized."`
	Attachments []desk.FileInfo      `json:"attachments" nullable:"false"`
	Original    bool                 `json:"has_original"`
	Auth        *auth                `json:"auth" doc:"What was proved about the sender of a mail. Null for what is no received mail."`
	Trust       desk.Trust           `json:"trust,omitempty"`
	Why         *desk.Why            `json:"why" doc:"Why a received mail stands on this ticket."`
	Automatic   string               `json:"automatic,omitempty" doc:"Why it counts as automatic mail."`
	ReceivedBcc bool                 `json:"received_bcc,omitempty" doc:"Our address stood in no header."`
	Side        *int64               `json:"side,omitempty" doc:"The forward that began the conversation with others, beside the ticket's own, in which it stands. Customers never see it."`
	SameID      int64                `json:"same_id,omitempty" doc:"An earlier message with this Message-ID and other bytes."`
	Stranger    bool                 `json:"stranger,omitempty" doc:"The sender was not on the ticket."`
	Calendar    []desk.CalendarEvent `json:"calendar,omitempty"`
	Signed      string               `json:"signed,omitempty"`
	Encrypted   string               `json:"encrypted,omitempty"`
	Problems    []string             `json:"problems,omitempty" doc:"What was odd about the mail."`
	Opinion     *desk.Opinion        `json:"opinion,omitempty" doc:"What the mail filters said."`
	Warnings    []desk.Warning       `json:"warnings,omitempty" doc:"Names and addresses in the mail that may deceive a reader."`
	Released    desk.Cause           `json:"released,omitempty" doc:"It was suspended for this, and a person let it in."`
	Forwarded   *desk.Forwarded      `json:"forwarded,omitempty" doc:"An agent forwarded a customer's mail in."`
	Returned    *desk.Returned       `json:"returned,omitempty" doc:"It is a delivery report, a complaint or the like about a message of ours."`
	Event       *desk.Event          `json:"event,omitempty" doc:"Of a message of kind event: who did what."`
	Delivery    []Delivery           `json:"delivery" nullable:"false" doc:"Of a reply, per recipient."`
}

// auth is a verdict: the results as words, in RFC 8601's vocabulary, and the evidence for each.
type auth struct {
	SPF     desk.Result  `json:"spf"`
	DKIM    desk.Result  `json:"dkim" doc:"The best of all signatures."`
	DMARC   desk.Result  `json:"dmarc"`
	ARC     desk.Result  `json:"arc"`
	Helo    desk.Result  `json:"helo" doc:"SPF of the HELO name."`
	IPRev   desk.Result  `json:"iprev" doc:"Whether the names of the client's address lead back to it."`
	Rescued string       `json:"rescued,omitempty" doc:"The trusted ARC sealer whose word makes up for what forwarding broke."`
	Trust   desk.Trust   `json:"trust,omitempty" doc:"How far the From address may be believed: verified, token or unverified. Absent before a mail has become a message."`
	Checks  desk.Verdict `json:"checks"`
}

// Delivery is desk.Delivery with its times as they are sent.
type Delivery struct {
	Recipient    string             `json:"recipient"`
	State        desk.DeliveryState `json:"state" enum:"queued,sent,deferred,bounced,cancelled"`
	Host         string             `json:"host,omitempty" doc:"The server that answered last."`
	TLS          string             `json:"tls,omitempty"`
	Reply        string             `json:"last_reply,omitempty" doc:"The remote's last words."`
	Attempts     int                `json:"attempts"`
	NextAt       *time.Time         `json:"next_attempt_at"`
	UpdatedAt    time.Time          `json:"updated_at"`
	Proof        desk.Proof         `json:"proof,omitempty" enum:",pkix,dane" doc:"What proved that host; absent: nothing did."`
	HeldSince    *time.Time         `json:"held_since,omitempty" doc:"Since when it waits until its own domain is mended."`
	HeldWhy      string             `json:"held_because,omitempty"`
	RedirectedTo string             `json:"redirected_to,omitempty" doc:"Somebody sent it there instead."`
	InHand       bool               `json:"in_hand,omitempty" doc:"It is being sent at this moment."`
	Stopping     bool               `json:"stopping,omitempty" doc:"Somebody wants it stopped while it is being sent: soon it will show as cancelled, or as sent if the server had it already."`
	Words        string             `json:"words" doc:"How it stands, in a sentence."`
}

func viewDelivery(from desk.Delivery) Delivery {
	to := Delivery{
		Recipient: from.Recipient, State: from.State, Host: from.Host, TLS: from.TLS, Reply: from.Reply, Attempts: from.Attempts, UpdatedAt: from.UpdatedAt.UTC(),
		Proof: from.Proof, HeldSince: unlessZero(from.HeldSince), HeldWhy: from.HeldWhy,
		RedirectedTo: from.RedirectedTo, InHand: from.InHand, Stopping: from.Stopping, Words: from.Words(),
	}
	if !from.NextAt.IsZero() {
		to.NextAt = utc(&from.NextAt)
	}
	return to
}

// viewMessage is the message as it is sent. What a customer may not see, the service has left out: evidence, blind copies, and how delivery went.
func viewMessage(from desk.Message) (message, error) {
	facts, err := from.Decode()
	if err != nil {
		return message{}, fmt.Errorf("api: facts of message %d: %w", from.ID, err)
	}
	to := message{
		ID: from.ID, Ticket: from.TicketID, Kind: from.Kind, From: from.From(), To: some(from.To), Cc: some(from.Cc), Bcc: some(facts.Bcc), ReplyTo: some(facts.ReplyTo),
		Subject: from.Subject, MessageID: from.MessageID, At: from.At.UTC(), SentAt: utc(from.SentAt), SendAt: utc(from.SendAt),
		Text: from.Text, Quoted: from.Quoted, HTML: from.HTML, Attachments: some(from.Files), Original: from.HasOriginal,
		Trust: facts.Trust, Automatic: facts.Automatic, ReceivedBcc: facts.AsBcc, Side: from.Side, SameID: facts.SameID, Stranger: facts.Stranger,
		Calendar: facts.Events, Signed: facts.Signed, Encrypted: facts.Encrypted, Problems: facts.Problems, Event: facts.Event, Delivery: []Delivery{},
		Warnings: facts.Warnings, Released: facts.Released, Forwarded: facts.Forwarded, Returned: facts.Returned,
	}
	if from.AuthorID != nil {
		to.Author = &assignee{ID: *from.AuthorID, Name: from.AuthorName}
	}
	if facts.Why.Rule != "" {
		to.Why = &facts.Why
	}
	if facts.Verdict != nil {
		to.Auth = viewAuth(*facts.Verdict, facts.Trust)
	}
	if facts.Opinion != nil {
		to.Opinion = spoken(*facts.Opinion)
	}
	for _, each := range from.Deliveries {
		to.Delivery = append(to.Delivery, viewDelivery(each))
	}
	return to, nil
}

// viewAuth sums a verdict up. Where there are several DKIM signatures, one that passes is enough (RFC 6376 §6.1).
func viewAuth(verdict desk.Verdict, trust desk.Trust) *auth {
	dkim := desk.ResultNone
	for _, signature := range verdict.DKIM {
		if dkim == desk.ResultNone || signature.Result == desk.ResultPass {
			dkim = signature.Result
		}
	}
	verdict.DKIM = some(verdict.DKIM)
	return &auth{
		SPF: verdict.SPF.Result, DKIM: dkim, DMARC: verdict.DMARC.Result, ARC: verdict.ARC.Result, Helo: verdict.Helo.Result, IPRev: verdict.IPRev.Result,
		Rescued: verdict.Rescued, Trust: trust, Checks: verdict,
	}
}

// spoken is the opinion, or nil if no filter had anything to say.
func spoken(opinion desk.Opinion) *desk.Opinion {
	if reflect.ValueOf(opinion).IsZero() {
		return nil
	}
	return &opinion
}
