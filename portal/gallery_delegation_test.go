package portal

import (
	"time"

	"postern/desk"
	"postern/identity"
)

// guests are one who is here, with a long name, and one who has gone.
func (g *gallery) guests() {
	t, ctx := g.t, g.t.Context()
	check(t, g.people.SetSettings(ctx, desk.System("cli"), map[string]any{desk.SupportAccess.Key: true}))
	for _, add := range []identity.NewGuest{
		{Email: "hans@vendor.test", Name: "Hans Helper", Role: desk.RoleLight, Reason: "Looks at why reports are slow since Monday", For: 8 * time.Hour},
		{Email: "bartholomaeus.von-hohenzollern-sigmaringen@engineering.support.vendor.test", Name: "Bartholomäus von Hohenzollern-Sigmaringen, Field Engineering", Role: desk.RoleAgent, Reason: "Moves the mailboxes of the company that was bought in the spring, and stays until all of them have been seen to work", For: 168 * time.Hour},
	} {
		guest, _, err := g.people.AddGuest(ctx, g.owner, add)
		check(t, err)
		if add.Role == desk.RoleLight {
			check(t, g.people.EndGuest(ctx, g.owner, guest.ID))
		}
	}
}
