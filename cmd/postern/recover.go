package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"

	"postern/config"
	"postern/identity"
)

type adminCommand struct {
	Recover adminRecover `cmd:"" help:"Print a link by which an owner signs in once, within 15 minutes, when no other way works. Every owner is told, and it stands in the audit log."`
}

type adminRecover struct {
	Email string `arg:"" optional:"" help:"Address of the owner; needed where there are several."`
}

// Run prints the link alone, for scripts.
func (a adminRecover) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(in *administration) error {
		url, owner, err := in.identity.Recover(ctx, operator(), identity.Recovery{Email: a.Email, Operator: operatorName()})
		if err != nil {
			return err
		}
		fmt.Fprintf(term.err, "It signs in as %s, once, within 15 minutes. Every owner is told.\n", owner.Email)
		_, err = fmt.Fprintln(term.out, url)
		return err
	})
}

// operatorName is who uses the command line, as the machine names them.
func operatorName() string {
	who, err := user.Current()
	if err != nil {
		return strconv.Itoa(os.Getuid()) // as in a container, where numbers have no names
	}
	return who.Uid + "/" + who.Username
}
