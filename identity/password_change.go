package identity

import (
	"context"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// newPassword is a password about to be put in the place of another.
type newPassword struct {
	user   desk.User
	phc    string // as it was hashed
	must   string // why they have to choose another one at their next sign-in; empty: they have not
	others Others
	keep   []byte          // hash of the token of the session that goes on in any case; nil: none
	letter desk.LetterKind // that tells the person
	from   Client
	who    string // name of who did it, where it was somebody else
}

// putPassword writes a password and ends what knew the old one: links on their way, other sessions, the trust in browsers. The person is told by mail, unless the settings say otherwise.
func (s *Service) putPassword(ctx context.Context, tx *store.Tx, values desk.Values, set newPassword) error {
	rule := ruleFor(values, set.user)
	err := tx.SetPassword(ctx, store.NewPassword{
		SealedPassword: s.sealHash(set.user.ID, set.phc), User: set.user.ID, At: s.now(), Must: set.must, Keep: max(rule.History, 1),
	})
	if err == nil {
		err = tx.DropLinks(ctx, set.user.ID)
	}
	if err == nil {
		err = tx.DropResets(ctx, set.user.ID, s.now())
	}
	if err == nil {
		err = tx.DistrustDevices(ctx, set.user.ID)
	}
	if err == nil && set.others == EndOthers {
		err = tx.RemoveSessions(ctx, set.user.ID, set.keep)
	}
	if err != nil || set.letter == "" || !values.On(desk.NotifySensitive) {
		return err
	}
	return s.tell(ctx, tx, desk.TellPerson{User: set.user.ID, About: set.letter, IP: set.from.IP, Who: set.who}, "")
}

// PasswordChange is somebody who replaces their own password.
type PasswordChange struct {
	Session  string // token of the session that asks: it goes on
	Current  string // the password so far; empty for who has none, or came in by a one-time link just now
	Password string
	Others   Others
	From     Client
}

// ChangePassword replaces the actor's own password. The error is a desk.Fault about current or password when one of them is not right.
func (s *Service) ChangePassword(ctx context.Context, actor desk.Actor, change PasswordChange) error {
	before, err := s.store.CredentialsOf(ctx, actor.User.ID)
	if err != nil {
		return err
	}
	if !own(actor, before.ID) {
		return desk.Faultf(desk.Forbidden, "nobody chooses a password for somebody else: send them a sign-in link")
	}
	if err := s.proved(ctx, actor, before, UserChange{Password: &change.Password, Current: change.Current}); err != nil {
		return err
	}
	return s.replacePassword(ctx, actor, before, change)
}

// replacePassword writes the new password of somebody who has proved to be its owner, if nobody else changed it since before was read.
func (s *Service) replacePassword(ctx context.Context, actor desk.Actor, before store.Credentials, change PasswordChange) error {
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	phc, err := s.chosen(ctx, values, before.User, change.Password)
	if err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		made := entry{actor: actor, action: "user.change", subject: subjectOf(before.ID), detail: map[string]any{"fields": []string{"password"}}}
		if _, err := tx.LockOwners(ctx); err != nil {
			return made, err
		}
		now, err := tx.CredentialsOf(ctx, before.ID)
		if err == nil && now.PasswordHash != before.PasswordHash {
			err = desk.Faultf(desk.Conflict, "%s was changed by somebody else meanwhile: look again", before.Email)
		}
		if err == nil {
			err = s.putPassword(ctx, tx, values, newPassword{
				user: before.User, phc: phc, others: change.Others, keep: secret.HashToken(change.Session), letter: desk.LetterPasswordChanged, from: change.From,
			})
		}
		if err == nil {
			err = announce(ctx, tx)
		}
		return made, err
	})
}

// SetPasswordOf gives somebody a password that an owner or admin has chosen, who tells them what it is; they choose another one at their first sign-in with it, and all their sessions end.
// It needs MayManagePeople, and the setting by which an owner allows it. The operator at the command line needs neither.
func (s *Service) SetPasswordOf(ctx context.Context, actor desk.Actor, user int64, password string) error {
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	person, err := s.store.CredentialsOf(ctx, user)
	if err == nil {
		err = maySetPassword(actor, values, person.User)
	}
	if err != nil {
		return err
	}
	phc, err := s.chosen(ctx, values, person.User, password)
	if err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		made := entry{actor: actor, action: "user.password-set", subject: subjectOf(user)}
		if err := s.putPassword(ctx, tx, values, newPassword{user: person.User, phc: phc, must: mustSet, letter: desk.LetterPasswordSet, from: Client{IP: actor.IP}, who: actor.User.Name}); err != nil {
			return made, err
		}
		return made, announce(ctx, tx)
	})
}

// maySetPassword says whether the actor may choose a password for that person.
func maySetPassword(actor desk.Actor, values desk.Values, person desk.User) error {
	if actor.IsSystem() {
		return nil
	}
	if err := needs(actor, desk.MayManagePeople); err != nil {
		return err
	}
	switch {
	case !values.On(desk.AdminsSetPassword):
		return desk.Faultf(desk.Forbidden, "nobody chooses a password for somebody else here: have a link sent to them. An owner can allow it on the page of passwords")
	case actor.User.ID == person.ID && person.ID != 0:
		return desk.Faultf(desk.Forbidden, "choose your own password on the page about yourself")
	}
	return outranks(actor, person)
}

// firstPassword checks the password with which somebody is added; the zero value: they have none.
func (s *Service) firstPassword(ctx context.Context, actor desk.Actor, user desk.User, add NewUser) (first newPassword, err error) {
	switch {
	case add.Hash != "" && !actor.IsSystem():
		return first, desk.Faultf(desk.Forbidden, "hashes of passwords are taken in at the command line only")
	case add.Hash != "":
		if _, err := secret.ReadableHash(add.Hash); err != nil {
			return first, desk.Wrong("hash", "the hash of the password of %s is none that can be read: bcrypt, PBKDF2 as Django or passlib write it, or Argon2id", user.Email)
		}
		return newPassword{phc: add.Hash}, nil
	case add.Password == "":
		return first, nil
	}
	values, err := s.Settings(ctx)
	if err == nil {
		err = maySetPassword(actor, values, user)
	}
	if err != nil {
		return first, err
	}
	if !actor.IsSystem() {
		first.must = mustSet
	}
	first.phc, err = s.chosen(ctx, values, user, add.Password)
	return first, err
}

// putFirst writes the password of somebody who was added just now: there is nothing to end and nobody to tell.
func (s *Service) putFirst(ctx context.Context, tx *store.Tx, user desk.User, first newPassword) error {
	sealed := s.sealHash(user.ID, first.phc)
	kind, err := secret.ReadableHash(first.phc)
	sealed.Foreign = err == nil && kind != "argon2id"
	return tx.SetPassword(ctx, store.NewPassword{SealedPassword: sealed, User: user.ID, At: s.now(), Must: first.must, Keep: 1})
}

// errWaitsNoMore is the answer to a step of a sign-in that is over.
var errWaitsNoMore = &desk.Fault{Kind: desk.Unsigned, Reason: "This sign-in waits no longer. Please begin again."}

// ChoosePassword takes the new password of somebody whose sign-in waits for one, and lets the sign-in go on under a new token. Their other sessions end.
func (s *Service) ChoosePassword(ctx context.Context, session, password string, from Client) (came Came, err error) {
	live, err := s.SignedIn(ctx, session)
	if err != nil {
		return Came{}, err
	}
	if live.Pending != string(NeedsPassword) {
		return Came{}, errWaitsNoMore
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return Came{}, err
	}
	phc, err := s.chosen(ctx, values, live.User, password)
	if err != nil {
		return Came{}, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		hash := secret.HashToken(session)
		if err := s.putPassword(ctx, tx, values, newPassword{user: live.User, phc: phc, keep: hash, letter: desk.LetterPasswordChanged, from: from}); err != nil {
			return err
		}
		if came, err = s.goOn(ctx, tx, values, live, hash, from); err != nil {
			return err
		}
		actor := from.actor(live.User)
		actor.Session = live.SessionID
		return tx.Audit(ctx, actor, "user.change", subjectOf(live.ID), map[string]any{"fields": []string{"password"}, "at_signin": true})
	})
	if err != nil {
		return Came{}, err
	}
	return came, nil
}

// goOn lets a sign-in go on that waited for a password: to what else is to do, or to everything.
func (s *Service) goOn(ctx context.Context, tx *store.Tx, values desk.Values, live store.LiveSession, hash []byte, from Client) (Came, error) {
	arrival, device := Arrival{User: live.User, Method: Method(live.Method), Provider: live.Provider, From: from}, store.KnownDevice{}
	if live.DeviceID != nil {
		device.ID = *live.DeviceID
	}
	standing, err := s.standing(ctx, tx, values, arrival, device)
	if err != nil {
		return Came{}, err
	}
	standing.factor, standing.password = false, false // the one was shown before, since it comes first; the other was just chosen
	came := Came{User: live.User, Device: from.Device, Pending: pendingOf(arrival, standing)}
	token, after := s.newToken()
	came.Token = token
	won, err := tx.PassSession(ctx, hash, store.SessionPass{Was: string(NeedsPassword), Hash: after, Pending: string(came.Pending), At: s.now()})
	if err == nil && !won {
		err = errWaitsNoMore
	}
	if err == nil && came.Pending == "" {
		err = tx.CompleteDevice(ctx, device.ID, s.now())
	}
	return came, err
}
