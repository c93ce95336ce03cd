package domains

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// model is a domain behind CNAMEs, the operator's zone, and the mail that it signs, without their costs: keys are numbers, and time jumps.
type model struct {
	t      *testing.T
	random *rand.Rand
	domain desk.Domain
	keys   []store.DomainKey
	labels []store.DomainLabel
	now    time.Time
	next   int64

	zone   map[string]string    // what stands at a label
	since  map[string]time.Time // since when
	before map[string]bool      // something else stood there once
	signed []proof
}

// proof is a signature that may be checked until a time.
type proof struct {
	label, text string
	at, until   time.Time
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, random: rand.New(rand.NewPCG(seed, seed)), now: may2026, zone: map[string]string{}, since: map[string]time.Time{}, before: map[string]bool{},
		domain: desk.Domain{Name: "example.com", State: desk.DomainActive, Publication: desk.PublishDelegated, RotateDays: 90, CreatedAt: may2026},
	}
	for _, slot := range []int16{1, 2} {
		for _, algorithm := range []Algorithm{RSA, Ed25519} {
			m.labels = append(m.labels, store.DomainLabel{Label: selectorOf(slot, algorithm), Slot: slot, Algorithm: string(algorithm)})
		}
		m.make(slot)
	}
	for i := range 2 {
		m.keys[i].Role = desk.KeySigning
	}
	m.publish()
	m.look()
	return m
}

// make puts a fresh pair into a slot.
func (m *model) make(slot int16) {
	for _, algorithm := range []Algorithm{RSA, Ed25519} {
		m.next++
		m.keys = append(m.keys, store.DomainKey{
			ID: m.next, Slot: slot, Algorithm: string(algorithm), Selector: selectorOf(slot, algorithm), PublicKey: fmt.Sprint("key", m.next), Private: []byte{1}, Role: desk.KeyNext, CreatedAt: m.now,
		})
	}
}

// publish brings the zone up to date.
func (m *model) publish() {
	for label, text := range texts(m.keys, m.labels) {
		if m.zone[label] != text {
			m.before[label] = m.zone[label] != ""
			m.zone[label], m.since[label] = text, m.now
		}
	}
}

// look sees what stands in the zone, or now and then not all of it: one of an owner's CNAMEs is gone for a while.
func (m *model) look() {
	var records []desk.Record
	for _, key := range m.keys {
		found := m.zone[key.Selector] == WishedKey{Key: Key{Algorithm: Algorithm(key.Algorithm), Public: key.PublicKey}, Role: key.Role}.Text()
		if m.random.IntN(20) == 0 && key.Role == desk.KeyNext {
			found = false
		}
		records = append(records, desk.Record{Name: key.Selector + "._domainkey.example.com", OK: found, CheckedAt: m.now})
	}
	m.keys = seen(m.keys, m.domain.Name, look{view{keys: m.keys}, records, m.now})
}

// step is what Tend does.
func (m *model) step() {
	for range 3 { // what a turn makes room for is filled by the next
		t := turn(m.domain, m.keys, m.now, testSpans)
		m.keys = t.Keys
		for _, slot := range t.Make {
			m.make(slot)
		}
	}
	m.publish()
}

// emergency is what Emergency does.
func (m *model) emergency() (stolen []string) {
	for _, key := range m.keys {
		if key.Role == desk.KeySigning {
			stolen = append(stolen, key.PublicKey)
		}
	}
	h := hurried(m.domain, m.keys, m.random.IntN(600))
	m.keys = slices.Concat(h.rest, h.waiting)
	if h.fresh {
		m.make(h.slot)
		for i := range m.keys {
			if key := &m.keys[i]; key.Slot == h.slot && key.Role == desk.KeyNext {
				zero := 0
				key.Grace = &zero
			}
		}
	}
	m.step()
	return stolen
}

// sign writes down which keys sign a mail now, and that everybody can check it.
func (m *model) sign() {
	rsa := 0
	for _, key := range m.keys {
		if !signs(key) {
			continue
		}
		if key.Private == nil {
			m.t.Fatalf("%s: %s signs without its private part", m.now, key.PublicKey)
		}
		if key.Algorithm == string(RSA) {
			rsa++
		}
		text := WishedKey{Key: Key{Algorithm: Algorithm(key.Algorithm), Public: key.PublicKey}}.Text()
		if m.zone[key.Selector] != text {
			m.t.Fatalf("%s: %s signs, and the zone says %q", m.now, key.PublicKey, m.zone[key.Selector])
		}
		if m.before[key.Selector] && m.now.Sub(m.since[key.Selector]) < testSpans.Cached {
			m.t.Fatalf("%s: %s signs, and caches can still hold the key before it", m.now, key.PublicKey)
		}
		m.signed = append(m.signed, proof{key.Selector, text, m.now, m.now.Add(testSpans.Retired)})
	}
	if rsa != 1 {
		m.t.Fatalf("%s: %d RSA keys sign", m.now, rsa)
	}
}

// check looks whether what was signed can still be checked.
func (m *model) check() {
	m.signed = slices.DeleteFunc(m.signed, func(p proof) bool { return !m.now.Before(p.until) })
	for _, p := range m.signed {
		if m.zone[p.label] != p.text {
			m.t.Fatalf("%s: what was signed at %s cannot be checked any more: the zone says %q at %s", m.now, p.at, m.zone[p.label], p.label)
		}
	}
}

// Whatever the hours at which it is looked at, and whatever is not found at some of them: every mail is signed by an RSA key that everybody can look up, for a week after.
// In an emergency the keys before it are believed no longer than their grace, and still no mail is unsigned.
func TestNoMailIsUnsignedOrInvalid(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		m := newModel(t, seed)
		used, emergencies := map[string]bool{}, 0
		for range 4000 {
			m.now = m.now.Add(time.Duration(m.random.IntN(90)) * time.Minute)
			if m.random.IntN(3) > 0 {
				m.look()
			}
			m.step()
			m.check()
			m.sign()
			for _, key := range m.keys {
				if key.Role == desk.KeySigning {
					used[key.PublicKey] = true
				}
			}
			if seed%2 == 1 && m.random.IntN(400) == 0 {
				emergencies++
				m.replaceAll()
			}
		}
		if len(used) < 20 {
			t.Errorf("seed %d: in %s only %d keys signed", seed, m.now.Sub(may2026), len(used))
		}
		if seed%2 == 1 && emergencies == 0 {
			t.Errorf("seed %d: no emergency", seed)
		}
	}
}

// replaceAll goes through an emergency: within the time that caches need and the grace, no stolen key signs or is believed.
func (m *model) replaceAll() {
	stolen := m.emergency()
	m.signed = nil // mail under way is what the grace is for
	m.sign()
	end := m.now.Add(testSpans.Soon + testSpans.Cached + 10*time.Minute + testSpans.Memory + 2*time.Minute)
	for m.now.Before(end) {
		m.now = m.now.Add(time.Minute)
		m.lookWhole()
		m.step()
		m.sign()
	}
	m.signed = nil
	for label, text := range m.zone {
		for _, p := range stolen {
			if text == (WishedKey{Key: Key{Algorithm: RSA, Public: p}}).Text() || text == (WishedKey{Key: Key{Algorithm: Ed25519, Public: p}}).Text() {
				m.t.Fatalf("%s: the stolen %s is still believed at %s", m.now, p, label)
			}
		}
	}
	for _, key := range m.keys {
		if slices.Contains(stolen, key.PublicKey) && key.Private != nil {
			m.t.Fatalf("%s: the stolen %s is not destroyed", m.now, key.PublicKey)
		}
	}
}

// lookWhole is a look at a day on which nothing is missing.
func (m *model) lookWhole() {
	var records []desk.Record
	for _, key := range m.keys {
		records = append(records, desk.Record{Name: key.Selector + "._domainkey.example.com", OK: true, CheckedAt: m.now})
	}
	m.keys = seen(m.keys, m.domain.Name, look{view{keys: m.keys}, records, m.now})
}
