package identity

import (
	"context"
	"strings"

	"postern/desk"
	"postern/store"
)

// serviceDomain is that of the addresses of service accounts: no mail ever goes there (RFC 2606 §2).
const serviceDomain = "service.invalid"

// AddServiceAccount makes an account for a program: it has a role and tokens, and nobody can sign in with it. It needs the right to manage tokens, and a role that one may give.
func (s *Service) AddServiceAccount(ctx context.Context, actor desk.Actor, name string, role desk.Role) (desk.User, error) {
	if !actor.Can(desk.MayManageTokens) {
		return desk.User{}, desk.Faultf(desk.Forbidden, "this needs the right to manage tokens of others")
	}
	user := desk.User{Name: strings.TrimSpace(name), Role: role}
	user.Email = slug(user.Name) + "@" + serviceDomain
	if user.Name == "" || !desk.ValidAddress(user.Email) {
		return desk.User{}, desk.Wrong("name", "a service account has a name with letters or digits in it, like Backup script")
	}
	if role == desk.RoleOwner {
		return desk.User{}, desk.Wrong("role", "a program is never an owner")
	}
	if err := check(user); err != nil {
		return desk.User{}, err
	}
	err := s.audited(ctx, func(tx *store.Tx) (entry, error) {
		if err := mayGive(ctx, tx.Reader, actor, role); err != nil {
			return entry{}, err
		}
		services, err := tx.Services(ctx)
		if err != nil {
			return entry{}, err
		}
		if len(services) >= servicesMost {
			return entry{}, desk.Faultf(desk.Conflict, "there are %d service accounts: use one of them", len(services))
		}
		if user, err = tx.AddPerson(ctx, user); err == nil {
			err = tx.MakeService(ctx, user.ID)
		}
		if err == nil {
			err = announce(ctx, tx)
		}
		return entry{actor: actor, action: "user.service", subject: subjectOf(user.ID), detail: map[string]any{"email": user.Email, "role": user.Role}}, err
	})
	if err != nil {
		return desk.User{}, err
	}
	return user, nil
}

// errService is the answer to every way in for the account of a program.
var errService = &desk.Fault{Kind: desk.Conflict, Reason: "this is the account of a program, with which nobody signs in: make a token for it"}

// servicesMost bounds the accounts of programs.
const servicesMost = 200

// Services lists the accounts of programs, by name.
func (s *Service) Services(ctx context.Context, actor desk.Actor) ([]Person, error) {
	if !actor.Can(desk.MayManageTokens) {
		return nil, desk.Faultf(desk.Forbidden, "this needs the right to manage tokens of others")
	}
	return s.store.Services(ctx)
}

// SwitchService takes the account of a program out of use, with its tokens, or puts it to use again.
func (s *Service) SwitchService(ctx context.Context, actor desk.Actor, id int64, use ClientUse) error {
	if !actor.Can(desk.MayManageTokens) {
		return desk.Faultf(desk.Forbidden, "this needs the right to manage tokens of others")
	}
	is, err := s.store.IsService(ctx, id)
	if err != nil {
		return err
	}
	if !is {
		return desk.Faultf(desk.NotFound, "there is no service account %d", id)
	}
	if use == ClientOff {
		return s.Disable(ctx, actor, id)
	}
	return s.Enable(ctx, actor, id)
}

// slug is a name as the first part of an address.
func slug(name string) string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	text := strings.Join(parts, "-")
	return text[:min(len(text), 40)]
}
