package api

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"postern/desk"
)

// scimTerm is 'attribute eq "value"', and what follows an 'and'. It is what programs look people up by; the rest of the language of RFC 7644 §3.4.2.2 is answered with invalidFilter.
var scimTerm = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9.:]*(?:\[[^\[\]]*\])?(?:\.[A-Za-z]+)?)\s+(?i:eq)\s+("(?:[^"\\]|\\.)*")\s*(?:\s(?i:and)\s+(.+))?$`)

const (
	longestFilter = 2000 // bytes
	mostTerms     = 4
)

// scimFilter reads a filter. nobody says that it can match nobody.
func scimFilter(text string) (q desk.ProvisionQuery, nobody bool, err error) {
	wrong := scimWrong("invalidFilter", `people are looked up by userName, externalId, id or emails.value: userName eq "ann@example.com"`)
	if len(text) > longestFilter {
		return q, false, wrong
	}
	for terms := 0; strings.TrimSpace(text) != ""; terms++ {
		found := scimTerm.FindStringSubmatch(text)
		if found == nil || terms == mostTerms {
			return q, false, wrong
		}
		var value string
		if json.Unmarshal([]byte(found[2]), &value) != nil {
			return q, false, wrong
		}
		text = found[3]
		place, err := scimPathOf(found[1])
		if err != nil {
			return q, false, wrong
		}
		var into *string
		switch {
		case place.name == "username" && place.sub == "":
			into = &q.UserName
		case place.name == "externalid" && place.sub == "":
			into = &q.ExternalID
		case place.name == "emails" && (place.sub == "" || place.sub == "value"):
			into = &q.Email
			nobody = nobody || !place.ours
		case place.name == "id" && place.sub == "":
			id, err := strconv.ParseInt(value, 10, 64)
			nobody = nobody || err != nil || q.ID != 0 && q.ID != id
			q.ID = id
			continue
		default:
			return q, false, wrong
		}
		nobody = nobody || value == "" || *into != "" && *into != value
		*into = value
	}
	return q, nobody, nil
}
