package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"postern/desk"
)

// The names of what SCIM speaks of (RFC 7643 §8.7, RFC 7644 §3.4.2, §3.5.2, §3.12).
const (
	scimUserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	scimEnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	scimListURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	scimPatchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	scimErrorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// scimUser is a person as RFC 7643 §4.1 writes one, as far as there is a place here for what is said. What else a program sends is not kept.
type scimUser struct {
	Schemas      []string        `json:"schemas"`
	ID           string          `json:"id,omitempty"`
	ExternalID   string          `json:"externalId,omitempty"`
	UserName     string          `json:"userName"`
	Name         *scimName       `json:"name,omitempty"`
	DisplayName  string          `json:"displayName,omitempty"`
	Title        string          `json:"title,omitempty"`
	Language     string          `json:"preferredLanguage,omitempty"`
	Locale       string          `json:"locale,omitempty"`
	Emails       scimMany        `json:"emails,omitempty"`
	PhoneNumbers scimMany        `json:"phoneNumbers,omitempty"`
	Roles        scimMany        `json:"roles,omitempty"`
	Active       *scimBool       `json:"active,omitempty"`
	Enterprise   *scimEnterprise `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,omitempty"`
	Meta         *scimMeta       `json:"meta,omitempty"`
}

type scimName struct {
	Formatted  string `json:"formatted,omitempty"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
}

type scimEnterprise struct {
	Organization string `json:"organization,omitempty"`
	Department   string `json:"department,omitempty"`
}

type scimMeta struct {
	Type         string `json:"resourceType"`
	Created      string `json:"created"`
	LastModified string `json:"lastModified"`
	Location     string `json:"location"`
}

// scimValue is one of several values (RFC 7643 §2.4).
type scimValue struct {
	Value   string   `json:"value"`
	Type    string   `json:"type,omitempty"`
	Primary scimBool `json:"primary,omitempty"`
}

// scimMany are values. Programs write one of them alone too, and roles as bare words.
type scimMany []scimValue

// UnmarshalJSON takes [{"value":"x"}], {"value":"x"}, ["x"], "x" and null.
func (m *scimMany) UnmarshalJSON(raw []byte) error {
	*m = nil
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	for _, one := range list {
		var value scimValue
		if json.Unmarshal(one, &value.Value) != nil {
			if err := json.Unmarshal(one, &value); err != nil {
				return err
			}
		}
		if value.Value != "" {
			*m = append(*m, value)
		}
	}
	return nil
}

// one is the value that counts: the primary one, the one for work, or the first.
func (m scimMany) one() string {
	for _, value := range m {
		if value.Primary {
			return value.Value
		}
	}
	for _, value := range m {
		if strings.EqualFold(value.Type, scimWork) {
			return value.Value
		}
	}
	if len(m) == 0 {
		return ""
	}
	return m[0].Value
}

// scimWork is the type of the address and the number that are kept.
const scimWork = "work"

func manyOf(value, kind string) scimMany {
	if value == "" {
		return nil
	}
	return scimMany{{Value: value, Type: kind, Primary: true}}
}

// scimBool is a truth that Entra ID writes as a word.
type scimBool bool

// UnmarshalJSON takes true, "True" and "true", and the same of false; nothing else.
func (b *scimBool) UnmarshalJSON(raw []byte) error {
	truth, err := strconv.ParseBool(strings.ToLower(strings.Trim(string(raw), `"`)))
	*b = scimBool(truth)
	return err
}

// said is what it says about a person; whether they may come in stays as before where it does not say.
func (u scimUser) said(before desk.Provisioned) desk.Provisioned {
	said := desk.Provisioned{
		UserName: strings.TrimSpace(u.UserName), ExternalID: u.ExternalID, Email: u.Emails.one(), DisplayName: u.DisplayName, Active: before.Active, Role: u.Roles.one(), Language: u.Language,
		Locale: u.Locale, Phone: u.PhoneNumbers.one(), Title: u.Title,
	}
	if u.Active != nil {
		said.Active = bool(*u.Active)
	}
	if u.Name != nil {
		said.Formatted, said.GivenName, said.FamilyName = u.Name.Formatted, u.Name.GivenName, u.Name.FamilyName
	}
	if u.Enterprise != nil {
		said.Organization, said.Department = u.Enterprise.Organization, u.Enterprise.Department
	}
	return said
}

// scimUserOf is a person as they are here: with the address and state that count, and otherwise as the provider said them.
func scimUserOf(p desk.Provision, at string) scimUser {
	said, active := p.Said, scimBool(!p.Out)
	user := scimUser{
		Schemas: []string{scimUserURN}, ID: strconv.FormatInt(p.UserID, 10), ExternalID: said.ExternalID, UserName: said.UserName, DisplayName: said.DisplayName, Title: said.Title, Language: said.Language,
		Locale: said.Locale, Emails: manyOf(p.Person.Email, scimWork), PhoneNumbers: manyOf(said.Phone, scimWork), Roles: manyOf(said.Role, ""), Active: &active,
		Meta: &scimMeta{Type: "User", Created: scimTime(p.CreatedAt), LastModified: scimTime(p.UpdatedAt), Location: at},
	}
	if name := (scimName{said.Formatted, said.GivenName, said.FamilyName}); name != (scimName{}) {
		user.Name = &name
	}
	if more := (scimEnterprise{said.Organization, said.Department}); more != (scimEnterprise{}) {
		user.Enterprise, user.Schemas = &more, append(user.Schemas, scimEnterpriseURN)
	}
	return user
}

// scimNarrowed is a resource with the attributes that were asked for alone, or without those that were not wanted (RFC 7644 §3.9). Schemas and id are always there.
func scimNarrowed(r *http.Request, resource any) (any, error) {
	query := r.URL.Query()
	only, without := scimNames(query.Get("attributes")), scimNames(query.Get("excludedAttributes"))
	if len(only) == 0 && len(without) == 0 {
		return resource, nil
	}
	text, err := json.Marshal(resource)
	if err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	for name := range all {
		lower := strings.ToLower(name)
		if name == "schemas" || name == "id" {
			continue
		}
		if len(only) > 0 && !only[lower] || without[lower] {
			delete(all, name)
		}
	}
	return all, nil
}

// scimNames are the attributes that a list names, in small letters: whoever asks for a part of one gets the whole.
func scimNames(list string) map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Split(list, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" || len(names) >= scimAtOnce {
			continue
		}
		enterprise := strings.ToLower(scimEnterpriseURN)
		if strings.HasPrefix(name, enterprise) {
			names[enterprise] = true
			continue
		}
		name = strings.TrimPrefix(name, strings.ToLower(scimUserURN)+":")
		name, _, _ = strings.Cut(name, ".")
		names[name] = true
	}
	return names
}
