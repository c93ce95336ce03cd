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
