package identity

import (
	"context"
	"crypto/subtle"
	"fmt"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// The owner's way in when a provider is broken or set wrongly (security rows 14, 30 and 31): a link by mail, to owners only, or one that is printed on the machine. Either works once, for 15 minutes, and takes the
// place of the provider, not of a second factor.

const (
	bypassLife   = 15 * time.Minute
	bypassFor    = time.Hour
	bypassAnHour = 3  // mails to one owner
	bypassPlace  = 20 // from one network
	bypassPath   = "/access/bypass/"
)

// AskBypass mails an owner a way in. The answer and the work are the same for every address, known or not; what became of it is in the audit log.
func (s *Service) AskBypass(ctx context.Context, email string, from Client) error {
	address := desk.Canonical(email)
	if !desk.ValidAddress(address) {
		return desk.Wrong("email", "Write your e-mail address, like name@example.com.")
	}
	now := s.now()
	token, hash := s.newToken()
	sealed, _ := s.keys.Seal(bypassContext(hash), []byte(s.public+bypassPath+token))
	return s.store.Write(ctx, func(tx *store.Tx) error {
		person, err := tx.Credentials(ctx, address)
		if err != nil {
			return err
		}
		ofPerson, here, err := tx.CountBypasses(ctx, person.ID, place(from.IP), now.Add(-bypassFor))
		if err != nil {
			return err
		}
		if here >= bypassPlace {
			return desk.Faultf(desk.Unavailable, "Too many links were asked for. Try again later.")
		}
		owner := person.ID != 0 && person.Role == desk.RoleOwner && person.DisabledAt == nil
		sent := owner && ofPerson < bypassAnHour
		add, subject := store.Bypass{ByMail: true, Place: place(from.IP), CreatedAt: now, ExpiresAt: now.Add(bypassLife)}, "user"
		if sent {
			add.UserID = &person.ID
		}
		if person.ID != 0 {
			subject = subjectOf(person.ID)
		}
		if err := tx.AddBypass(ctx, hash, add); err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, time.Time{}, desk.SendBypass{Bypass: hash, Sealed: sealed, IP: from.IP, At: now}); err != nil {
			return err
		}
		return tx.Audit(ctx, from.actor(desk.User{}), "bypass.ask", subject, map[string]any{"owner": owner, "sent": sent})
	})
}

func bypassContext(hash []byte) string { return fmt.Sprintf("bypass/%x", hash) }

// SendBypass mails a way in that was asked for, if it is an owner's.
func (s *Service) SendBypass(ctx context.Context, job desk.SendBypass) error {
	owner, found, err := s.store.Bypass(ctx, job.Bypass, s.now())
	if err != nil || !found {
		return err
	}
	link, err := s.keys.Open(bypassContext(job.Bypass), job.Sealed)
	if err != nil {
		return fmt.Errorf("identity: way in: %w", err)
	}
	return s.Tell(ctx, desk.TellPerson{User: owner.ID, About: desk.LetterBypass, At: job.At, Until: job.At.Add(bypassLife), IP: job.IP}, string(link))
}

// Recovery asks for a way in on the machine.
type Recovery struct {
	Email    string // of the owner; may be empty where there is one
	Operator string // who asks, as the machine names them
}

// Recover makes a way in for an owner, for whoever holds the machine; and tells every owner.
func (s *Service) Recover(ctx context.Context, actor desk.Actor, ask Recovery) (url string, owner desk.User, err error) {
	if !actor.IsSystem() {
		return "", owner, desk.Faultf(desk.Forbidden, "a way in is made on the machine itself")
	}
	now := s.now()
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		owner, err = s.recoverable(ctx, tx, ask.Email)
		if err != nil {
			return entry{}, err
		}
		token, hash := s.newToken()
		url = s.public + bypassPath + token
		if err := tx.AddBypass(ctx, hash, store.Bypass{UserID: &owner.ID, CreatedAt: now, ExpiresAt: now.Add(bypassLife)}); err != nil {
			return entry{}, err
		}
		if err := s.tellOwners(ctx, tx, desk.TellPerson{About: desk.LetterRecovered, At: now, Who: owner.Email}); err != nil {
			return entry{}, err
		}
		return entry{actor: actor, action: "bypass.recover", subject: subjectOf(owner.ID), detail: map[string]any{"operator": ask.Operator}}, nil
	})
	if err != nil {
		return "", desk.User{}, err
	}
	return url, owner, nil
}

// recoverable is the owner of that address, or the only one.
func (s *Service) recoverable(ctx context.Context, tx *store.Tx, email string) (desk.User, error) {
	owners, err := tx.LockOwners(ctx)
	if err != nil {
		return desk.User{}, err
	}
	if email != "" {
		person, err := tx.PersonByEmail(ctx, desk.Canonical(email))
		if err != nil {
			return desk.User{}, err
		}
		if person.Role != desk.RoleOwner || person.DisabledAt != nil {
			return desk.User{}, desk.Faultf(desk.Conflict, "%s is not an owner who may sign in", person.Email)
		}
		return person.User, nil
	}
	if len(owners) != 1 {
		return desk.User{}, desk.Wrong("email", "there are %d owners: say which of them, by address", len(owners))
	}
	person, err := tx.CredentialsOf(ctx, owners[0])
	return person.User, err
}

// PeekBypass says whose way in a link is without using it.
func (s *Service) PeekBypass(ctx context.Context, token string) (email string, err error) {
	user, found, err := s.store.Bypass(ctx, secret.HashToken(token), s.now())
	if err == nil && !found {
		err = errLink
	}
	return user.Email, err
}

// UseBypass spends a link and lets the owner in; their second factor is asked for all the same. Every owner is told.
func (s *Service) UseBypass(ctx context.Context, token string, from Client) (came Came, err error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return came, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		user, byMail, found, err := tx.UseBypass(ctx, secret.HashToken(token), s.now())
		if err == nil && !found {
			err = errLink
		}
		if err != nil {
			return err
		}
		if came, err = s.arrive(ctx, tx, values, Arrival{User: user, Method: ByBypass, From: from}); err != nil {
			return err
		}
		if err := s.tellOwners(ctx, tx, desk.TellPerson{About: desk.LetterBypassUsed, IP: from.IP, Who: user.Email}); err != nil {
			return err
		}
		return tx.Audit(ctx, from.actor(user), "bypass.use", subjectOf(user.ID), map[string]any{"by_mail": byMail})
	})
	if err != nil {
		return Came{}, err
	}
	return came, nil
}

// sameHash says in constant time whether a hash is that of a token.
func sameHash(hash []byte, token string) bool {
	return token != "" && subtle.ConstantTimeCompare(hash, secret.HashToken(token)) == 1
}
