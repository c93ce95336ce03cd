package identity

import (
	"context"
	"errors"
	"slices"

	"postern/desk"
	"postern/store"
)

// OnBehalf is a customer for whom a token acts (security row 35): it carries the scope impersonate, its person may act for customers, and the address belongs to nobody who works here. What is done so stands in the
// audit log under the customer, and that it was the token's person stands there once an hour.
func (s *Service) OnBehalf(ctx context.Context, actor desk.Actor, address string) (desk.Actor, error) {
	email := desk.Canonical(address)
	switch {
	case !slices.Contains(actor.Scopes, desk.ScopeImpersonate):
		return desk.Actor{}, desk.Faultf(desk.Forbidden, "to act for somebody a token needs the scope %q", desk.ScopeImpersonate)
	case !actor.User.Can(desk.MayImpersonate):
		return desk.Actor{}, desk.Faultf(desk.Forbidden, "a person with the role %q may not act for customers", actor.User.Role)
	case !desk.ValidAddress(email):
		return desk.Actor{}, desk.Wrong("X-On-Behalf-Of", "%q is not an address", address)
	}
	customer := desk.User{Email: email, Role: desk.RoleCustomer}
	person, err := s.store.PersonByEmail(ctx, email)
	switch {
	case isMissing(err):
	case err != nil:
		return desk.Actor{}, err
	case person.Role != desk.RoleCustomer || person.DisabledAt != nil:
		return desk.Actor{}, desk.Faultf(desk.Forbidden, "a token acts for customers only")
	default:
		customer = person.User
	}
	if s.acted.fresh(tokenSubject(actor.Token)+" "+email, s.now(), denialsAgain) {
		err := s.audited(ctx, func(*store.Tx) (entry, error) {
			return entry{actor: actor, action: "token.act-for", subject: "user", detail: map[string]any{"customer": email}}, nil
		})
		if err != nil {
			return desk.Actor{}, err
		}
	}
	actor.User = customer
	return actor, nil
}

// isMissing says whether an error says that there is no such thing.
func isMissing(err error) bool {
	var fault *desk.Fault
	return errors.As(err, &fault) && fault.Kind == desk.NotFound
}
