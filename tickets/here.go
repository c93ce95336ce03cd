package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// Here tells every process where tabs are. Nothing of it is kept: it is no change of a ticket, and no audit entry.
func (s *Service) Here(ctx context.Context, actor desk.Actor, tabs []store.Here) error {
	if err := need(actor, desk.MayRead); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.Announce(ctx, store.News{Here: tabs}) })
}

// AskHere asks every process where its tabs are. name is that of the process that asks.
func (s *Service) AskHere(ctx context.Context, name string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.Announce(ctx, store.News{Asks: name}) })
}
