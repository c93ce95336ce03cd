package main

import (
	"context"
	"fmt"

	"postern/config"
	"postern/desk"
)

type domainTest struct {
	domainArg
	listing
	To string `name:"to" placeholder:"ADDRESS" help:"Send a copy there, to see what that server makes of it."`
}

// Run makes a test mail and says, check by check, what others would make of it.
func (d domainTest) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		trial, err := a.domains.Test(ctx, operator(), d.Name, d.To)
		if err != nil {
			return err
		}
		if d.JSON {
			err = d.print(term.out, trial, nil, nil)
		} else {
			err = printTrial(term, trial)
		}
		if err == nil && (!trial.Good || trial.Delivery != nil && trial.Delivery.State != desk.DeliverySent) {
			return errQuiet
		}
		return err
	})
}

// printTrial prints a line a check, and what became of the copy.
func printTrial(term terminal, trial desk.Trial) error {
	for _, check := range trial.Checks {
		mark := "ok"
		switch {
		case !check.Good && check.Needed:
			mark = "failed"
		case !check.Good:
			mark = "warning"
		}
		fmt.Fprintf(term.out, "%-8s %-13s %s\n", mark, check.Name, check.Text)
	}
	if sent := trial.Delivery; sent != nil {
		fmt.Fprintf(term.out, "%-8s %-13s %s: %s %s\n", sent.State, "copy", sent.Recipient, sent.Host, sent.Reply)
	}
	said := "others would believe mail from " + trial.Domain
	if !trial.Good {
		said = "others would not believe mail from " + trial.Domain
	}
	_, err := fmt.Fprintln(term.out, said)
	return err
}
