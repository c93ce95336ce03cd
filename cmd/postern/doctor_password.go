package main

import (
	"context"
	"time"

	"postern/desk"
	"postern/identity"
	"postern/secret"
)

// What one hash of a password may take: less is too easy to try by the million, more lets a few sign-ins keep everybody waiting (security row 34).
const (
	leastHash = 20 * time.Millisecond
	mostHash  = 250 * time.Millisecond
)

// passwords measures what a guess costs, and looks at the rules and the list.
func (c *checkup) passwords(ctx context.Context, p *platform) {
	cost := secret.HashCost()
	switch {
	case cost < leastHash:
		c.warn("password hashing", "this machine hashes faster than the cost was chosen for; tell the project, so that it can be raised", "one takes %s", cost.Round(time.Millisecond))
	case cost > mostHash:
		c.warn("password hashing", "sign-ins are slow here: give the machine a faster processor, or less to do", "one takes %s", cost.Round(time.Millisecond))
	default:
		c.ok("password hashing", "one takes %s", cost.Round(time.Millisecond))
	}
	if file := identity.LeakFile(c.settings.LeakedPasswords); file != "" {
		if err := file.Check(); err != nil {
			c.failed("leaked passwords", "POSTERN_LEAKED_PASSWORDS names the file of SHA-1 hashes, ordered by hash, that Have I Been Pwned offers; until it can be read nobody chooses a new password", err)
		} else {
			c.ok("leaked passwords", "%s is asked besides the built-in list", c.settings.LeakedPasswords)
		}
	}
	values, err := identity.New(identity.Config{Store: p.store, Keys: p.keys}).Settings(ctx)
	if err != nil {
		c.failed("password rules", "see that the database answers", err)
		return
	}
	for who, settings := range map[string]desk.PasswordSettings{"staff": desk.StaffPasswords, "customers": desk.CustomerPasswords} {
		if rule := settings.RuleOf(values, false); rule.Disputed() {
			c.warn("password rules of "+who, "rules about kinds of characters and changes after some time make passwords worse; take the level recommended", "not ASVS 6.2.5/6.2.10")
		} else {
			c.ok("password rules of "+who, "level %s", rule.Level)
		}
	}
}
