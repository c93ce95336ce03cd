package tickets

import (
	"context"
	"slices"

	"postern/desk"
	"postern/store"
)

// sightOf is which tickets an actor may see, before it is asked which of them they are. What Postern does by itself sees all.
func sightOf(actor desk.Actor) desk.Sight {
	if actor.IsSystem() {
		return desk.SightAll
	}
	return actor.User.Sight()
}

// viewer is the actor's eyes, if they may read at all.
func (s *Service) viewer(ctx context.Context, actor desk.Actor) (store.Viewer, error) {
	if !actor.Can(desk.MayRead) {
		if err := need(actor, desk.MayOwnRead); err != nil {
			return store.Viewer{}, err
		}
	}
	return s.eyes(ctx, actor)
}

// eyes are the actor's eyes, for what they may do besides reading: nobody changes a ticket that they do not see. They are good for one request, since teams and roles change.
func (s *Service) eyes(ctx context.Context, actor desk.Actor) (viewer store.Viewer, err error) {
	viewer = store.Viewer{Staff: actor.IsSystem() || actor.User.Can(desk.MayRead) || actor.User.Can(desk.MayWrite), Sight: sightOf(actor), User: actor.User.ID, Masks: actor.User.Masks()}
	if viewer.Sight == desk.SightOwn {
		viewer.Contacts, err = s.store.ContactsOf(ctx, actor.User.Email)
		return viewer, err
	}
	return s.store.Teamed(ctx, viewer)
}

// sighted is a ticket, if it is in the actor's sight; else the fault is the same as if there were none.
func (s *Service) sighted(ctx context.Context, actor desk.Actor, number int64) (desk.Ticket, error) {
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return desk.Ticket{}, err
	}
	return s.store.Ticket(ctx, eyes, number)
}

// sightedMessage is a message, if its ticket is in the actor's sight; else the fault is the same as if there were none.
func (s *Service) sightedMessage(ctx context.Context, actor desk.Actor, id int64) (desk.Message, error) {
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return desk.Message{}, err
	}
	return s.store.Message(ctx, eyes, id)
}

// see is nil if a ticket is in the actor's sight.
func (s *Service) see(ctx context.Context, actor desk.Actor, number int64) error {
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return err
	}
	return s.store.See(ctx, eyes, number)
}

// InSight keeps of tickets those that the actor may see, in their order: what is told of others, such as that they have changed, is told of them alone.
func (s *Service) InSight(ctx context.Context, actor desk.Actor, numbers []int64) ([]int64, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return nil, err
	}
	return s.store.InSight(ctx, viewer, numbers)
}

// Heard keeps of tickets that have changed those of which the actor hears: they see them, or saw them until they were given to others just now.
func (s *Service) Heard(ctx context.Context, actor desk.Actor, numbers []int64, moved []store.Moved) ([]int64, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return nil, err
	}
	heard, err := s.store.InSight(ctx, viewer, numbers)
	for _, one := range moved {
		if err == nil && viewer.Saw(one) && !slices.Contains(heard, one.Ticket) {
			heard = append(heard, one.Ticket)
		}
	}
	return heard, err
}
