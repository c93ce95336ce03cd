package desk

import (
	"encoding/json"
	"time"
)

// Contact is a person who writes to us.
type Contact struct {
	ID        int64     `json:"id" db:"id"`
	Address   string    `json:"address" db:"address"`
	Name      string    `json:"name" db:"name"`
	CreatedAt time.Time `json:"created_at" db:"created_at"`
}

// Ticket is a conversation as lists and pages show it. Its ID is its number.
type Ticket struct {
	ID               int64             `json:"number" db:"id"`
	Subject          string            `json:"subject" db:"subject"`
	Status           Status            `json:"status" db:"status"`
	Priority         Priority          `json:"priority" db:"priority"`
	MailboxID        int64             `json:"mailbox_id" db:"mailbox_id"`
	MailboxAddress   string            `json:"mailbox" db:"mailbox_address"`
	MailboxName      string            `json:"mailbox_name" db:"mailbox_name"`
	RequesterID      int64             `json:"requester_id" db:"requester_id"`
	RequesterName    string            `json:"requester_name" db:"requester_name"`
	RequesterAddress string            `json:"requester" db:"requester_address"`
	AssigneeID       *int64            `json:"assignee_id" db:"assignee_id"`
	AssigneeName     string            `json:"assignee_name" db:"assignee_name"`
	TeamID           *int64            `json:"team_id" db:"team_id"`
	TeamName         string            `json:"team" db:"team_name"`
	Tags             []string          `json:"tags" db:"tags"`
	Fields           map[string]string `json:"fields" db:"fields"`   // by the field's name
	Preview          string            `json:"preview" db:"preview"` // first words of the newest message
	WaitingSince     *time.Time        `json:"waiting_since" db:"waiting_since"`
	SnoozedUntil     *time.Time        `json:"snoozed_until" db:"snoozed_until"` // out of the lists until then
	FirstAnsweredAt  *time.Time        `json:"first_answered_at" db:"first_answered_at"`
	AnswerDueAt      *time.Time        `json:"answer_due_at" db:"answer_due_at"` // nil: no target, or its clock does not run now
	SolveDueAt       *time.Time        `json:"solve_due_at" db:"solve_due_at"`
	Rating           *int              `json:"rating" db:"rating"` // by the customer: 1 good, -1 bad
	RatingNote       string            `json:"rating_note" db:"rating_note"`
	HasAttachment    bool              `json:"has_attachment" db:"has_attachment"`
	Unverified       bool              `json:"unverified" db:"unverified"`             // its newest mail proves no sender
	NewParticipant   bool              `json:"new_participant" db:"new_participant"`   // somebody waits to be accepted
	DeliveryProblem  bool              `json:"delivery_problem" db:"delivery_problem"` // a reply did not arrive
	Suggested        *int64            `json:"suggested" db:"suggested"`               // 'perhaps #123'
	MergedInto       *int64            `json:"merged_into" db:"merged_into"`
	Follows          *int64            `json:"follows" db:"follows"` // the closed ticket that this one continues
	CreatedAt        time.Time         `json:"created_at" db:"created_at"`
	UpdatedAt        time.Time         `json:"updated_at" db:"updated_at"`
	SolvedAt         *time.Time        `json:"solved_at" db:"solved_at"`
	ClosedAt         *time.Time        `json:"closed_at" db:"closed_at"`
}

// Participant is a person on a ticket besides the requester.
type Participant struct {
	ContactID int64  `json:"contact_id" db:"contact_id"`
	Address   string `json:"address" db:"address"`
	Name      string `json:"name" db:"name"`
	Pending   bool   `json:"pending" db:"pending"` // wrote with a token; an agent has not accepted them yet (T-STRANGER)
}

// MessageFacts is what a message carries besides its text. It is kept as one document since it is only ever shown whole.
type MessageFacts struct {
	ReplyTo    []Address       `json:"reply_to,omitempty"` // where an answer goes, when it is not From
	Bcc        []Address       `json:"bcc,omitempty"`      // of a reply of ours: frozen, never in a header
	Envelope   *Envelope       `json:"envelope,omitempty"`
	Verdict    *Verdict        `json:"verdict,omitempty"`
	Trust      Trust           `json:"trust,omitempty"`
	Why        Why             `json:"why"`
	Automatic  string          `json:"automatic,omitempty"`    // why it counts as automatic mail (T-OOO)
	AsBcc      bool            `json:"received_bcc,omitempty"` // our address stood in no header (T-BCC)
	SameID     int64           `json:"same_id,omitempty"`      // an earlier message with this Message-ID and other bytes (T-DUP-DIFF)
	Stranger   bool            `json:"stranger,omitempty"`     // its sender was not on the ticket (T-STRANGER)
	Events     []CalendarEvent `json:"events,omitempty"`
	Signed     string          `json:"signed,omitempty"`
	Encrypted  string          `json:"encrypted,omitempty"`
	Problems   []string        `json:"problems,omitempty"` // what was odd about the mail
	Remote     bool            `json:"remote_images,omitempty"`
	References []string        `json:"references,omitempty"`
	Event      *Event          `json:"event,omitempty"`     // of a message of kind event
	Answers    int64           `json:"answers,omitempty"`   // of a reply: the message that it answers
	Before     *Before         `json:"before,omitempty"`    // of a reply: what undoing it puts back
	Opinion    *Opinion        `json:"opinion,omitempty"`   // what the filters said
	Warnings   []Warning       `json:"warnings,omitempty"`  // names that may deceive (T-15)
	Released   Cause           `json:"released,omitempty"`  // it was suspended for this, and an agent let it in
	Forwarded  *Forwarded      `json:"forwarded,omitempty"` // an agent forwarded a customer's mail in (T-FWD)
	Returned   *Returned       `json:"returned,omitempty"`  // a delivery report or a complaint about a message of ours (T-DSN)
	Forwards   int64           `json:"forwards,omitempty"`  // of a forward: the message that it passes on
}

// Forwarded is how a customer's mail came in by an agent's hands.
type Forwarded struct {
	By   string `json:"by"`             // the agent's address
	Form string `json:"form"`           // attached or inline
	Note int64  `json:"note,omitempty"` // the message that holds the agent's own words
}

// Returned is what another system says about a message of ours.
type Returned struct {
	Kind       string   `json:"kind"`    // failed, delayed, delivered, complaint, opened, answer
	Message    int64    `json:"message"` // ours
	Recipients []string `json:"recipients,omitempty"`
	Status     string   `json:"status,omitempty"` // RFC 3463
	Hard       bool     `json:"hard,omitempty"`   // trying again is useless
	Words      string   `json:"words,omitempty"`  // the remote's own
}

// Message is one entry of a conversation.
type Message struct {
	ID          int64           `json:"id" db:"id"`
	TicketID    int64           `json:"ticket" db:"ticket_id"`
	Kind        MessageKind     `json:"kind" db:"kind"`
	AuthorID    *int64          `json:"author_id" db:"author_id"` // the user who wrote it, if one of ours
	AuthorName  string          `json:"author_name" db:"author_name"`
	FromName    string          `json:"-" db:"from_name"`
	FromAddress string          `json:"-" db:"from_address"`
	To          []Address       `json:"to" db:"to"`
	Cc          []Address       `json:"cc" db:"cc"`
	Subject     string          `json:"subject" db:"subject"`
	MessageID   string          `json:"message_id" db:"message_id"` // without the angle brackets
	At          time.Time       `json:"at" db:"at"`                 // place in the conversation
	SentAt      *time.Time      `json:"sent_at" db:"sent_at"`       // the mail's own Date
	Text        string          `json:"text" db:"text"`             // the new part
	Quoted      string          `json:"quoted" db:"quoted"`         // the rest: signature and quoted history, folded on the page
	HTML        string          `json:"html" db:"html"`             // sanitized
	Facts       json.RawMessage `json:"-" db:"facts"`
	HasOriginal bool            `json:"has_original" db:"has_original"`
	SendAt      *time.Time      `json:"send_at" db:"send_at"` // a reply leaves then; until then it can be undone (T-UNDO)
	Files       []FileInfo      `json:"attachments" db:"files"`
	Deliveries  []Delivery      `json:"delivery" db:"deliveries"`
	Side        *int64          `json:"side,omitempty" db:"side"` // the forward that began the conversation beside the ticket's own in which this stands; nil: the ticket's own
}

// Decode reads the message's facts; an unreadable document is an error of the program that wrote it.
func (m Message) Decode() (facts MessageFacts, err error) {
	if len(m.Facts) == 0 {
		return facts, nil
	}
	err = json.Unmarshal(m.Facts, &facts)
	return facts, err
}

// From is the address that the mail claims to be from.
func (m Message) From() Address { return Address{Name: m.FromName, Addr: m.FromAddress} }

// TicketQuery asks for tickets. The zero value asks for all that are not merged away, longest waiting first.
type TicketQuery struct {
	Statuses   []Status
	AssigneeID int64 // 0: anybody
	Unassigned bool
	MailboxID  int64
	TeamID     int64 // 0: any
	NoTeam     bool
	TeamsOf    int64 // any team of this person; 0: any team or none
	Priorities []Priority
	Sleep      Sleep
	Overdue    bool   // only those whose target is missed
	Requester  string // an address
	Tag        string
	Text       string // search words and operators: see SearchTerms
	Order      Order
	Cursor     string // of the page before; empty: the first page
	Limit      int    // at most 100; 0 means 25
}

// Order is how a list of tickets is sorted.
type Order string

const (
	OrderWaiting Order = "waiting" // longest waiting first, then those that do not wait, newest change first
	OrderNewest  Order = "newest"  // highest number first
	OrderUpdated Order = "updated" // newest change first
	OrderDue     Order = "due"     // whose target ends first, then those without one, newest change first
)

// Page is one page of a list. Next is empty on the last one.
type Page[T any] struct {
	Items []T
	Next  string
}

// ViewCounts says how many tickets stand in each of the views that everybody has; none is counted beyond 1,000. Those that are snoozed stand in a view of their own.
type ViewCounts struct {
	Unassigned int64 `db:"unassigned"` // new and open, nobody's
	Mine       int64 `db:"mine"`       // new, open and pending, the reader's
	Open       int64 `db:"open"`       // new and open
	Pending    int64 `db:"pending"`
	Hold       int64 `db:"hold"`
	Solved     int64 `db:"solved"`
	Snoozed    int64 `db:"snoozed"`
	Suspended  int64 `db:"suspended"`
}

// ReplyRequest is a public answer as the composer sends it.
type ReplyRequest struct {
	Ticket     int64
	Answers    int64 // the message being answered; 0: the newest inbound one
	Text       string
	HTML       string // when given, sanitized and sent beside the text
	To, Cc     []Address
	Bcc        []Address
	Uploads    []int64       // files uploaded before
	MailboxID  int64         // that it leaves from; 0: the ticket's
	Status     Status        // the ticket's status afterwards; empty: pending; KeepStatus: as it is
	LastSeen   int64         // newest message that the writer had on the page; 0: no check (T-STALE)
	Undo       time.Duration // how long it can be undone; at most 30 s
	Recipients Recipients
	Signed     bool // the signatures of its writer and of the mailbox go below the text
}

// KeepStatus is the wish that a ticket stays as it is; only a new one is open once somebody has answered.
const KeepStatus Status = "keep"

// ForwardRequest passes a mail on to somebody who is not on the ticket, or goes on writing to them. Neither it nor their answer is ever seen by the customer.
type ForwardRequest struct {
	Ticket    int64
	Forwards  int64 // the message that is passed on; 0: none
	Answers   int64 // the message beside the ticket's own conversation that it answers; 0: it begins one
	MailboxID int64 // that it leaves from; 0: the ticket's
	Subject   string
	Text      string // goes before what is passed on
	To, Cc    []Address
	Bcc       []Address
	Uploads   []int64       // files uploaded before
	Take      []int64       // files of the message passed on that go along
	Original  bool          // the mail as it came goes along as a file
	Status    Status        // the ticket's status afterwards; empty or KeepStatus: as it is
	LastSeen  int64         // newest message that the writer had on the page; 0: no check (T-STALE)
	Undo      time.Duration // how long it can be undone; at most 30 s
	Signed    bool          // the signatures of its writer and of the mailbox go below the text
}

// Recipients says where the recipients of a reply come from.
type Recipients int

const (
	ReplyAll Recipients = iota // from the message answered (T-RECIPIENTS)
	AsGiven                    // exactly To, Cc and Bcc of the request
)

// NewTicket starts a conversation from our side.
type NewTicket struct {
	MailboxID int64
	To, Cc    []Address // the first of To is the requester
	Subject   string
	Text      string
	HTML      string
	Uploads   []int64
	Status    Status
	Bcc       []Address
	Undo      time.Duration // how long it can be undone; 0: as the service has it
	Signed    bool          // the signatures of its writer and of the mailbox go below the text
}

// TicketChange is what shall be different; nil fields stay.
type TicketChange struct {
	Status   *Status
	Priority *Priority
	Assignee *int64 // 0 unassigns
	Subject  *string
	Tags     *[]string
	AddTags  []string
	DropTags []string
	Team     *int64            // 0: no team
	Snooze   *time.Time        // the zero time wakes it
	Fields   map[string]string // those that change; an empty value clears
}

// Draft is an answer, a note or a forward that is being written. There is one per user, ticket and kind.
type Draft struct {
	UserID    int64       `json:"-" db:"user_id"`
	TicketID  int64       `json:"ticket" db:"ticket_id"`
	Kind      MessageKind `json:"kind" db:"kind"`
	Text      string      `json:"text" db:"text"`
	To        []Address   `json:"to" db:"to"`
	Cc        []Address   `json:"cc" db:"cc"`
	Bcc       []Address   `json:"bcc" db:"bcc"`
	Uploads   []int64     `json:"uploads" db:"uploads"`
	Answers   int64       `json:"answers" db:"answers"`
	MailboxID int64       `json:"mailbox_id,omitempty" db:"mailbox_id"` // that it leaves from; 0: not chosen yet
	Subject   string      `json:"subject,omitempty" db:"subject"`       // of a forward
	Forwards  int64       `json:"forwards,omitempty" db:"forwards"`     // the message that a forward passes on
	Take      []int64     `json:"take,omitempty" db:"taken"`            // those of its files that go along
	Original  bool        `json:"original,omitempty" db:"original"`     // the mail itself goes along as a file
	UpdatedAt time.Time   `json:"updated_at" db:"updated_at"`
}

// SuspendedMail is a mail held back for a person to look at.
type SuspendedMail struct {
	ID         int64           `json:"id" db:"id"`
	Cause      Cause           `json:"cause" db:"cause"`
	Evidence   string          `json:"evidence" db:"evidence"`
	From       string          `json:"from" db:"from_address"`
	Subject    string          `json:"subject" db:"subject"`
	Preview    string          `json:"preview" db:"preview"` // first words
	Envelope   json.RawMessage `json:"-" db:"envelope"`      // Envelope
	Verdict    json.RawMessage `json:"-" db:"verdict"`       // Verdict, as it was when the mail came
	Opinion    json.RawMessage `json:"-" db:"opinion"`       // Opinion of the filters
	Mailboxes  []int64         `json:"-" db:"mailboxes"`     // of ours that it was for
	ReceivedAt time.Time       `json:"received_at" db:"received_at"`
	Size       int64           `json:"size" db:"size"`
}

// SuspendedQuery asks for mails held back. The zero value asks for all, the newest first.
type SuspendedQuery struct {
	Cause  Cause
	Text   string // in the sender's address or the subject
	Cursor string
	Limit  int
}

// CauseCount is how many mails are held back for one cause.
type CauseCount struct {
	Cause Cause `json:"cause" db:"cause"`
	Count int64 `json:"count" db:"count"`
}
