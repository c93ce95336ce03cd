package portal

import (
	"net/url"
	"strings"

	"postern/desk"
	"postern/tickets"
)

// suppressionsPage lists the addresses that get no mail, with the form that adds one.
type suppressionsPage struct {
	page
	Found   tickets.Suppressed
	Query   string
	Next    string
	Problem string
	Typed   string
	Note    string
}

// suppressionList shows the list, or what of it has the words that were typed.
func (p *Portal) suppressionList(c *call) error {
	return p.suppressionsPage(c, suppressionsPage{}, nil)
}

func (p *Portal) suppressionsPage(c *call, answer suppressionsPage, fault *desk.Fault) (err error) {
	ctx, values := c.r.Context(), c.r.URL.Query()
	answer.Query = strings.TrimSpace(values.Get("q"))
	if answer.Found, err = p.tickets.Suppressions(ctx, c.actor, desk.SuppressionQuery{Text: answer.Query, Cursor: values.Get("cursor"), Limit: pageLimit}); err != nil {
		return err
	}
	if answer.Found.Next != "" {
		answer.Next = "/suppressions?" + url.Values{"q": {answer.Query}, "cursor": {answer.Found.Next}}.Encode()
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Suppressed addresses", "/suppressions"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "suppressions", "layout"}, answer)
}

// suppressionAdd stops mail to an address.
func (p *Portal) suppressionAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed, note := strings.TrimSpace(form.Get("address")), strings.TrimSpace(form.Get("note"))
	_, err = p.tickets.Suppress(c.r.Context(), c.actor, typed, note)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.suppressionsPage(c, suppressionsPage{Typed: typed, Note: note}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/suppressions?done=suppressed")
}

// suppressionLift lets an address get mail again.
func (p *Portal) suppressionLift(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.tickets.LiftSuppression(c.r.Context(), c.actor, form.Get("address")); err != nil {
		return err
	}
	return c.seeOther("/suppressions?done=lifted")
}
