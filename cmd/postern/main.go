// Command postern is the whole product: the SMTP daemon, the portal, the API, delivery, and the commands by which an operator looks after them.
//
// This package wires the rooms together, top to bottom in the order of their floors, starts and stops them, and holds no rules of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	_ "time/tzdata" // people choose zones also where the machine has no zone files

	"github.com/alecthomas/kong"

	"postern/config"
	"postern/desk"
)

// Set by the linker: see the Makefile.
var (
	version = "development"
	commit  = "unknown"
)

// Exit statuses of the contract.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command table.
type commands struct {
	config.Settings `embed:""`

	Serve       serveCommand       `cmd:"" help:"Run the whole system: SMTP, portal and API, delivery and background work."`
	Migrate     migrateCommand     `cmd:"" help:"Bring the database schema up to date, or show where it stands."`
	User        userCommand        `cmd:"" help:"People who sign in: add, list, disable, enable, link, reset, import."`
	Admin       adminCommand       `cmd:"" help:"The way in for emergencies: recover."`
	Domain      domainCommand      `cmd:"" help:"Mail domains: DKIM keys, and the DNS records to publish."`
	Mailbox     mailboxCommand     `cmd:"" help:"The addresses that take mail."`
	Suspended   suspendedCommand   `cmd:"" help:"Mail that is held back: list, show, release, delete, spam, causes."`
	Sender      senderCommand      `cmd:"" help:"The block and allow lists, and what would happen to a mail."`
	Delivery    deliveryCommand    `cmd:"" help:"Outgoing mail: list, show, retry, cancel, redirect, counts, figures."`
	Suppression suppressionCommand `cmd:"" help:"Addresses that get no mail, since they bounce: list, show, lift, add."`
	Destination destinationCommand `cmd:"" help:"Rules for mail to a destination (TLS, connections, mails a minute): list, set, remove."`
	Policy      policyCommand      `cmd:"" help:"How mail is judged: show, set."`
	Token       tokenCommand       `cmd:"" help:"API tokens."`
	Audit       auditCommand       `cmd:"" help:"The audit log: list, export, verify."`
	Access      settingsCommand    `cmd:"" name:"settings" help:"Accounts and access: list, get, set."`
	Client      clientCommand      `cmd:"" help:"Programs that people may connect by OAuth 2: add, list, secret, remove."`
	Guest       guestCommand       `cmd:"" help:"Somebody let in to help for hours or days: add, list, end."`
	Service     serviceCommand     `cmd:"" help:"Accounts of programs: add, list."`
	Keys        keysCommand        `cmd:"" help:"The master keys: list, add, use."`
	Ingest      ingestCommand      `cmd:"" help:"Take in raw messages (.eml, mbox, Maildir, or - for stdin) like mail from SMTP."`
	Backup      backupCommand      `cmd:"" help:"Copy everything (database, attachments, keys) to a folder, while the system runs; again into the same folder copies new attachments only."`
	Restore     restoreCommand     `cmd:"" help:"Bring a backup back, into an installation that is empty and does not run."`
	Certificate certificateCommand `cmd:"" help:"Certificates by ACME: list, retry."`
	Doctor      doctorCommand      `cmd:"" help:"Check everything, a line a check, and say what to do about each failure."`
	Version     versionCommand     `cmd:"" help:"Version, commit and Go version."`
}

// terminal is what a command talks to.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// run carries out one command line and returns the exit status.
func run(ctx context.Context, args []string, term terminal) int {
	var table commands
	parser, err := kong.New(&table, kong.Name("postern"), kong.Description("An e-mail-first support system."), kong.Writers(term.out, term.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 140}), config.File(), kong.Exit(func(int) { panic(helped{}) }))
	if err != nil {
		return fail(term, err, exitFailed)
	}
	status, done := exitDone, false
	var parsed *kong.Context
	func() {
		defer func() { // --help has printed all there is to say
			if caught := recover(); caught != nil {
				if _, is := caught.(helped); !is {
					panic(caught)
				}
				done = true
			}
		}()
		if len(args) == 0 {
			args = []string{"--help"}
		}
		if parsed, err = parser.Parse(args); err != nil {
			status, done = fail(term, withHelp(err), exitUsage), true
		}
	}()
	if done {
		return status
	}
	settings, err := table.Settings.Complete()
	if err == nil {
		err = declared(verbOf(parsed))
	}
	if err != nil {
		return fail(term, err, exitUsage)
	}
	parsed.BindTo(carrying(ctx, errand{verb: verbOf(parsed), term: term}), (*context.Context)(nil))
	if err := parsed.Run(settings, term); err != nil {
		return fail(term, err, exitFailed)
	}
	return exitDone
}

// helped stops the parser after it has printed help.
type helped struct{}

// fail prints one line that says what to do. errQuiet has been explained already.
func fail(term terminal, err error, status int) int {
	if !errors.Is(err, errQuiet) {
		fmt.Fprintln(term.err, "postern: "+strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	}
	return status
}

// withHelp adds where to read on, which is all that the parser's own words lack.
func withHelp(err error) error {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context == nil {
		return err
	}
	command := "postern"
	for _, step := range wrong.Context.Path {
		if step.Command != nil {
			command += " " + step.Command.Name
		}
	}
	return fmt.Errorf("%w: run %s --help", err, command)
}

// errQuiet makes the exit status 1 without a further line.
var errQuiet = errors.New("failed, as printed above")

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(term terminal) error {
	_, err := fmt.Fprintf(term.out, "postern %s (commit %s, %s %s/%s)\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// operator is who acts through the command line: whoever can run it with the key file may do everything.
func operator() desk.Actor {
	actor := desk.System("cli")
	actor.Operator = operatorName()
	return actor
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	status := run(ctx, os.Args[1:], terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(status)
}
