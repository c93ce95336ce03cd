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

// certificateLine is how a name fares, for programs.
type certificateLine struct {
	Name     string     `json:"name"`
	Issuer   string     `json:"issuer,omitempty"`
	Expires  *time.Time `json:"expires_at"`
	Failures int        `json:"failures"`
	Problem  string     `json:"problem,omitempty"`
	NextTry  *time.Time `json:"next_try_at,omitempty"`
}

// Run lists certificates.
func (c certificateList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		found, err := a.store.Certificates(ctx)
		if err != nil {
			return err
		}
		lines, rows := make([]certificateLine, len(found)), make([][]string, len(found))
		for i, row := range found {
			lines[i] = certificateLine{Name: row.Name, Issuer: row.Issuer, Expires: row.NotAfter, Failures: row.Failures, Problem: row.Problem, NextTry: row.NextTry}
			rows[i] = []string{row.Name, day(row.NotAfter), plain(row.Issuer), short(certificates.Problem(row, time.Now()), 120)}
		}
		return c.print(term.out, lines, []string{"name", "until", "issuer", "problem"}, rows)
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
