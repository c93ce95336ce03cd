package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/identity"
)

// paced counts the request and refuses it when too many came within a minute: from one session, from one customer or, where nobody is known, from one network (security row 13).
// The sign-in is left out: it has limits of its own, which do not let a stranger lock the people of a house out.
func (p *Portal) paced(c *call, route route) error {
	if err := p.slowed(c); err != nil {
		return err
	}
	key, setting := "page/"+identity.PlaceOf(c.actor.IP), desk.LimitAnonymous
	switch {
	case c.session.SessionID != 0:
		key, setting = fmt.Sprintf("session/%d", c.session.SessionID), desk.LimitSession
	case c.visitor != "":
		sum := sha256.Sum256([]byte(c.visitor))
		key, setting = "visitor/"+hex.EncodeToString(sum[:16]), desk.LimitSession
	case strings.Contains(route.pattern, " /sign-in"):
		return nil
	}
	ctx := c.r.Context()
	values, err := p.identity.Settings(ctx)
	var permission identity.Permission
	if err == nil {
		permission, err = p.identity.Permit(ctx, key, values.Number(setting))
	}
	if err != nil { // a count that fails must not stop what would work
		p.log.Warn("requests are not counted", "id", c.id, "error", err)
		return nil
	}
	if permission.Granted {
		return nil
	}
	return tooFast(c, permission)
}

// slowed refuses whoever may ask for little because of an alert.
func (p *Portal) slowed(c *call) error {
	ctx := c.r.Context()
	key, limit, err := p.identity.Throttled(ctx, c.actor)
	var permission identity.Permission
	if err == nil && key != "" {
		permission, err = p.identity.Permit(ctx, key, limit)
	}
	if err != nil {
		p.log.Warn("requests are not counted", "id", c.id, "error", err)
		return nil
	}
	if key == "" || permission.Granted {
		return nil
	}
	return tooFast(c, permission)
}

// tooFast is the answer to a request too many.
func tooFast(c *call, permission identity.Permission) error {
	again := max(1, int((permission.Again+time.Second-1)/time.Second))
	c.w.Header().Set("Retry-After", strconv.Itoa(again))
	return desk.Faultf(desk.TooOften, "This was too fast: more than %d pages within a minute. Wait %d seconds and try again.", permission.Limit, again)
}
