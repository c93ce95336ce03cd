package tickets

import (
	"context"
	"strings"

	"postern/desk"
	"postern/store"
)

// shelved is whose canned replies and macros an actor may use, as a question to the store.
func shelved(actor desk.Actor, text string) store.Shelved {
	q := store.Shelved{User: actor.User.ID, Text: oneLine(text)}
	if actor.Can(desk.MayShelveAll) {
		q.Shared = store.EveryTeam
	}
	return q
}

// mayUse says whether the actor may use what lies on a shelf. To others it does not exist.
func mayUse(ctx context.Context, r store.Reader, actor desk.Actor, shelf desk.Shelf) (bool, error) {
	switch {
	case shelf.OwnerID != nil:
		return *shelf.OwnerID == actor.User.ID, nil
	case shelf.TeamID == nil || actor.Can(desk.MayShelveAll):
		return true, nil
	}
	return r.MemberOf(ctx, *shelf.TeamID, actor.User.ID)
}

// mayKeep says whether the actor may change what lies on a shelf: their own, that of their teams, and an admin everybody's.
func mayKeep(ctx context.Context, r store.Reader, actor desk.Actor, shelf desk.Shelf) error {
	if shelf.OwnerID == nil && shelf.TeamID == nil && !actor.Can(desk.MayShelveAll) {
		return desk.Faultf(desk.Forbidden, "what everybody uses is for an admin to change: make one of your own, or of your team")
	}
	if shelf.OwnerID == nil && !actor.Can(desk.MayShelveTeam) { // rules send what a team uses
		return desk.Faultf(desk.Forbidden, "you keep canned replies and macros of your own only")
	}
	may, err := mayUse(ctx, r, actor, shelf)
	if err == nil && !may {
		err = desk.Faultf(desk.Forbidden, "this belongs to somebody else")
	}
	return err
}

// mayChange is mayKeep for what lies on a shelf already. What the actor may not use is to them as if it were not there.
func mayChange(ctx context.Context, r store.Reader, actor desk.Actor, shelf desk.Shelf, missing *desk.Fault) error {
	if may, err := mayUse(ctx, r, actor, shelf); err != nil || !may {
		if err == nil {
			return missing
		}
		return err
	}
	return mayKeep(ctx, r, actor, shelf)
}

// values are what placeholders stand for on a ticket, when the actor writes there.
func placesOf(t desk.Ticket, actor desk.Actor) map[desk.Placeholder]string {
	customer := t.RequesterName
	if customer == "" {
		customer = t.RequesterAddress
	}
	mailbox := t.MailboxName
	if mailbox == "" {
		mailbox = t.MailboxAddress
	}
	places := map[desk.Placeholder]string{
		desk.PlaceCustomerName: customer, desk.PlaceCustomerFirst: desk.FirstName(t.RequesterName), desk.PlaceCustomerAddress: t.RequesterAddress,
		desk.PlaceTicketNumber: hash(t.ID)[1:], desk.PlaceTicketSubject: t.Subject,
		desk.PlaceAgentName: actor.User.Name, desk.PlaceAgentEmail: actor.User.Email,
		desk.PlaceMailboxName: mailbox, desk.PlaceMailboxAddress: t.MailboxAddress, desk.PlaceTeamName: t.TeamName,
	}
	if actor.User.ID == 0 {
		places[desk.PlaceAgentName] = mailbox
	}
	if t.RequesterName == "" {
		places[desk.PlaceCustomerFirst] = "" // so that what stands after the bar is said
	}
	for name, value := range t.Fields {
		places[desk.Placeholder(desk.PlaceField+strings.ToLower(name))] = value
	}
	return places
}
