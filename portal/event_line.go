package portal

import (
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

// eventLine is a change of the ticket in one line: who did what.
func eventLine(lang *language.Language, one card) string {
	if one.Kind != desk.KindEvent {
		return ""
	}
	who := author(one)
	if one.Facts.Event == nil {
		return strings.TrimSpace(who + " " + lang.Sentence(one.Text))
	}
	if said := customerLine(lang, *one.Facts.Event); said != "" {
		return said
	}
	if e := one.Facts.Event; e.Verb == "assigned" && e.To == one.AuthorName {
		return who + " " + lang.Say("took it")
	}
	return who + " " + eventWords(lang, *one.Facts.Event)
}

// eventWords says what happened. A verb that is not known is shown as it is stored, with its values.
func eventWords(lang *language.Language, e desk.Event) string {
	switch e.Verb {
	case "status":
		return lang.Say("set the status to %s", strings.ToLower(lang.Say(label(e.To))))
	case "priority":
		return lang.Say("set the priority to %s", strings.ToLower(lang.Say(label(e.To))))
	case "assigned", "assignee":
		if e.To == "" {
			return lang.Say("took the assignment off %s", e.From)
		}
		return lang.Say("assigned this to %s", e.To)
	case "subject":
		return lang.Say("changed the subject from “%s” to “%s”", e.From, e.To)
	case "tags", "tagged":
		switch {
		case e.From == "":
			return lang.Say("added the tags %s", e.To)
		case e.To == "":
			return lang.Say("removed the tags %s", e.From)
		}
		return lang.Say("changed the tags from %s to %s", e.From, e.To)
	case "automation":
		return lang.Say("ran the rule “%s”", e.To)
	case "macro":
		return lang.Say("used the macro “%s”", e.To)
	case "merged":
		return lang.Say("merged %s into %s", ticketWord(lang, e.From), ticketWord(lang, e.To))
	case "unmerged":
		return lang.Say("undid the merging of %s", ticketWord(lang, e.From))
	case "accepted":
		return lang.Say("accepted %s on the ticket", e.To)
	case "removed":
		return lang.Say("took %s off the ticket", e.To)
	case "requester":
		return lang.Say("made %s the customer instead of %s", e.To, e.From)
	case "mailed":
		return lang.Say("answered by mail")
	case "reply-to":
		return lang.Say("answered %s and not %s, to which Reply-To points", e.To, e.From)
	case "acknowledged":
		return lang.Say("told %s that their mail has come", e.To)
	case "continues":
		return lang.Say("began this ticket, which continues %s", ticketWord(lang, e.To))
	case "reopened":
		return lang.Say("opened this again")
	case "moved":
		return lang.Say("moved a message from %s to %s", ticketWord(lang, e.From), ticketWord(lang, e.To))
	case "bounced":
		return lang.Say("could not deliver to %s", e.To)
	case "delayed":
		return lang.Say("could not deliver to %s for four hours, and goes on trying", e.To)
	case "cancelled":
		return lang.Say("stopped the mail to %s", e.To)
	case "redirected":
		return lang.Say("sent the mail to %s instead of %s", e.To, e.From)
	}
	return workWords(lang, e)
}

// workWords says what happened that has to do with how the desk works rather than with mail.
func workWords(lang *language.Language, e desk.Event) string {
	switch e.Verb {
	case "related":
		return lang.Say("linked this with %s", ticketWord(lang, e.To))
	case "unrelated":
		return lang.Say("took the link to %s away", ticketWord(lang, e.From))
	case "continued":
		return lang.Say("began %s, which continues this", ticketWord(lang, e.To))
	case "team":
		if e.To == "" {
			return lang.Say("took this from the team %s", e.From)
		}
		return lang.Say("gave this to the team %s", e.To)
	case "snoozed":
		return lang.Say("snoozed this until") // the moment stands behind it, in the zone of the reader
	case "woken":
		return lang.Say("brought this back from snoozing")
	case "field":
		if e.To == "" {
			return lang.Say("cleared %s", e.From)
		}
		return lang.Say("set %s to %s", e.From, valueWord(lang, e.To))
	case "missed":
		if e.To == string(desk.TargetAnswer) {
			return lang.Say("notes that the target for the first answer was missed")
		}
		return lang.Say("notes that the target for the solution was missed")
	case "automation":
		return lang.Say("ran the rule “%s”", e.To)
	case "macro":
		return lang.Say("used the macro “%s”", e.To)
	case "customer-reopened":
		return lang.Say("opened this again, as the customer asked on their page")
	case "customer-solved":
		return lang.Say("solved this, as the customer said on their page")
	case "asked":
		return lang.Say("asked %s how it was", e.To)
	}
	words := []string{lang.Say(strings.ReplaceAll(e.Verb, "-", " "))}
	if e.From != "" {
		words = append(words, lang.Say("from %s", e.From))
	}
	if e.To != "" {
		words = append(words, lang.Say("to %s", e.To))
	}
	return strings.Join(words, " ")
}

// valueWord is the value of a field: a box that is ticked says yes in the reader's language.
func valueWord(lang *language.Language, value string) string {
	if value == "yes" || value == "no" {
		return lang.Say(value)
	}
	return value
}

// ticketWord writes a ticket's number as people do.
func ticketWord(lang *language.Language, number string) string {
	if number == "" {
		return lang.Say("a ticket")
	}
	return "#" + strings.TrimPrefix(number, "#")
}

// ticketNamed is the number in #12; 0: it is none.
func ticketNamed(name string) int64 {
	number, err := strconv.ParseInt(strings.TrimPrefix(name, "#"), 10, 64)
	if err != nil || number < 0 {
		return 0
	}
	return number
}

// tellMerged marks the lines of merges into this ticket that still hold, so that they can be undone where they are told.
func tellMerged(cards []card) {
	held := map[int64]int{} // the ticket that was merged → its line
	for i := range cards {
		e := cards[i].Facts.Event
		if cards[i].Kind != desk.KindEvent || e == nil {
			continue
		}
		source := ticketNamed(e.From)
		switch {
		case e.Verb == "merged" && source != 0 && source != cards[i].TicketID && ticketNamed(e.To) == cards[i].TicketID:
			held[source] = i
		case e.Verb == "unmerged":
			delete(held, source)
		}
	}
	for source, i := range held {
		cards[i].Merged = append(cards[i].Merged, source)
	}
}

// joinFor is how close together changes of one person are told in one line.
const joinFor = 2 * time.Minute

// joinEvents puts the changes that one person made at about one time into one line: an agent who takes a ticket over does four things at once.
func joinEvents(cards []card) []card {
	out := make([]card, 0, len(cards))
	for _, one := range cards {
		if n := len(out); n > 0 && one.Event != "" && out[n-1].Event != "" && one.Until == nil && out[n-1].Until == nil && one.AuthorName == out[n-1].AuthorName && one.At.Sub(out[n-1].At) < joinFor {
			out[n-1].Merged = append(out[n-1].Merged, one.Merged...)
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
