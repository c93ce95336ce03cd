package portal

import (
	"slices"

	"postern/desk"
	"postern/language"
)

// cautionWords is what a writer should look at before a mail leaves, in words, and the mark by which the form says that they have.
type cautionWords struct{ Text, Mark string }

// cautions are the words of each kind; those with a place for it name what was seen.
var cautions = map[desk.CautionKind]string{
	desk.CautionNote:      "This is the text of a note, and it would go to the customer.",
	desk.CautionInternal:  "The text calls itself internal: “%s”.",
	desk.CautionColleague: "The text calls a colleague, %s, as notes do. It would go to the customer.",
	desk.CautionFile:      "The text speaks of a file (“%s”), and none is attached.",
	desk.CautionStranger:  "%s has never had a mail from here and would read all of this.",
	desk.CautionCustomer:  "%s is on this ticket: a forward to them is a mail to the customer's side.",
	desk.CautionBlank:     "%s was not filled in.",
	desk.CautionBusy:      "%s is writing on this ticket at this moment.",
}

func markOf(one desk.Caution) string { return string(one.Kind) + " " + one.Saw }

func cautionIn(lang *language.Language, one desk.Caution) cautionWords {
	if text := cautions[one.Kind]; one.Saw != "" {
		return cautionWords{lang.Say(text, one.Saw), markOf(one)}
	}
	return cautionWords{lang.Say(cautions[one.Kind]), markOf(one)}
}

// unheeded says whether there is a caution that the form does not say it has heard.
func unheeded(list []desk.Caution, heard []string) bool {
	return slices.ContainsFunc(list, func(one desk.Caution) bool { return !slices.Contains(heard, markOf(one)) })
}
