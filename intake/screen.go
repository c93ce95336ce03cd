package intake

import (
	"slices"

	"postern/desk"
)

// hold is why a mail is suspended, if it is.
type hold struct {
	cause    desk.Cause
	evidence string
}

// view is what screening sees of a mail: facts, no bytes.
type view struct {
	Unreadable string // the parser's words, if it could not be read
	From       string // canonical
	FromAgent  bool   // From is the address of one of our people
	FromUs     bool   // From is one of our own mailboxes
	Verified   bool
	Loops      []string // values of our loop field that it carries
	Hostname   string
	NoMailbox  bool // no recipient of it is ours
	Source     desk.Source
}

// screen decides whether a mail is held back before anybody asks which ticket it belongs to (behaviour §4, §5). A mail that somebody released is never held again.
func screen(v view) hold {
	switch {
	case v.Unreadable != "":
		return hold{desk.CauseUnprocessable, v.Unreadable}
	case v.NoMailbox:
		return hold{desk.CauseUnprocessable, "No mailbox of ours is among its recipients."}
	case v.Source == desk.FromRelease:
		return hold{}
	case slices.Contains(v.Loops, v.Hostname):
		return hold{desk.CauseLoop, "It carries the mark of a mail that this system sent."}
	case v.FromUs:
		return hold{desk.CauseLoop, "Its From is our own mailbox " + v.From + "."}
	case v.FromAgent && !v.Verified:
		return hold{desk.CauseAgentSpoof, "From is " + v.From + ", one of your people, and nothing proves it."}
	default:
		return hold{}
	}
}

// holdUnmatched decides about automatic mail that belongs to no ticket: an answer or a bounce answers something that we did not send. Other automatic mail (a web form,
// a monitor, a list) may well be what the mailbox is for, so it starts a ticket like any other.
func holdUnmatched(report, autoSubmitted, mailFrom string, source desk.Source) hold {
	switch {
	case report == "delivery-status" || report == "disposition-notification" || report == "feedback-report":
		return hold{desk.CauseBackscatter, "It reports on a mail (" + report + ") that this system did not send."}
	case autoSubmitted == "auto-replied":
		return hold{desk.CauseBackscatter, "It automatically answers a mail that this system did not send."}
	case mailFrom == "" && source == desk.FromSMTP:
		return hold{desk.CauseBackscatter, "It came with the null return path of a bounce, and bounces nothing of ours."}
	default:
		return hold{}
	}
}
