package domains

import (
	"cmp"
	"slices"
	"strconv"

	"postern/desk"
)

const (
	PurposeChallenge = "challenge" // proves that whoever added the domain may publish there
	PurposeObsolete  = "obsolete"  // a record of ours that shall go: OK once there is nothing at that name, neither TXT nor CNAME
)

// challengeName is where the challenge of a domain stands.
const challengeName = "_postern-challenge."

// Wish is all that decides which records a domain wants.
type Wish struct {
	Domain    string
	Hostname  string   // our own: what SPF must permit
	MXHosts   []string // that take our mail, at least one: the MX should name the first, and an MTA-STS policy names all
	WebHost   string   // where the MTA-STS policy is served
	Smarthost string   // the host that mail leaves through, which SPF must permit instead of ours; empty: it leaves from ours
	State     desk.DomainState
	STS       desk.STSMode
	Challenge string // 128 bits; a removed domain wants none
	Proven    bool   // the challenge was found once: from then on the keys' own records prove enough, and it is only advised
	Keys      []WishedKey
}

// mxHosts are the hosts that take our mail, at least one.
func (w Wish) mxHosts() []string {
	if len(w.MXHosts) == 0 {
		return []string{w.Hostname}
	}
	return w.MXHosts
}

// webHost is where the MTA-STS policy is served.
func (w Wish) webHost() string { return cmp.Or(w.WebHost, w.Hostname) }

// WishedKey is a key with the record that it wants. Its private part is not here.
type WishedKey struct {
	Key
	Role     desk.KeyRole
	Target   string // where the owner's CNAME leads: a name in the operator's zone, which holds Text; empty: the owner publishes Text
	Alias    bool   // it stands behind a CNAME, also when its target was given up
	Required bool   // without its record the domain is not used as From, or not any more
}

// Name is where the owner publishes the TXT or CNAME of the key.
func (k WishedKey) Name() string { return k.Selector + "._domainkey." + k.Domain }

// purpose is what the record of the key is for.
func (k WishedKey) purpose() string {
	if k.Algorithm == Ed25519 {
		return PurposeEd25519
	}
	return PurposeRSA
}

// Text is what the TXT record of the key says, at its own name or behind the CNAME (RFC 6376 §3.6.1). A revoked key has an empty p=.
func (k WishedKey) Text() string {
	public := k.Public
	if k.Role == desk.KeyRevoked {
		public = ""
	}
	return "v=DKIM1; k=" + k.Algorithm.keyType() + "; p=" + public
}

// record is what the owner of the domain has to publish for the key.
func (k WishedKey) record() desk.Record {
	record := desk.Record{Purpose: k.purpose(), Type: "TXT", Name: k.Name(), Wanted: k.Text(), Required: k.Required}
	if k.Target != "" {
		record.Type, record.Wanted = "CNAME", k.Target
	}
	return record
}

// Wanted is every record that a domain wants of its owner, in the order in which they are done: the proof that it is theirs, the keys, the rest; and what is to be taken away.
func Wanted(w Wish) []desk.Record {
	if w.State == desk.DomainRemoved {
		return obsolete(w)
	}
	records := []desk.Record{{Purpose: PurposeChallenge, Type: "TXT", Name: challengeName + w.Domain, Wanted: w.Challenge, Required: !w.Proven}}
	for _, key := range w.Keys {
		if key.Target != "" || key.Role != desk.KeyRevoked {
			records = append(records, key.record())
		}
	}
	return slices.Concat(records, advice(w), obsolete(w))
}

// obsolete are the records that shall go: of revoked keys that stand in the owner's zone, and, when the domain is removed, all that stood there for us alone.
func obsolete(w Wish) []desk.Record {
	var records []desk.Record
	for _, key := range w.Keys {
		if w.State == desk.DomainRemoved || key.Target == "" && key.Role == desk.KeyRevoked {
			kind := "TXT"
			if key.Alias {
				kind = "CNAME"
			}
			records = append(records, desk.Record{Purpose: PurposeObsolete, Type: kind, Name: key.Name()})
		}
	}
	if w.State == desk.DomainRemoved {
		records = append(records, desk.Record{Purpose: PurposeObsolete, Type: "TXT", Name: challengeName + w.Domain})
	}
	return records
}

// selectorOf is the selector under which the owner's CNAME for a slot stands: postern1 and postern2 for RSA, postern1e and postern2e for Ed25519.
func selectorOf(slot int16, algorithm Algorithm) string {
	selector := "postern" + strconv.Itoa(int(slot))
	if algorithm == Ed25519 {
		selector += "e"
	}
	return selector
}
