package portal

import (
	"postern/desk"
	"postern/language"
)

// customerLine is what a customer did on our pages, in one line of the conversation; empty for what others do.
func customerLine(lang *language.Language, e desk.Event) string {
	switch e.Verb {
	case "customer-solved":
		return lang.Say("%s said that it is solved", e.From)
	case "customer-reopened":
		return lang.Say("%s opened this again", e.From)
	case "rated-good":
		return lang.Say("%s was helped: good", e.From) + quotedNote(e.To)
	case "rated-bad":
		return lang.Say("%s was not helped: not good", e.From) + quotedNote(e.To)
	case "asked":
		return lang.Say("%s was asked whether they were helped", e.To)
	}
	return ""
}

// quotedNote puts a customer's own words behind what they chose.
func quotedNote(note string) string {
	if note == "" {
		return ""
	}
	return " · “" + clip(note, 300) + "”"
}

// writtenHere puts into words who wrote what came by a page of ours; written is false for mail.
func writtenHere(lang *language.Language, facts desk.MessageFacts) (t trustWords, written bool) {
	switch {
	case facts.Verdict != nil && facts.Verdict.Visitor != "":
		return trustWords{Short: lang.Say("Signed in"), Look: "good", Icon: "check", Long: lang.Say("The sender is verified: it was written on our pages, by somebody who had proved with a code that was mailed to it that %s is theirs.", facts.Verdict.Visitor)}, true
	case facts.Envelope != nil && facts.Envelope.Source == desk.FromForm:
		return trustWords{Short: lang.Say("By form, unverified"), Look: "warn", Icon: "shield", Long: lang.Say("It was written into a form on the web, and nobody asked for a proof of the address. Ask before you act on it.")}, true
	}
	return t, false
}
