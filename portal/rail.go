package portal

import (
	"fmt"
	"net/url"

	"postern/desk"
	"postern/language"
)

// listing is a view of the list as the address bar holds it: everything that a link back to the same list needs.
type listing struct {
	View    string // name of one of views
	Mailbox int64
	Query   string
	Cursor  string
}

// viewName is one of the views that everybody has.
type viewName struct {
	Name, Title string
	Key         string // the key after g that opens it
	count       func(desk.ViewCounts) int64
	narrow      func(*desk.TicketQuery, desk.User)
}

// views lists the views in the order of the rail. The first is where people land.
var views = []viewName{
	{"inbox", "Inbox", "i", func(n desk.ViewCounts) int64 { return n.Open },
		func(q *desk.TicketQuery, _ desk.User) { q.Statuses = []desk.Status{desk.StatusNew, desk.StatusOpen} }},
	{"mine", "Mine", "m", func(n desk.ViewCounts) int64 { return n.Mine },
		func(q *desk.TicketQuery, u desk.User) {
			q.Statuses, q.AssigneeID = []desk.Status{desk.StatusNew, desk.StatusOpen, desk.StatusPending}, u.ID
		}},
	{"unassigned", "Unassigned", "u", func(n desk.ViewCounts) int64 { return n.Unassigned },
		func(q *desk.TicketQuery, _ desk.User) {
			q.Statuses, q.Unassigned = []desk.Status{desk.StatusNew, desk.StatusOpen}, true
		}},
	{"pending", "Pending", "", func(n desk.ViewCounts) int64 { return n.Pending },
		func(q *desk.TicketQuery, _ desk.User) { q.Statuses = []desk.Status{desk.StatusPending} }},
	{"hold", "On hold", "", func(n desk.ViewCounts) int64 { return n.Hold },
		func(q *desk.TicketQuery, _ desk.User) { q.Statuses = []desk.Status{desk.StatusHold} }},
	{"solved", "Solved", "", func(n desk.ViewCounts) int64 { return n.Solved },
		func(q *desk.TicketQuery, _ desk.User) {
			q.Statuses, q.Order = []desk.Status{desk.StatusSolved}, desk.OrderUpdated
		}},
	{"all", "Everything", "", func(desk.ViewCounts) int64 { return 0 },
		func(q *desk.TicketQuery, _ desk.User) { q.Order = desk.OrderUpdated }},
}

// listingOf reads the view out of an address. Search looks everywhere unless a view is named.
func listingOf(values url.Values) listing {
	l := listing{View: values.Get("view"), Mailbox: number64(values, "mailbox"), Query: values.Get("q"), Cursor: values.Get("cursor")}
	if _, known := l.view(); !known {
		l.View = views[0].Name
		if l.Query != "" {
			l.View = "all"
		}
	}
	return l
}

// view is the view that the listing names.
func (l listing) view() (viewName, bool) {
	for _, one := range views {
		if one.Name == l.View {
			return one, true
		}
	}
	return viewName{}, false
}

// ask is the listing as a question to the service.
func (l listing) ask(user desk.User) desk.TicketQuery {
	q := desk.TicketQuery{MailboxID: l.Mailbox, Text: l.Query, Cursor: l.Cursor, Order: desk.OrderWaiting, Limit: 30}
	if one, known := l.view(); known {
		one.narrow(&q, user)
	}
	return q
}

// values is the listing as the query part of an address, without the place in it.
func (l listing) values() url.Values {
	v := url.Values{}
	if l.View != views[0].Name {
		v.Set("view", l.View)
	}
	if l.Mailbox != 0 {
		v.Set("mailbox", fmt.Sprint(l.Mailbox))
	}
	if l.Query != "" {
		v.Set("q", l.Query)
	}
	return v
}

// suffix is the listing after a path: ?view=… or nothing.
func (l listing) suffix() string {
	if text := l.values().Encode(); text != "" {
		return "?" + text
	}
	return ""
}

// URL is the address of the list itself.
func (l listing) URL() string { return "/tickets" + l.suffix() }

// Ticket is the address of a ticket seen from this list.
func (l listing) Ticket(number int64) string { return fmt.Sprintf("/tickets/%d%s", number, l.suffix()) }

// More is the address of the next page of the list.
func (l listing) More(cursor string) string {
	v := l.values()
	v.Set("cursor", cursor)
	return "/tickets?" + v.Encode()
}

// Here is the address of this very page of the list.
func (l listing) Here() string {
	if l.Cursor == "" {
		return l.URL()
	}
	return l.More(l.Cursor)
}

// Title is what the list is called.
func (l listing) Title() string {
	if l.Query != "" {
		return "Search"
	}
	one, _ := l.view()
	return one.Title
}

// rail is the column of views and places at the left.
type rail struct {
	Bell      bell
	Views     []railLink
	Mailboxes []railLink
	Desk      []railLink // suspended mail and the like
	Admin     []railLink
}

// railLink is one line of the rail.
type railLink struct {
	Title, URL string
	Count      int64
	Here       bool
	Key        string
	Hint       string
}

// railOf gathers the rail: two short questions. here is the listing that is open, place the path of a page that is no list.
func (p *Portal) railOf(c *call, here listing, place string) (*rail, error) {
	ctx := c.r.Context()
	counts, err := p.tickets.Counts(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	mailboxes, err := p.domains.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	r := &rail{}
	if r.Bell.Bell, err = p.tickets.Bell(ctx, c.actor); err != nil {
		return nil, err
	}
	r.Bell.Here = place == "/notifications"
	for _, one := range views {
		target := listing{View: one.Name}
		r.Views = append(r.Views, railLink{Title: c.lang.Say(one.Title), URL: target.URL(), Count: one.count(counts), Key: one.Key,
			Here: place == "" && here.View == one.Name && here.Mailbox == 0 && here.Query == ""})
	}
	for _, box := range mailboxes {
		title := box.Name
		if title == "" {
			title = box.Address
		}
		r.Mailboxes = append(r.Mailboxes, railLink{Title: title, Hint: box.Address, URL: listing{View: views[0].Name, Mailbox: box.ID}.URL(),
			Here: place == "" && here.Mailbox == box.ID})
	}
	add := func(list *[]railLink, title, path string, count int64) {
		*list = append(*list, railLink{Title: c.lang.Say(title), URL: path, Count: count, Here: place == path})
	}
	add(&r.Desk, "Suspended", "/suspended", counts.Suspended)
	add(&r.Desk, "Senders", "/senders", 0)
	add(&r.Desk, "Suppressed", "/suppressions", 0)
	if c.actor.Can(desk.MayWrite) {
		add(&r.Desk, "Canned replies", "/canned", 0)
		add(&r.Desk, "Macros", "/macros", 0)
	}
	if c.actor.Can(desk.MayAdminister) {
		add(&r.Desk, "Deliveries", "/deliveries", 0)
		add(&r.Admin, "Domains", "/domains", 0)
		add(&r.Admin, "Destinations", "/destinations", 0)
		add(&r.Admin, "Mailboxes", "/mailboxes", 0)
		add(&r.Admin, "Mail policy", "/settings/mail", 0)
		add(&r.Admin, "Automations", "/automations", 0)
		add(&r.Admin, "People", "/people", 0)
		add(&r.Admin, "Teams", "/teams", 0)
		add(&r.Admin, "Targets", "/targets", 0)
		add(&r.Admin, "Fields", "/fields", 0)
		add(&r.Admin, "Tags", "/tags", 0)
		add(&r.Admin, "Audit log", "/audit", 0)
	}
	return r, nil
}

// framed is the frame of a page that is no list.
func (p *Portal) framed(c *call, title, place string) (page, error) {
	if c.actor.User.Role == desk.RoleCustomer {
		return p.bare(c, title), nil
	}
	r, err := p.railOf(c, listing{}, place)
	if err != nil {
		return page{}, err
	}
	return page{Title: c.lang.Say(title), User: c.actor.User, Rail: r, Notice: noticeOf(c.lang, c.r.URL.Query())}, nil
}

// notices are the sentences about what was just done, by the word that a redirect carries: an address cannot put words of its own on the page.
var notices = map[string]string{
	"ruled": "The rule holds from the next mail on.", "unruled": "The rule is gone.", "dropped": "Draft thrown away.",
	"verified": "The records were looked up just now.", "rotated": "New keys are made. Publish the new records; the old keys sign until then.", "removed": "Removed.", "emergency": "The keys change as fast as the DNS allows.", "paused": "Paused.", "resumed": "In use again.",
	"redirected": "It goes to the other address now.", "suppressed": "That address gets no mail any more.", "lifted": "Lifted: the address gets mail again.",
	"added": "Added.", "saved": "Saved.", "revoked": "Revoked: the token no longer works.",
	"disabled": "Disabled. Every session and token of theirs has ended.", "enabled": "They can sign in again.",
}

// heldNotices are those about mail that was held back, for one and for several.
var heldNotices = map[string][2]string{
	"release": {"Released. The mail went the way that it would have gone.", "%d mails were released. They went the way that they would have gone."},
	"delete":  {"Deleted.", "%d mails were deleted."},
	"spam":    {"Deleted, and the spam filter learns from it.", "%d mails were deleted, and the spam filter learns from them."},
	"block":   {"Deleted. Its sender is on the block list.", "%d mails were deleted. Their senders are on the block list."},
	"allow":   {"Released. Its sender is on the allow list.", "%d mails were released. Their senders are on the allow list."},
}

// noticeOf is the sentence that an address asks for.
func noticeOf(lang *language.Language, values url.Values) string {
	done, n := values.Get("done"), number64(values, "n")
	if held, known := heldNotices[done]; known {
		return lang.Count(max(n, 1), held[0], held[1])
	}
	if notice := notices[done]; notice != "" {
		return lang.Say(notice)
	}
	return ""
}

// railShow answers the script that asks for fresh counts.
func (p *Portal) railShow(c *call) error {
	values := c.r.URL.Query()
	r, err := p.railOf(c, listingOf(values), values.Get("place"))
	if err != nil {
		return err
	}
	return p.part(c, "ticket_list", "rail-links", page{User: c.actor.User, Rail: r})
}
