package portal

import (
	"net/url"
	"strconv"
	"strings"

	"postern/desk"
)

// viewPage is the form of a view, new or kept.
type viewPage struct {
	page
	View     desk.View
	Form     filterForm
	Teams    []desk.Team // that the reader may show it to
	Team     int64       // which of them sees it
	MayShare bool        // with everybody
	Problem  string
}

// viewNew shows the form of a new view, filled with the list that its reader came from.
func (p *Portal) viewNew(c *call) error {
	at, err := p.resolved(c, listingOf(c.r.URL.Query()))
	if err != nil {
		return err
	}
	return p.viewPage(c, desk.View{Audience: desk.AudienceMe, Filter: at.Filter()}, nil)
}

// viewEdit shows the form of a view, with what its address asks for otherwise.
func (p *Portal) viewEdit(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	kept, err := p.tickets.View(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	if !kept.MayChange(c.actor.User) {
		return desk.Faultf(desk.Forbidden, "this view is %s's: save your own copy of it, or ask an admin", kept.OwnerName)
	}
	values := c.r.URL.Query()
	values.Set("view", viewNumber(id))
	at := listingOf(values)
	at.Saved = kept
	kept.Filter = at.Filter()
	return p.viewPage(c, kept, nil)
}

// viewPage renders the form, with what was wrong with it.
func (p *Portal) viewPage(c *call, v desk.View, fault *desk.Fault) error {
	nearby, err := p.nearby(c)
	if err != nil {
		return err
	}
	answer := viewPage{View: v, Form: nearby.formOf(c, v.Filter), MayShare: c.actor.Can(desk.MayShelveAll), Team: deref(v.TeamID)}
	if answer.MayShare {
		answer.Teams = nearby.teams
	} else {
		own, err := p.tickets.TeamInboxes(c.r.Context(), c.actor)
		if err != nil {
			return err
		}
		for _, team := range own {
			answer.Teams = append(answer.Teams, desk.Team{ID: team.ID, Name: team.Name})
		}
	}
	if fault != nil {
		answer.Problem = sentence(c.lang.Sentence(fault.Reason))
	}
	title := "New view"
	if v.ID != 0 {
		title = "Edit view"
	}
	if answer.page, err = p.framed(c, title, "/views"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "view", "layout"}, answer)
}

// viewAdd keeps a new view and opens it.
func (p *Portal) viewAdd(c *call) error { return p.keepView(c, 0) }

// viewChange changes a view and opens it.
func (p *Portal) viewChange(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	return p.keepView(c, id)
}

// keepView reads the form and keeps the view. What cannot be kept comes back in the form.
func (p *Portal) keepView(c *call, id int64) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	v := viewOf(form)
	v.ID = id
	var kept desk.View
	if id == 0 {
		kept, err = p.tickets.AddView(c.r.Context(), c.actor, v)
	} else {
		kept, err = p.tickets.ChangeView(c.r.Context(), c.actor, v)
	}
	if fault := asFault(err); fault != nil && (fault.Kind == desk.Invalid || fault.Kind == desk.TooLarge) {
		return p.viewPage(c, v, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(listing{View: viewNumber(kept.ID)}.URL())
}

// viewOf reads a view out of the form.
func viewOf(form url.Values) desk.View {
	v := desk.View{Name: strings.TrimSpace(form.Get("name")), Audience: desk.Audience(form.Get("audience"))}
	for _, key := range filterKeys {
		readFilter(&v.Filter, key, form[key])
	}
	if v.Audience == desk.AudienceTeam {
		if team := number64(form, "for_team"); team != 0 {
			v.TeamID = &team
		}
	}
	return v
}

// overOf is a filter as what an address asks for.
func overOf(f desk.ListFilter) url.Values {
	over := url.Values{}
	for _, key := range filterKeys {
		over[key] = filterWords(f, key)
	}
	return over
}

// viewNumber is a saved view as an address names it.
func viewNumber(id int64) string { return strconv.FormatInt(id, 10) }
