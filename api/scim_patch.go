package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"postern/desk"
)

// scimPatchBody is a list of changes (RFC 7644 §3.5.2).
type scimPatchBody struct {
	Schemas    []string        `json:"schemas"`
	Operations []scimOperation `json:"Operations"`
}

type scimOperation struct {
	Op    string          `json:"op"` // Entra ID writes it with a capital
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

const mostOperations = 100

// apply makes the changes, all of them or none.
func (p scimPatchBody) apply(said desk.Provisioned) (desk.Provisioned, error) {
	if !slices.Contains(p.Schemas, scimPatchURN) || len(p.Operations) == 0 || len(p.Operations) > mostOperations {
		return said, scimWrong("invalidSyntax", "a patch has the schema "+scimPatchURN+" and 1 to 100 Operations")
	}
	for _, change := range p.Operations {
		op := strings.ToLower(change.Op)
		switch {
		case op != "add" && op != "replace" && op != "remove":
			return said, scimWrong("invalidSyntax", "an operation is add, replace or remove")
		case op == "remove" && change.Path == "":
			return said, scimWrong("noTarget", "what is to be removed needs a path")
		case op != "remove" && len(change.Value) == 0:
			return said, scimWrong("invalidValue", "an operation that is no removal needs a value")
		}
		if op == "remove" {
			change.Value = nil
		}
		if err := scimSetAll(&said, change); err != nil {
			return said, err
		}
	}
	return said, nil
}

// scimSetAll makes one change: of what its path names or, without a path, of all that its value names.
func scimSetAll(said *desk.Provisioned, change scimOperation) error {
	if change.Path != "" {
		place, err := scimPathOf(change.Path)
		if err != nil {
			return err
		}
		if !place.foreign && !slices.Contains(scimNamesKept, place.name) && !slices.Contains(scimNamesLost, place.name) {
			return scimWrong("invalidPath", "a user has no such attribute")
		}
		return scimSet(said, place, change.Value)
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(change.Value, &values) != nil {
		return scimWrong("invalidValue", "without a path, the value is an object")
	}
	for name, value := range values {
		place, err := scimPathOf(name)
		if err != nil {
			return err
		}
		if err := scimSet(said, place, value); err != nil {
			return err
		}
	}
	return nil
}

// scimPlace is a path: an attribute, which of several values, and a part of it (RFC 7644 §3.10). Names are in small letters, since case does not count (RFC 7643 §2.1).
type scimPlace struct {
	foreign bool // of another schema than ours
	name    string
	sub     string
	chosen  bool // there is a filter
	ours    bool // it does not rule out the one value that is kept
}

var (
	scimShape  = regexp.MustCompile(`^([a-z][a-z0-9$_-]*)(\[([^\[\]]*)\])?(?:\.([a-z][a-z0-9$_-]*))?$`)
	scimChoice = regexp.MustCompile(`^\s*(type|primary|value)\s+eq\s+(?:"([^"]*)"|(true|false))\s*$`)
)

// Attributes of a user that are kept, and those of RFC 7643 §4.1 and §4.3 for which there is no place here: they are taken without complaint.
var (
	scimNamesKept = []string{"username", "externalid", "displayname", "title", "preferredlanguage", "locale", "active", "name", "emails", "phonenumbers", "roles", "organization", "department"}
	scimNamesLost = []string{
		"nickname", "profileurl", "usertype", "timezone", "password", "ims", "photos", "addresses", "groups", "entitlements", "x509certificates", "employeenumber", "costcenter", "division", "manager",
		"schemas", "id", "meta",
	}
)

// scimPathOf reads a path.
func scimPathOf(path string) (place scimPlace, err error) {
	wrong := scimWrong("invalidPath", "the path cannot be read")
	if len(path) > longestFilter {
		return place, wrong
	}
	lower := strings.ToLower(strings.TrimSpace(path))
	place.ours = true
	for _, urn := range []string{scimUserURN, scimEnterpriseURN} {
		urn = strings.ToLower(urn)
		if lower == urn {
			return scimPlace{name: lower, ours: true}, nil
		}
		lower = strings.TrimPrefix(lower, urn+":")
	}
	if strings.HasPrefix(lower, "urn:") {
		return scimPlace{foreign: true}, nil
	}
	parts := scimShape.FindStringSubmatch(lower)
	if parts == nil {
		return place, wrong
	}
	place.name, place.sub = parts[1], parts[4]
	if parts[2] != "" {
		choice := scimChoice.FindStringSubmatch(parts[3])
		if choice == nil {
			return place, wrong
		}
		place.chosen, place.ours = true, choice[1] == "type" && choice[2] == scimWork || choice[1] == "primary" && choice[2]+choice[3] == "true"
	}
	return place, nil
}

// scimSet writes a value where a path points; none takes what stands there away.
func scimSet(said *desk.Provisioned, place scimPlace, value json.RawMessage) error {
	text := map[string]*string{
		"username": &said.UserName, "externalid": &said.ExternalID, "displayname": &said.DisplayName, "title": &said.Title, "preferredlanguage": &said.Language, "locale": &said.Locale,
		"organization": &said.Organization, "department": &said.Department,
		"name.formatted": &said.Formatted, "name.givenname": &said.GivenName, "name.familyname": &said.FamilyName,
	}
	many := map[string]*string{"emails": &said.Email, "phonenumbers": &said.Phone, "roles": &said.Role}
	whole := place.name
	if place.sub != "" {
		whole += "." + place.sub
	}
	switch {
	case place.foreign:
		return nil
	case text[whole] != nil:
		return scimText(text[whole], value)
	case whole == "active":
		if value == nil {
			return scimWrong("mutability", "active can be set and not removed")
		}
		var active scimBool
		if json.Unmarshal(value, &active) != nil {
			return scimWrong("invalidValue", "active is true or false")
		}
		said.Active = bool(active)
		return nil
	case many[place.name] != nil:
		return scimSetMany(many[place.name], place, value)
	case place.sub == "" && (place.name == "name" || strings.HasPrefix(place.name, "urn:")):
		return scimSetParts(said, place.name, value)
	}
	return nil // one of those that are not kept
}

// scimText is a word; programs write numbers and null too.
func scimText(into *string, value json.RawMessage) error {
	var word string
	if value != nil && json.Unmarshal(value, &word) != nil {
		return scimWrong("invalidValue", "a word was expected")
	}
	*into = strings.TrimSpace(word)
	return nil
}

// scimSetMany sets the one value that is kept of several. What is said of others is not kept.
func scimSetMany(into *string, place scimPlace, value json.RawMessage) error {
	switch {
	case !place.ours || place.sub != "" && place.sub != "value":
		return nil
	case value == nil:
		*into = ""
		return nil
	}
	var values scimMany
	if json.Unmarshal(value, &values) != nil {
		return scimWrong("invalidValue", "a list of values was expected")
	}
	one := values.one()
	if one == "" && place.sub == "" && !place.chosen && string(value) != "[]" && string(value) != "null" {
		return nil // it says something about values without saying any
	}
	*into = one
	return nil
}

// scimSetParts sets the parts of a name, or all that an object of one schema says.
func scimSetParts(said *desk.Provisioned, name string, value json.RawMessage) error {
	prefix, all := "", []string{"organization", "department"}
	if name == "name" {
		prefix, all = "name.", []string{"formatted", "givenname", "familyname"}
	}
	if value == nil {
		for _, part := range all {
			place, err := scimPathOf(prefix + part)
			if err == nil {
				err = scimSet(said, place, nil)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	var parts map[string]json.RawMessage
	if json.Unmarshal(value, &parts) != nil {
		return scimWrong("invalidValue", "an object was expected")
	}
	for part, one := range parts {
		place, err := scimPathOf(prefix + part)
		if err != nil || strings.HasPrefix(place.name, "urn:") {
			return scimWrong("invalidPath", "the path cannot be read")
		}
		if err := scimSet(said, place, one); err != nil {
			return err
		}
	}
	return nil
}
