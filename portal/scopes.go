package portal

import (
	"slices"
	"strings"

	"postern/desk"
)

// scopeBoxes is the part of a form in which scopes are chosen.
type scopeBoxes struct {
	Broad  []scopeBox
	Parts  []scopePart
	Opened bool // one of the parts is chosen
}

// scopeBox is one box; without a scope there is none at this place of the table.
type scopeBox struct {
	Scope desk.Scope
	Words string
	On    bool
}

// scopePart is a line of the table: one resource of the API with its verbs.
type scopePart struct {
	Words string
	Boxes []scopeBox
}

// boxesOf lays the scopes out, with those chosen that are.
func (c *call) boxesOf(chosen []desk.Scope, broad ...desk.Scope) scopeBoxes {
	boxes := scopeBoxes{}
	for _, scope := range append(slices.Clone(desk.Scopes), broad...) {
		boxes.Broad = append(boxes.Broad, scopeBox{scope, c.scopeWords(scope), slices.Contains(chosen, scope)})
	}
	for _, resource := range desk.Resources {
		part := scopePart{Words: c.lang.Say(resource.Words)}
		for _, verb := range []desk.Verb{desk.VerbRead, desk.VerbWrite, desk.VerbDelete} {
			box := scopeBox{}
			if slices.Contains(resource.Verbs, verb) {
				scope := desk.ScopeOf(resource.Name, verb)
				box = scopeBox{scope, c.scopeWords(scope), slices.Contains(chosen, scope)}
				boxes.Opened = boxes.Opened || box.On
			}
			part.Boxes = append(part.Boxes, box)
		}
		boxes.Parts = append(boxes.Parts, part)
	}
	return boxes
}

// scopeWords says what a scope lets do.
func (c *call) scopeWords(scope desk.Scope) string {
	sentence, object := scope.Words()
	if object == "" {
		return c.lang.Say(sentence)
	}
	return c.lang.Say(sentence, c.lang.Say(object))
}

// mayWords says what a list of scopes lets do, a sentence each.
func (c *call) mayWords(scopes []desk.Scope) []string {
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = c.scopeWords(scope)
	}
	return words
}

// scopesOf reads the boxes of a form.
func scopesOf(values []string) (scopes []desk.Scope) {
	for _, value := range values {
		scopes = append(scopes, desk.Scope(value))
	}
	return scopes
}

// lines are those of a text field, without empty ones; commas part them as well.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ' ' || r == '\t' })
}
