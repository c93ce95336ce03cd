package desk

import (
	"slices"
	"time"
)

// Team is a group of people to whom tickets are given together.
type Team struct {
	ID        int64     `json:"id" db:"id"`
	Name      string    `json:"name" db:"name"`
	Turns     bool      `json:"turns" db:"turns"`         // what comes to the team goes to its members by turn
	MostOpen  *int      `json:"most_open" db:"most_open"` // who has so many open tickets gets no more by turn; nil: no limit
	HoursID   *int64    `json:"hours_id" db:"hours_id"`   // when it is at work; nil: the default
	HoursName string    `json:"hours" db:"hours_name"`
	Members   []int64   `json:"members" db:"members"`     // users
	Mailboxes []int64   `json:"mailboxes" db:"mailboxes"` // whose new tickets are the team's
	CreatedAt time.Time `json:"created_at" db:"created_at"`
}

const (
	// MostTeams is what a menu can show.
	MostTeams = 200
	// MostMembers of one team.
	MostMembers = 500
)

// Has says whether somebody is a member.
func (t Team) Has(user int64) bool { return slices.Contains(t.Members, user) }

// Check says what is wrong with a team that somebody typed.
func (t Team) Check() error {
	switch {
	case t.Name == "" || len(t.Name) > 100:
		return Wrong("name", "a team needs a name of at most 100 bytes")
	case t.MostOpen != nil && (*t.MostOpen < 1 || *t.MostOpen > 100_000):
		return Wrong("most_open", "the most open tickets of a member are a number from 1 on, or nothing for no limit")
	case len(t.Members) > MostMembers:
		return Wrong("members", "a team has %d members at most", MostMembers)
	}
	return nil
}

// TurnTaker is a member of a team as turns see them.
type TurnTaker struct {
	UserID int64 `db:"user_id"`
	Away   bool  `db:"away"`
	Open   int   `db:"open"` // new and open tickets of theirs
}

// NextInTurn is who of the members gets the next ticket: the first after the one who got the last, in the order of their numbers, who is there and has fewer open tickets than the limit (0: none).
// It is 0 when there is nobody.
func NextInTurn(members []TurnTaker, last int64, most int) int64 {
	free := slices.DeleteFunc(slices.Clone(members), func(m TurnTaker) bool { return m.Away || most > 0 && m.Open >= most })
	slices.SortFunc(free, func(a, b TurnTaker) int { return int(a.UserID - b.UserID) })
	for _, m := range free {
		if m.UserID > last {
			return m.UserID
		}
	}
	if len(free) > 0 {
		return free[0].UserID
	}
	return 0
}
