package identity

import (
	"context"
	"time"

	"postern/desk"
	"postern/store"
)

// CountryOf is the code of the country of an address, by the file of places; empty: it is not known, or there is no such file.
func (s *Service) CountryOf(ip string) string { return s.atlas.Find(ip).Country }

// countryFor is how long a country stays known in which a person has signed in.
const countryFor = 400 * 24 * time.Hour

// journey compares where somebody comes from with where they came from before, for the audit log: its detectors judge. What it says is nothing where no file says where addresses are.
func (s *Service) journey(ctx context.Context, tx *store.Tx, user desk.User, from Client, detail map[string]any) error {
	spot := s.atlas.Find(from.IP)
	if spot.Country == "" {
		return nil
	}
	detail["country"] = spot.Country
	known, err := tx.Countries(ctx, user.ID)
	if err != nil || len(known) == 0 { // the first one is not new
		return err
	}
	fresh := true
	for _, one := range known {
		fresh = fresh && one.Country != spot.Country
	}
	if fresh {
		detail["new_country"] = true
	}
	last := known[0]
	if spot.Exact && last.Latitude != nil && last.Longitude != nil {
		before := Spot{Latitude: *last.Latitude, Longitude: *last.Longitude, Radius: last.Radius}
		km, took := apart(before, spot), max(s.now().Sub(last.LastAt), time.Minute)
		detail["km"], detail["kmh"] = km, int(float64(km)/took.Hours())
	}
	return nil
}

// seenAt remembers where somebody has come in who has shown all that is asked of them: whoever knows no more than a password makes no country known.
func (s *Service) seenAt(ctx context.Context, tx *store.Tx, user desk.User, from Client) error {
	spot := s.atlas.Find(from.IP)
	if spot.Country == "" {
		return nil
	}
	at := store.Country{Country: spot.Country, LastAt: s.now(), Radius: spot.Radius}
	if spot.Exact {
		at.Latitude, at.Longitude = &spot.Latitude, &spot.Longitude
	}
	return tx.SeeCountry(ctx, user.ID, at)
}
