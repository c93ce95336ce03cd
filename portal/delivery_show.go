package portal

import (
	"fmt"
	"net/url"
	"strings"

	"postern/desk"
)

// deliveryPage is what became of one message, recipient by recipient.
type deliveryPage struct {
	page
	Message    desk.Message
	Recipients []desk.Recipient
	Problem    string // of a redirect
	Wrong      string // the recipient that it is about
	Typed      string
}

// storyPath is where the story of one recipient of a message is told.
func storyPath(message int64, recipient string) string {
	return fmt.Sprintf("/messages/%d/deliveries#%s", message, storyAnchor(recipient))
}

// storyAnchor is the name of a recipient's place on that page.
func storyAnchor(recipient string) string { return "to-" + url.PathEscape(strings.ToLower(recipient)) }

// deliveryShow tells the story of every recipient.
func (p *Portal) deliveryShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	return p.deliveryPage(c, id, deliveryPage{}, nil)
}

func (p *Portal) deliveryPage(c *call, id int64, answer deliveryPage, fault *desk.Fault) (err error) {
	if answer.Message, err = p.tickets.Message(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	if answer.Recipients, err = p.tickets.DeliveryStories(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Delivery of a reply", "/deliveries"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "delivery", "layout"}, answer)
}

// cancelPost stops a delivery that has not happened.
func (p *Portal) cancelPost(c *call) error {
	return p.steer(c, func(id int64, form url.Values) error {
		_, err := p.tickets.CancelDelivery(c.r.Context(), c.actor, id, form.Get("recipient"))
		return err
	})
}

// redirectPost sends a message to another address in one recipient's place.
func (p *Portal) redirectPost(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	from, to := form.Get("recipient"), strings.TrimSpace(form.Get("to"))
	err = p.tickets.RedirectDelivery(c.r.Context(), c.actor, id, from, to)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.deliveryPage(c, id, deliveryPage{Wrong: from, Typed: to}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(fmt.Sprintf("/messages/%d/deliveries?done=redirected#%s", id, storyAnchor(to)))
}

// steer does one thing to one recipient and goes back to where it was asked for.
func (p *Portal) steer(c *call, do func(id int64, form url.Values) error) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := do(id, form); err != nil {
		return err
	}
	if next := form.Get("next"); next != "" {
		return c.seeOther(localPath(next, "/deliveries"))
	}
	m, err := p.tickets.Message(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	return c.seeOther(fmt.Sprintf("%s#m-%d", ticketPath(c, m.TicketID), id))
}

// NextHere is the way back to this page after something was done on it.
func (d deliveryPage) NextHere() string { return fmt.Sprintf("/messages/%d/deliveries", d.Message.ID) }
