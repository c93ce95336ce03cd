package desk

import (
	"regexp"
	"slices"
	"strings"
)

// Placeholder is a name between double braces in a text that is written once and sent often: {{customer.name}}. The words are part of the API.
type Placeholder string

const (
	PlaceCustomerName    Placeholder = "customer.name"       // their address where no name is known
	PlaceCustomerFirst   Placeholder = "customer.first_name" // as PlaceCustomerName where there is only one word
	PlaceCustomerAddress Placeholder = "customer.address"
	PlaceTicketNumber    Placeholder = "ticket.number"
	PlaceTicketSubject   Placeholder = "ticket.subject"
	PlaceAgentName       Placeholder = "agent.name"  // who sends it; the mailbox's name where nobody does
	PlaceAgentEmail      Placeholder = "agent.email" // empty where nobody does
	PlaceMailboxName     Placeholder = "mailbox.name"
	PlaceMailboxAddress  Placeholder = "mailbox.address"
	PlaceTeamName        Placeholder = "team.name"
)

// Placeholders lists every placeholder but those of custom fields, which begin with PlaceField.
var Placeholders = []Placeholder{
	PlaceCustomerName, PlaceCustomerFirst, PlaceCustomerAddress, PlaceTicketNumber, PlaceTicketSubject,
	PlaceAgentName, PlaceAgentEmail, PlaceMailboxName, PlaceMailboxAddress, PlaceTeamName,
}

// PlaceField is how the placeholder of a custom field begins; the field's name follows.
const PlaceField = "field."

// placeholder is {{name}} or {{name|what to say where it is empty}}.
var placeholder = regexp.MustCompile(`\{\{\s*([^{}|]*?)\s*(?:\|([^{}]*))?\}\}`)

// PlaceholdersIn lists the names of the placeholders in a text, each once, in the order in which they come. The fault says which of them nobody knows.
func PlaceholdersIn(text string) ([]Placeholder, error) {
	var names []Placeholder
	for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
		name := Placeholder(strings.ToLower(found[1]))
		field := strings.HasPrefix(string(name), PlaceField) && len(name) > len(PlaceField)
		if !field && !slices.Contains(Placeholders, name) {
			return nil, Wrong("text", "there is no placeholder {{%s}}", found[1])
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if rest := placeholder.ReplaceAllString(text, ""); strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
		return nil, Wrong("text", "a placeholder stands between two braces on either side, such as {{customer.name}}")
	}
	return names, nil
}

// Fill puts values in the place of placeholders. It goes over the text once: what stands in a value is text, whatever it looks like. A placeholder without a value becomes what stands after its
// bar, or nothing.
func Fill(text string, values map[Placeholder]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(whole string) string {
		found := placeholder.FindStringSubmatch(whole)
		if value := values[Placeholder(strings.ToLower(found[1]))]; value != "" {
			return value
		}
		return strings.TrimSpace(found[2])
	})
}

// FirstName is by what somebody is greeted of whom only a whole name is known: its first word, or the second of "Miller, Bob".
func FirstName(name string) string {
	if family, given, found := strings.Cut(name, ","); found && strings.TrimSpace(given) != "" && strings.TrimSpace(family) != "" {
		name = given
	}
	words := strings.Fields(name)
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
