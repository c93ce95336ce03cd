package identity

import (
	"context"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// How long a one-time link works: long enough to be sent and opened; the first owner's long enough to come back to the machine tomorrow.
const (
	linkLife      = 15 * time.Minute
	ownerLinkLife = 24 * time.Hour
)

// linkPath is where the portal takes one-time links.
const linkPath = "/sign-in/"

// errLink is the answer to every link that opens nothing.
var errLink = &desk.Fault{Kind: desk.NotFound, Reason: "This link does not work any more: it was used, has expired, or was replaced by a newer one. Ask for another."}

// LoginLink makes a link by which a person signs in once, within 15 minutes; older unused links of theirs stop working. Whoever asked hands it on: it is as good as a password.
// It needs the right to manage people, and a rank above the person's.
func (s *Service) LoginLink(ctx context.Context, actor desk.Actor, email string) (url string, err error) {
	if err := needs(actor, desk.MayManagePeople); err != nil {
		return "", err
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		person, err := tx.PersonByEmail(ctx, desk.Canonical(email))
		if err != nil {
			return entry{}, err
		}
		if err := outranks(actor, person.User); err != nil {
			return entry{}, err
		}
		if person.DisabledAt != nil {
			return entry{}, desk.Faultf(desk.Conflict, "%s is disabled: enable them first", person.Email)
		}
		if service, err := tx.IsService(ctx, person.ID); err != nil || service {
			if err == nil {
				err = errService
			}
			return entry{}, err
		}
		url, err = s.addLink(ctx, tx, person.ID, linkLife)
		return entry{actor: actor, action: "user.link", subject: subjectOf(person.ID)}, err
	})
	if err != nil {
		return "", err
	}
	return url, nil
}

func (s *Service) addLink(ctx context.Context, tx *store.Tx, user int64, life time.Duration) (url string, err error) {
	token, hash := s.newToken()
	return s.public + linkPath + token, tx.AddLink(ctx, hash, user, s.now().Add(life))
}

// PeekLink says whose link it is without using it, for the page that asks 'sign in as …?'. Programs that open every link in a mail must not spend it.
func (s *Service) PeekLink(ctx context.Context, token string) (email string, err error) {
	user, found, err := s.store.Link(ctx, secret.HashToken(token), s.now())
	if err == nil && !found {
		err = errLink
	}
	return user.Email, err
}

// UseLink spends a link and opens a session, as SignIn does.
func (s *Service) UseLink(ctx context.Context, token string, from Client) (came Came, err error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return Came{}, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		user, found, err := tx.UseLink(ctx, secret.HashToken(token), s.now())
		if err != nil {
			return err
		}
		if !found {
			return errLink
		}
		came, err = s.arrive(ctx, tx, values, Arrival{User: user, Method: ByLink, From: from})
		return err
	})
	if err != nil {
		return Came{}, err
	}
	return came, nil
}

// FirstOwner says whether nobody can administer this installation yet: no owner has a password or has ever signed in.
func (s *Service) FirstOwner(ctx context.Context) (needed bool, err error) {
	exists, err := s.store.OwnerExists(ctx)
	return !exists && err == nil, err
}

// MakeFirstOwner makes an owner with this placeholder address, unless one waits already, and a one-time link of 24 hours for them, to be printed once.
// Each call replaces the link of the call before. When some owner can sign in it is a desk.Conflict.
func (s *Service) MakeFirstOwner(ctx context.Context, email string) (url string, err error) {
	email = desk.Canonical(email)
	if !desk.ValidAddress(email) {
		return "", desk.Wrong("email", "%q is not an address", email)
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		if _, err := tx.LockOwners(ctx); err != nil {
			return entry{}, err
		}
		exists, err := tx.OwnerExists(ctx)
		if err != nil {
			return entry{}, err
		}
		if exists {
			return entry{}, desk.Faultf(desk.Conflict, "there is an owner already: ask them for a sign-in link")
		}
		id, err := tx.UnseenOwner(ctx)
		if err == nil && id == 0 {
			var made desk.User
			made, err = tx.AddPerson(ctx, desk.User{Email: email, Name: "Owner", Role: desk.RoleOwner})
			id = made.ID
		}
		if err == nil {
			err = announce(ctx, tx)
		}
		if err != nil {
			return entry{}, err
		}
		url, err = s.addLink(ctx, tx, id, ownerLinkLife)
		return entry{actor: desk.System("job"), action: "user.link", subject: subjectOf(id), detail: map[string]any{"first": true}}, err
	})
	if err != nil {
		return "", err
	}
	return url, nil
}
