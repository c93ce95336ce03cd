package portal

import (
	"fmt"
	"strings"

	"postern/desk"
)

// cannedMenu is what lies at hand for a ticket: canned replies with its values in place, and macros.
type cannedMenu struct {
	page
	Number int64
	Back   string
	Canned []desk.Canned
	Macros []desk.Macro
	More   bool // there are others, which the slash finds
}

// mostAtHand is how many of each it shows.
const mostAtHand = 60

// ticketCanned shows it: as a menu for the script of an open ticket, else as a page.
func (p *Portal) ticketCanned(c *call) (err error) {
	answer := cannedMenu{}
	if answer.Number, err = c.id64("number"); err != nil {
		return err
	}
	if answer.Canned, err = p.tickets.CannedFor(c.r.Context(), c.actor, answer.Number); err != nil {
		return err
	}
	if answer.Macros, err = p.tickets.MacrosFor(c.r.Context(), c.actor, answer.Number); err != nil {
		return err
	}
	answer.More = len(answer.Canned) > mostAtHand || len(answer.Macros) > mostAtHand
	answer.Canned, answer.Macros = answer.Canned[:min(len(answer.Canned), mostAtHand)], answer.Macros[:min(len(answer.Macros), mostAtHand)]
	answer.Back = ticketPath(c, answer.Number)
	if c.partial() {
		return p.part(c, "ticket_canned", "at-hand", answer)
	}
	if answer.page, err = p.framed(c, c.lang.Say("Canned replies and macros"), ""); err != nil {
		return err
	}
	return p.show(c, "ticket_canned", answer)
}

// below puts a text below another.
func below(above, text string) string {
	if strings.TrimSpace(above) == "" {
		return text
	}
	return strings.TrimRight(above, "\n ") + "\n\n" + text
}

// putIn puts the canned reply into the composer that an address names.
func (p *Portal) putIn(c *call, box *composer, number, id int64) error {
	if id == 0 {
		return nil
	}
	text, err := p.tickets.FillCanned(c.r.Context(), c.actor, number, id)
	if err != nil {
		return err
	}
	into := &box.Reply
	switch box.Tab {
	case "note":
		into = &box.Note
	case "forward":
		into = &box.Forward
	}
	into.Text, into.Blank = below(into.Text, text), false
	return nil
}

// cannedSuggest lists canned replies for what was typed after a slash: by their shortcut, else by their name.
func (p *Portal) cannedSuggest(c *call) error {
	query := c.r.URL.Query()
	list, err := p.tickets.CannedFor(c.r.Context(), c.actor, number64(query, "ticket"))
	if err != nil {
		return err
	}
	asked := strings.ToLower(strings.TrimSpace(query.Get("q")))
	var offers, others []offer
	for _, one := range list {
		shown := offer{Label: one.Name, Value: one.Text}
		if one.Shortcut != "" {
			shown.Hint = fmt.Sprintf("/%s", one.Shortcut)
		}
		switch {
		case strings.HasPrefix(strings.ToLower(one.Shortcut), asked) && one.Shortcut != "":
			offers = append(offers, shown)
		case strings.Contains(strings.ToLower(one.Name), asked):
			others = append(others, shown)
		}
	}
	offers = append(offers, others...)
	return p.part(c, "ticket_list", "suggestions", offers[:min(len(offers), 8)])
}
