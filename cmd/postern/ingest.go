package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"postern/config"
	"postern/desk"
	"postern/intake"
	"postern/mailauth"
	"postern/threading"
)

// ingestCommand takes raw messages in through the same intake as SMTP.
type ingestCommand struct {
	Mailbox  string   `name:"mailbox" help:"Mailbox that they were sent to; otherwise the first of ours that a message names, or the oldest one."`
	MailFrom string   `name:"mail-from" help:"Envelope sender; otherwise the message's Return-Path."`
	Paths    []string `arg:"" name:"path" help:"Files (.eml, mbox), folders (Maildir, or any with .eml files), or - for standard input."`
}

// tally counts what became of the messages.
type tally map[desk.Disposition]int

// Run takes the messages in, one after the other, and prints a line for each.
func (c ingestCommand) Run(ctx context.Context, settings config.Settings, term terminal) error {
	p, err := openPlatform(ctx, settings, platformOptions{role: visitor, conns: 4})
	if err != nil {
		return err
	}
	defer p.close()
	directory, err := intake.NewDirectory(ctx, p.store, threading.NewCodec(p.keys, settings.Hostname))
	if err != nil {
		return err
	}
	if c.Mailbox != "" {
		if known, err := directory.Recipient(ctx, c.Mailbox); err != nil || !known {
			return fmt.Errorf("%s is no mailbox here: postern mailbox list shows those that are, postern mailbox add makes one", c.Mailbox)
		}
	}
	in := intake.New(intake.Config{
		Store: p.store, Keys: p.keys, Bucket: p.bucket, Checker: &mailauth.Checker{}, Hostname: settings.Hostname, Log: slog.New(slog.DiscardHandler),
	}, directory)
	filing, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { in.Run(filing); close(ended) }()
	defer func() { stop(); <-ended }()

	counts := tally{}
	bar := newProgress(term.err, totalSize(c.Paths))
	for _, path := range c.Paths {
		err := eachMessage(path, term.in, func(m rawMessage) error {
			return c.take(ctx, taking{in: in, directory: directory, counts: counts, out: term.out}, m, bar)
		})
		if err != nil {
			bar.finish()
			return err
		}
	}
	bar.finish()
	fmt.Fprintf(term.err, "%d new tickets, %d on tickets that were there, %d duplicates, %d suspended, %d failed\n",
		counts[desk.Ticketed], counts[desk.Appended], counts[desk.Duplicate], counts[desk.Suspended], counts[desk.Refused])
	if counts[desk.Refused] > 0 {
		return errQuiet
	}
	return nil
}

// taking is what take works with.
type taking struct {
	in        *intake.Intake
	directory *intake.Directory
	counts    tally
	out       io.Writer
}

// take files one message. One that fails is reported and does not stop the others; running the command again takes it up.
func (c ingestCommand) take(ctx context.Context, t taking, m rawMessage, bar *progress) error {
	if err := ctx.Err(); err != nil {
		return errors.New("stopped; run the same command again to go on, nothing is doubled")
	}
	env := desk.Envelope{Source: desk.FromFile, MailFrom: c.MailFrom, ReceivedAt: m.receivedAt}
	if env.MailFrom == "" {
		env.MailFrom = m.returnPath
	}
	if env.ReceivedAt.IsZero() || env.ReceivedAt.After(time.Now()) {
		env.ReceivedAt = time.Now()
	}
	if c.Mailbox != "" {
		env.Recipients = []string{c.Mailbox}
	} else {
		env.Recipients = t.directory.Ours(m.addresses)
	}
	outcome, err := t.in.Accept(ctx, env, m.raw)
	bar.clear()
	switch {
	case err != nil:
		t.counts[desk.Refused]++
		fmt.Fprintf(t.out, "%s\tfailed\t%v\n", m.name, err)
	case outcome.Ticket != 0:
		t.counts[outcome.Disposition]++
		fmt.Fprintf(t.out, "%s\t%s\t#%d\n", m.name, outcome.Disposition, outcome.Ticket)
	default:
		t.counts[outcome.Disposition]++
		fmt.Fprintf(t.out, "%s\t%s\t%s\n", m.name, outcome.Disposition, outcome.Cause)
	}
	bar.add(m.raw.Size())
	return nil
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

// progress is a bar on a terminal for work that takes longer than a moment. On anything else it is silent.
type progress struct {
	out         io.Writer
	total, done int64
	messages    int
	start, last time.Time
	shown       bool
}

const (
	barWidth = 30
	barAfter = 500 * time.Millisecond // shorter work needs no bar
	barEvery = 100 * time.Millisecond
)

func newProgress(out io.Writer, total int64) *progress {
	file, ok := out.(*os.File)
	if !ok {
		return &progress{}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &progress{}
	}
	now := time.Now()
	return &progress{out: out, total: total, start: now, last: now}
}

func (p *progress) add(size int64) {
	p.done += size
	p.messages++
	now := time.Now()
	if p.out == nil || now.Sub(p.start) < barAfter || now.Sub(p.last) < barEvery {
		return
	}
	p.last, p.shown = now, true
	rate := float64(p.messages) / now.Sub(p.start).Seconds()
	if p.total == 0 {
		fmt.Fprintf(p.out, "\r%d messages, %.0f/s ", p.messages, rate)
		return
	}
	part := min(1, float64(p.done)/float64(p.total))
	filled := int(part * barWidth)
	bar := ""
	for i := range barWidth {
		if i < filled {
			bar += "█"
		} else {
			bar += "░"
		}
	}
	left := time.Duration(float64(now.Sub(p.start)) * (1 - part) / max(part, 0.001)).Round(time.Second)
	fmt.Fprintf(p.out, "\r%s %3.0f%%  %d messages, %.0f/s, %s left ", bar, part*100, p.messages, rate, left)
}

// clear takes the bar away, so that a line can be printed where it was.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\033[K")
		p.shown = false
	}
}

func (p *progress) finish() { p.clear() }
