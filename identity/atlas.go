package identity

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// mostAtlas bounds the file of places: the largest that are given away have some 70 MB.
const mostAtlas = 256 << 20

// atlasEvery is how often it is looked whether there is a newer file.
const atlasEvery = time.Minute

// Atlas says where addresses are, by a file in the MaxMind DB format that an admin has put there. Nobody is asked over the network. The nil Atlas knows no place.
//
// The file is read whole: were it mapped into memory, whoever writes over it in place would end the program. A newer file is taken within a minute; one that cannot be read is not, and the one before stays.
// Where an address is, such files guess: a country is right nearly always, a city often not.
type Atlas struct {
	path string

	mu     sync.Mutex
	db     *maxminddb.Reader
	looked time.Time
	dated  time.Time
	size   int64
}

// Spot is where an address is, as far as the file knows.
type Spot struct {
	Country   string  // ISO 3166-1, two letters; empty: unknown
	Latitude  float64 // with Longitude, in degrees; both count only where Exact
	Longitude float64
	Radius    int  // kilometres by which it may be wrong
	Exact     bool // the file knows more than the country
}

// OpenAtlas reads the file of places; without a path there is none.
func OpenAtlas(path string) (*Atlas, error) {
	if path == "" {
		return nil, nil
	}
	a := &Atlas{path: path}
	if err := a.read(); err != nil {
		return nil, fmt.Errorf("the file of places cannot be read (POSTERN_GEOIP): %w", err)
	}
	return a, nil
}

// read takes the file in, if it is another than before.
func (a *Atlas) read() error {
	a.looked = time.Now()
	file, err := os.Stat(a.path)
	if err != nil {
		return err
	}
	if a.db != nil && file.ModTime().Equal(a.dated) && file.Size() == a.size {
		return nil
	}
	if file.Size() > mostAtlas {
		return fmt.Errorf("%s has more than %d MB", a.path, mostAtlas>>20)
	}
	octets, err := os.ReadFile(a.path)
	if err != nil {
		return err
	}
	db, err := maxminddb.OpenBytes(octets)
	if err != nil {
		return fmt.Errorf("%s: %w", a.path, err)
	}
	a.db, a.dated, a.size = db, file.ModTime(), file.Size()
	return nil
}

// Find says where an address is.
func (a *Atlas) Find(ip string) Spot {
	address, err := netip.ParseAddr(ip)
	if a == nil || err != nil {
		return Spot{}
	}
	a.mu.Lock()
	if time.Since(a.looked) > atlasEvery {
		_ = a.read() // the file of before is better than none
	}
	db := a.db
	a.mu.Unlock()
	var found struct {
		Country struct {
			Code string `maxminddb:"iso_code"`
		} `maxminddb:"country"`
		Flat     string `maxminddb:"country_code"` // as some files that are given away have it
		Location *struct {
			Latitude  float64 `maxminddb:"latitude"`
			Longitude float64 `maxminddb:"longitude"`
			Radius    uint16  `maxminddb:"accuracy_radius"`
		} `maxminddb:"location"`
	}
	if err := db.Lookup(address.Unmap().WithZone("")).Decode(&found); err != nil {
		return Spot{} // a file that is broken there knows nothing of it
	}
	spot := Spot{Country: found.Country.Code}
	if spot.Country == "" {
		spot.Country = found.Flat
	}
	if len(spot.Country) != 2 {
		return Spot{}
	}
	if at := found.Location; at != nil && (at.Latitude != 0 || at.Longitude != 0) {
		spot.Latitude, spot.Longitude, spot.Radius, spot.Exact = at.Latitude, at.Longitude, int(at.Radius), true
	}
	return spot
}

// earth is its mean radius in kilometres.
const earth = 6371

// apart is how many kilometres lie between two places, along a great circle (haversine), less by what the file is unsure of.
func apart(a, b Spot) int {
	rad := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	half := func(x float64) float64 { return math.Pow(math.Sin(x/2), 2) }
	h := half(rad(b.Latitude-a.Latitude)) + math.Cos(rad(a.Latitude))*math.Cos(rad(b.Latitude))*half(rad(b.Longitude-a.Longitude))
	return max(0, int(2*earth*math.Asin(math.Sqrt(min(1, h))))-a.Radius-b.Radius)
}
