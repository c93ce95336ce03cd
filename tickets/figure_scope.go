package tickets

import (
	"context"
	"strconv"

	"postern/desk"
)

// figureScope is what figures show of tickets that their reader may see. Figures are summed up by team and by agent, so who sees by teams has the figures of those teams, and who sees what they were
// given has their own.
type figureScope struct {
	whole bool
	teams []string // keys of teams, with the empty one for the tickets of none
	self  string   // the reader's own key
}

func (s *Service) figureScope(ctx context.Context, actor desk.Actor) (scope figureScope, err error) {
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return scope, err
	}
	scope.self = strconv.FormatInt(actor.User.ID, 10)
	switch eyes.Sight {
	case desk.SightAll:
		scope.whole = true
	case desk.SightTeams:
		scope.teams = append(scope.teams, "")
		fallthrough
	case desk.SightMembers:
		for _, team := range eyes.Teams {
			scope.teams = append(scope.teams, strconv.FormatInt(team, 10))
		}
	case desk.SightAssigned:
	default:
		return scope, desk.Faultf(desk.Forbidden, "there are no figures about conversations that you do not see")
	}
	return scope, nil
}

// sums are the tallies of which the answer to a question is the sum. Of mailboxes, tags and other teams there are none for who does not see every ticket.
func (f figureScope) sums(q desk.TallyQuery) (list []desk.TallyQuery, err error) {
	part := func(part desk.TallyPart, key string) desk.TallyQuery {
		return desk.TallyQuery{Part: part, Key: key, First: q.First, Last: q.Last}
	}
	switch {
	case f.whole, q.Part == desk.PartAgent && q.Key == f.self:
		return []desk.TallyQuery{q}, nil
	case q.Part == desk.PartAll && len(f.teams) == 0:
		return []desk.TallyQuery{part(desk.PartAgent, f.self)}, nil
	case q.Part == desk.PartAll, q.Part == desk.PartTeam:
		for _, team := range f.teams {
			if q.Part == desk.PartAll || team == q.Key {
				list = append(list, part(desk.PartTeam, team))
			}
		}
	}
	if len(list) == 0 {
		return nil, desk.Faultf(desk.Forbidden, "there are no figures about conversations that you do not see")
	}
	return list, nil
}

// FigureTeams says of teams, by their number and 0 for none, whether the actor may ask for their figures, and whether they may ask for those of mailboxes and tags, which all teams share.
func (s *Service) FigureTeams(ctx context.Context, actor desk.Actor) (sees func(team int64) bool, whole bool, err error) {
	scope, err := s.figureScope(ctx, actor)
	return func(team int64) bool {
		key := ""
		if team != 0 {
			key = strconv.FormatInt(team, 10)
		}
		_, err := scope.sums(desk.TallyQuery{Part: desk.PartTeam, Key: key})
		return err == nil
	}, scope.whole, err
}
