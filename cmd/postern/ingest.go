package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"postern/config"
	"postern/desk"
	"postern/intake"
)

// ingestCommand takes raw messages in through the same intake as SMTP.
type ingestCommand struct {
	Mailbox  string   `name:"mailbox" help:"Mailbox that they were sent to; otherwise the first of ours that a message names, or the oldest one."`
	MailFrom string   `name:"mail-from" help:"Envelope sender; otherwise the message's Return-Path."`
	Paths    []string `arg:"" name:"path" help:"Files (.eml, mbox), folders (Maildir, or any with .eml files), or - for standard input."`
}

// inFlight is how many messages are read and sealed at the same time: while one group is committed the next gathers, so a commit is shared by about as many.
const inFlight = 16

// Run takes the messages in, several at a time, and prints a line for each in the order in which they stand.
func (c ingestCommand) Run(ctx context.Context, settings config.Settings, term terminal) error {
	p, err := openPlatform(ctx, settings, platformOptions{role: visitor, conns: 4})
	if err != nil {
		return err
	}
	defer p.close()
	way, err := openWayIn(ctx, p, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer way.stop()
	if err := c.check(ctx, way.directory); err != nil {
		return err
	}
	f := &filing{
		command: c, in: way.intake, directory: way.directory, out: term.out, bar: newProgress(term.err, "messages", totalSize(c.Paths)),
		counts: map[desk.Disposition]int{}, queue: make(chan *filed, inFlight),
	}
	err = f.all(ctx, term.in)
	n := f.counts
	fmt.Fprintf(term.err, "%d new tickets, %d on tickets that were there, %d duplicates, %d suspended, %d reports, %d failed\n",
		n[desk.Ticketed], n[desk.Appended], n[desk.Duplicate], n[desk.Suspended], n[desk.Reported], n[desk.Refused])
	if err == nil && n[desk.Refused] > 0 {
		return errQuiet
	}
	return err
}

// check refuses what would suspend every message for want of a mailbox.
func (c ingestCommand) check(ctx context.Context, directory *intake.Directory) error {
	if c.Mailbox == "" {
		if len(directory.Ours(nil)) == 0 {
			return errors.New("there is no mailbox that could take them: make one with postern mailbox add support@example.com")
		}
		return nil
	}
	if known, err := directory.Recipient(ctx, c.Mailbox); err != nil || !known {
		return fmt.Errorf("%s is no mailbox here: postern mailbox list shows those that are, postern mailbox add makes one", c.Mailbox)
	}
	return nil
}

// filing is one run of the command: messages are read and filed in the background, and reported in their order.
type filing struct {
	command   ingestCommand
	in        *intake.Intake
	directory *intake.Directory
	out       io.Writer
	bar       *progress
	counts    map[desk.Disposition]int
	queue     chan *filed
	last      <-chan struct{} // closed when the message read last has its place in a group
}

// filed is what becomes of one message.
type filed struct {
	message rawMessage
	outcome desk.Outcome
	err     error
	done    chan struct{}
}

// all files every message under the command's paths. One that fails is reported and does not stop the others; running the command again takes it up.
func (f *filing) all(ctx context.Context, stdin io.Reader) error {
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		for one := range f.queue {
			<-one.done
			f.report(one)
		}
	}()
	var err error
	for _, path := range f.command.Paths {
		if err = eachMessage(path, stdin, func(m rawMessage) error { return f.file(ctx, m) }); err != nil {
			break
		}
	}
	close(f.queue)
	<-reported
	f.bar.clear()
	return err
}

// file begins to file one message. The queue's length bounds how many are under way; those are finished even if the program is told to stop.
func (f *filing) file(ctx context.Context, m rawMessage) error {
	if ctx.Err() != nil {
		m.done()
		return errors.New("stopped; run the same command again to go on, nothing is doubled")
	}
	one := &filed{message: m, done: make(chan struct{})}
	placed := make(chan struct{})
	turn := intake.Turn{Before: f.last, Placed: func() { close(placed) }}
	f.last = placed
	f.queue <- one
	env := f.envelope(m)
	go func() {
		defer close(one.done)
		defer m.done()
		one.outcome, one.err = f.in.AcceptInTurn(context.WithoutCancel(ctx), env, m.raw, turn)
	}()
	return nil
}

// envelope stands in for what an SMTP session would have said.
func (f *filing) envelope(m rawMessage) desk.Envelope {
	env := desk.Envelope{Source: desk.FromFile, MailFrom: f.command.MailFrom, ReceivedAt: m.receivedAt}
	if env.MailFrom == "" {
		env.MailFrom = m.returnPath
	}
	if now := time.Now(); env.ReceivedAt.IsZero() || env.ReceivedAt.After(now) {
		env.ReceivedAt = now
	}
	if f.command.Mailbox != "" {
		env.Recipients = []string{f.command.Mailbox}
	} else {
		env.Recipients = f.directory.Ours(m.addresses)
	}
	return env
}

// report prints the line of one message.
func (f *filing) report(one *filed) {
	f.bar.clear()
	name, outcome := one.message.name, one.outcome
	switch {
	case one.err != nil:
		outcome.Disposition = desk.Refused
		fmt.Fprintf(f.out, "%s\tfailed\t%v\n", name, one.err)
	case outcome.Ticket != 0:
		fmt.Fprintf(f.out, "%s\t%s\t#%d\n", name, outcome.Disposition, outcome.Ticket)
	default:
		fmt.Fprintf(f.out, "%s\t%s\t%s\n", name, outcome.Disposition, cmp.Or(outcome.Cause, "-"))
	}
	f.counts[outcome.Disposition]++
	f.bar.add(one.message.raw.Size())
}

// totalSize adds up what there is to read, for the progress bar; 0 when it cannot be known.
func totalSize(paths []string) (total int64) {
	for _, path := range paths {
		size, err := sizeOf(path)
		if err != nil {
			return 0
		}
		total += size
	}
	return total
}
