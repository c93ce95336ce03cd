package main

import (
	"context"
	"io"
	"log/slog"

	"postern/config"
	"postern/intake"
	"postern/observe"
	"postern/threading"
)

// wayIn is the one way in for mail, opened for a single command.
type wayIn struct {
	intake    *intake.Intake
	directory *intake.Directory
	stop      func() // ends it, after all that it has taken is filed
}

// openWayIn wires it as serve does. The filters are there to learn from what a person says of a mail; mail that did not come over the network they are not asked about.
func openWayIn(ctx context.Context, p *platform, log *slog.Logger) (*wayIn, error) {
	directory, err := intake.NewDirectory(ctx, p.store, threading.NewCodec(p.keys, p.settings.Hostname))
	if err != nil {
		return nil, err
	}
	chain, err := newFilters(p.settings, log, observe.NewMetrics(version))
	if err != nil {
		return nil, err
	}
	in := intake.New(intake.Config{
		Store: p.store, Keys: p.keys, Bucket: p.bucket, Checker: newChecker(p.settings, directory), Filters: chain, Hostname: p.settings.Hostname, Log: log,
	}, directory)
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { in.Run(running); close(ended) }()
	return &wayIn{intake: in, directory: directory, stop: func() { cancel(); <-ended }}, nil
}

// letIn is administer for a command that lets held mail in, or asks what would be let in.
func letIn(ctx context.Context, settings config.Settings, term terminal, do func(*administration) error) error {
	return administer(ctx, settings, func(a *administration) error {
		way, err := openWayIn(ctx, a.platform, warnings(term.err))
		if err != nil {
			return err
		}
		defer way.stop()
		a.tickets = newTickets(a.platform, way.intake)
		return do(a)
	})
}

// warnings is a log for a person who waits for a command: only what went wrong.
func warnings(out io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
