package identity

import (
	"context"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// OfferFor is how long somebody has to accept that the installation is handed over to them.
const OfferFor = 7 * 24 * time.Hour

// Offer is the installation as it is being handed over.
type Offer = store.Offer

// NewOffer is what an owner offers.
type NewOffer struct {
	To      string    // address of somebody of the staff
	Becomes desk.Role // what the owner is afterwards: still owner, or admin
}

// errNoOffer is the answer to an offer that cannot be accepted, whyever: who asks need not learn more.
var errNoOffer = &desk.Fault{Kind: desk.Conflict, Reason: "There is no such offer. It may have been withdrawn, accepted, or have run out."}

// Offers lists the hand-overs that wait to be accepted, of all owners: each of them may withdraw any.
func (s *Service) Offers(ctx context.Context, actor desk.Actor) ([]Offer, error) {
	if err := needs(actor, desk.MayOwn); err != nil {
		return nil, err
	}
	return s.store.Offers(ctx, s.now())
}

// OffersTo lists those that the actor can accept.
func (s *Service) OffersTo(ctx context.Context, actor desk.Actor) ([]Offer, error) {
	return s.store.OffersTo(ctx, actor.User.ID, s.now())
}

// handsOver says whether the session is that of the actor and they have just shown that it is them. A token of the API never hands anything over.
func (s *Service) handsOver(ctx context.Context, actor desk.Actor, session string) error {
	live, err := s.SignedIn(ctx, session)
	if err != nil {
		return err
	}
	if live.User.ID != actor.User.ID || live.Pending != "" || actor.Token != 0 {
		return unsigned("Please sign in.")
	}
	if s.now().Sub(live.ProvedAt) >= ProofFor {
		return desk.Faultf(desk.Forbidden, "Show again that it is you, and try once more.")
	}
	return nil
}

// hasOwnersFactor says whether the person has a second factor, without which nobody hands the installation over or takes it, whatever the rules ask at other times (security row 36).
func (s *Service) hasOwnersFactor(ctx context.Context, tx *store.Tx, user int64) error {
	has, err := tx.HasFactor(ctx, user)
	if err == nil && !has {
		err = desk.Faultf(desk.Conflict, "Both need a second factor to hand the installation over: add one first, under Your sign-in.")
	}
	return err
}

// OfferOwnership offers somebody of the staff to become an owner. It takes an owner who has just shown that it is them, replaces what they offered before, and changes nothing until it is accepted.
// The recipient and all owners are told.
func (s *Service) OfferOwnership(ctx context.Context, actor desk.Actor, session string, add NewOffer) error {
	if err := needs(actor, desk.MayOwn); err != nil {
		return err
	}
	if add.Becomes != desk.RoleOwner && add.Becomes != desk.RoleAdmin {
		return desk.Wrong("becomes", "Choose whether you stay an owner or become an admin.")
	}
	if err := s.handsOver(ctx, actor, session); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		entry := entry{actor: actor, action: "ownership.offer"}
		owners, err := tx.LockOwners(ctx)
		if err != nil {
			return entry, err
		}
		if !slices.Contains(owners, actor.User.ID) {
			return entry, desk.Faultf(desk.Forbidden, "only an owner hands the installation over")
		}
		if err := s.hasOwnersFactor(ctx, tx, actor.User.ID); err != nil {
			return entry, err
		}
		to, err := recipient(ctx, tx, actor, desk.Canonical(add.To))
		if err != nil {
			return entry, err
		}
		now := s.now()
		offer := Offer{FromUser: actor.User.ID, FromEmail: actor.User.Email, ToUser: to.ID, ToEmail: to.Email, Becomes: add.Becomes, CreatedAt: now, ExpiresAt: now.Add(OfferFor)}
		if err := tx.SetOffer(ctx, offer); err != nil {
			return entry, err
		}
		entry.subject, entry.detail = subjectOf(to.ID), map[string]any{"to": to.Email, "becomes": add.Becomes, "until": offer.ExpiresAt}
		letter := offerLetter(desk.LetterOwnershipOffered, offer, actor)
		letter.User, letter.Until = to.ID, offer.ExpiresAt
		if err := s.tell(ctx, tx, letter, ""); err != nil {
			return entry, err
		}
		return entry, s.tellOwners(ctx, tx, offerLetter(desk.LetterOwnersOffered, offer, actor))
	})
}

// recipient finds who may be offered the installation: somebody of the staff who can sign in and is no owner yet.
func recipient(ctx context.Context, tx *store.Tx, actor desk.Actor, email string) (store.Person, error) {
	to, err := tx.PersonByEmail(ctx, email)
	if fault := asFault(err); fault != nil && fault.Kind == desk.NotFound {
		return to, desk.Wrong("to", "Nobody here has the address %s: add them under People first.", email)
	}
	if err != nil {
		return to, err
	}
	service, err := tx.IsService(ctx, to.ID)
	if err != nil {
		return to, err
	}
	guest, err := tx.IsGuest(ctx, to.ID)
	switch {
	case err != nil:
		return to, err
	case guest:
		return to, desk.Wrong("to", "%s is a guest, who is never an owner", to.Email)
	case to.ID == actor.User.ID:
		return to, desk.Wrong("to", "This is you.")
	case to.DisabledAt != nil:
		return to, desk.Wrong("to", "%s is disabled: enable them first", to.Email)
	case service:
		return to, desk.Wrong("to", "a program is never an owner")
	case !to.Role.Staff():
		return to, desk.Wrong("to", "%s is a customer: give them another role first", to.Email)
	case to.Role == desk.RoleOwner:
		return to, desk.Wrong("to", "%s is an owner already", to.Email)
	}
	return to, nil
}

// WithdrawOwnership ends the offer of an owner before it is accepted. Every owner may: that is why all of them are told of it.
func (s *Service) WithdrawOwnership(ctx context.Context, actor desk.Actor, from int64) error {
	if err := needs(actor, desk.MayOwn); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		entry := entry{actor: actor, action: "ownership.withdraw"}
		offer, err := s.lockedOffer(ctx, tx, from)
		if err == nil {
			err = tx.DropOffer(ctx, from)
		}
		entry.subject, entry.detail = subjectOf(offer.ToUser), map[string]any{"from": offer.FromEmail, "to": offer.ToEmail}
		if err != nil {
			return entry, err
		}
		letter := offerLetter(desk.LetterOwnershipWithdrawn, offer, actor)
		for _, user := range []int64{offer.ToUser, offer.FromUser} {
			letter.User = user
			if err := s.tell(ctx, tx, letter, ""); err != nil {
				return entry, err
			}
		}
		return entry, nil
	})
}

// DeclineOwnership ends an offer that the actor does not want.
func (s *Service) DeclineOwnership(ctx context.Context, actor desk.Actor, session string, from int64) error {
	if err := s.handsOver(ctx, actor, session); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		entry := entry{actor: actor, action: "ownership.decline"}
		offer, err := s.lockedOffer(ctx, tx, from)
		if err == nil && offer.ToUser != actor.User.ID {
			err = errNoOffer
		}
		if err == nil {
			err = tx.DropOffer(ctx, from)
		}
		if err != nil {
			return entry, err
		}
		entry.subject, entry.detail = subjectOf(offer.ToUser), map[string]any{"from": offer.FromEmail, "to": offer.ToEmail}
		letter := offerLetter(desk.LetterOwnershipDeclined, offer, actor)
		letter.User = offer.FromUser
		return entry, s.tell(ctx, tx, letter, "")
	})
}

// AcceptOwnership makes the actor an owner, by the offer of an owner who still is one, and that owner what they chose. Both have a second factor; all owners are told.
// It is the one way in which somebody gets a role without anybody above them who gives it, and in which an owner changes their own.
func (s *Service) AcceptOwnership(ctx context.Context, actor desk.Actor, session string, from int64) error {
	if err := s.handsOver(ctx, actor, session); err != nil {
		return err
	}
	err := s.audited(ctx, func(tx *store.Tx) (entry, error) {
		entry := entry{actor: actor, action: "ownership.accept", subject: subjectOf(actor.User.ID)}
		owners, err := tx.LockOwners(ctx)
		if err != nil {
			return entry, err
		}
		offer, found, err := tx.OfferOf(ctx, from, s.now())
		if err != nil {
			return entry, err
		}
		if !found || offer.ToUser != actor.User.ID || !slices.Contains(owners, from) {
			return entry, errNoOffer
		}
		person, err := tx.CredentialsOf(ctx, actor.User.ID)
		if err != nil {
			return entry, err
		}
		if person.DisabledAt != nil || !person.Role.Staff() || person.Role == desk.RoleOwner {
			return entry, errNoOffer
		}
		if err := s.hasOwnersFactor(ctx, tx, person.ID); err != nil {
			return entry, err
		}
		entry.detail = map[string]any{"from": offer.FromEmail, "to": offer.ToEmail, "role": map[string]any{"from": person.Role, "to": desk.RoleOwner}, "becomes": offer.Becomes}
		return entry, s.handOver(ctx, tx, actor, offer)
	})
	s.forgetStaff()
	return err
}

// handOver gives both their roles. The new owner comes first, so that there is one all the time.
func (s *Service) handOver(ctx context.Context, tx *store.Tx, actor desk.Actor, offer Offer) error {
	if err := tx.DropOffer(ctx, offer.FromUser); err != nil {
		return err
	}
	if err := tx.SetRole(ctx, offer.ToUser, desk.RoleOwner); err != nil {
		return err
	}
	letter := offerLetter(desk.LetterOwnershipAccepted, offer, actor)
	if offer.Becomes != desk.RoleOwner {
		if err := tx.SetRole(ctx, offer.FromUser, offer.Becomes); err != nil {
			return err
		}
		letter.User = offer.FromUser
		if err := s.tell(ctx, tx, letter, ""); err != nil {
			return err
		}
	}
	if err := s.tellOwners(ctx, tx, letter); err != nil {
		return err
	}
	return announce(ctx, tx)
}

// lockedOffer is the offer of an owner, while nobody else can accept or end it.
func (s *Service) lockedOffer(ctx context.Context, tx *store.Tx, from int64) (Offer, error) {
	if err := tx.LockRoles(ctx); err != nil {
		return Offer{}, err
	}
	offer, found, err := tx.OfferOf(ctx, from, s.now())
	if err == nil && !found {
		err = errNoOffer
	}
	return offer, err
}

// offerLetter is a letter about an offer, whoever it goes to.
func offerLetter(about desk.LetterKind, offer Offer, actor desk.Actor) desk.TellPerson {
	return desk.TellPerson{About: about, IP: actor.IP, Who: whoOf(actor), Facts: map[string]string{"from": offer.FromEmail, "to": offer.ToEmail, "becomes": string(offer.Becomes)}}
}
