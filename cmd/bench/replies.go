package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The other direction: replies that leave, signed, to one fast server.
const (
	customers = "customers.example" // where all of them go
	office    = "desk.example"      // the domain that they are signed for
	writers   = 10                  // who hand in replies at the same time
)

// mailer is a server that signs what it is given and brings it to the collector.
type mailer interface {
	name() string
	does() string
	prepare(ctx context.Context, mails int) error // what has to be there before replies can be written; not measured
	submit(ctx context.Context, mails int) error  // hands in so many replies, and returns when all are taken
	cpu() (all, database float64, err error)
	stop() error
}

// dispatch is one round of one mailer.
type dispatch struct {
	rate     float64 // mails a second, from the first handed in to the last at the collector
	cpu      float64 // seconds of CPU for 1,000 mails, that of handing in included
	database float64 // PostgreSQL's part of that
}

// dispatches measures all mailers, taking turns, and writes the table of the section.
func dispatches(ctx context.Context, s settings, folder string) (string, error) {
	collector, err := startCollector(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = collector.process.stop() }() // it has nothing to lose
	mailers, err := startMailers(ctx, s, folder, collector.addr)
	defer func() {
		for _, m := range mailers {
			if err := m.stop(); err != nil {
				fmt.Fprintln(os.Stderr, "bench: stop", m.name()+":", err)
			}
		}
	}()
	if err != nil {
		return "", err
	}
	took := map[string][]dispatch{}
	for round := range s.rounds + 1 {
		mails := s.replies
		if round == 0 {
			mails = warmUp
		}
		for _, m := range mailers {
			one, err := collector.measure(ctx, m, mails)
			if err != nil {
				return "", fmt.Errorf("%s: %w", m.name(), err)
			}
			if round == 0 {
				continue
			}
			took[m.name()] = append(took[m.name()], one)
			fmt.Fprintf(os.Stderr, "%-44s %-22s %7.0f/s  %.3f CPU-s per 1,000 (PostgreSQL %.3f)\n", "replies out", m.name(), one.rate, one.cpu, one.database)
		}
	}
	return dispatchTable(s, mailers, took), nil
}

// startMailers starts those that were asked for: Postern twice, for the whole way of a reply and for its sending alone.
func startMailers(ctx context.Context, s settings, folder, sink string) (mailers []mailer, err error) {
	starts := map[string][]func(folder string) (mailer, error){
		"postfix": {func(own string) (mailer, error) { return startRelay(ctx, own, sink) }},
		"postern": {
			func(own string) (mailer, error) { return startDesk(ctx, own, sink, wholeWay) },
			func(own string) (mailer, error) { return startDesk(ctx, own, sink, sendingOnly) },
		},
	}
	for _, name := range s.only {
		for i, start := range starts[name] {
			own := filepath.Join(folder, fmt.Sprintf("%s-replies-%d", name, i))
			if err := os.Mkdir(own, 0o755); err != nil {
				return mailers, err
			}
			m, err := start(own)
			if err != nil {
				return mailers, err
			}
			mailers = append(mailers, m)
		}
	}
	return mailers, nil
}

// collector is the fast server: a process that counts what comes.
type collector struct {
	process *child
	addr    string
}

func startCollector(ctx context.Context) (*collector, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	process, err := run(nil, self, roleCollector)
	if err != nil {
		return nil, err
	}
	line, err := process.line(ctx)
	if err != nil {
		return nil, err
	}
	return &collector{process: process, addr: strings.TrimSpace(line)}, nil
}

// settle is how long the collector listens for mails that come twice, after the last one that was awaited.
const settle = 2 * time.Second

// measure lets a mailer send so many replies and waits until the last one is here, once.
func (c *collector) measure(ctx context.Context, m mailer, mails int) (d dispatch, err error) {
	if err := m.prepare(ctx, mails); err != nil {
		return d, err
	}
	before, databaseBefore, err := m.cpu()
	if err != nil {
		return d, err
	}
	if _, err := fmt.Fprintln(c.process.in, mails); err != nil {
		return d, err
	}
	if err := m.submit(ctx, mails); err != nil {
		return d, err
	}
	line, err := c.process.line(ctx)
	if err != nil {
		return d, err
	}
	after, databaseAfter, err := m.cpu()
	if err != nil {
		return d, err
	}
	var got collected
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		return d, err
	}
	time.Sleep(settle)
	if _, err := io.WriteString(c.process.in, "sum\n"); err != nil {
		return d, err
	}
	if line, err = c.process.line(ctx); err != nil {
		return d, err
	}
	var sum collected
	if err := json.Unmarshal([]byte(line), &sum); err != nil {
		return d, err
	}
	if sum.Mails != mails || sum.Distinct != mails || sum.Unsigned != 0 {
		return d, fmt.Errorf("of %d replies came %d, %d different ones, %d without a signature", mails, sum.Mails, sum.Distinct, sum.Unsigned)
	}
	thousands := float64(mails) / 1000
	return dispatch{rate: float64(mails) / got.Seconds, cpu: (after - before) / thousands, database: (databaseAfter - databaseBefore) / thousands}, nil
}

// dispatchTable is the section of the report.
func dispatchTable(s settings, mailers []mailer, took map[string][]dispatch) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nReplies out: %d rounds of %d, to one server that takes everything at once; medians.\n\n", s.rounds, s.replies)
	fmt.Fprintln(&b, "| server, what it does with a reply | mails/s | × Postfix | CPU-s per 1,000 | × Postfix | PostgreSQL's part |")
	fmt.Fprintln(&b, "|---|---|---|---|---|---|")
	var relay dispatch
	for _, m := range mailers {
		if _, is := m.(*relayMailer); is {
			relay = middleDispatch(took[m.name()])
		}
	}
	for _, m := range mailers {
		d := middleDispatch(took[m.name()])
		rate, cpu := "", ""
		if relay.rate > 0 {
			rate, cpu = fmt.Sprintf("%.2f", d.rate/relay.rate), fmt.Sprintf("%.2f", d.cpu/relay.cpu)
		}
		fmt.Fprintf(&b, "| %s: %s | %.0f | %s | %.2f | %s | %.2f |\n", m.name(), m.does(), d.rate, rate, d.cpu, cpu, d.database)
	}
	return b.String()
}

// middleDispatch takes the middle of each figure by itself.
func middleDispatch(all []dispatch) dispatch {
	field := func(of func(dispatch) float64) float64 {
		values := make([]float64, len(all))
		for i, one := range all {
			values[i] = of(one)
		}
		return middle(values)
	}
	return dispatch{
		rate: field(func(d dispatch) float64 { return d.rate }), cpu: field(func(d dispatch) float64 { return d.cpu }),
		database: field(func(d dispatch) float64 { return d.database }),
	}
}

// all runs one job for each of the writers, who share so many mails, and waits for all of them.
func all(mails int, write func(writer, mails int) error) error {
	failures := make(chan error, writers)
	for i := range writers {
		go func() { failures <- write(i, (mails+i)/writers) }()
	}
	var failed error
	for range writers {
		failed = errors.Join(failed, <-failures)
	}
	return failed
}
