package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/desk"
)

// teamsPage lists the teams.
type teamsPage struct {
	page
	Teams []teamLine
}

// teamLine is a team with the names of what it holds.
type teamLine struct {
	desk.Team
	People []string
	Boxes  []string
}

// teamPage is the form of one team.
type teamPage struct {
	page
	Team    desk.Team
	Staff   []desk.User
	Away    []int64
	Boxes   []desk.Mailbox
	Others  map[int64]string // mailbox → the other team that has it
	Hours   []desk.Hours
	Most    string // as typed
	HoursID int64
	Problem string
}

// IsAway says whether somebody gets no tickets by turn.
func (p teamPage) IsAway(user int64) bool { return slices.Contains(p.Away, user) }

// HasBox says whether new tickets of a mailbox are the team's.
func (p teamPage) HasBox(mailbox int64) bool { return slices.Contains(p.Team.Mailboxes, mailbox) }

// teamList shows the teams.
func (p *Portal) teamList(c *call) error {
	ctx := c.r.Context()
	teams, err := p.tickets.Teams(ctx, c.actor)
	if err != nil {
		return err
	}
	staff, err := p.identity.Staff(ctx)
	if err != nil {
		return err
	}
	boxes, err := p.domains.Mailboxes(ctx)
	if err != nil {
		return err
	}
	answer := teamsPage{}
	for _, team := range teams {
		line := teamLine{Team: team}
		for _, user := range staff {
			if team.Has(user.ID) {
				line.People = append(line.People, user.Name)
			}
		}
		for _, box := range boxes {
			if slices.Contains(team.Mailboxes, box.ID) {
				line.Boxes = append(line.Boxes, boxName(box))
			}
		}
		answer.Teams = append(answer.Teams, line)
	}
	if answer.page, err = p.framed(c, c.lang.Say("Teams"), "/teams"); err != nil {
		return err
	}
	return p.show(c, "teams", answer)
}

// boxName is what a mailbox is called.
func boxName(box desk.Mailbox) string {
	if box.Name != "" {
		return box.Name
	}
	return box.Address
}

// teamNew shows the form of a team that is to be made.
func (p *Portal) teamNew(c *call) error { return p.teamForm(c, teamPage{}, nil) }

// teamShow shows the form of a team.
func (p *Portal) teamShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	team, err := p.tickets.Team(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	answer := teamPage{Team: team, HoursID: deref(team.HoursID)}
	if team.MostOpen != nil {
		answer.Most = strconv.Itoa(*team.MostOpen)
	}
	return p.teamForm(c, answer, nil)
}

// teamForm renders the form, with what was wrong with it.
func (p *Portal) teamForm(c *call, answer teamPage, fault *desk.Fault) error {
	ctx := c.r.Context()
	var err error
	if answer.Staff, err = p.identity.Staff(ctx); err != nil {
		return err
	}
	if answer.Away, err = p.tickets.Away(ctx, c.actor); err != nil {
		return err
	}
	if answer.Boxes, err = p.domains.Mailboxes(ctx); err != nil {
		return err
	}
	if answer.Hours, err = p.tickets.AllHours(ctx, c.actor); err != nil {
		return err
	}
	teams, err := p.tickets.Teams(ctx, c.actor)
	if err != nil {
		return err
	}
	answer.Others = map[int64]string{}
	for _, team := range teams {
		for _, box := range team.Mailboxes {
			if team.ID != answer.Team.ID {
				answer.Others[box] = team.Name
			}
		}
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	title := answer.Team.Name
	if answer.Team.ID == 0 {
		title = c.lang.Say("New team")
	}
	if answer.page, err = p.framed(c, title, "/teams"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "team", "layout"}, answer)
}

// teamSet adds a team or changes it.
func (p *Portal) teamSet(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := teamPage{Most: strings.TrimSpace(form.Get("most_open")), HoursID: number64(form, "hours"), Team: desk.Team{
		ID: number64(form, "id"), Name: strings.TrimSpace(form.Get("name")), Turns: form.Has("turns"), Members: boxesOf(form, "member"), Mailboxes: boxesOf(form, "mailbox")}}
	if typed.HoursID != 0 {
		typed.Team.HoursID = &typed.HoursID
	}
	if typed.Most != "" {
		most, err := strconv.Atoi(typed.Most)
		if err != nil {
			most = -1 // which the team refuses, with the words for it
		}
		typed.Team.MostOpen = &most
	}
	_, err = p.tickets.SetTeam(c.r.Context(), c.actor, typed.Team)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.teamForm(c, typed, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/teams?done=saved")
}

// boxesOf reads the numbers of the boxes of one name that are ticked.
func boxesOf(form url.Values, name string) []int64 {
	ids := []int64{}
	for _, text := range form[name] {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil && id > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// teamRemove removes a team; its tickets stay.
func (p *Portal) teamRemove(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.tickets.DropTeam(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther("/teams?done=removed")
}
