package portal

import (
	"fmt"
	"slices"
	"strings"

	"postern/desk"
)

// macrosPage lists the macros that the reader may use.
type macrosPage struct {
	page
	Query  string
	Macros []macroRow
}

// macroRow is one of them, in words.
type macroRow struct {
	desk.Macro
	Actions []phrase
	Preview string
	Keeps   bool
}

// macroKinds are the actions that a macro can take: it sends nothing by itself.
var macroKinds = slices.DeleteFunc(slices.Clone(desk.ActionKinds), func(kind desk.ActionKind) bool { return kind == desk.ActReply })

// macroList shows the macros, or those that hold some words.
func (p *Portal) macroList(c *call) error {
	answer := macrosPage{Query: strings.TrimSpace(c.r.URL.Query().Get("q"))}
	found, err := p.tickets.Macros(c.r.Context(), c.actor, answer.Query)
	if err != nil {
		return err
	}
	lists, err := p.ruleLists(c)
	if err != nil {
		return err
	}
	for _, one := range found {
		row := macroRow{Macro: one, Preview: clip(one.Text, 160), Keeps: keeps(c.actor, one.Shelf)}
		for _, action := range one.Actions {
			row.Actions = append(row.Actions, lists.actionPhrase(c.lang, action))
		}
		answer.Macros = append(answer.Macros, row)
	}
	if answer.page, err = p.framed(c, "Macros", "/macros"); err != nil {
		return err
	}
	return p.show(c, "macros", answer)
}

// macroPage is the form of one.
type macroPage struct {
	page
	Macro   desk.Macro
	Action  string
	Rows    []ruleRow
	Full    bool
	Shelf   shelfForm
	Keeps   bool
	Problem string
}

// macroNew shows an empty form.
func (p *Portal) macroNew(c *call) error {
	return p.macroPage(c, desk.Macro{Shelf: freshShelf(c.actor), Actions: []desk.Action{{Do: desk.ActStatus, Value: string(desk.StatusSolved)}}}, nil)
}

// macroShow shows one in its form.
func (p *Portal) macroShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	macro, err := p.tickets.Macro(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return p.macroPage(c, macro, nil)
}

// macroAdd takes the form of a new one.
func (p *Portal) macroAdd(c *call) error { return p.macroTake(c, 0) }

// macroSave takes the form of one.
func (p *Portal) macroSave(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	return p.macroTake(c, id)
}

func (p *Portal) macroTake(c *call, id int64) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	macro := desk.Macro{ID: id, Name: form.Get("name"), Actions: actionsOf(form), Text: form.Get("text"), Shelf: shelfOf(form, c.actor)}
	var none []desk.Condition
	if stepped(form, &none, &macro.Actions) {
		return p.macroPage(c, macro, nil)
	}
	_, err = p.tickets.SaveMacro(c.r.Context(), c.actor, macro)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden && fault.Kind != desk.NotFound {
		return p.macroPage(c, macro, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/macros?done=saved")
}

// macroRemove removes one.
func (p *Portal) macroRemove(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.tickets.DropMacro(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther("/macros?done=removed")
}

// macroPage renders the form.
func (p *Portal) macroPage(c *call, macro desk.Macro, fault *desk.Fault) error {
	lists, err := p.ruleLists(c)
	if err != nil {
		return err
	}
	answer := macroPage{Macro: macro, Action: "/macros/new", Rows: lists.actionRows(c.lang, macro.Actions, macroKinds), Full: len(macro.Actions) >= mostRows,
		Shelf: p.shelfForm(c, macro.Shelf, lists), Keeps: keeps(c.actor, macro.Shelf)}
	if macro.ID != 0 {
		answer.Action = fmt.Sprintf("/macros/%d", macro.ID)
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Macro", "/macros"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "macro", "layout"}, answer)
}

// macroRun does to a ticket what a macro does, and puts its text into the draft of the answer, behind what stands there.
func (p *Portal) macroRun(c *call) error {
	number, err := c.id64("number")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	text, err := p.tickets.RunMacro(ctx, c.actor, number, number64(form, "macro"))
	if err != nil {
		return err
	}
	back := localPath(form.Get("next"), fmt.Sprintf("/tickets/%d", number))
	if text == "" {
		return c.seeOther(back)
	}
	draft, _, err := p.tickets.LoadDraft(ctx, c.actor, number, desk.KindReply)
	if err != nil {
		return err
	}
	if draft.TicketID == 0 {
		if draft.To, draft.Cc, draft.Answers, err = p.tickets.Recipients(ctx, c.actor, number, 0); err != nil {
			return err
		}
	}
	if form.Has("text") { // what stands in the composer is newer than the draft
		draft.Text = form.Get("text")
	}
	draft.TicketID, draft.Kind = number, desk.KindReply
	draft.Text = strings.TrimSpace(draft.Text + "\n\n" + text)
	if err := p.tickets.SaveDraft(ctx, c.actor, draft); err != nil {
		return err
	}
	return c.seeOther(back)
}
