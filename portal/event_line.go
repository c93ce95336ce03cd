package portal

import (
	"strings"

	"postern/desk"
)

// eventLine is a change of the ticket in one line: who did what.
func eventLine(one card) string {
	if one.Kind != desk.KindEvent {
		return ""
	}
	who := one.AuthorName
	if who == "" {
		who = "Postern"
	}
	if one.Facts.Event == nil {
		return strings.TrimSpace(who + " " + one.Text)
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
	case "bounced":
		return "could not deliver to " + e.To
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
