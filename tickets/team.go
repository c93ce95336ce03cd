package tickets

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// Teams lists the teams by name, with their members and mailboxes: desk.MostTeams at most.
func (s *Service) Teams(ctx context.Context, actor desk.Actor) ([]desk.Team, error) {
	if err := needs(actor, desk.MayRead, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.store.Teams(ctx)
}

// Team is one team.
func (s *Service) Team(ctx context.Context, actor desk.Actor, id int64) (desk.Team, error) {
	if err := needs(actor, desk.MayRead, desk.MayReadConfig); err != nil {
		return desk.Team{}, err
	}
	return s.store.Team(ctx, id)
}

// auditedTeam is what the audit log tells of a team.
func auditedTeam(t desk.Team) map[string]any {
	return map[string]any{"name": t.Name, "turns": t.Turns, "most_open": t.MostOpen, "hours": t.HoursID, "members": t.Members, "mailboxes": t.Mailboxes}
}

// SetTeam adds a team (id 0) or changes it, with its members and mailboxes. A mailbox of another team becomes this one's.
func (s *Service) SetTeam(ctx context.Context, actor desk.Actor, team desk.Team) (id int64, err error) {
	if err := need(actor, desk.MayManageTeams); err != nil {
		return 0, err
	}
	team.Name = oneLine(team.Name)
	if err := team.Check(); err != nil {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		detail := auditedTeam(team)
		if team.ID != 0 {
			before, err := tx.Team(ctx, team.ID)
			if err != nil {
				return err
			}
			detail["before"] = auditedTeam(before)
		}
		if id, err = tx.SetTeam(ctx, team); err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, time.Time{}, desk.ReckonTargets{}); err != nil { // its hours may be others now
			return err
		}
		if err := tx.Audit(ctx, actor, "team.set", teamName(id), detail); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
	return id, err
}

// DropTeam removes a team. Its tickets stay with it until somebody gives them to another.
func (s *Service) DropTeam(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayManageTeams); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		name, err := tx.DropTeam(ctx, id, s.now())
		if err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "team.remove", teamName(id), map[string]string{"name": name}); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
}

func teamName(id int64) string { return fmt.Sprintf("team/%d", id) }

// Presence says whether somebody takes tickets by turn.
type Presence bool

const (
	IsThere Presence = true
	IsAway  Presence = false // gets no tickets by turn; what they have stays theirs
)

// SetPresence says whether a person takes tickets by turn. Everybody says it of themselves, and an admin of anybody.
func (s *Service) SetPresence(ctx context.Context, actor desk.Actor, user int64, there Presence) error {
	right := desk.MayManagePeople
	if user == actor.User.ID {
		right = desk.MayWrite
	}
	if err := need(actor, right); err != nil {
		return err
	}
	now := s.now()
	at, action := &now, "user.away"
	if there {
		at, action = nil, "user.back"
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		changed, err := tx.SetAway(ctx, user, at)
		if err != nil || !changed {
			return err
		}
		return tx.Audit(ctx, actor, action, fmt.Sprintf("user/%d", user), nil)
	})
}

// Away lists who is away.
func (s *Service) Away(ctx context.Context, actor desk.Actor) ([]int64, error) {
	if err := needs(actor, desk.MayRead, desk.MayReadPeople); err != nil {
		return nil, err
	}
	return s.store.Away(ctx)
}

// setTeam gives the ticket to a team, or with 0 to none. Whose ticket it was, and is no member of the team, has it no more.
func (c *change) setTeam(ctx context.Context, w desk.TicketChange) error {
	if w.Team == nil || idOf(c.ticket.TeamID) == *w.Team {
		return nil
	}
	team := desk.Team{}
	if *w.Team != 0 {
		var err error
		if team, err = c.Team(ctx, *w.Team); err != nil {
			return desk.Wrong("team", "there is no such team to give it to")
		}
		if err := c.mayMove(ctx, w.Team, nil); err != nil {
			return err
		}
	}
	c.event("team", c.ticket.TeamName, team.Name)
	c.ticket.TeamID, c.ticket.TeamName = w.Team, team.Name
	if *w.Team == 0 {
		c.ticket.TeamID = nil
		return nil
	}
	if w.Assignee == nil && c.ticket.AssigneeID != nil && !team.Has(*c.ticket.AssigneeID) {
		return c.setAssignee(ctx, desk.TicketChange{Assignee: new(int64(0)), Status: w.Status}) // nobody: which everybody may
	}
	return nil
}

func (s *Service) anyTurns(ctx context.Context) (bool, error) { return s.store.AnyTurns(ctx) }

// takesTurn says whether something that happened brings a ticket to its team: it began, or it was given to the team.
func takesTurn(happening desk.Happening, detail desk.HappeningDetail) bool {
	return happening.Kind == desk.HappenedCreated || slices.ContainsFunc(detail.Events, func(e desk.Event) bool { return e.Verb == "team" && e.To != "" })
}

// turn gives what has come to a team to one of its members, where it takes turns.
func (s *Service) turn(ctx context.Context, happening desk.Happening) error {
	detail, err := happening.Decode()
	if err != nil || !takesTurn(happening, detail) {
		return err
	}
	return s.takeTurn(ctx, happening.Ticket)
}

// takeTurn gives a ticket to whose turn it is. Where nobody is there, it waits until somebody is.
func (s *Service) takeTurn(ctx context.Context, number int64) error {
	return s.byItself(ctx, number, func(c *change) (bool, error) {
		next, err := c.whoseTurn(ctx)
		if err != nil || next == 0 {
			return false, err
		}
		stays := c.ticket.Status // new until they look at it
		return true, c.setAssignee(ctx, desk.TicketChange{Assignee: &next, Status: &stays})
	})
}

// whoseTurn is who gets the ticket, or 0: it is somebody's, its team takes no turns, or nobody of it is there, for whom it waits then.
func (c *change) whoseTurn(ctx context.Context) (int64, error) {
	t := c.ticket
	if t.TeamID == nil || t.AssigneeID != nil || !t.Status.Waiting() || t.MergedInto != nil {
		return 0, c.EndTurn(ctx, t.ID)
	}
	turn, found, err := c.LockTurn(ctx, *t.TeamID)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, c.EndTurn(ctx, t.ID)
	}
	next := desk.NextInTurn(turn.Members, turn.Last, turn.MostOpen)
	if next == 0 {
		return 0, c.AwaitTurn(ctx, t.ID)
	}
	if err := c.SaveTurn(ctx, *t.TeamID, next); err != nil {
		return 0, err
	}
	return next, c.EndTurn(ctx, t.ID)
}

// mostTurns is how many waiting tickets are looked at in one round.
const mostTurns = 100

// TakeTurns tries again for tickets that wait for somebody of their team.
func (s *Service) TakeTurns(ctx context.Context) error {
	waiting, err := s.store.AwaitingTurn(ctx, mostTurns)
	if err != nil {
		return err
	}
	for _, number := range waiting {
		if err := s.takeTurn(ctx, number); err != nil {
			return err
		}
	}
	return nil
}

// byItself lets Postern change a ticket without anybody asking. Where do changes nothing, the ticket is not written.
func (s *Service) byItself(ctx context.Context, number int64, do func(*change) (changed bool, err error)) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockTickets(ctx, store.AllSeeing(), number)
		if err != nil {
			return err
		}
		c := &change{Tx: tx, actor: desk.System("job"), at: s.now(), ticket: locked[number], was: locked[number]}
		changed, err := do(c)
		if err != nil || !changed {
			return err
		}
		return c.finish(ctx)
	})
}
