package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// Here tells every process where tabs are, on tickets that the actor sees. Nothing of it is kept: it is no change of a ticket, and no audit entry.
func (s *Service) Here(ctx context.Context, actor desk.Actor, tabs []store.Here) error {
	if err := need(actor, desk.MayRead); err != nil {
		return err
	}
	for _, tab := range tabs {
		if tab.Ticket != 0 && !actor.IsSystem() {
			if err := s.see(ctx, actor, tab.Ticket); err != nil {
				return err
			}
		}
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.Announce(ctx, store.News{Here: tabs}) })
}

// AskHere asks every process where its tabs are. name is that of the process that asks.
func (s *Service) AskHere(ctx context.Context, name string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.Announce(ctx, store.News{Asks: name}) })
}
