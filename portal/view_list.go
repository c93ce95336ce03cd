package portal

import (
	"postern/desk"
	"postern/tickets"
)

// viewsPage lists the saved views that the reader sees, in their order.
type viewsPage struct {
	page
	Views []viewLine
}

// viewLine is one saved view.
type viewLine struct {
	desk.View
	URL     string
	Chips   []chip // what it is narrowed to
	Order   string
	Who     string // who sees it
	MayEdit bool
	First   bool
	Last    bool
}

// viewList shows the saved views.
func (p *Portal) viewList(c *call) error {
	saved, err := p.tickets.Views(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	nearby, err := p.nearby(c)
	if err != nil {
		return err
	}
	answer := viewsPage{}
	for i, v := range saved {
		l := listing{View: "all", Over: overOf(v.Filter)}.settled()
		line := viewLine{View: v, URL: listing{View: viewNumber(v.ID)}.URL(), Chips: nearby.chips(c, l), Who: audienceWords(c, v), Order: orderNames[v.Filter.Order],
			MayEdit: v.MayChange(c.actor.User), First: i == 0, Last: i == len(saved)-1}
		if v.Filter.Text != "" {
			line.Chips = append(line.Chips, chip{Text: c.lang.Say("Search: %s", v.Filter.Text)})
		}
		answer.Views = append(answer.Views, line)
	}
	if answer.page, err = p.framed(c, "Views", "/views"); err != nil {
		return err
	}
	return p.show(c, "views", answer)
}

// audienceWords says who sees a view.
func audienceWords(c *call, v desk.View) string {
	switch v.Audience {
	case desk.AudienceTeam:
		return c.lang.Say("The team %s", v.TeamName)
	case desk.AudienceAll:
		return c.lang.Say("All colleagues")
	}
	return c.lang.Say("Only you")
}

// viewMove puts a view one place up or down in the reader's own list.
func (p *Portal) viewMove(c *call) error {
	return p.changeView(c, func(id int64, do string) error {
		step := tickets.StepDown
		if do == "up" {
			step = tickets.StepUp
		}
		return p.tickets.MoveView(c.r.Context(), c.actor, id, step)
	}, "/views")
}

// viewDelete deletes a view, for everybody who sees it.
func (p *Portal) viewDelete(c *call) error {
	return p.changeView(c, func(id int64, _ string) error { return p.tickets.DropView(c.r.Context(), c.actor, id) }, "/views?done=removed")
}

// changeView does something to the view in the path and shows a page.
func (p *Portal) changeView(c *call, do func(id int64, word string) error, then string) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := do(id, form.Get("do")); err != nil {
		return err
	}
	return c.seeOther(then)
}
