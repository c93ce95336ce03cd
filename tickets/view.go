package tickets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/desk"
	"postern/store"
)

// mostShown bounds the views of one reader's list.
const mostShown = 200

// Views lists the saved views that the actor sees, in their order.
func (s *Service) Views(ctx context.Context, actor desk.Actor) ([]desk.View, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	return s.store.Views(ctx, actor.User.ID, mostShown)
}

// View is one saved view, if the actor sees it.
func (s *Service) View(ctx context.Context, actor desk.Actor, id int64) (desk.View, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return desk.View{}, err
	}
	return s.store.View(ctx, actor.User.ID, id)
}

// AddView keeps a list under a name. A view for everybody is made by an admin, one for a team by its members and admins.
func (s *Service) AddView(ctx context.Context, actor desk.Actor, v desk.View) (desk.View, error) {
	v.OwnerID = actor.User.ID
	err := s.keepView(ctx, actor, &v, func(tx *store.Tx) (err error) {
		v.ID, err = tx.AddView(ctx, v)
		return err
	})
	if err != nil {
		return desk.View{}, err
	}
	return s.store.View(ctx, actor.User.ID, v.ID)
}

// ChangeView replaces name, audience and filter of a view. Who may: see desk.View.MayChange.
func (s *Service) ChangeView(ctx context.Context, actor desk.Actor, v desk.View) (desk.View, error) {
	kept, err := s.changeable(ctx, actor, v.ID)
	if err != nil {
		return desk.View{}, err
	}
	v.OwnerID = kept.OwnerID
	if v.Audience == desk.AudienceMe && v.OwnerID != actor.User.ID {
		return desk.View{}, desk.Wrong("audience", "the view was made by %s: only they can keep it for themselves", kept.OwnerName)
	}
	if err := s.keepView(ctx, actor, &v, func(tx *store.Tx) error { return tx.SaveView(ctx, v) }); err != nil {
		return desk.View{}, err
	}
	return s.store.View(ctx, actor.User.ID, v.ID)
}

// DropView deletes a view, for everybody who sees it.
func (s *Service) DropView(ctx context.Context, actor desk.Actor, id int64) error {
	v, err := s.changeable(ctx, actor, id)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.DropView(ctx, id); err != nil {
			return err
		}
		return tellView(ctx, tx, actor, "view.remove", v)
	})
}

// changeable is a view that the actor may change.
func (s *Service) changeable(ctx context.Context, actor desk.Actor, id int64) (desk.View, error) {
	if err := need(actor, desk.MayShelve); err != nil {
		return desk.View{}, err
	}
	v, err := s.store.View(ctx, actor.User.ID, id)
	if err == nil && !v.MayChange(actor.User) {
		return v, desk.Faultf(desk.Forbidden, "this view is %s's: save your own copy of it, or ask an admin", v.OwnerName)
	}
	return v, err
}

// keepView checks a view and the right to show it to so many, and writes it.
func (s *Service) keepView(ctx context.Context, actor desk.Actor, v *desk.View, write func(*store.Tx) error) error {
	if err := need(actor, desk.MayShelve); err != nil {
		return err
	}
	v.Name, v.Filter.Text = oneLine(v.Name), strings.TrimSpace(storable(v.Filter.Text))
	if err := v.Check(); err != nil {
		return err
	}
	if _, err := filterOf(desk.TicketQuery{Text: v.Filter.Text}, asker{}); err != nil {
		return err
	}
	if err := s.mayShow(ctx, actor, *v); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := write(tx); err != nil {
			return err
		}
		return tellView(ctx, tx, actor, "view.save", *v)
	})
}

// mayShow says whether the actor may show a view to its audience.
func (s *Service) mayShow(ctx context.Context, actor desk.Actor, v desk.View) error {
	switch {
	case v.Audience == desk.AudienceMe || actor.Can(desk.MayShelveAll):
		return nil
	case !actor.Can(desk.MayShelveTeam):
		return desk.Wrong("audience", "you keep views of your own only")
	case v.Audience == desk.AudienceAll:
		return desk.Wrong("audience", "a view for everybody is made by an admin: keep it for yourself or for a team of yours")
	}
	own, err := s.TeamInboxes(ctx, actor)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(own, func(t store.TeamInbox) bool { return t.ID == *v.TeamID }) {
		return desk.Wrong("team", "you are not in that team")
	}
	return nil
}

func tellView(ctx context.Context, tx *store.Tx, actor desk.Actor, action string, v desk.View) error {
	detail := map[string]any{"name": v.Name, "audience": v.Audience, "filter": v.Filter}
	if err := tx.Audit(ctx, actor, action, fmt.Sprintf("view/%d", v.ID), detail); err != nil {
		return err
	}
	return tx.Announce(ctx, store.News{Settings: true})
}

// Step is a way in which a view moves within its reader's list.
type Step int

const (
	StepUp   Step = -1
	StepDown Step = 1
)

// MoveView puts a view one place up or down in the actor's own list. At the end of the list it stays where it is.
func (s *Service) MoveView(ctx context.Context, actor desk.Actor, id int64, step Step) error {
	if err := need(actor, desk.MayRead); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		views, err := tx.Views(ctx, actor.User.ID, mostShown)
		if err != nil {
			return err
		}
		order := make([]int64, len(views))
		for i, v := range views {
			order[i] = v.ID
		}
		at := slices.Index(order, id)
		if at < 0 {
			return desk.Faultf(desk.NotFound, "view %d does not exist", id)
		}
		if to := at + int(step); to >= 0 && to < len(order) {
			order[at], order[to] = order[to], order[at]
		}
		return tx.PlaceViews(ctx, actor.User.ID, order)
	})
}
