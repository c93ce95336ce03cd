package portal

import "postern/desk"

// home sends everybody to where their work is.
func (p *Portal) home(c *call) error {
	switch {
	case c.actor.User.ID == 0:
		return c.seeOther("/sign-in")
	case c.actor.Can(desk.MayRead):
		return c.seeOther("/tickets")
	}
	for _, one := range []struct {
		right desk.Right
		path  string
	}{{desk.MayReadAudit, "/audit"}, {desk.MayReadConfig, "/mailboxes"}, {desk.MayReadPeople, "/people"}} {
		if c.actor.Can(one.right) {
			return c.seeOther(one.path)
		}
	}
	return c.seeOther("/you")
}
