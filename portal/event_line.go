package portal

import (
	"strings"
	"time"

	"postern/desk"
)

// eventLine is a change of the ticket in one line: who did what.
func eventLine(one card) string {
	if one.Kind != desk.KindEvent {
		return ""
	}
	who := author(one)
	if one.Facts.Event == nil {
		return strings.TrimSpace(who + " " + one.Text)
	}
	if e := one.Facts.Event; e.Verb == "assigned" && e.To == one.AuthorName {
		return who + " took it"
	}
	return who + " " + eventWords(*one.Facts.Event)
}

// eventWords says what happened. A verb that is not known is shown as it is stored, with its values.
func eventWords(e desk.Event) string {
	switch e.Verb {
	case "status":
		return "set the status to " + strings.ToLower(label(e.To))
	case "priority":
		return "set the priority to " + e.To
	case "assigned", "assignee":
		if e.To == "" {
			return "took the assignment off " + e.From
		}
		return "assigned this to " + e.To
	case "subject":
		return "changed the subject from “" + e.From + "” to “" + e.To + "”"
	case "tags", "tagged":
		switch {
		case e.From == "":
			return "added the tags " + e.To
		case e.To == "":
			return "removed the tags " + e.From
		}
		return "changed the tags from " + e.From + " to " + e.To
	case "merged":
		return "merged " + ticketWord(e.From) + " into " + ticketWord(e.To)
	case "unmerged":
		return "undid the merging of " + ticketWord(e.From)
	case "accepted":
		return "accepted " + e.To + " on the ticket"
	case "removed":
		return "took " + e.To + " off the ticket"
	case "requester":
		return "made " + e.To + " the customer instead of " + e.From
	case "mailed":
		return "answered by mail"
	case "reply-to":
		return "answered " + e.To + " and not " + e.From + ", to which Reply-To points"
	case "acknowledged":
		return "told " + e.To + " that their mail has come"
	case "continues":
		return "began this ticket, which continues " + ticketWord(e.To)
	case "reopened":
		return "opened this again"
	case "moved":
		return "moved a message from " + ticketWord(e.From) + " to " + ticketWord(e.To)
	case "bounced":
		return "could not deliver to " + e.To
	case "delayed":
		return "could not deliver to " + e.To + " for four hours, and goes on trying"
	case "cancelled":
		return "stopped the mail to " + e.To
	case "redirected":
		return "sent the mail to " + e.To + " instead of " + e.From
	}
	words := []string{strings.ReplaceAll(e.Verb, "-", " ")}
	if e.From != "" {
		words = append(words, "from "+e.From)
	}
	if e.To != "" {
		words = append(words, "to "+e.To)
	}
	return strings.Join(words, " ")
}

// ticketWord writes a ticket's number as people do.
func ticketWord(number string) string {
	if number == "" {
		return "a ticket"
	}
	return "#" + strings.TrimPrefix(number, "#")
}

// joinFor is how close together changes of one person are told in one line.
const joinFor = 2 * time.Minute

// joinEvents puts the changes that one person made at about one time into one line: an agent who takes a ticket over does four things at once.
func joinEvents(cards []card) []card {
	out := make([]card, 0, len(cards))
	for _, one := range cards {
		if n := len(out); n > 0 && one.Event != "" && out[n-1].Event != "" && one.AuthorName == out[n-1].AuthorName && one.At.Sub(out[n-1].At) < joinFor {
			out[n-1].Source = max(out[n-1].Source, one.Source)
			out[n-1].Event += ", " + strings.TrimPrefix(one.Event, author(one)+" ")
			continue
		}
		out = append(out, one)
	}
	return out
}

// author is who a change is told of.
func author(one card) string {
	if one.AuthorName == "" {
		return "Postern"
	}
	return one.AuthorName
}
