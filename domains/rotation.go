package domains

import (
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// Spans are the lengths of time that the life of domains and keys is made of. Tests shorten them.
type Spans struct {
	Day       time.Duration // the unit of Domain.RotateDays
	Settle    time.Duration // a key behind a CNAME takes over only after its record was seen for so long at every authoritative server: caches have forgotten what stood there before
	Cached    time.Duration // in an emergency it is enough that no cache can hold what stood there before: the TTL of the operator's zone
	Retired   time.Duration // the record of a key that signs no more stays for so long: mail that it signed can be under way, or be checked again (RFC 6376 §6.1 leaves it to us)
	UnderWay  time.Duration // mail that is sent so shortly before its key's record goes is signed anew, since it may be checked later than that
	Revoked   time.Duration // the empty record of a revoked key stays for so long before a new key takes its place
	Grace     time.Duration // between an emergency rotation and the revocation of the key before, unless the admin says otherwise
	Memory    time.Duration // how long other processes may still sign with keys that they hold in memory
	Fallback  time.Duration // mail of a broken domain waits for so long before it leaves in the system's name, where that is wanted
	Dangling  time.Duration // records of a removed domain are looked for
	Soon      time.Duration // between two looks at a domain that waits for its records, or is broken
	Routine   time.Duration // between two looks at every other
	Forgotten time.Duration // a domain that never came into use is looked at soon for so long, then routinely
	Quiet     time.Duration // between two mails about the same domain
}

// DefaultSpans are those of real life. Retired is longer than the five days that mail may wait in the queue by more than UnderWay.
func DefaultSpans() Spans {
	const day = 24 * time.Hour
	return Spans{
		Day: day, Settle: 2 * day, Cached: zoneTTL * time.Second, Retired: 7 * day, UnderWay: day, Revoked: day, Grace: time.Hour, Memory: 15 * time.Second,
		Fallback: 4 * time.Hour, Dangling: 30 * day, Soon: 5 * time.Minute, Routine: day, Forgotten: 7 * day, Quiet: time.Hour,
	}
}

// Turn is what time and the DNS make of a domain's keys.
type Turn struct {
	Keys   []store.DomainKey // as they are now
	Forget []int64           // keys that are gone, record and all
	Make   []int16           // slots in which new pairs of keys are wanted, to be Next; 0: with records of their own
	Took   []string          // selectors that sign from now on
	Ended  []string          // selectors whose keys sign no more, or are to be believed no more
}

// changes says whether anything is different.
func (t Turn) changes() bool { return len(t.Forget)+len(t.Make)+len(t.Took)+len(t.Ended) > 0 }

// turn works out what becomes of a domain's keys. It is repeated at every look and whenever a time has come; what has been done already it does not do again.
func turn(d desk.Domain, keys []store.DomainKey, now time.Time, spans Spans) Turn {
	t := Turn{Keys: slices.Clone(keys)}
	if d.State == desk.DomainRemoved {
		return t
	}
	t.end(now, spans)
	for _, slot := range []int16{0, 1, 2} {
		t.takeOver(d, slot, now, spans)
	}
	t.make(d, now, spans)
	return t
}

// end revokes retired keys whose time is over, and forgets revoked ones.
func (t *Turn) end(now time.Time, spans Spans) {
	t.Keys = slices.DeleteFunc(t.Keys, func(key store.DomainKey) bool {
		if key.Role != desk.KeyRevoked || key.EndsAt == nil || now.Before(*key.EndsAt) {
			return false
		}
		t.Forget = append(t.Forget, key.ID)
		return true
	})
	for i := range t.Keys {
		if key := &t.Keys[i]; key.Role == desk.KeyRetired && key.EndsAt != nil && !now.Before(*key.EndsAt) {
			t.revoke(key, now, spans)
		}
	}
}

// revoke ends the belief in a key. A record in the operator's zone says so for a while; one in the owner's zone is theirs to delete.
func (t *Turn) revoke(key *store.DomainKey, now time.Time, spans Spans) {
	until := now.Add(spans.Revoked)
	if key.Slot == 0 {
		until = now.Add(spans.Dangling)
	}
	key.Role, key.Private, key.EndsAt, key.Grace = desk.KeyRevoked, nil, &until, nil
	t.Ended = append(t.Ended, key.Selector)
}

// takeOver lets the next keys of a slot sign whose time has come, and retires those before them.
func (t *Turn) takeOver(d desk.Domain, slot int16, now time.Time, spans Spans) {
	var ready []int
	for i, key := range t.Keys {
		if key.Role == desk.KeyNext && key.Slot == slot && (slot > 0 || key.SeenAt != nil) {
			ready = append(ready, i)
		}
	}
	if len(ready) == 0 || slot > 0 && !t.mayTurn(d, slot, now, spans) {
		return
	}
	urgent := t.Keys[ready[0]].Grace
	if urgent != nil && slot == 0 && !t.leads(ready) {
		return
	}
	var algorithms []string
	for _, i := range ready {
		algorithms = append(algorithms, t.Keys[i].Algorithm)
	}
	for i := range t.Keys {
		if old := &t.Keys[i]; old.Role == desk.KeySigning && t.makesWay(*old, slot, algorithms, urgent) {
			t.retire(old, urgent, now, spans)
		}
	}
	for _, i := range ready {
		key := &t.Keys[i]
		key.Role, key.SignsSince, key.Grace = desk.KeySigning, &now, nil
		t.Took = append(t.Took, key.Selector)
	}
}

// makesWay says whether a key that signs goes when keys of these algorithms take over: one with a record of its own makes way for one of its kind;
// where keys change behind CNAMEs, and when an emergency brings a new RSA key, the whole generation goes.
func (t *Turn) makesWay(old store.DomainKey, slot int16, algorithms []string, urgent *int) bool {
	return slot > 0 || slices.Contains(algorithms, old.Algorithm) || urgent != nil && slices.Contains(algorithms, string(RSA))
}

// leads says whether keys that would take over in an emergency have an RSA key among them, or one that signs already was among them: the whole generation before them goes.
func (t *Turn) leads(ready []int) bool {
	for _, i := range ready {
		if t.Keys[i].Algorithm == string(RSA) {
			return true
		}
	}
	return !slices.ContainsFunc(t.Keys, func(key store.DomainKey) bool {
		return key.Role == desk.KeyNext && key.Slot == 0 && key.Algorithm == string(RSA)
	})
}

// mayTurn says whether the pair in a slot may take over now: in an emergency as soon as no cache holds what stood there before, of itself when the keys that sign are old enough and caches everywhere
// have had time; and at once from keys that have records of their own, whose names are others.
func (t *Turn) mayTurn(d desk.Domain, slot int16, now time.Time, spans Spans) bool {
	seen, urgent := time.Time{}, false
	for _, key := range t.Keys {
		if key.Role == desk.KeyNext && key.Slot == slot && key.Algorithm == string(RSA) && key.SeenAt != nil {
			seen, urgent = *key.SeenAt, key.Grace != nil
		}
	}
	if seen.IsZero() {
		return false
	}
	since, from := t.signsSince()
	switch {
	case urgent:
		return now.Sub(seen) >= spans.Cached
	case from == 0:
		return d.Publication == desk.PublishDelegated
	}
	return d.State == desk.DomainActive && d.RotateDays > 0 && now.Sub(since) >= time.Duration(d.RotateDays)*spans.Day && now.Sub(seen) >= spans.Settle
}

// signsSince says since when the RSA key signs, and from which slot.
func (t *Turn) signsSince() (time.Time, int16) {
	for _, key := range t.Keys {
		if key.Role != desk.KeySigning || key.Algorithm != string(RSA) {
			continue
		}
		if key.SignsSince != nil {
			return *key.SignsSince, key.Slot
		}
		return key.CreatedAt, key.Slot
	}
	return time.Time{}, 0
}

// retire ends signing with a key. Its private part is destroyed: mail that it signed is kept signed. In an emergency it is believed only for the grace that the admin gave,
// and a little longer than other processes may still hold it; where its record is in the owner's zone we can only ask for it to be deleted.
func (t *Turn) retire(key *store.DomainKey, urgent *int, now time.Time, spans Spans) {
	switch {
	case key.SeenAt == nil && key.SignsSince == nil: // it never signed
		until := now
		key.Role, key.Private, key.EndsAt = desk.KeyRevoked, nil, &until
	case urgent != nil && key.Slot == 0:
		t.revoke(key, now, spans)
		return
	case urgent != nil:
		until := now.Add(max(time.Duration(*urgent)*time.Second, spans.Memory))
		key.Role, key.Private, key.EndsAt, key.Grace = desk.KeyRetired, nil, &until, urgent
	default:
		until := now.Add(spans.Retired)
		key.Role, key.Private, key.EndsAt = desk.KeyRetired, nil, &until
	}
	t.Ended = append(t.Ended, key.Selector)
}

// make says where new keys are wanted: in every empty slot of a domain whose keys change by themselves, and beside keys with records of their own once those are old.
func (t *Turn) make(d desk.Domain, now time.Time, spans Spans) {
	if d.Publication == desk.PublishDelegated {
		for _, slot := range []int16{1, 2} {
			if !slices.ContainsFunc(t.Keys, func(key store.DomainKey) bool { return key.Slot == slot }) {
				t.Make = append(t.Make, slot)
			}
		}
		return
	}
	since, _ := t.signsSince()
	waiting := slices.ContainsFunc(t.Keys, func(key store.DomainKey) bool {
		return key.Role == desk.KeyNext && key.Slot == 0 && key.Algorithm == string(RSA)
	})
	if d.State == desk.DomainActive && d.RotateDays > 0 && !waiting && now.Sub(since) >= time.Duration(d.RotateDays)*spans.Day {
		t.Make = append(t.Make, 0)
	}
}

// seen notes which keys' records a look found: since when they are there, or that they are not. What could not be looked up changes nothing, and neither does what was found for a key that had the place before.
func seen(keys []store.DomainKey, domain string, l look) []store.DomainKey {
	keys = slices.Clone(keys)
	for i := range keys {
		key := &keys[i]
		if !slices.ContainsFunc(l.before.keys, func(before store.DomainKey) bool { return before.ID == key.ID }) {
			continue
		}
		found := slices.IndexFunc(l.checked, func(r desk.Record) bool {
			return r.Name == key.Selector+"._domainkey."+domain && r.CheckedAt.Equal(l.at) && (r.Purpose == PurposeObsolete) == (key.Role == desk.KeyRevoked)
		})
		switch {
		case found < 0:
		case key.Role == desk.KeyRevoked:
			if key.Slot == 0 && l.checked[found].OK {
				key.EndsAt = &l.at // nothing of it is left to look for
			}
		case !l.checked[found].OK:
			key.SeenAt = nil
		default:
			if key.SeenAt == nil {
				key.SeenAt = &l.at
			}
			if key.Role == desk.KeySigning && key.SignsSince == nil {
				key.SignsSince = &l.at
			}
		}
	}
	return keys
}

// hurried marks the keys that shall take over in an emergency. Where none wait that could, fresh ones are wanted in the slot, and what stands there on its way out has to make room.
func hurried(d desk.Domain, keys []store.DomainKey, grace int) (h hurry) {
	h.slot = nextSlot(d, keys)
	leads := false
	for _, key := range keys {
		switch {
		case key.Slot != h.slot || key.Role == desk.KeySigning || h.slot == 0 && key.Role != desk.KeyNext:
			h.rest = append(h.rest, key)
		case key.Role == desk.KeyNext:
			key.Grace = &grace
			h.waiting = append(h.waiting, key)
			leads = leads || key.Algorithm == string(RSA)
		default:
			h.drop = append(h.drop, key.ID)
		}
	}
	h.fresh = !leads
	return h
}

// hurry is what an emergency makes of a domain's keys.
type hurry struct {
	slot          int16
	rest, waiting []store.DomainKey
	drop          []int64
	fresh         bool // new keys are wanted in the slot
}

// nextSlot is the slot whose keys sign next.
func nextSlot(d desk.Domain, keys []store.DomainKey) int16 {
	if d.Publication != desk.PublishDelegated {
		return 0
	}
	for _, key := range keys {
		if key.Role == desk.KeySigning && key.Slot == 1 {
			return 2
		}
	}
	return 1
}

// signs says whether a key signs: an Ed25519 key does while its record is there, for nobody misses it; an RSA key always, for without it there is nothing to send.
func signs(key store.DomainKey) bool {
	return key.Role == desk.KeySigning && (key.Algorithm == string(RSA) || key.SeenAt != nil)
}
