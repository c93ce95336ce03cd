package portal

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/desk"
)

// heldPage is one held mail alone.
type heldPage struct {
	page
	Entry heldMail
}

// suspendedShow shows all that is known of one held mail: in its place in the list for the script, else as a page.
func (p *Portal) suspendedShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	return p.heldPage(c, id, heldMail{}, nil)
}

// heldPage renders it, with what was wrong with an action on it. What was typed comes in typed.
func (p *Portal) heldPage(c *call, id int64, typed heldMail, fault *desk.Fault) error {
	mail, err := p.tickets.SuspendedMail(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	around, err := p.aroundHeld(c, heldListOf(c.r.URL.Query()))
	if err != nil {
		return err
	}
	entry, err := p.heldMail(mail, around)
	if err != nil {
		return err
	}
	entry.Open, entry.Ticket = true, typed.Ticket
	if fault != nil {
		entry.Problem = c.sentence(fault.Reason)
	}
	if c.partial() {
		return p.render(c, view{statusOf(fault), "suspended", "held"}, entry)
	}
	frame, err := p.framed(c, "Suspended mail", "/suspended")
	if err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "suspended_entry", "layout"}, heldPage{frame, entry})
}

// suspendedOriginal downloads a held mail as it came.
func (p *Portal) suspendedOriginal(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	original, size, err := p.tickets.SuspendedOriginal(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	defer original.Close()
	return sendOriginal(c, fmt.Sprintf("suspended-%d.eml", id), original, size)
}

// suspendedDo does to one held mail what the form says. What becomes a message is shown on its ticket.
func (p *Portal) suspendedDo(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	outcome, err := p.onHeld(c, id, form)
	if fault := asFault(err); fault != nil && (fault.Kind == desk.Invalid || fault.Kind == desk.Conflict || fault.Kind == desk.NotFound && form.Get("target") != "") {
		return p.heldPage(c, id, heldMail{Ticket: form.Get("target")}, fault)
	}
	if err != nil {
		return err
	}
	if outcome.Ticket != 0 {
		return c.seeOther(listing{View: "all"}.Ticket(outcome.Ticket))
	}
	return c.seeOther(heldListOf(c.r.URL.Query()).done(form.Get("do"), 1))
}

// onHeld is one action on one mail; a release may name the ticket onto which it goes.
func (p *Portal) onHeld(c *call, id int64, form url.Values) (desk.Outcome, error) {
	do, ctx := desk.SuspendedAction(form.Get("do")), c.r.Context()
	if do == desk.SuspendedRelease && strings.TrimSpace(form.Get("target")) != "" {
		ticket, err := otherTicket(form)
		if err != nil {
			return desk.Outcome{}, err
		}
		return p.tickets.Release(ctx, c.actor, id, ticket)
	}
	results, err := p.tickets.OnSuspended(ctx, c.actor, do, []int64{id})
	if err != nil {
		return desk.Outcome{}, err
	}
	if problem := results[0].Problem; problem != "" {
		return desk.Outcome{}, desk.Faultf(desk.Conflict, "%s", problem)
	}
	return results[0].Outcome, nil
}

// suspendedBulk does the same to all mails that are ticked.
func (p *Portal) suspendedBulk(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	at, do := heldListOf(c.r.URL.Query()), desk.SuspendedAction(form.Get("do"))
	ids, err := ticked(form)
	if err != nil {
		return err
	}
	results, err := p.tickets.OnSuspended(c.r.Context(), c.actor, do, ids)
	if err != nil {
		return err
	}
	failed := map[int64]string{}
	for _, result := range results {
		if result.Problem != "" {
			failed[result.ID] = c.sentence(result.Problem)
		}
	}
	if len(failed) > 0 {
		return p.suspendedPage(c, at, failed)
	}
	return c.seeOther(at.done(string(do), len(results)))
}

// ticked reads the mails that a form names.
func ticked(form url.Values) ([]int64, error) {
	var ids []int64
	for _, text := range form["id"] {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil && id > 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, desk.Wrong("id", "Nothing is ticked. Go back and tick the mails that you mean.")
	}
	return ids, nil
}
