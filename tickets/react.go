package tickets

import (
	"context"
	"errors"
	"fmt"

	"postern/desk"
)

// reaction is one of those who react to what happens to tickets. It may be asked twice about the same thing, since a process can die in between, and does then nothing more.
type reaction struct {
	name   string
	wanted func(*Service, context.Context) (bool, error) // whether there is anything to do for it at all, asked once for many happenings
	react  func(*Service, context.Context, desk.Happening) error
}

// reactions stand in the order in which they see what happened: what one does, the next finds done.
var reactions = []reaction{
	{"targets", (*Service).anyTargets, (*Service).mindTargets},
	{"automations", (*Service).automates, (*Service).automate},
	{"turns", (*Service).anyTurns, (*Service).turn}, // after the rules, which may give it to somebody
	{"notifications", always, (*Service).notify},
	{"ratings", (*Service).anyoneAsks, (*Service).wantRating},
}

// Reactor reacts to a handful of happenings.
type Reactor struct {
	service *Service
	wanted  []reaction
}

// Reactor finds out who has anything to do at all.
func (s *Service) Reactor(ctx context.Context) (*Reactor, error) {
	r := &Reactor{service: s}
	for _, one := range reactions {
		wanted, err := one.wanted(s, ctx)
		if err != nil {
			return nil, fmt.Errorf("tickets: %s: %w", one.name, err)
		}
		if wanted {
			r.wanted = append(r.wanted, one)
		}
	}
	return r, nil
}

// React lets everybody react who wants to. A ticket that is not there any more, or was merged into another, is nothing to react to.
func (r *Reactor) React(ctx context.Context, happening desk.Happening) error {
	for _, one := range r.wanted {
		if err := one.react(r.service, ctx, happening); err != nil && !over(err) {
			return fmt.Errorf("tickets: %s: ticket #%d: %w", one.name, happening.Ticket, err)
		}
	}
	return nil
}

// over says whether an error only means that the ticket has gone elsewhere meanwhile.
func over(err error) bool {
	var fault *desk.Fault
	return errors.As(err, &fault) && (fault.Kind == desk.NotFound || fault.Kind == desk.Conflict)
}
