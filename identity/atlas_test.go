package identity

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"postern/desk"
	"postern/store"
)

// atlasFile writes a file of places with another's writer: networks and where they are.
func atlasFile(t *testing.T, path string, places map[string]Spot) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-City", RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, spot := range places {
		row := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(spot.Country)}}
		if spot.Exact {
			row["location"] = mmdbtype.Map{"latitude": mmdbtype.Float64(spot.Latitude), "longitude": mmdbtype.Float64(spot.Longitude), "accuracy_radius": mmdbtype.Uint16(spot.Radius)}
		}
		_, within, err := net.ParseCIDR(network)
		if err == nil {
			err = tree.Insert(within, row)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Create(path)
	if err == nil {
		_, err = tree.WriteTo(file)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

var (
	milan    = Spot{Country: "IT", Latitude: 45.46, Longitude: 9.19, Radius: 10, Exact: true}
	turin    = Spot{Country: "IT", Latitude: 45.07, Longitude: 7.69, Radius: 20, Exact: true}
	saoPaulo = Spot{Country: "BR", Latitude: -23.55, Longitude: -46.63, Radius: 50, Exact: true}
)

func TestAtlas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.mmdb")
	if _, err := OpenAtlas(path); err == nil {
		t.Error("a file that is not there was opened")
	}
	if none, err := OpenAtlas(""); err != nil || none.Find("192.0.2.1") != (Spot{}) {
		t.Error("without a file nobody knows places", err)
	}
	atlasFile(t, path, map[string]Spot{"192.0.2.0/24": milan, "2001:db8::/32": saoPaulo, "198.51.100.0/24": {Country: "DE"}})
	atlas, err := OpenAtlas(path)
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]Spot{
		"192.0.2.7": milan, "::ffff:192.0.2.7": milan, "2001:db8::7": saoPaulo, "198.51.100.1": {Country: "DE"}, "203.0.113.1": {}, "": {}, "not an address": {}, "fe80::1%eth0": {},
	} {
		if got := atlas.Find(ip); got != want {
			t.Errorf("%s is in %+v, want %+v", ip, got, want)
		}
	}
	// A newer file is taken; one that is broken is not, and what was known stays known.
	atlasFile(t, path, map[string]Spot{"192.0.2.0/24": turin})
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	atlas.looked = time.Time{}
	if got := atlas.Find("192.0.2.7"); got != turin {
		t.Errorf("after a newer file: %+v", got)
	}
	if err := os.WriteFile(path, []byte("no file of places"), 0o600); err != nil {
		t.Fatal(err)
	}
	atlas.looked = time.Time{}
	if got := atlas.Find("192.0.2.7"); got != turin {
		t.Errorf("after a broken file: %+v", got)
	}
	if _, err := OpenAtlas(path); err == nil {
		t.Error("a broken file was opened")
	}
	if km := apart(milan, saoPaulo); km < 9200 || km > 9500 {
		t.Errorf("%d km from Milan to São Paulo", km)
	}
	if km := apart(milan, milan); km != 0 {
		t.Errorf("%d km from Milan to Milan", km)
	}
	for code, name := range desk.Countries {
		if len(code) != 2 || name == "" {
			t.Errorf("country %q is %q", code, name)
		}
	}
}

// TestJourneysStandInTheLog has somebody sign in at home, nearby, and on the other side of the sea half an hour later; and somebody who knows a password but has no second factor, who makes no country known.
func TestJourneysStandInTheLog(t *testing.T) {
	h := newHouse(t)
	path := filepath.Join(t.TempDir(), "places.mmdb")
	atlasFile(t, path, map[string]Spot{"192.0.2.0/24": milan, "198.51.100.0/24": turin, "203.0.113.0/24": saoPaulo})
	var err error
	if h.atlas, err = OpenAtlas(path); err != nil {
		t.Fatal(err)
	}
	h.setting(t, desk.RequireFactor, "off")
	anna := h.plain(t, "anna@desk.example", desk.RoleAgent)
	arrive := func(who desk.User, ip string) (came Came, said map[string]any) {
		t.Helper()
		values, err := h.Settings(t.Context())
		if err == nil {
			err = h.store.Write(t.Context(), func(tx *store.Tx) (err error) {
				came, err = h.arrive(t.Context(), tx, values, Arrival{User: who, Method: ByLink, From: Client{IP: ip}})
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		page, err := h.store.AuditLog(t.Context(), desk.AuditQuery{Action: "user.signin", Limit: 1})
		if err == nil {
			err = json.Unmarshal(page.Items[0].Detail, &said)
		}
		if err != nil {
			t.Fatal(err)
		}
		return came, said
	}
	var came Came
	_, said := arrive(anna, "192.0.2.1")
	if said["country"] != "IT" || said["new_country"] != nil || said["km"] != nil {
		t.Errorf("the first sign-in says %v", said)
	}
	h.clock.wait(30 * time.Minute)
	if _, said = arrive(anna, "198.51.100.1"); said["new_country"] != nil || said["km"].(float64) > 150 {
		t.Errorf("the neighbouring city: %v", said)
	}
	h.clock.wait(30 * time.Minute)
	if _, said = arrive(anna, "203.0.113.66"); said["country"] != "BR" || said["new_country"] != true || said["km"].(float64) < 9000 || said["kmh"].(float64) < 15000 {
		t.Errorf("over the sea in half an hour: %v", said)
	}
	h.clock.wait(24 * time.Hour)
	if _, said = arrive(anna, "203.0.113.66"); said["new_country"] != nil || said["km"].(float64) != 0 {
		t.Errorf("there again: %v", said)
	}
	if came, said = arrive(anna, "10.0.0.1"); said["country"] != nil {
		t.Errorf("an address of which the file knows nothing: %v", said)
	}
	devices, err := h.Devices(t.Context(), as(anna), anna.ID)
	if err != nil || len(devices) != 5 {
		t.Fatal(len(devices), err)
	}
	countries := map[string]int{}
	for _, one := range devices {
		countries[one.Country]++
		for _, session := range one.Sessions {
			if session.Country != one.Country {
				t.Errorf("the session of a device in %q is in %q", one.Country, session.Country)
			}
		}
	}
	if countries["IT"] != 2 || countries["BR"] != 2 || countries[""] != 1 {
		t.Errorf("devices in %v", countries)
	}

	h.enrolApp(t, came.Token)
	h.clock.wait(time.Hour)
	if err := h.store.Write(t.Context(), func(tx *store.Tx) error { return tx.SweepCountries(t.Context(), h.clock.now().Add(-time.Hour*25)) }); err != nil {
		t.Fatal(err)
	}
	for range 2 { // with no second factor it is new each time: Italy was forgotten above
		came, said := arrive(anna, "192.0.2.9")
		if came.Pending != NeedsFactor || said["new_country"] != true {
			t.Errorf("with a password only: %v, %v", came.Pending, said)
		}
	}
}
