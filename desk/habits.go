package desk

import "time"

// Habits are how a person writes mail here.
type Habits struct {
	Signature   string    `json:"signature" db:"signature"`       // stands below their mails
	UndoSeconds int       `json:"undo_seconds" db:"undo_seconds"` // from 0 to 30: how long a mail of theirs can be taken back (T-UNDO)
	AfterSend   AfterSend `json:"after_send" db:"after_send"`
}

// Undo is how long a mail can be taken back.
func (h Habits) Undo() time.Duration { return time.Duration(h.UndoSeconds) * time.Second }

// AfterSend is where the portal goes once a mail was sent.
type AfterSend string

const (
	ThenNext AfterSend = "next" // to the next conversation of the list
	ThenList AfterSend = "list" // back to the list
	ThenStay AfterSend = "stay" // nowhere
)

// AfterSends lists them in the order in which a page offers them.
var AfterSends = []AfterSend{ThenNext, ThenList, ThenStay}

// Valid says whether it is one of AfterSends.
func (a AfterSend) Valid() bool { return a == ThenNext || a == ThenList || a == ThenStay }

// Caution is something that the writer of a mail should look at before it leaves.
type Caution struct {
	Kind CautionKind
	Saw  string // what made it: an address, some words
}

// CautionKind says what sort of caution it is.
type CautionKind string

const (
	CautionNote      CautionKind = "note"      // the text is that of a note
	CautionInternal  CautionKind = "internal"  // the text calls itself internal
	CautionColleague CautionKind = "colleague" // the text names a colleague with @
	CautionFile      CautionKind = "file"      // the text speaks of a file, and there is none
	CautionStranger  CautionKind = "stranger"  // somebody would get it to whom nobody has written yet
	CautionCustomer  CautionKind = "customer"  // a forward goes to the customer too
	CautionBlank     CautionKind = "blank"     // a placeholder is not filled
	CautionBusy      CautionKind = "busy"      // a colleague is writing on the ticket at this moment
)
