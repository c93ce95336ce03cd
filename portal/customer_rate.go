package portal

import (
	"net/url"
	"strings"

	"postern/desk"
	"postern/tickets"
)

// rateForm is the question whether a customer was helped.
type rateForm struct {
	Open   bool // it can be answered
	Action string
	Good   bool // chosen
	Bad    bool
	Note   string
	Said   bool // it was answered before
}

func rateFormOf(r tickets.Rateable, action string) rateForm {
	form := rateForm{Open: r.Open, Action: action, Said: r.Rating != nil}
	if r.Rating != nil {
		form.Good, form.Bad, form.Note = r.Rating.Value == desk.RatedGood, r.Rating.Value == desk.RatedBad, r.Rating.Note
	}
	return form
}

// ratingOf reads an answer.
func ratingOf(form url.Values) desk.Rating {
	rating := desk.Rating{Note: strings.TrimSpace(strings.ReplaceAll(form.Get("note"), "\r\n", "\n"))}
	switch form.Get("rating") {
	case "good":
		rating.Value = desk.RatedGood
	case "bad":
		rating.Value = desk.RatedBad
	}
	return rating
}

// ratePage takes the answer of somebody who came by the link in the mail that asks.
type ratePage struct {
	customerFrame
	Number int64
	Rate   rateForm
	Closed bool // it cannot be answered any more
}

// rateShow shows the question, with what the link chose. Nothing is kept yet: programs that look into mail open links.
func (p *Portal) rateShow(c *call) error { return p.askToRate(c, nil) }

func (p *Portal) askToRate(c *call, fault *desk.Fault) error {
	token, values := c.r.PathValue("token"), c.r.URL.Query()
	rateable, err := p.tickets.RateableBy(c.r.Context(), token)
	if err != nil {
		return err
	}
	box, err := p.tickets.CustomerMailbox(c.r.Context(), rateable.Mailbox)
	if err != nil {
		return err
	}
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	answer := ratePage{customerFrame: p.customerFrame(c, c.lang.Say("Were you helped?"), box.Label()), Number: rateable.Ticket, Closed: !rateable.Open, Rate: rateFormOf(rateable, "/rate/"+token)}
	answer.Notice = c.lang.Say(customerNotices[values.Get("done")])
	switch values.Get("r") {
	case "good":
		answer.Rate.Good, answer.Rate.Bad = true, false
	case "bad":
		answer.Rate.Good, answer.Rate.Bad = false, true
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "customer_rate", "customer-layout"}, answer)
}

// ratePost keeps the answer.
func (p *Portal) ratePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	token := c.r.PathValue("token")
	err = p.tickets.RateBy(c.r.Context(), token, ratingOf(form), c.actor.IP)
	if fault := asFault(err); fault != nil && fault.Kind != desk.NotFound {
		return p.askToRate(c, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/rate/" + token + "?done=rated")
}
