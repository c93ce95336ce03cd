package portal

import (
	"net/http"
	"net/url"
	"strconv"

	"postern/desk"
	"postern/language"
)

// rail is the column of views and places at the left.
type rail struct {
	Bell      bell
	Views     []railLink
	Teams     []railLink // inboxes of the reader's teams
	Saved     []railLink // views that people keep
	Mailboxes []railLink
	Desk      []railLink // suspended mail and the like
	Admin     []railLink
	Reads     bool // the reader sees conversations at all
	AtViews   bool // the page of saved views is open
	Folded    bool // the reader wants it out of the way
	Stands    standsFor
}

// railLink is one line of the rail.
type railLink struct {
	Title, URL string
	Count      int64
	Most       int64 // as far as it was counted; 0: to the end
	Here       bool
	Key        string
	Hint       string
}

// Shown is the count for people: what was not counted to the end ends in a plus.
func (l railLink) Shown() string {
	if l.Most > 0 && l.Count >= l.Most {
		return strconv.FormatInt(l.Most-1, 10) + "+"
	}
	return strconv.FormatInt(l.Count, 10)
}

// mostInView and mostInSaved are as far as the service counts.
const (
	mostInView  = 1_000
	mostInSaved = 1_000
)

// railOf gathers the rail: short questions, whose counts are bounded. here is the listing that is open, place the path of a page that is no list.
func (p *Portal) railOf(c *call, here listing, place string) (*rail, error) {
	if !c.actor.Can(desk.MayRead) { // they look after something else
		r := &rail{Folded: folded(c), Stands: standsForOf(c)}
		p.railPlaces(c, r, desk.ViewCounts{}, place)
		return r, nil
	}
	ctx := c.r.Context()
	counts, err := p.tickets.Counts(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	mailboxes, err := p.domains.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	r := &rail{Folded: folded(c), Stands: standsForOf(c), AtViews: place == "/views", Reads: true}
	if r.Bell.Bell, err = p.tickets.Bell(ctx, c.actor); err != nil {
		return nil, err
	}
	r.Bell.Here = place == "/notifications"
	open := ""
	if place == "" {
		here.Cursor = ""
		open = here.URL()
	}
	for _, one := range views {
		target := listing{View: one.Name}
		r.Views = append(r.Views, railLink{Title: c.lang.Say(one.Title), URL: target.URL(), Count: one.count(counts), Most: mostInView, Key: one.Key, Here: open == target.URL()})
	}
	if err := p.railViews(c, r, here, open); err != nil {
		return nil, err
	}
	for _, box := range mailboxes {
		target := listing{View: views[0].Name}.with("mailbox", strconv.FormatInt(box.ID, 10))
		r.Mailboxes = append(r.Mailboxes, railLink{Title: boxName(box), Hint: box.Address, URL: target.URL(), Here: open == target.URL()})
	}
	p.railPlaces(c, r, counts, place)
	return r, nil
}

// railViews adds the inboxes of the reader's teams and the views that they see.
func (p *Portal) railViews(c *call, r *rail, here listing, open string) error {
	teams, err := p.tickets.TeamInboxes(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	for _, team := range teams {
		target := listing{View: views[0].Name}.with("team", strconv.FormatInt(team.ID, 10))
		r.Teams = append(r.Teams, railLink{Title: team.Name, URL: target.URL(), Count: team.Count, Most: mostInView, Here: open == target.URL()})
	}
	saved, err := p.tickets.Views(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	counts, err := p.tickets.CountViews(c.r.Context(), c.actor, saved)
	if err != nil {
		return err
	}
	for _, view := range saved {
		target := listing{View: strconv.FormatInt(view.ID, 10)}
		r.Saved = append(r.Saved, railLink{Title: view.Name, URL: target.URL(), Count: counts[view.ID], Most: mostInSaved, Here: open != "" && here.View == target.View})
	}
	return nil
}

// railPlaces adds the pages that are no lists of tickets.
func (p *Portal) railPlaces(c *call, r *rail, counts desk.ViewCounts, place string) {
	add := func(list *[]railLink, title, path string, count int64) {
		*list = append(*list, railLink{Title: c.lang.Say(title), URL: path, Count: count, Here: place == path})
	}
	for _, one := range deskPlaces {
		count := int64(0)
		if one.path == "/suspended" {
			count = counts.Suspended
		}
		if c.actor.Can(one.right) {
			add(&r.Desk, one.title, one.path, count)
		}
	}
	for _, one := range adminPlaces {
		if c.actor.Can(one.right) {
			add(&r.Admin, one.title, one.path, 0)
		}
	}
}

// railPlace is a page that is no list of tickets, and the right that it needs.
type railPlace struct {
	title, path string
	right       desk.Right
}

// deskPlaces are the pages around the tickets, adminPlaces those by which the desk is set up.
var (
	deskPlaces = []railPlace{
		{"Reports", "/reports", desk.MayReadReports},
		{"Suspended", "/suspended", desk.MayReadHeld},
		{"Senders", "/senders", desk.MayReadHeld},
		{"Suppressed", "/suppressions", desk.MayReadHeld},
		{"Canned replies", "/canned", desk.MayShelve},
		{"Macros", "/macros", desk.MayShelve},
		{"Deliveries", "/deliveries", desk.MayManageDeliveries},
	}
	adminPlaces = []railPlace{
		{"Domains", "/domains", desk.MayReadConfig},
		{"Destinations", "/destinations", desk.MayReadConfig},
		{"Mailboxes", "/mailboxes", desk.MayReadConfig},
		{"Customers", "/customers", desk.MayReadConfig},
		{"Mail policy", "/settings/mail", desk.MayReadConfig},
		{"Automations", "/automations", desk.MayReadConfig},
		{"People", "/people", desk.MayReadPeople},
		{"Roles", "/roles", desk.MayReadPeople},
		{"Teams", "/teams", desk.MayReadConfig},
		{"Targets", "/targets", desk.MayReadConfig},
		{"Fields", "/fields", desk.MayReadConfig},
		{"Tags", "/tags", desk.MayReadConfig},
		{"Accounts and access", "/security", desk.MayReadSecurity},
		{"Audit log", "/audit", desk.MayReadAudit},
		{"System", "/system", desk.MayReadConfig},
		{"First steps", "/setup", desk.MayManageMailboxes},
	}
)

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
	"added": "Added.", "saved": "Saved.", "revoked": "Revoked: the token no longer works.", "disconnected": "Disconnected. Everything that it had opens nothing any more.",
	"password": "Your password is changed. Sign in with it.", "reset": "A link is on its way to them.", "password-set": "Their password is set. Tell it to them yourself; it is good for one sign-in.",
	"offered": "Offered. They and all owners get a mail; nothing changes until they accept.", "withdrawn": "Withdrawn. The offer opens nothing any more.", "declined": "Declined. Nothing has changed.", "owner": "You are an owner now.", "guest-ended": "Ended. All that they could come in with was taken away.", "no-longer": "You see the desk as yourself again.",
	"connected": "Connected.", "unlinked": "Disconnected.",
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
	here, err := p.resolved(c, listingOf(values))
	if err != nil {
		return err
	}
	r, err := p.railOf(c, here, values.Get("place"))
	if err != nil {
		return err
	}
	return p.part(c, "ticket_list", "rail-links", page{User: c.actor.User, Rail: r})
}

// foldCookie remembers in one browser that its reader wants the rail out of the way.
const foldCookie = "rail"

func folded(c *call) bool {
	cookie, err := c.r.Cookie(foldCookie)
	return err == nil && cookie.Value == "folded"
}

// railFold puts the rail out of the way or back, in this browser, and shows the page again.
func (p *Portal) railFold(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	cookie := &http.Cookie{Name: foldCookie, Value: "folded", Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode}
	if form.Get("folded") != "yes" {
		cookie.Value, cookie.MaxAge = "", -1
	}
	http.SetCookie(c.w, cookie)
	back := "/"
	if from, err := url.Parse(c.r.Referer()); err == nil {
		back = localPath(from.RequestURI(), back)
	}
	return c.seeOther(back)
}
