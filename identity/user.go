package identity

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Person is a user as administration sees them.
type Person = store.Person

// NewUser is somebody to be added.
type NewUser struct {
	Email    string
	Name     string // empty: the address without its domain
	Role     desk.Role
	Password string // empty: signs in by one-time link until they choose one; else whoever adds them needs the right of SetPasswordOf, and they choose another one at their first sign-in
	Hash     string // of the password, as another program made it: bcrypt or PBKDF2; only from the command line
}

// UserChange is what shall be different about a person; nil fields stay.
type UserChange struct {
	Name     *string
	Email    *string
	Role     *desk.Role
	Password *string // only one's own; it ends all other sessions of the person
	Current  string  // the password so far, which a change of one's own password or address needs, unless one came in by a one-time link just now
	Session  string  // token of the session that asks: it goes on when the others end
}

// linkTrust is how long after a one-time link the person may choose a new password without the old one: that is what the link was for.
const linkTrust = 30 * time.Minute

// longestName is the longest display name in bytes that a list can show.
const longestName = 200

// AddUser adds a person. It needs the right to manage people, and a role below the actor's own.
func (s *Service) AddUser(ctx context.Context, actor desk.Actor, add NewUser) (desk.User, error) {
	user := desk.User{Email: desk.Canonical(add.Email), Name: strings.TrimSpace(add.Name), Role: add.Role}
	if local, _ := desk.SplitAddress(user.Email); user.Name == "" {
		user.Name = local
	}
	if err := needs(actor, desk.MayManagePeople); err != nil {
		return desk.User{}, err
	}
	if err := check(user); err != nil {
		return desk.User{}, err
	}
	if err := mayGive(ctx, s.store.Reader, actor, user.Role); err != nil {
		return desk.User{}, err
	}
	first, err := s.firstPassword(ctx, actor, user, add)
	if err != nil {
		return desk.User{}, err
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		var err error
		if user, err = tx.AddPerson(ctx, user); err == nil && first.phc != "" {
			err = s.putFirst(ctx, tx, user, first)
		}
		if err == nil {
			err = announce(ctx, tx)
		}
		detail := map[string]any{"email": user.Email, "role": user.Role, "password": first.phc != ""}
		return entry{actor: actor, action: "user.add", subject: subjectOf(user.ID), detail: detail}, err
	})
	if err != nil {
		return desk.User{}, err
	}
	s.forgetStaff()
	return user, nil
}

// Users lists people in the order in which they were added. It needs the right to see them.
func (s *Service) Users(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[Person], error) {
	if err := needs(actor, desk.MayReadPeople); err != nil {
		return desk.Page[Person]{}, err
	}
	return s.store.People(ctx, cursor, limit)
}

// Find is the person with this address. It needs the right to see people.
func (s *Service) Find(ctx context.Context, actor desk.Actor, email string) (Person, error) {
	if err := needs(actor, desk.MayReadPeople); err != nil {
		return Person{}, err
	}
	return s.store.PersonByEmail(ctx, desk.Canonical(email))
}

// PersonOf is the person with this id. It needs the right to see people.
func (s *Service) PersonOf(ctx context.Context, actor desk.Actor, id int64) (Person, error) {
	if err := needs(actor, desk.MayReadPeople); err != nil {
		return Person{}, err
	}
	known, err := s.store.CredentialsOf(ctx, id)
	return known.Person, err
}

// UpdateUser changes a person. Everybody may change their own name, address and password; others need the right to manage people and rank above them. Nobody changes their own role.
// Nobody chooses a password for somebody else: send a sign-in link instead. The last owner stays one.
func (s *Service) UpdateUser(ctx context.Context, actor desk.Actor, id int64, change UserChange) (desk.User, error) {
	before, err := s.store.CredentialsOf(ctx, id)
	if err == nil {
		err = mayChange(actor, before, change)
	}
	if err == nil {
		err = s.proved(ctx, actor, before, change)
	}
	if err != nil {
		return desk.User{}, err
	}
	after, fields, err := changed(before, change)
	if err != nil || len(fields) == 0 {
		return after.User, err
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return desk.User{}, err
	}
	update := update{before: before, after: after, values: values, actor: actor, session: change.Session}
	if change.Password != nil {
		if update.phc, err = s.chosen(ctx, values, after.User, *change.Password); err != nil {
			return desk.User{}, err
		}
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		entry := entry{actor: actor, action: "user.change", subject: subjectOf(id), detail: differences(before.User, after.User, fields)}
		return entry, s.update(ctx, tx, update)
	})
	if err != nil {
		return desk.User{}, err
	}
	s.forgetStaff()
	return after.User, nil
}

// update is a change of a person about to be written.
type update struct {
	before, after store.Credentials
	phc           string // of a new password, as it was hashed; empty: it stays
	values        desk.Values
	actor         desk.Actor
	session       string // token of the session that goes on
}

// update writes a changed person, if nobody else changed them since before was read.
func (s *Service) update(ctx context.Context, tx *store.Tx, u update) error {
	owners, err := tx.LockOwners(ctx)
	if err != nil {
		return err
	}
	now, err := tx.CredentialsOf(ctx, u.after.ID)
	if err != nil {
		return err
	}
	if !now.User.Same(u.before.User) || now.PasswordHash != u.before.PasswordHash {
		return desk.Faultf(desk.Conflict, "%s was changed by somebody else meanwhile: look again", u.before.Email)
	}
	if u.after.Role != u.before.Role {
		if err := mayGive(ctx, tx.Reader, u.actor, u.after.Role); err != nil {
			return err
		}
		guest, err := tx.IsGuest(ctx, u.after.ID)
		if err == nil && guest {
			err = guestRole(ctx, tx.Reader, u.after.Role)
		}
		if err != nil {
			return err
		}
	}
	if u.after.Role != desk.RoleOwner {
		if err := keepsOwner(owners, u.after.ID); err != nil {
			return err
		}
	}
	if err := tx.UpdatePerson(ctx, u.after.User); err != nil {
		return err
	}
	if err := announce(ctx, tx); err != nil {
		return err
	}
	from := Client{IP: u.actor.IP}
	invited, err := s.invited(ctx, tx, u)
	if err != nil {
		return err
	}
	if u.after.Email != u.before.Email {
		if err := s.newAddress(ctx, tx, u, invited); err != nil {
			return err
		}
	}
	if u.phc == "" {
		return nil
	}
	letter := desk.LetterPasswordChanged
	if invited {
		letter = ""
	}
	return s.putPassword(ctx, tx, u.values, newPassword{user: u.after.User, phc: u.phc, keep: secret.HashToken(u.session), letter: letter, from: from})
}

// invitation says whether somebody says for the first time who they are.
type invitation bool

// invited says whether somebody without a password, whom a one-time link has just let in, says who they are: what they were called so far, somebody else has chosen. A letter about it would only frighten, or go to an
// address that nobody has.
func (s *Service) invited(ctx context.Context, tx *store.Tx, u update) (invitation, error) {
	if u.before.PasswordHash != "" || u.phc == "" || u.actor.User.ID != u.after.ID {
		return false, nil
	}
	used, err := tx.LinkUsedSince(ctx, u.after.ID, s.now().Add(-linkTrust))
	return invitation(used), err
}

// newAddress locks out whoever could read the mail at the old address: links on their way. The old address is told.
func (s *Service) newAddress(ctx context.Context, tx *store.Tx, u update, known invitation) error {
	if err := tx.DropLinks(ctx, u.after.ID); err != nil {
		return err
	}
	if err := tx.DropResets(ctx, u.after.ID, s.now()); err != nil || bool(known) || !u.values.On(desk.NotifySensitive) {
		return err
	}
	letter := desk.TellPerson{User: u.after.ID, About: desk.LetterAddressChanged, To: u.before.Email, IP: u.actor.IP}
	if u.actor.User.ID != u.after.ID {
		letter.Who = u.actor.User.Name
	}
	return s.tell(ctx, tx, letter, "")
}

// changed is the person as they shall be, and the names of what is different.
func changed(before store.Credentials, change UserChange) (after store.Credentials, fields []string, err error) {
	after = before
	if change.Name != nil {
		after.Name = strings.TrimSpace(*change.Name)
	}
	if change.Email != nil {
		after.Email = desk.Canonical(*change.Email)
	}
	if change.Role != nil {
		after.Role = *change.Role
	}
	if err := check(after.User); err != nil {
		return after, nil, err
	}
	for field, different := range map[string]bool{"name": after.Name != before.Name, "email": after.Email != before.Email, "role": after.Role != before.Role, "password": change.Password != nil} {
		if different {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return after, fields, nil
}

// differences is what the log tells of a change of a person: what was before, and what is after. Of a password, that there is a new one.
func differences(before, after desk.User, fields []string) map[string]any {
	detail := map[string]any{"fields": fields}
	for field, pair := range map[string][2]string{"name": {before.Name, after.Name}, "email": {before.Email, after.Email}, "role": {string(before.Role), string(after.Role)}} {
		if pair[0] != pair[1] {
			detail[field] = map[string]string{"from": pair[0], "to": pair[1]}
		}
	}
	return detail
}

// proved says whether somebody who changes their own password or address has shown that it is really them, and not just somebody at their unlocked screen.
func (s *Service) proved(ctx context.Context, actor desk.Actor, before store.Credentials, change UserChange) error {
	moved := change.Email != nil && desk.Canonical(*change.Email) != before.Email
	if actor.User.ID != before.ID || before.PasswordHash == "" || (change.Password == nil && !moved) {
		return nil
	}
	byLink, err := s.store.LinkUsedSince(ctx, before.ID, s.now().Add(-linkTrust))
	if err != nil || byLink {
		return err
	}
	// Counted like attempts to sign in: a stolen session must not become a place to guess passwords at.
	if err := s.admit(ctx, before.Email, clientOf(actor)); err != nil {
		return err
	}
	right, _, err := s.checkPassword(ctx, before, change.Current)
	if err != nil {
		return err
	}
	if !right {
		return desk.Wrong("current", "This is not your present password.")
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.Forgive(ctx, attemptOf(before.Email, clientOf(actor)), s.now()) })
}

// Disable keeps a person from coming in, at once and on every way: sessions and links end, tokens open nothing. What they wrote stays. The last owner cannot be disabled.
func (s *Service) Disable(ctx context.Context, actor desk.Actor, id int64) error {
	now := s.now()
	return s.setDisabled(ctx, actor, id, &now)
}

// Enable lets a disabled person come in again. Their tokens work again; sessions do not come back.
func (s *Service) Enable(ctx context.Context, actor desk.Actor, id int64) error {
	return s.setDisabled(ctx, actor, id, nil)
}

func (s *Service) setDisabled(ctx context.Context, actor desk.Actor, id int64, at *time.Time) error {
	if err := needs(actor, desk.MayManagePeople); err != nil {
		return err
	}
	action := "user.enable"
	if at != nil {
		action = "user.disable"
	}
	err := s.audited(ctx, func(tx *store.Tx) (entry, error) {
		entry := entry{actor: actor, action: action, subject: subjectOf(id)}
		owners, err := tx.LockOwners(ctx)
		if err != nil {
			return entry, err
		}
		person, err := tx.CredentialsOf(ctx, id)
		if err == nil {
			err = outranks(actor, person.User)
		}
		if err == nil && at != nil {
			err = keepsOwner(owners, id)
		}
		if err == nil && at == nil {
			err = s.stillGuest(ctx, tx, id)
		}
		if err == nil {
			err = tx.OwnDisabled(ctx, id)
		}
		if err == nil {
			err = s.shut(ctx, tx, id, at)
		}
		return entry, err
	})
	s.forgetStaff()
	return err
}

// shut keeps a person out from the given time on, with all that is open, or lets them in again with nil.
func (s *Service) shut(ctx context.Context, tx *store.Tx, id int64, at *time.Time) error {
	if err := tx.SetDisabled(ctx, id, at); err != nil {
		return err
	}
	if err := announce(ctx, tx); err != nil || at == nil {
		return err
	}
	if err := tx.DropLinks(ctx, id); err != nil {
		return err
	}
	return tx.RemoveSessions(ctx, id, nil)
}

// check says what is wrong with a person.
func check(user desk.User) error {
	switch {
	case !desk.ValidAddress(user.Email):
		return desk.Wrong("email", "%q is not an address", user.Email)
	case user.Name == "" || len(user.Name) > longestName:
		return desk.Wrong("name", "a name has 1 to %d bytes", longestName)
	case strings.ContainsFunc(user.Name, unprintable):
		return desk.Wrong("name", "a name stands on one line")
	case !user.Role.Valid():
		return desk.Wrong("role", "there is no role %q", user.Role)
	}
	return nil
}

func unprintable(r rune) bool { return !strconv.IsPrint(r) }

func subjectOf(id int64) string { return "user/" + strconv.FormatInt(id, 10) }

// forgetStaff makes the next question for staff go to the database.
func (s *Service) forgetStaff() {
	s.staff.mu.Lock()
	defer s.staff.mu.Unlock()
	s.staff.until = time.Time{}
}
