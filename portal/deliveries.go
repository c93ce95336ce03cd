package portal

import (
	"net/url"

	"postern/desk"
)

// deliveriesPage lists what was sent and how it went.
type deliveriesPage struct {
	page
	State  desk.DeliveryState
	States []desk.DeliveryState
	Rows   []desk.Outbound
	Next   string
}

// deliveryList shows the deliveries, newest change first, all or those in one state.
func (p *Portal) deliveryList(c *call) error {
	query := c.r.URL.Query()
	state := desk.DeliveryState(query.Get("state"))
	asked := desk.DeliveryQuery{Cursor: query.Get("cursor"), Limit: pageLimit}
	if state != "" {
		asked.States = []desk.DeliveryState{state}
	}
	found, err := p.tickets.DeliveryLog(c.r.Context(), c.actor, asked)
	if err != nil {
		return err
	}
	answer := deliveriesPage{State: state, Rows: found.Items, States: desk.DeliveryStates}
	if found.Next != "" {
		answer.Next = "/deliveries?" + url.Values{"state": {string(state)}, "cursor": {found.Next}}.Encode()
	}
	if answer.page, err = p.framed(c, "Deliveries", "/deliveries"); err != nil {
		return err
	}
	return p.show(c, "deliveries", answer)
}
