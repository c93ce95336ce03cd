package identity

import (
	"encoding/json"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// jwtClaims are what a token says, in the shapes of Zendesk's examples: numbers and lists come as words too.
type jwtClaims struct {
	IssuedAt      *jwt.NumericDate `json:"iat"`
	ExpiresAt     *jwt.NumericDate `json:"exp"`
	NotBefore     *jwt.NumericDate `json:"nbf"`
	ID            jwtText          `json:"jti"`
	Issuer        jwtText          `json:"iss"`
	Audience      wordList         `json:"aud"`
	Email         jwtText          `json:"email"`
	EmailVerified *looseBool       `json:"email_verified"` // false takes the word about the address back
	Name          jwtText          `json:"name"`
	ExternalID    jwtText          `json:"external_id"`
	Role          jwtText          `json:"role"`
	Tags          tagList          `json:"tags"`
	Locale        jwtText          `json:"locale"`
	Phone         jwtText          `json:"phone"`
	Organization  jwtText          `json:"organization"`
	Fields        jwtFields        `json:"user_fields"`
	Methods       wordList         `json:"amr"`
	Class         jwtText          `json:"acr"`
}

// jwtText is a word that may be written as a number.
type jwtText string

// UnmarshalJSON takes "7" and 7, and null for nothing.
func (t *jwtText) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	var number json.Number
	if len(raw) > 0 && raw[0] != '"' {
		err := json.Unmarshal(raw, &number)
		*t = jwtText(number)
		return err
	}
	var word string
	err := json.Unmarshal(raw, &word)
	*t = jwtText(word)
	return err
}

// jwtFields are words by their names. What is no word, number or truth is left out.
type jwtFields map[string]string

// UnmarshalJSON takes {"plan": "gold", "seats": 7, "vip": true}.
func (f *jwtFields) UnmarshalJSON(raw []byte) error {
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return nil // PHP writes no fields as a list of none
	}
	*f = jwtFields{}
	for name, value := range all {
		var word jwtText
		if string(value) == "true" || string(value) == "false" {
			word = jwtText(value)
		} else if json.Unmarshal(value, &word) != nil {
			continue
		}
		(*f)[name] = string(word)
	}
	return nil
}

// kept are the fields that a configuration names.
func (f jwtFields) kept(names []string) map[string]string {
	kept := map[string]string{}
	for _, name := range names {
		if value, said := f[name]; said {
			kept[name] = value
		}
	}
	return kept
}

// tagList is a list, or words in a row.
type tagList []string

// UnmarshalJSON takes ["vip", "gold"], "vip gold" and "vip,gold".
func (l *tagList) UnmarshalJSON(raw []byte) error {
	var row string
	if json.Unmarshal(raw, &row) == nil {
		*l = strings.FieldsFunc(row, func(r rune) bool { return r == ' ' || r == ',' })
		return nil
	}
	var list []string
	err := json.Unmarshal(raw, &list)
	*l = list
	return err
}
