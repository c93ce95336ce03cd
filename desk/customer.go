package desk

import "time"

// FormProof is what the address in a web form needs before what was written becomes a ticket. The words are part of the API.
type FormProof string

const (
	FormProofMail FormProof = "mail" // a code or a link that was mailed to it
	FormProofNone FormProof = "none" // nothing: the ticket is marked as unverified
)

// CustomerSetting is what a mailbox offers its customers on our pages.
type CustomerSetting struct {
	MailboxID int64     `json:"mailbox_id" db:"mailbox_id"`
	Link      bool      `json:"link" db:"link"`           // mails carry a link to the conversation
	Ask       bool      `json:"ask" db:"ask"`             // after solving, customers are asked whether they were helped
	AskAfter  int       `json:"ask_after" db:"ask_after"` // hours after solving
	Form      bool      `json:"form" db:"form"`           // there is a form on the web
	Slug      string    `json:"slug" db:"slug"`           // its address: /form/slug
	Proof     FormProof `json:"proof" db:"proof"`
	Intro     string    `json:"intro" db:"intro"`       // above the form; empty: the standard text
	Language  string    `json:"language" db:"language"` // of the mails that we write to customers by ourselves; empty: that of the Policy
}

// DefaultCustomerSetting is what a mailbox offers that has set nothing.
func DefaultCustomerSetting(mailbox int64) CustomerSetting {
	return CustomerSetting{MailboxID: mailbox, Link: true, AskAfter: 24, Proof: FormProofMail}
}

// The largest values of a CustomerSetting.
const (
	longestAsk   = 30 * 24 // hours
	longestIntro = 2000    // bytes
	longestSlug  = 48
)

// Check says what is wrong with a setting; nil if nothing is.
func (s CustomerSetting) Check() error {
	switch {
	case s.AskAfter < 0 || s.AskAfter > longestAsk:
		return Wrong("ask_after", "customers are asked between 0 and %d hours after solving", longestAsk)
	case s.Proof != FormProofMail && s.Proof != FormProofNone:
		return Wrong("proof", "proof is mail or none")
	case s.Slug == "" && s.Form:
		return Wrong("slug", "a form needs an address")
	case s.Slug != "" && !validSlug(s.Slug):
		return Wrong("slug", "the address of a form is made of up to %d small letters, digits and hyphens, and neither begins nor ends with a hyphen", longestSlug)
	case len(s.Intro) > longestIntro:
		return Wrong("intro", "the text above a form has at most %d bytes", longestIntro)
	}
	return nil
}

func validSlug(slug string) bool {
	if len(slug) > longestSlug || slug[0] == '-' || slug[len(slug)-1] == '-' {
		return false
	}
	for _, r := range slug {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') {
			return false
		}
	}
	return true
}

// Rating is a customer's word on whether they were helped.
type Rating struct {
	Value int    // RatedGood or RatedBad
	Note  string // their own words; may be empty
}

// What a customer can say, as it is kept.
const (
	RatedBad  = -1
	RatedGood = 1
)

// RatedWell says whether the customer said that they were helped.
func (t Ticket) RatedWell() bool { return t.Rating != nil && *t.Rating == RatedGood }

// longestRatingNote is how much a customer can write beside it, in bytes.
const longestRatingNote = 4000

// Check says what is wrong with a rating; nil if nothing is.
func (r Rating) Check() error {
	switch {
	case r.Value != RatedBad && r.Value != RatedGood:
		return Wrong("rating", "Choose good or bad.")
	case len(r.Note) > longestRatingNote:
		return Wrong("note", "A note has at most %d characters.", longestRatingNote)
	}
	return nil
}

// RateFor is how long after solving a customer may answer the question whether they were helped, and change their answer.
const RateFor = 14 * 24 * time.Hour

// TellVisitor mails the code and the link by which somebody proves an address.
type TellVisitor struct {
	Code int64 `json:"code"` // the row
}

// Kind is the job's name in the queue.
func (TellVisitor) Kind() string { return "tell_visitor" }

// AskRatings asks customers whose tickets were solved whether they were helped.
type AskRatings struct{}

// Kind is the job's name in the queue.
func (AskRatings) Kind() string { return "ask_ratings" }
