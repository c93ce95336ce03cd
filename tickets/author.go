package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// may says whether the actor may do what an action does, were they to do it by hand.
func may(actor desk.Actor, a desk.Action) error { return need(actor, a.Needs()) }

// mayAll says whether the actor may do all of the actions: nobody writes down for others what they may not do themselves.
func mayAll(actor desk.Actor, actions []desk.Action) error {
	for _, one := range actions {
		if err := may(actor, one); err != nil {
			return err
		}
	}
	return nil
}

// authored says for each action whether its author may do it: what a macro or a rule does, it does with no more than its author may at that moment (T-27). Of what the machine's operator wrote, or was written before authors were kept, nobody is the author.
func authored(ctx context.Context, r store.Reader, author *int64) (func(desk.Action) error, error) {
	if author == nil {
		return func(desk.Action) error { return nil }, nil
	}
	person, err := r.PersonByID(ctx, *author)
	if err != nil {
		return nil, err
	}
	return func(a desk.Action) error {
		if person.DisabledAt != nil || !person.Can(a.Needs()) {
			return desk.Faultf(desk.Forbidden, "%s, who wrote this, may not do it any more: somebody who may has to save it anew", person.Email)
		}
		return nil
	}, nil
}

// inSightOf is nil if the author of a rule would see the ticket: what a rule does by itself, it does to no conversation that its author could not open (T-27). Nobody and owners see all.
func inSightOf(ctx context.Context, r store.Reader, author *int64, ticket desk.Ticket) error {
	if author == nil {
		return nil
	}
	person, err := r.PersonByID(ctx, *author)
	if err != nil {
		return err
	}
	viewer, err := r.Teamed(ctx, store.Viewer{Sight: person.Sight(), User: person.ID})
	if err != nil || viewer.Sight.Shows(desk.SeenTicket{TeamID: ticket.TeamID, AssigneeID: ticket.AssigneeID}, person.ID, viewer.Teams) {
		return err
	}
	return desk.Faultf(desk.Forbidden, "%s, who wrote this, does not see this conversation any more: somebody who does has to save it anew", person.Email)
}

// mayMove says whether the actor may give the ticket to that team and that person (nil: they stay). Who may not give to any gives to their own teams, to people who share one with them, and to those
// who are in none.
func (c *change) mayMove(ctx context.Context, team, assignee *int64) error {
	if c.actor.Can(desk.MayAssignAny) {
		return nil
	}
	if team != nil && *team != 0 {
		member, err := c.MemberOf(ctx, *team, c.actor.User.ID)
		if err != nil {
			return err
		}
		if !member {
			return desk.Faultf(desk.Forbidden, "you give conversations to your own teams only")
		}
	}
	if assignee != nil && *assignee != 0 && *assignee != c.actor.User.ID {
		near, err := c.Near(ctx, c.actor.User.ID, *assignee)
		if err != nil {
			return err
		}
		if !near {
			return desk.Faultf(desk.Forbidden, "you give conversations to people of your own teams only")
		}
	}
	return nil
}
