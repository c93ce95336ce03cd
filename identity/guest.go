package identity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"postern/desk"
	"postern/store"
)

// guestLinkLife is how long the first link of a guest works: somebody of another company has to find the mail or the message with it.
const guestLinkLife = 24 * time.Hour

// keepDelegations is how long the database knows of who looked in a customer's place; the audit log does for as long as it is kept.
const keepDelegations = 30 * 24 * time.Hour

// errGuestOver is the answer to a guest who comes when their time is over.
var errGuestOver = &desk.Fault{Kind: desk.Forbidden, Reason: "Your time as a guest is over. Ask the owner of the desk who let you in."}

// guestsMost bounds those who are here at once.
const guestsMost = 20

// NewGuest is somebody to be let in for a while.
type NewGuest struct {
	Email  string
	Name   string
	Role   desk.Role
	Reason string
	For    time.Duration // whole hours, from one to seven days
}

// Guests lists those who are here and those who were, the newest first. Owners see them.
func (s *Service) Guests(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.Guest], error) {
	if err := needs(actor, desk.MayOwn); err != nil {
		return desk.Page[desk.Guest]{}, err
	}
	return s.store.Guests(ctx, cursor, limit)
}

// GuestOf is the guest with this address who is here. Owners see them.
func (s *Service) GuestOf(ctx context.Context, actor desk.Actor, email string) (desk.Guest, error) {
	if err := needs(actor, desk.MayOwn); err != nil {
		return desk.Guest{}, err
	}
	open, err := s.store.OpenGuests(ctx)
	at := slices.IndexFunc(open, func(one desk.Guest) bool { return one.Email == desk.Canonical(email) })
	if err == nil && at < 0 {
		err = desk.Faultf(desk.NotFound, "There is no such guest, or their time is over already.")
	}
	if err != nil {
		return desk.Guest{}, err
	}
	return open[at], nil
}

// GuestRoles lists the roles that a guest can have.
func (s *Service) GuestRoles(ctx context.Context, actor desk.Actor) ([]desk.Role, error) {
	given, err := s.GivenTo(ctx, actor)
	if err != nil {
		return nil, err
	}
	roles := []desk.Role{}
	for _, role := range given {
		grant, err := grantOf(ctx, s.store.Reader, role)
		if err != nil {
			return nil, err
		}
		if _, ok := desk.GuestMayHold(grant); ok && role.Staff() {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// grantOf is what a role gives.
func grantOf(ctx context.Context, r store.Reader, role desk.Role) (desk.Grant, error) {
	if grant, known := role.Grant(); known {
		return grant, nil
	}
	custom, err := r.Role(ctx, role)
	return custom.Grant(), err
}

// guestRole says whether a guest may have the role.
func guestRole(ctx context.Context, r store.Reader, role desk.Role) error {
	if !role.Staff() {
		return desk.Wrong("role", "a guest works here: choose a role of staff")
	}
	grant, err := grantOf(ctx, r, role)
	if err != nil {
		return err
	}
	if not, ok := desk.GuestMayHold(grant); !ok {
		return desk.Wrong("role", "a guest never has the right %q, by which they could stay or let others in", not)
	}
	return nil
}

// checkGuest brings what was asked for into the form in which it is kept.
func checkGuest(add NewGuest) (desk.User, NewGuest, error) {
	user := desk.User{Email: desk.Canonical(add.Email), Name: strings.TrimSpace(add.Name), Role: add.Role}
	if local, _ := desk.SplitAddress(user.Email); user.Name == "" {
		user.Name = local
	}
	if err := check(user); err != nil {
		return user, add, err
	}
	add.Reason = strings.TrimSpace(add.Reason)
	if n := utf8.RuneCountInString(add.Reason); n < shortestReason || n > longestReason || strings.ContainsFunc(add.Reason, unprintable) {
		return user, add, desk.Wrong("reason", "say why on one line of %d to %d characters: it stands in the audit log", shortestReason, longestReason)
	}
	if add.For < desk.ShortestGuest || add.For > desk.LongestGuest || add.For%time.Hour != 0 {
		return user, add, desk.Wrong("hours", "a guest stays from 1 to %d whole hours", int(desk.LongestGuest/time.Hour))
	}
	return user, add, nil
}

// AddGuest lets somebody in for a while and makes the link by which they come in first, for whoever asked to hand on. It takes an owner, who has to have switched guests on. No guest can let others in or stay;
// a second factor is asked of them at once. All owners are told. Somebody who was a guest before can be one again; whoever is here for good cannot.
func (s *Service) AddGuest(ctx context.Context, actor desk.Actor, add NewGuest) (guest desk.Guest, link string, err error) {
	if err := needs(actor, desk.MayOwn); err != nil {
		return guest, "", err
	}
	user, add, err := checkGuest(add)
	if err != nil {
		return guest, "", err
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return guest, "", err
	}
	if !values.On(desk.SupportAccess) {
		return guest, "", desk.Faultf(desk.Conflict, "guests are switched off: an owner switches them on first")
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		if user, err = s.guestAccount(ctx, tx, actor, user); err != nil {
			return entry{}, err
		}
		now := s.now()
		guest = desk.Guest{UserID: user.ID, Email: user.Email, Name: user.Name, Role: user.Role, Reason: add.Reason, MadeBy: whoMade(actor), BegunAt: now, EndsAt: now.Add(add.For)}
		if guest.ID, err = tx.AddGuest(ctx, guest); err != nil {
			return entry{}, err
		}
		if link, err = s.addLink(ctx, tx, user.ID, min(guestLinkLife, add.For)); err != nil {
			return entry{}, err
		}
		if err := s.tellOwners(ctx, tx, guestLetter(desk.LetterGuestComes, guest, actor)); err != nil {
			return entry{}, err
		}
		detail := map[string]any{"email": guest.Email, "role": guest.Role, "reason": guest.Reason, "until": guest.EndsAt}
		return entry{actor: actor, action: "guest.add", subject: subjectOf(user.ID), detail: detail}, announce(ctx, tx)
	})
	if err != nil {
		return desk.Guest{}, "", err
	}
	s.forgetStaff()
	return guest, link, nil
}

// guestAccount is the account that a guest gets: a new one, or their own of a time before.
func (s *Service) guestAccount(ctx context.Context, tx *store.Tx, actor desk.Actor, user desk.User) (desk.User, error) {
	if _, err := tx.LockOwners(ctx); err != nil {
		return user, err
	}
	if err := mayGive(ctx, tx.Reader, actor, user.Role); err != nil {
		return user, err
	}
	if err := guestRole(ctx, tx.Reader, user.Role); err != nil {
		return user, err
	}
	open, err := tx.OpenGuests(ctx)
	if err != nil {
		return user, err
	}
	if len(open) >= guestsMost {
		return user, desk.Faultf(desk.Conflict, "%d guests are here already: end one first", len(open))
	}
	before, err := tx.PersonByEmail(ctx, user.Email)
	if fault := asFault(err); fault != nil && fault.Kind == desk.NotFound {
		return tx.AddPerson(ctx, user)
	}
	if err != nil {
		return user, err
	}
	was, err := tx.IsGuest(ctx, before.ID)
	switch {
	case err != nil:
		return user, err
	case !was:
		return user, desk.Wrong("email", "%s has an account here that does not end: a guest is somebody else", user.Email)
	case slices.ContainsFunc(open, func(one desk.Guest) bool { return one.UserID == before.ID }):
		return user, desk.Wrong("email", "%s is a guest already: end that first", user.Email)
	}
	user.ID = before.ID
	return user, nil
}

// EndGuest ends the time of a guest at once. Every owner may.
func (s *Service) EndGuest(ctx context.Context, actor desk.Actor, id int64) error {
	if err := needs(actor, desk.MayOwn); err != nil {
		return err
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		guests, err := s.lockedGuests(ctx, tx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(guests, func(one desk.Guest) bool { return one.ID == id })
		if at < 0 {
			return desk.Faultf(desk.NotFound, "There is no such guest, or their time is over already.")
		}
		return s.endGuest(ctx, tx, actor, guests[at], desk.GuestByOwner)
	})
	s.forgetStaff()
	return err
}

// stillGuest refuses to enable a guest whose time is over: an owner lets them in anew.
func (s *Service) stillGuest(ctx context.Context, tx *store.Tx, user int64) error {
	was, err := tx.IsGuest(ctx, user)
	if err != nil || !was {
		return err
	}
	open, err := tx.OpenGuests(ctx)
	if err == nil && !slices.ContainsFunc(open, func(one desk.Guest) bool { return one.UserID == user && one.Open(s.now()) }) {
		err = desk.Faultf(desk.Conflict, "the time of this guest is over: an owner lets them in anew")
	}
	return err
}

// lockedGuests are those who are here, while nobody else can end them.
func (s *Service) lockedGuests(ctx context.Context, tx *store.Tx) ([]desk.Guest, error) {
	if _, err := tx.LockOwners(ctx); err != nil {
		return nil, err
	}
	return tx.OpenGuests(ctx)
}

// endGuest takes everything away that opens something, writes it down and tells the owners.
func (s *Service) endGuest(ctx context.Context, tx *store.Tx, actor desk.Actor, guest desk.Guest, how desk.GuestEnd) error {
	now := s.now()
	guest.EndedAt, guest.EndedHow = &now, how
	if how == desk.GuestByOwner {
		guest.EndedBy = whoMade(actor)
	}
	if err := tx.StripPerson(ctx, guest.UserID, now); err != nil {
		return err
	}
	if found, err := tx.EndGuest(ctx, guest); err != nil || !found {
		return err
	}
	if err := announce(ctx, tx); err != nil {
		return err
	}
	if err := s.tellOwners(ctx, tx, guestLetter(desk.LetterGuestGone, guest, actor)); err != nil {
		return err
	}
	return tx.Audit(ctx, actor, "guest.end", subjectOf(guest.UserID), map[string]any{"email": guest.Email, "how": how})
}

// EndDelegations ends guests whose time is over, all of them where guests are switched off, and those who look in a customer's place and have ended by themselves. What is over opens nothing from its moment on, whoever
// asks; this takes the rest away and writes it down. It is asked twice a second, by every process; one of them does it.
func (s *Service) EndDelegations(ctx context.Context) error {
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	off, until := !values.On(desk.SupportAccess), s.now()
	if off {
		until = until.Add(desk.LongestGuest)
	}
	due, err := s.store.Due(ctx, s.now(), until)
	if err != nil || !due {
		return err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		guests, err := s.lockedGuests(ctx, tx)
		for _, guest := range guests {
			switch {
			case !guest.Open(s.now()):
				err = errors.Join(err, s.endGuest(ctx, tx, desk.System("job"), guest, desk.GuestByTime))
			case off:
				err = errors.Join(err, s.endGuest(ctx, tx, desk.System("job"), guest, desk.GuestBySwitch))
			}
		}
		return err
	})
	s.forgetStaff()
	return errors.Join(err, s.endImpersonations(ctx))
}

// whoMade names who did it as the list of guests shows it.
func whoMade(actor desk.Actor) string {
	switch {
	case actor.User.ID != 0:
		return actor.User.Email
	case actor.Operator != "":
		return "system (" + actor.Operator + ")"
	}
	return "system"
}

// guestLetter is a letter to owners about a guest.
func guestLetter(about desk.LetterKind, guest desk.Guest, actor desk.Actor) desk.TellPerson {
	return desk.TellPerson{About: about, IP: actor.IP, Who: whoOf(actor), Facts: map[string]string{
		"email": guest.Email, "name": guest.Name, "role": string(guest.Role), "reason": guest.Reason, "ends": guest.EndsAt.UTC().Format(time.RFC3339), "how": string(guest.EndedHow),
	}}
}
