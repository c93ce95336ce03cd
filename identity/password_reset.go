package identity

import (
	"context"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// A forgotten password is replaced by a link that is mailed (ASVS 6.4.3).
const (
	resetLife       = 30 * time.Minute
	resetPath       = "/sign-in/reset/"
	resetsFor       = time.Hour // in which requests are counted
	resetsToAccount = 3
	resetsFromPlace = 20
	resetsToAll     = 900
	keepResets      = 24 * time.Hour
)

// errReset is the answer to every link that opens nothing.
var errReset = &desk.Fault{Kind: desk.NotFound, Reason: "This link does not work any more: it was used, has expired, or was replaced by a newer one. Ask for another."}

// AskReset has a link mailed to whoever has that address, by which they choose a new password. Whether anybody has can be told neither from the answer nor from the time that it takes:
// that is looked up by a job. Too many requests for one address bring no further mail, and the same answer. The error is a desk.Fault: Invalid for what is no address, Unavailable after too many requests from one place.
func (s *Service) AskReset(ctx context.Context, address string, from Client) error {
	account := desk.Canonical(address)
	if !desk.ValidAddress(account) {
		return desk.Wrong("email", "Write your e-mail address, like name@example.com.")
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	if !values.On(desk.PasswordByMail) {
		return desk.Faultf(desk.Forbidden, "Passwords are not replaced by mail here. Ask an admin of your desk.")
	}
	now := s.now()
	return s.store.Write(ctx, func(tx *store.Tx) error {
		asked, err := tx.CountResets(ctx, account, place(from.IP), now.Add(-resetsFor))
		switch {
		case err != nil:
			return err
		case asked.Place >= resetsFromPlace || asked.Everybody >= resetsToAll:
			return desk.Faultf(desk.Unavailable, "Too many links were asked for. Try again later.")
		case asked.Account >= resetsToAccount:
			return nil
		}
		id, err := tx.AddReset(ctx, store.PasswordReset{Account: account, Place: place(from.IP), IP: from.IP, CreatedAt: now, ExpiresAt: now.Add(resetLife)})
		if err != nil {
			return err
		}
		return tx.Enqueue(ctx, time.Time{}, desk.ResetPassword{Request: id})
	})
}

// StartReset has a link mailed to a person by which they choose a new password. It needs MayManagePeople; nothing changes until the person uses the link, and whoever starts it never sees it.
func (s *Service) StartReset(ctx context.Context, actor desk.Actor, user int64) error {
	if err := needs(actor, desk.MayManagePeople); err != nil {
		return err
	}
	now := s.now()
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		made := entry{actor: actor, action: "user.reset-start", subject: subjectOf(user)}
		person, err := tx.CredentialsOf(ctx, user)
		if err == nil {
			err = outranks(actor, person.User)
		}
		if err == nil && person.DisabledAt != nil {
			err = desk.Faultf(desk.Conflict, "%s is disabled: enable them first", person.Email)
		}
		if err != nil {
			return made, err
		}
		reset := store.PasswordReset{Account: person.Email, Place: place(actor.IP), IP: actor.IP, CreatedAt: now, ExpiresAt: now.Add(resetLife)}
		if actor.User.ID != 0 {
			reset.AskedBy = &actor.User.ID
		}
		id, err := tx.AddReset(ctx, reset)
		if err != nil {
			return made, err
		}
		return made, tx.Enqueue(ctx, time.Time{}, desk.ResetPassword{Request: id, Admin: actor.User.Name, ByAdmin: true})
	})
}

// MakeReset looks whether a request is for somebody who is here, and puts the letter with the link into the queue.
func (s *Service) MakeReset(ctx context.Context, job desk.ResetPassword) error {
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		reset, found, err := tx.PasswordReset(ctx, job.Request)
		if err != nil || !found || !s.now().Before(reset.ExpiresAt) {
			return err
		}
		person, err := tx.Credentials(ctx, reset.Account)
		if err != nil || person.ID == 0 || person.DisabledAt != nil || !methodAllowed(values, ByPassword, person.Role) {
			return err
		}
		token, hash := s.newToken()
		if err := tx.GiveReset(ctx, reset.ID, person.ID, hash, s.now()); err != nil {
			return err
		}
		letter := desk.TellPerson{User: person.ID, About: desk.LetterPasswordReset, At: reset.CreatedAt, Until: reset.ExpiresAt, IP: reset.IP}
		if job.ByAdmin {
			letter.About, letter.Who = desk.LetterResetByAdmin, job.Admin
		}
		if err := s.tell(ctx, tx, letter, s.public+resetPath+token); err != nil {
			return err
		}
		return tx.Audit(ctx, desk.Actor{Via: "job", IP: reset.IP}, "user.reset-link", subjectOf(person.ID), nil)
	})
}

// PeekReset says whose link it is, and what a password of theirs has to keep to, without using it.
func (s *Service) PeekReset(ctx context.Context, token string) (user desk.User, rule desk.PasswordRule, err error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return user, rule, err
	}
	user, found, err := s.store.ResetLink(ctx, secret.HashToken(token), s.now())
	if err == nil && !found {
		err = errReset
	}
	return user, ruleFor(values, user), err
}

// Others says what becomes of the other sessions of somebody who has a new password.
type Others int

const (
	EndOthers  Others = iota // they end, which is what a password that others may know asks for
	KeepOthers               // they go on
)

// UseReset spends a link and gives its person a new password. It opens no session: they sign in with it, and show their second factor if they have one.
// Links on their way end, browsers have to show the second factor again, and the person is told by mail.
func (s *Service) UseReset(ctx context.Context, token, password string, others Others, from Client) error {
	user, _, err := s.PeekReset(ctx, token)
	if err != nil {
		return err
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	phc, err := s.chosen(ctx, values, user, password)
	if err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		used, found, err := tx.UseReset(ctx, secret.HashToken(token), s.now())
		if err == nil && !found {
			err = errReset
		}
		if err != nil {
			return entry{}, err
		}
		made := entry{actor: from.actor(used), action: "user.password-reset", subject: subjectOf(used.ID), detail: map[string]any{"sessions_ended": others == EndOthers}}
		if err := tx.Forgive(ctx, attemptOf(used.Email, from), s.now()); err != nil {
			return made, err
		}
		return made, s.putPassword(ctx, tx, values, newPassword{user: used, phc: phc, others: others, from: from, letter: desk.LetterPasswordChanged})
	})
}
