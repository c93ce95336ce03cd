package desk

import "slices"

// Sight is which tickets a role shows to those who have it. It narrows every way to a ticket alike: lists, counts, search, the page, files, live updates, changes and the API. A ticket out of sight is
// one that does not exist. That somebody is in copy of a ticket, watches it or is named in it widens nothing, unless CopiedRead is on: then being in copy and watching do. The words are part of the API.
type Sight string

const (
	SightAll      Sight = "all"      // every ticket
	SightTeams    Sight = "teams"    // those of the person's teams, those that no team has or one that is no more, and those given to the person
	SightMembers  Sight = "members"  // as SightTeams, without those that no team has
	SightAssigned Sight = "assigned" // those given to the person
	SightOwn      Sight = "own"      // those on which the person is requester or accepted participant: how customers see
	SightNone     Sight = "none"     // no ticket
)

// Sights lists every sight, the widest first.
var Sights = []Sight{SightAll, SightTeams, SightMembers, SightAssigned, SightOwn, SightNone}

// Valid says whether s is one of Sights.
func (s Sight) Valid() bool { return slices.Contains(Sights, s) }

// Covers says whether who sees s sees at least what the other shows to the same person. Nobody may give a sight away that theirs does not cover.
func (s Sight) Covers(other Sight) bool {
	switch {
	case !s.Valid() || !other.Valid():
		return false
	case s == other, s == SightAll, other == SightNone:
		return true
	case s == SightOwn || other == SightOwn:
		return false // a requester need not be of the team, nor have been given the ticket
	default:
		return slices.Index(Sights, s) < slices.Index(Sights, other)
	}
}

// SeenTicket is what decides whether a ticket is in sight of a person.
type SeenTicket struct {
	TeamID     *int64 // nil: no team has it
	AssigneeID *int64
	Own        bool // the person is its requester, or an accepted participant
	Copied     bool // the person is of the staff, in copy or watches it, and that shows it
}

// Shows says whether the sight shows a ticket to a person of these teams. It says in Go what store says in SQL, and a test holds the two together.
func (s Sight) Shows(t SeenTicket, user int64, teams []int64) bool {
	given := t.AssigneeID != nil && *t.AssigneeID == user && user != 0
	member := t.TeamID != nil && slices.Contains(teams, *t.TeamID)
	switch s {
	case SightAll:
		return true
	case SightTeams:
		return given || member || t.TeamID == nil || t.Copied
	case SightMembers:
		return given || member || t.Copied
	case SightAssigned:
		return given || t.Copied
	case SightOwn:
		return t.Own
	default:
		return false
	}
}
