package portal

import (
	"slices"

	"postern/desk"
	"postern/identity"
)

const (
	ownershipPath    = "/security/ownership"
	ownOwnershipPath = "/you/ownership"
)

// ownershipPage is where owners hand the installation over, and where others take it.
type ownershipPage struct {
	page
	Offers  []identity.Offer
	Typed   identity.NewOffer
	Problem string
}

// ownershipShow shows owners what is offered.
func (p *Portal) ownershipShow(c *call) error { return p.ownershipPage(c, ownershipPage{}, nil) }

func (p *Portal) ownershipPage(c *call, answer ownershipPage, fault *desk.Fault) (err error) {
	if answer.page, err = p.framed(c, "Ownership", "/security"); err != nil {
		return err
	}
	if answer.Offers, err = p.identity.Offers(c.r.Context(), c.actor); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "ownership", "layout"}, answer)
}

// ownershipPost offers and withdraws.
func (p *Portal) ownershipPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed, done := identity.NewOffer{}, "withdrawn"
	switch form.Get("do") {
	case "offer":
		done, typed = "offered", identity.NewOffer{To: form.Get("to"), Becomes: desk.Role(form.Get("becomes"))}
		err = p.identity.OfferOwnership(c.r.Context(), c.actor, c.token, typed)
	case "withdraw":
		err = p.identity.WithdrawOwnership(c.r.Context(), c.actor, number64(form, "from"))
	default:
		err = desk.Faultf(desk.Invalid, "The form could not be read. Go back and try again.")
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden && fault.Kind != desk.Unsigned {
		return p.ownershipPage(c, ownershipPage{Typed: typed}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(ownershipPath + "?done=" + done)
}

// ownOwnershipShow shows what is offered to the reader.
func (p *Portal) ownOwnershipShow(c *call) error { return p.ownOwnershipPage(c, nil) }

func (p *Portal) ownOwnershipPage(c *call, fault *desk.Fault) (err error) {
	answer := ownershipPage{}
	if answer.page, err = p.framed(c, "Become an owner", "/you"); err != nil {
		return err
	}
	if answer.Offers, err = p.identity.OffersTo(c.r.Context(), c.actor); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "own_ownership", "layout"}, answer)
}

// ownOwnershipPost accepts and declines.
func (p *Portal) ownOwnershipPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	done, from := "declined", number64(form, "from")
	switch form.Get("do") {
	case "accept":
		done, err = "owner", p.identity.AcceptOwnership(c.r.Context(), c.actor, c.token, from)
	case "decline":
		err = p.identity.DeclineOwnership(c.r.Context(), c.actor, c.token, from)
	default:
		err = desk.Faultf(desk.Invalid, "The form could not be read. Go back and try again.")
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden && fault.Kind != desk.Unsigned {
		return p.ownOwnershipPage(c, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(ownOwnershipPath + "?done=" + done)
}

// withOffers adds the card of an offer to the places of somebody who has one.
func (p *Portal) withOffers(c *call, places []securityPlace) ([]securityPlace, error) {
	offers, err := p.identity.OffersTo(c.r.Context(), c.actor)
	if err != nil || len(offers) == 0 {
		return places, err
	}
	card := securityPlace{"Become an owner", ownOwnershipPath, "An owner hands the installation over to you. Accept or decline.", desk.SignedIn}
	return slices.Insert(slices.Clone(places), 0, securityPlace{Title: "Waiting for your answer"}, card, securityPlace{Title: "How you sign in"}), nil
}
