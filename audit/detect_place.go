package audit

import (
	"postern/desk"
)

// leastTravel is the distance, in kilometres, from which on two sign-ins may be too far apart: below it files of places are too often wrong.
const leastTravel = 500

// place looks at where a sign-in came from, as identity has compared it with those before (see desk.Journey). What is too fast says more than that the country is new: one sign-in raises one of the two.
func place(e desk.AuditEntry, r Rules) *Finding {
	if e.Action != "user.signin" {
		return nil
	}
	finding := Finding{About: e.Subject, User: idOf(e.ActorID), Remedy: r.PlaceDo, Detail: map[string]any{"country": word(e.Detail, "country"), "ip": e.IP}}
	if km, speed := whole(e.Detail, "km"), whole(e.Detail, "kmh"); r.Travel > 0 && km >= leastTravel && speed > r.Travel {
		finding.Detector, finding.Detail["km"], finding.Detail["kmh"] = Travel, km, speed
		return &finding
	}
	if fresh, _ := valueOf(e.Detail, "new_country").(bool); r.Country && fresh {
		finding.Detector = Country
		return &finding
	}
	return nil
}
