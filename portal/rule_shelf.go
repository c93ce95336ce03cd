package portal

import (
	"net/url"
	"strconv"

	"postern/desk"
)

// shelfForm is the part of a form that says who may use a canned reply or a macro.
type shelfForm struct {
	For       []menuLine // own, team, all
	Teams     []menuLine
	Mailboxes []menuLine
	Places    []placeRow
}

// placeRow explains a placeholder.
type placeRow struct{ Name, Means string }

// shelfOf reads it.
func shelfOf(form url.Values, actor desk.Actor) (shelf desk.Shelf) {
	switch form.Get("for") {
	case "own":
		shelf.OwnerID = &actor.User.ID
	case "team":
		team := number64(form, "team")
		shelf.TeamID = &team
	}
	if box := number64(form, "mailbox"); box != 0 {
		shelf.MailboxID = &box
	}
	return shelf
}

// shelfForm makes it. Only what the actor may choose is there.
func (p *Portal) shelfForm(c *call, shelf desk.Shelf, lists ruleLists) shelfForm {
	form := shelfForm{Mailboxes: lists.Mailboxes}
	form.For = append(form.For, menuLine{"own", c.lang.Say("only me"), shelf.OwnerID != nil})
	if len(lists.Teams) > 0 {
		form.For = append(form.For, menuLine{"team", c.lang.Say("a team"), shelf.TeamID != nil})
		form.Teams = lists.Teams
		if shelf.TeamID != nil {
			form.Teams = chosen(lists.Teams, strconv.FormatInt(*shelf.TeamID, 10))
		}
	}
	if c.actor.Can(desk.MayShelveAll) {
		form.For = append(form.For, menuLine{"all", c.lang.Say("everybody"), shelf.OwnerID == nil && shelf.TeamID == nil})
	}
	if shelf.MailboxID != nil {
		form.Mailboxes = chosen(lists.Mailboxes, strconv.FormatInt(*shelf.MailboxID, 10))
	}
	for _, place := range desk.Placeholders {
		form.Places = append(form.Places, placeRow{"{{" + string(place) + "}}", c.lang.Say(placeWords[place])})
	}
	for _, field := range lists.Fields {
		form.Places = append(form.Places, placeRow{"{{" + desk.PlaceField + field.Value + "}}", c.lang.Say("the field %s", field.Title)})
	}
	return form
}

// freshShelf is where what somebody writes anew lies: with everybody for an admin, else with themselves.
func freshShelf(actor desk.Actor) (shelf desk.Shelf) {
	if !actor.Can(desk.MayShelveAll) {
		shelf.OwnerID = &actor.User.ID
	}
	return shelf
}

// keeps says whether the actor may change what lies on a shelf, so that the page offers it. The service decides.
func keeps(actor desk.Actor, shelf desk.Shelf) bool {
	return shelf.OwnerID != nil || shelf.TeamID != nil || actor.Can(desk.MayShelveAll)
}
