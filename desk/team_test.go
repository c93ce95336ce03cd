package desk

import "testing"

func TestWhoIsNextInTurn(t *testing.T) {
	ann, bob, cyd := TurnTaker{UserID: 2}, TurnTaker{UserID: 5}, TurnTaker{UserID: 9}
	away := func(m TurnTaker) TurnTaker { m.Away = true; return m }
	busy := func(m TurnTaker, open int) TurnTaker { m.Open = open; return m }
	for _, c := range []struct {
		name    string
		members []TurnTaker
		last    int64
		most    int
		want    int64
	}{
		{"nobody is a member", nil, 0, 0, 0},
		{"the first time, the first", []TurnTaker{cyd, ann, bob}, 0, 0, 2},
		{"then the next", []TurnTaker{ann, bob, cyd}, 2, 0, 5},
		{"after the last, the first again", []TurnTaker{ann, bob, cyd}, 9, 0, 2},
		{"who has left the team is passed", []TurnTaker{ann, cyd}, 5, 0, 9},
		{"who is away is left out", []TurnTaker{ann, away(bob), cyd}, 2, 0, 9},
		{"who has enough is left out", []TurnTaker{ann, busy(bob, 10), cyd}, 2, 10, 9},
		{"one less than enough is not enough", []TurnTaker{ann, busy(bob, 9), cyd}, 2, 10, 5},
		{"without a limit nobody has enough", []TurnTaker{busy(ann, 1000)}, 0, 0, 2},
		{"one alone takes every turn", []TurnTaker{ann}, 2, 0, 2},
		{"everybody is away or has enough", []TurnTaker{away(ann), busy(bob, 3)}, 2, 3, 0},
	} {
		if got := NextInTurn(c.members, c.last, c.most); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
