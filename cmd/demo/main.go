// Command demo fills a running Postern with mail that could be real: customers with names in many languages, photographs, orders, an invitation, an absence, a forgery, and agents at work on them.
//
// It speaks to the system as the world does: mail comes in by SMTP, people and mailboxes are made on the command line, the agents use the API. A customer who has a ticket already gets no second
// one, so it may be run again. All customers live under domains that exist nowhere (RFC 2606), so that no mail of the demo ever reaches anybody: answers to them are shown as not delivered.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"postern/config"
)

//go:embed stories.txt
var script string

// arguments are the settings of the system that is to be filled, and where its command line is.
type arguments struct {
	config.Settings `embed:""`

	Binary string `name:"binary" default:"bin/postern" help:"The program whose command line makes mailboxes, people and tokens."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var args arguments
	kong.Parse(&args, kong.Name("demo"), kong.Description("Fills a running Postern with believable mail."), config.File())
	err := run(ctx, args)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run fills the desk and says what it did.
func run(ctx context.Context, args arguments) error {
	settings, err := args.Settings.Complete()
	if err != nil {
		return err
	}
	stories, err := read(script)
	if err != nil {
		return err
	}
	smtp := settings.SMTPAddr[0]
	probe, err := net.DialTimeout("tcp", smtp, 3*time.Second)
	if err != nil {
		return fmt.Errorf("nobody takes mail at %s: start the system with make run in another terminal, then try again", smtp)
	}
	_ = probe.Close() // it was only to see whether somebody listens
	office, err := open(ctx, console{binary: args.Binary}, "http://"+string(settings.HTTPAddr))
	if err != nil {
		return err
	}
	defer office.close()
	teller := &teller{office: office, smtp: smtp, now: time.Now()}
	for _, story := range stories {
		if err := teller.tell(ctx, story); err != nil {
			return fmt.Errorf("the story of %s: %w", story.first().from.Address, err)
		}
	}
	fmt.Printf("%d mails sent: %d new tickets, %d answers to them, %d held for review. The agents added %d notes, %d answers and %d changes.\n",
		teller.mails, teller.tickets, teller.joined, teller.held, teller.notes, teller.replies, teller.changes)
	if teller.replies > 0 {
		fmt.Println("The customers' domains exist nowhere, so the answers show what an answer looks like that could not be delivered.")
	}
	if teller.known > 0 {
		fmt.Printf("%d customers were there already and were left alone.\n", teller.known)
	}
	fmt.Printf("mailboxes: %s\nagents:    %s\nlook at:   %s  (sign in with the owner's link that make run printed)\n",
		strings.Join(office.mailboxes[:], ", "), strings.Join(agentNames(), ", "), settings.PublicURL)
	return nil
}
