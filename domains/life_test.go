package domains

import (
	"testing"
	"time"

	"postern/desk"
)

// TestState is every way in which a domain moves on, and the ways in which it does not.
func TestState(t *testing.T) {
	t.Parallel()
	nothing, owned := Evidence{}, Evidence{Owned: true}
	complete, all := Evidence{Owned: true, Complete: true}, Evidence{Owned: true, Complete: true, Tested: true}
	unowned, broken := Evidence{Complete: true, Tested: true}, Evidence{Owned: true, Tested: true}
	for _, c := range []struct {
		name     string
		before   desk.DomainState
		evidence Evidence
		want     desk.DomainState
	}{
		{"nothing published", desk.DomainAdded, nothing, desk.DomainAdded},
		{"everything but the challenge: it may be anybody's", desk.DomainAdded, unowned, desk.DomainAdded},
		{"the challenge alone", desk.DomainAdded, owned, desk.DomainOwned},
		{"everything, not yet tested", desk.DomainAdded, complete, desk.DomainReady},
		{"the keys' records come", desk.DomainOwned, complete, desk.DomainReady},
		{"they go before the test", desk.DomainReady, owned, desk.DomainOwned},
		{"tested", desk.DomainReady, all, desk.DomainActive},
		{"one gone", desk.DomainActive, broken, desk.DomainDegraded},
		{"still gone", desk.DomainDegraded, broken, desk.DomainDegraded},
		{"back", desk.DomainDegraded, all, desk.DomainActive},
		{"in use since before tests were made", desk.DomainActive, complete, desk.DomainActive},
		{"paused and broken", desk.DomainPaused, broken, desk.DomainPaused},
		{"paused and well", desk.DomainPaused, all, desk.DomainPaused},
		{"removed and well", desk.DomainRemoved, all, desk.DomainRemoved},
	} {
		if got := State(c.before, c.evidence); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		evidence Evidence
		want     desk.DomainState
	}{
		{all, desk.DomainActive}, {broken, desk.DomainDegraded}, {complete, desk.DomainReady}, {owned, desk.DomainOwned}, {nothing, desk.DomainAdded},
	} {
		if got := Resumed(c.evidence); got != c.want {
			t.Errorf("resumed with %+v: %s, want %s", c.evidence, got, c.want)
		}
	}
}

// TestSettle: a domain knows since when it is its owner's, and since when and why it is broken.
func TestSettle(t *testing.T) {
	t.Parallel()
	challenge := desk.Record{Purpose: PurposeChallenge, OK: true, Required: true}
	wrong := desk.Record{Purpose: PurposeRSA, Type: "TXT", Name: "s._domainkey.example.com", Required: true, Problem: "it is gone"}
	right := wrong
	right.OK, right.Problem = true, ""
	at := func(hour int) time.Time { return may2026.Add(time.Duration(hour) * time.Hour) }

	d := settle(desk.Domain{State: desk.DomainAdded}, []desk.Record{challenge, wrong}, at(1))
	if d.State != desk.DomainOwned || !d.ProvenAt.Equal(at(1)) {
		t.Errorf("%+v", d)
	}
	d.TestedAt = at(2)
	d = settle(d, []desk.Record{{Purpose: PurposeChallenge}, right}, at(2))
	if d.State != desk.DomainActive || !d.ProvenAt.Equal(at(1)) {
		t.Errorf("proved once, the challenge may go: %+v", d)
	}
	d = settle(settle(d, []desk.Record{wrong}, at(3)), []desk.Record{wrong}, at(4))
	if d.State != desk.DomainDegraded || !d.BrokenSince.Equal(at(3)) || d.BrokenWhy != "TXT s._domainkey.example.com: it is gone" {
		t.Errorf("%+v", d)
	}
	if d = settle(d, []desk.Record{right}, at(5)); d.State != desk.DomainActive || !d.BrokenSince.IsZero() || d.BrokenWhy != "" {
		t.Errorf("%+v", d)
	}
}
