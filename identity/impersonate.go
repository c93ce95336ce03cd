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

// ImpersonationFor is how long somebody looks in a customer's place before they have to say again why (security row 36).
const ImpersonationFor = 30 * time.Minute

// How much is said about why, in characters.
const (
	shortestReason = 5
	longestReason  = 300
)

// mayImpersonate says whether the actor may look in the place of customers at all: who sees less than a customer might be of would see more by it.
func mayImpersonate(user desk.User) error {
	switch {
	case !user.Can(desk.MayImpersonate):
		return desk.Faultf(desk.Forbidden, "a person with the role %q may not act for customers", user.Role)
	case !user.Can(desk.MayRead) || user.Sight() != desk.SightAll || len(user.Masks()) > 0:
		return desk.Faultf(desk.Forbidden, "who does not see every conversation, or from whom something of customers is hidden, does not look in their place")
	}
	return nil
}

// impersonated is the customer of an address, whom somebody may stand in for: never one of our own people, under none of their addresses, nobody who is kept out, and nobody whom the desk does not know.
func impersonated(ctx context.Context, r store.Reader, address string) (desk.User, error) {
	email := desk.Canonical(address)
	if !desk.ValidAddress(email) {
		return desk.User{}, desk.Wrong("customer", "%q is not an address", address)
	}
	found, err := r.CustomerStanding(ctx, email)
	switch {
	case err != nil:
		return desk.User{}, err
	case found.Staff:
		return desk.User{}, desk.Faultf(desk.Forbidden, "nobody acts for somebody who works here: customers only")
	case found.Off:
		return desk.User{}, desk.Faultf(desk.Forbidden, "this customer is disabled and sees nothing")
	case !found.Known:
		return desk.User{}, desk.Wrong("customer", "no customer here has the address %s", email)
	}
	return desk.User{ID: found.ID, Email: email, Name: found.Name, Role: desk.RoleCustomer}, nil
}

// standingIn is the actor in the customer's place: it sees what the customer sees, changes nothing, and what it does stands in the log under both.
func standingIn(actor desk.Actor, customer desk.User) desk.Actor {
	person := actor.User
	actor.User, actor.Behind = customer, &person
	return actor
}

// Impersonate lets the actor look at customers' pages in the place of the customer, in the session with the token, for half an hour at most. It takes the right, a fresh proof and a reason, and nothing can be changed so.
// Where it is set, the customer gets a mail. What was looked at so before, in that session, ends.
func (s *Service) Impersonate(ctx context.Context, actor desk.Actor, session, address, reason string) error {
	if err := needs(actor, desk.MayImpersonate); err != nil {
		return err
	}
	if err := mayImpersonate(actor.User); err != nil {
		return err
	}
	if err := s.handsOver(ctx, actor, session); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < shortestReason || n > longestReason || strings.ContainsFunc(reason, unprintable) {
		return desk.Wrong("reason", "say why on one line of %d to %d characters: it stands in the audit log", shortestReason, longestReason)
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		customer, err := impersonated(ctx, tx.Reader, address)
		if err != nil {
			return entry{}, err
		}
		if err := s.endImpersonation(ctx, tx, actor, "another"); err != nil {
			return entry{}, err
		}
		now := s.now()
		begun := store.Impersonation{UserID: actor.User.ID, Session: &actor.Session, Address: customer.Email, Reason: reason, BegunAt: now, EndsAt: now.Add(ImpersonationFor)}
		if begun.ID, err = tx.BeginImpersonation(ctx, begun); err != nil {
			return entry{}, err
		}
		told := values.On(desk.ImpersonationTell)
		if told {
			letter := desk.TellImpersonated{Impersonation: begun.ID, Address: customer.Email, At: begun.BegunAt, Until: begun.EndsAt}
			if err := tx.Enqueue(ctx, time.Time{}, letter); err != nil {
				return entry{}, err
			}
		}
		detail := map[string]any{"reason": reason, "until": begun.EndsAt, "told": told}
		return entry{actor: standingIn(actor, customer), action: "impersonation.begin", subject: subjectOf(actor.User.ID), detail: detail}, nil
	})
}

// EndImpersonation ends what the actor looks at in a customer's place in their session. Whoever looks at nothing so has nothing to end.
func (s *Service) EndImpersonation(ctx context.Context, actor desk.Actor) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return s.endImpersonation(ctx, tx, actor, "ended") })
}

// endImpersonation ends one in a transaction, and says how.
func (s *Service) endImpersonation(ctx context.Context, tx *store.Tx, actor desk.Actor, how string) error {
	ended, found, err := tx.EndImpersonation(ctx, actor.Session, s.now())
	if err != nil || !found {
		return err
	}
	customer := desk.User{Email: ended.Address, Role: desk.RoleCustomer}
	return tx.Audit(ctx, standingIn(actor, customer), "impersonation.end", subjectOf(actor.User.ID), map[string]any{"how": how})
}

// endImpersonations writes down which have ended by themselves: they open nothing any more since then.
func (s *Service) endImpersonations(ctx context.Context) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		ended, err := tx.EndImpersonations(ctx, s.now())
		for _, one := range ended {
			how := "time"
			if one.Out {
				how = "signed-out"
			}
			actor := standingIn(desk.Actor{User: one.User, Via: "job"}, desk.User{Email: one.Address, Role: desk.RoleCustomer})
			err = errors.Join(err, tx.Audit(ctx, actor, "impersonation.end", subjectOf(one.ID), map[string]any{"how": how}))
		}
		return err
	})
}

// StandsIn is who asks on customers' pages in a session in which one of our people looks in a customer's place; ok is false where nobody does, or may not any more. It reads, and changes nothing.
func StandsIn(session store.LiveSession, actor desk.Actor) (standing desk.Actor, ok bool) {
	if session.ActsFor == "" || session.Pending != "" || mayImpersonate(session.User) != nil {
		return actor, false
	}
	actor.User, actor.Session, actor.Scopes = session.User, session.SessionID, []desk.Scope{desk.ScopeRead}
	return standingIn(actor, desk.User{Email: session.ActsFor, Role: desk.RoleCustomer}), true
}

// OnBehalf is a customer for whom a token acts (security row 35): it carries the scope impersonate, its person may act for customers, and the address belongs to nobody who works here. What is done so stands in the
// audit log under the token's person, on behalf of the customer; that it was done at all stands there once an hour.
func (s *Service) OnBehalf(ctx context.Context, actor desk.Actor, address string) (desk.Actor, error) {
	if !slices.Contains(actor.Scopes, desk.ScopeImpersonate) {
		return desk.Actor{}, desk.Faultf(desk.Forbidden, "to act for somebody a token needs the scope %q", desk.ScopeImpersonate)
	}
	if err := mayImpersonate(actor.User); err != nil {
		return desk.Actor{}, err
	}
	customer, err := impersonated(ctx, s.store.Reader, address)
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return desk.Actor{}, desk.Wrong("X-On-Behalf-Of", "%s", fault.Reason)
	}
	if err != nil {
		return desk.Actor{}, err
	}
	standing := standingIn(actor, customer)
	if s.acted.fresh(tokenSubject(actor.Token)+" "+customer.Email, s.now(), denialsAgain) {
		err := s.audited(ctx, func(*store.Tx) (entry, error) {
			return entry{actor: standing, action: "token.act-for", subject: tokenSubject(actor.Token)}, nil
		})
		if err != nil {
			return desk.Actor{}, err
		}
	}
	return standing, nil
}

// ImpersonatedLetter is the mail to a customer in whose place somebody looks.
type ImpersonatedLetter struct {
	desk.TellImpersonated
	To       string
	From     desk.Address // the mailbox in whose name it leaves
	Language string
	Zone     *time.Location
}

// ImpersonatedLetter reads what is to be mailed. wanted is false where nothing is: nobody who is a customer has the address any more, or it gets no mail.
func (s *Service) ImpersonatedLetter(ctx context.Context, job desk.TellImpersonated) (letter ImpersonatedLetter, wanted bool, err error) {
	reader, err := s.store.ImpersonatedReader(ctx, job.Address)
	if err != nil || reader.Ours || reader.Suppressed || reader.FromAddr == "" || desk.NoAnswer(job.Address) != "" || s.now().Sub(job.At) > impersonatedLate {
		return letter, false, err
	}
	letter = ImpersonatedLetter{TellImpersonated: job, To: job.Address, From: desk.Address{Name: reader.FromName, Addr: reader.FromAddr}, Language: reader.Language, Zone: time.UTC}
	if zone, err := time.LoadLocation(reader.TimeZone); err == nil && validZone(reader.TimeZone) {
		letter.Zone = zone
	}
	return letter, true, nil
}

// impersonatedLate is when such a letter would come too late to be of use.
const impersonatedLate = 24 * time.Hour
