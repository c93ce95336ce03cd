package portal

import (
	"fmt"
	"net/http"
	"net/url"

	"postern/desk"
	"postern/language"
	"postern/store"
	"postern/tickets"
)

// bell shows how much there is to read.
type bell struct {
	store.Bell
	Here bool // its page is open
	Swap bool // it goes into a page that is there
}

// notificationLine is one notification as a line of a page.
type notificationLine struct {
	desk.Notification
	Line string
	URL  string
}

// notificationPage is what the bell leads to.
type notificationPage struct {
	page
	Lines  []notificationLine
	Unread int64
	More   string // address of the next page
}

// linesOf puts notifications into the reader's words.
func linesOf(lang *language.Language, list []desk.Notification) []notificationLine {
	lines := make([]notificationLine, len(list))
	for i, one := range list {
		lines[i] = notificationLine{Notification: one, Line: tickets.NotificationLine(lang, one), URL: fmt.Sprintf("/tickets/%d", one.Ticket)}
		if one.Message != nil {
			lines[i].URL += fmt.Sprintf("#m-%d", *one.Message)
		}
	}
	return lines
}

// notificationList shows what the actor was told, the newest first.
func (p *Portal) notificationList(c *call) error {
	found, err := p.tickets.Notifications(c.r.Context(), c.actor, c.r.URL.Query().Get("cursor"), 30)
	if err != nil {
		return err
	}
	frame, err := p.framed(c, c.lang.Say("Notifications"), "/notifications")
	if err != nil {
		return err
	}
	unread, err := p.tickets.Bell(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	answer := notificationPage{page: frame, Lines: linesOf(c.lang, found.Items), Unread: unread.Unread}
	if found.Next != "" {
		answer.More = "/notifications?cursor=" + url.QueryEscape(found.Next)
	}
	return p.show(c, "notifications", answer)
}

// notificationRead marks one notification as read, or all of them, and goes on to the list.
func (p *Portal) notificationRead(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.tickets.ReadNotification(c.r.Context(), c.actor, number64(form, "id")); err != nil {
		return err
	}
	return c.seeOther("/notifications")
}

// freshNews is what came while a page was open: toasts, and the bell as it is now.
type freshNews struct {
	Lines []notificationLine
	Bell  bell
}

// notificationNew answers the script of a page whose bell has rung. What concerns the ticket that its reader has before them is read by that.
func (p *Portal) notificationNew(c *call) error {
	ctx, query := c.r.Context(), c.r.URL.Query()
	if open := number64(query, "open"); open != 0 {
		if err := p.tickets.Saw(ctx, c.actor, open); err != nil {
			return err
		}
	}
	fresh, err := p.tickets.UnreadSince(ctx, c.actor, number64(query, "after"))
	if err != nil {
		return err
	}
	now, err := p.tickets.Bell(ctx, c.actor)
	if err != nil {
		return err
	}
	return p.part(c, "ticket_list", "fresh", freshNews{linesOf(c.lang, fresh), bell{Bell: now, Swap: true}})
}

// wishPage is where people say what they want to be told, and how.
type wishPage struct {
	page
	Wishes  desk.Wishes
	Kinds   []wishLine
	Ways    []desk.NotifyBy
	Problem string
}

// wishLine is one kind with what the person chose.
type wishLine struct {
	Kind desk.NotificationKind
	By   desk.NotifyBy
}

// wishShow shows the form.
func (p *Portal) wishShow(c *call) error {
	wishes, err := p.tickets.Wishes(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return p.wishPage(c, wishes, nil)
}

func (p *Portal) wishPage(c *call, wishes desk.Wishes, fault *desk.Fault) error {
	frame, err := p.framed(c, c.lang.Say("What I am told"), "/you")
	if err != nil {
		return err
	}
	answer := wishPage{page: frame, Wishes: wishes, Ways: []desk.NotifyBy{desk.NotifyOff, desk.NotifyPortal, desk.NotifyMail}}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	for _, kind := range desk.NotificationKinds {
		answer.Kinds = append(answer.Kinds, wishLine{kind, wishes.Of(kind)})
	}
	return p.render(c, view{statusOf(fault), "wishes", "layout"}, answer)
}

// wishPost changes what the actor is told.
func (p *Portal) wishPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	wishes := desk.Wishes{By: map[desk.NotificationKind]desk.NotifyBy{}, When: desk.NotifyWhen(form.Get("when"))}
	for _, kind := range desk.NotificationKinds {
		if form.Has(string(kind)) {
			wishes.By[kind] = desk.NotifyBy(form.Get(string(kind)))
		}
	}
	err = p.tickets.SetWishes(c.r.Context(), c.actor, wishes)
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return p.wishPage(c, wishes, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/you/notifications?done=saved")
}

// watchPost lets the actor hear of a ticket, or no longer.
func (p *Portal) watchPost(c *call) error {
	return p.change(c, func(number int64, form url.Values) error {
		if form.Get("watch") == "0" {
			return p.tickets.Unwatch(c.r.Context(), c.actor, number)
		}
		return p.tickets.Watch(c.r.Context(), c.actor, number)
	})
}

// watching is who hears of a ticket.
type watching struct {
	Number int64
	People []desk.User
	Mine   bool // the reader is among them
}

// watchingOf is who watches a ticket.
func (p *Portal) watchingOf(c *call, number int64) (watching, error) {
	people, err := p.tickets.Watchers(c.r.Context(), c.actor, number)
	if err != nil {
		return watching{}, err
	}
	w := watching{Number: number, People: people}
	for _, one := range people {
		w.Mine = w.Mine || one.ID == c.actor.User.ID
	}
	return w, nil
}

// saw marks what the reader of a whole page was told of its ticket as read. A page that a browser only fetches ahead is not read.
func (p *Portal) saw(c *call, number int64) error {
	if c.r.Method != http.MethodGet || c.r.Header.Get("Sec-Purpose") != "" {
		return nil
	}
	return p.tickets.Saw(c.r.Context(), c.actor, number)
}
