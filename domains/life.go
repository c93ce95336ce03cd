package domains

import (
	"strings"
	"time"

	"postern/desk"
)

// Evidence is what is known of a domain that decides how far it is.
type Evidence struct {
	Owned    bool // its challenge was found, now or before
	Complete bool // every required record is right
	Tested   bool // a mail signed by its keys was verified, now or before
}

// evidence reads what a look found. A record that was never found right counts as wrong.
func evidence(d desk.Domain, records []desk.Record) Evidence {
	e := Evidence{Owned: !d.ProvenAt.IsZero(), Complete: true, Tested: !d.TestedAt.IsZero()}
	for _, record := range records {
		if record.Purpose == PurposeChallenge && record.OK {
			e.Owned = true
		}
		if record.Required && !record.OK {
			e.Complete = false
		}
	}
	return e
}

// State says how far a domain is. What was once active is degraded while something is missing, and mends by itself (T-PREFLIGHT); what an admin paused or removed stays so, whatever the DNS says.
func State(before desk.DomainState, e Evidence) desk.DomainState {
	switch before {
	case desk.DomainPaused, desk.DomainRemoved:
		return before
	case desk.DomainActive, desk.DomainDegraded:
		if !e.Complete {
			return desk.DomainDegraded
		}
		return desk.DomainActive
	}
	switch {
	case !e.Owned:
		return desk.DomainAdded
	case !e.Complete:
		return desk.DomainOwned
	case !e.Tested:
		return desk.DomainReady
	}
	return desk.DomainActive
}

// Resumed says how far a domain is whose pause ends: one that was in use before is in use again, or degraded.
func Resumed(e Evidence) desk.DomainState {
	if e.Tested {
		return State(desk.DomainActive, e)
	}
	return State(desk.DomainAdded, e)
}

// settle writes into a domain what a look at the time found.
func settle(d desk.Domain, records []desk.Record, at time.Time) desk.Domain {
	e := evidence(d, records)
	if e.Owned && d.ProvenAt.IsZero() {
		d.ProvenAt = at
	}
	return become(d, State(d.State, e), records, at)
}

// become changes the state, and keeps since when and why the domain is broken.
func become(d desk.Domain, state desk.DomainState, records []desk.Record, at time.Time) desk.Domain {
	d.State = state
	switch state {
	case desk.DomainDegraded:
	case desk.DomainPaused: // it keeps since when it is
		return d
	default:
		d.BrokenSince, d.BrokenWhy = time.Time{}, ""
		return d
	}
	if d.BrokenSince.IsZero() {
		d.BrokenSince = at
	}
	d.BrokenWhy = broken(records)
	return d
}

// broken says in words what is wrong with required records.
func broken(records []desk.Record) string {
	var wrong []string
	for _, record := range records {
		if record.Required && !record.OK {
			wrong = append(wrong, record.Type+" "+record.Name+": "+record.Problem)
		}
	}
	return strings.Join(wrong, "; ")
}
