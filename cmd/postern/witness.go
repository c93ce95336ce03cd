package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"postern/identity"
	"postern/migrations"
)

// errand is the command that a process carries out.
type errand struct {
	verb string
	term terminal
}

type errandKey struct{}

// carrying makes what a command opens know which command it is.
func carrying(ctx context.Context, one errand) context.Context {
	return context.WithValue(ctx, errandKey{}, one)
}

// neverAsked are commands that need no code whatever the settings say: those that run the system or look after the machine under it, and the two by which somebody gets in who has lost everything. Those tell every owner.
var neverAsked = []string{"serve", "migrate up", "migrate status", "restore", "doctor", "admin recover", "user recovery-code"}

// witness writes the command into the audit log before it does anything, with the account of the machine that gave it, and asks for a code where the settings want one. So every command stands there that reaches the
// database, whatever becomes of it; what it changes has entries of its own besides.
func (p *platform) witness(ctx context.Context) error {
	one, is := ctx.Value(errandKey{}).(errand)
	if !is {
		return nil
	}
	if one.verb == "backup" {
		if older, err := p.olderSchema(ctx); err != nil || older {
			fmt.Fprintln(one.term.err, "this is not in the audit log, since the schema is older than the program")
			return err
		}
	}
	people := identity.New(identity.Config{Store: p.store, Keys: p.keys, PublicURL: p.settings.PublicURL})
	return people.BeginCommand(ctx, operator(), identity.Command{
		Verb: one.verb, Right: commandRights[one.verb], Host: machine(), Always: slices.Contains(neverAsked, one.verb),
		Code: func() (identity.CommandCode, error) {
			return askCode(one.term, identity.CommandCode{Email: p.settings.Operator, Code: p.settings.OperatorCode})
		},
	})
}

// olderSchema says whether the database waits for migrations, as under an older serve, which a backup leaves alone.
func (p *platform) olderSchema(ctx context.Context) (bool, error) {
	states, err := migrations.Status(ctx, p.access.DatabaseURL)
	return slices.ContainsFunc(states, func(one migrations.State) bool { return !one.Applied }), err
}

// machine is what this one calls itself.
func machine() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// errNoTerminal is the end of a command that needs a code where nobody can be asked.
var errNoTerminal = errors.New("this command asks for a code, and there is no terminal: set POSTERN_OPERATOR and POSTERN_OPERATOR_CODE, or let an owner put the command among those that run by themselves (the setting cli.unattended)")

// askCode asks at the terminal for what was not given, whatever the command's input and output are tied to.
func askCode(term terminal, given identity.CommandCode) (identity.CommandCode, error) {
	if given.Email != "" && given.Code != "" {
		return given, nil
	}
	if !onTerminal(term.in) && !onTerminal(term.err) {
		return given, errNoTerminal
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return given, errNoTerminal
	}
	defer tty.Close()
	return askCodeAt(tty, given)
}

// askCodeAt asks there.
func askCodeAt(tty io.ReadWriter, given identity.CommandCode) (identity.CommandCode, error) {
	lines := bufio.NewReader(io.LimitReader(tty, 1024))
	for _, one := range []struct {
		words string
		value *string
	}{{"Your address: ", &given.Email}, {"Code of your authenticator app: ", &given.Code}} {
		if *one.value != "" {
			continue
		}
		if _, err := io.WriteString(tty, one.words); err != nil {
			return given, fmt.Errorf("ask for a code: %w", err)
		}
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return given, fmt.Errorf("ask for a code: %w", err)
		}
		if *one.value = strings.TrimSpace(line); *one.value == "" {
			return given, errors.New("this command asks for a code, and none was given")
		}
	}
	return given, nil
}

// onTerminal says whether a person sits at the other end. /dev/null is a device of the same kind, behind which nobody does.
func onTerminal(end any) bool {
	file, is := end.(*os.File)
	if !is {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
