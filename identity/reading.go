package identity

import (
	"context"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
	"postern/store"
)

// longestZone bounds the name of a time zone; the longest of the IANA database has 32 characters.
const longestZone = 64

// SetReading changes how the actor likes to read: the code of a language, and a time zone of the IANA database. Either empty is for the browser to say.
func (s *Service) SetReading(ctx context.Context, actor desk.Actor, code, zone string) error {
	if actor.User.ID == 0 {
		return unsigned("Please sign in.")
	}
	zone = strings.TrimSpace(zone)
	if code != "" && language.Of(code) == nil {
		return desk.Wrong("language", "there is no language %q here", code)
	}
	if !validZone(zone) {
		return desk.Wrong("zone", "%q is no time zone: write one like Europe/Rome", zone)
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		before, err := tx.ReadingOf(ctx, actor.User.Email)
		if err != nil {
			return entry{}, err
		}
		detail := map[string]any{"language": code, "zone": zone, "before": map[string]string{"language": before.Language, "zone": before.TimeZone}}
		return entry{actor: actor, action: "user.reading", subject: subjectOf(actor.User.ID), detail: detail}, tx.SetReading(ctx, actor.User.ID, code, zone)
	})
}

// validZone says whether the database knows the zone. Local is a name of Go's own for wherever the program runs.
func validZone(zone string) bool {
	if zone == "Local" || len(zone) > longestZone {
		return false
	}
	_, err := time.LoadLocation(zone) // of no name: UTC
	return err == nil
}
