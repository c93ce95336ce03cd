package tickets

import (
	"context"
	"strings"

	"postern/desk"
	"postern/store"
)

// Suppressed is one page of the addresses that get no mail, with how many there are in all.
type Suppressed struct {
	desk.Page[desk.Suppression]
	Total int64
}

// Suppressions is one page of the addresses that get no mail, the newest first.
func (s *Service) Suppressions(ctx context.Context, actor desk.Actor, q desk.SuppressionQuery) (found Suppressed, err error) {
	if err := need(actor, desk.MayReadHeld); err != nil {
		return found, err
	}
	q.Text = desk.Canonical(q.Text)
	if found.Page, err = s.store.Suppressions(ctx, q); err != nil {
		return found, err
	}
	found.Total, err = s.store.CountSuppressions(ctx)
	return found, err
}

// Suppression is one address that gets no mail, with the evidence against it. The fault is NotFound for one that gets it.
func (s *Service) Suppression(ctx context.Context, actor desk.Actor, address string) (desk.Suppression, []desk.HardBounce, error) {
	if err := need(actor, desk.MayReadHeld); err != nil {
		return desk.Suppression{}, nil, err
	}
	address = desk.Canonical(address)
	found, err := s.store.SuppressedAmong(ctx, []string{address})
	if err != nil {
		return desk.Suppression{}, nil, err
	}
	if len(found) == 0 {
		return desk.Suppression{}, nil, desk.Faultf(desk.NotFound, "%s is not suppressed", address)
	}
	evidence, err := s.store.HardBounces(ctx, address)
	return found[0], evidence, err
}

// SuppressedAmong are those of the people who would get no mail: what the composer shows before it is sent to them.
func (s *Service) SuppressedAmong(ctx context.Context, actor desk.Actor, fields ...[]desk.Address) ([]desk.Suppression, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	var addresses []string
	for _, people := range fields {
		for _, person := range people {
			addresses = append(addresses, desk.Canonical(person.Addr))
		}
	}
	if len(addresses) == 0 {
		return nil, nil
	}
	return s.store.SuppressedAmong(ctx, addresses)
}

// Suppress stops mail to an address until somebody lifts it. note says why.
func (s *Service) Suppress(ctx context.Context, actor desk.Actor, address, note string) (desk.Suppression, error) {
	if err := need(actor, desk.MayManageSenders); err != nil {
		return desk.Suppression{}, err
	}
	address, note = desk.Canonical(address), strings.TrimSpace(note)
	switch {
	case checkAddress(desk.Address{Addr: address}) != nil:
		return desk.Suppression{}, desk.Wrong("address", "%q is not an e-mail address", address)
	case len(note) > longestNote || storable(note) != note || strings.ContainsFunc(note, func(r rune) bool { return r < ' ' }):
		return desk.Suppression{}, desk.Wrong("note", "a note stands on one line of at most %d bytes", longestNote)
	}
	made := desk.Suppression{Address: address, Since: s.now(), CreatedBy: actor.User.Email, Note: note}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.Suppress(ctx, made); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "suppression.add", addressName(address), map[string]string{"note": note})
	})
	return made, err
}

// LiftSuppression lets mail go to an address again. The evidence against it is forgotten: it takes as many new bounces to be suppressed again.
func (s *Service) LiftSuppression(ctx context.Context, actor desk.Actor, address string) error {
	if err := need(actor, desk.MayManageSenders); err != nil {
		return err
	}
	address = desk.Canonical(address)
	return s.store.Write(ctx, func(tx *store.Tx) error {
		before, err := tx.SuppressedAmong(ctx, []string{address})
		if err != nil {
			return err
		}
		if err := tx.Unsuppress(ctx, address); err != nil {
			return err
		}
		detail := map[string]any{}
		for _, one := range before {
			detail["why"], detail["since"] = one.Why(), one.Since
		}
		return tx.Audit(ctx, actor, "suppression.lift", addressName(address), detail)
	})
}

func addressName(address string) string { return "address/" + address }
