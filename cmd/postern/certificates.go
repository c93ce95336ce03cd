package main

import (
	"context"
	"fmt"
	"time"

	"postern/certificates"
	"postern/config"
)

type certificateCommand struct {
	List  certificateList  `cmd:"" help:"List the names for which certificates are obtained by ACME, and how each fares."`
	Retry certificateRetry `cmd:"" help:"Ask the CA again now: what it refused before is mended."`
}

type certificateList struct{ listing }

// Run lists certificates.
func (c certificateList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		found, err := certificates.List(ctx, a.store, operator(), time.Now())
		if err != nil {
			return err
		}
		rows := make([][]string, len(found))
		for i, one := range found {
			until := "-"
			if !one.Expires.IsZero() {
				until = day(&one.Expires)
			}
			rows[i] = []string{one.Name, until, plain(one.Issuer), short(one.Problem, 160)}
		}
		return c.print(term.out, found, []string{"name", "until", "issuer", "problem"}, rows)
	})
}

type certificateRetry struct{}

// Run ends the pauses after failures.
func (c certificateRetry) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		err := certificates.Retry(ctx, a.store, operator())
		if err == nil {
			_, err = fmt.Fprintln(term.out, "the CA is asked again by the running system; postern certificate list shows what comes of it")
		}
		return err
	})
}
