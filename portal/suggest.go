package portal

import "postern/desk"

// offer is one line of a menu under a field: what it says, and what it puts into the field.
type offer struct{ Label, Hint, Value string }

// peopleSuggest lists people for To, Cc and Bcc whose address or name begins with what was typed.
func (p *Portal) peopleSuggest(c *call) error {
	query := c.r.URL.Query()
	people, err := p.tickets.SuggestPeople(c.r.Context(), c.actor, number64(query, "ticket"), query.Get("q"))
	if err != nil {
		return err
	}
	list := make([]offer, len(people))
	for i, one := range people {
		who := desk.Address{Name: one.Name, Addr: one.Address}
		list[i] = offer{Label: who.Label(), Value: formatAddress(who)}
		if one.Name != "" {
			list[i].Hint = one.Address
		}
	}
	return p.part(c, "ticket_list", "suggestions", list)
}

// colleagueSuggest lists people of ours whom a note can name.
func (p *Portal) colleagueSuggest(c *call) error {
	people, err := p.tickets.SuggestColleagues(c.r.Context(), c.actor, c.r.URL.Query().Get("q"))
	if err != nil {
		return err
	}
	list := make([]offer, len(people))
	for i, one := range people {
		list[i] = offer{Label: one.Name, Hint: one.Email, Value: "@" + one.Name + " "}
	}
	return p.part(c, "ticket_list", "suggestions", list)
}
