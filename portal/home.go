package portal

import "postern/desk"

// home sends everybody to where their work is.
func (p *Portal) home(c *call) error {
	switch {
	case c.actor.User.ID == 0:
		return c.seeOther("/sign-in")
	case c.actor.Can(desk.MayRead):
		return c.seeOther("/tickets")
	case c.actor.Can(desk.MayReadAudit):
		return c.seeOther("/audit")
	}
	return c.seeOther("/you")
}
