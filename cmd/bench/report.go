package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// publish prints the result, and appends it to a file where that was asked for.
func (m *measurement) publish(ctx context.Context) error {
	commit := "unknown"
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	text := fmt.Sprintf("\n## %s, commit %s\n\n%d CPUs, %s. Load before and after: %s.\n%s%s",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), commit, runtime.NumCPU(), runtime.Version(), loadAverage(), m.incoming, m.outgoing)
	if _, err := io.WriteString(os.Stdout, text); err != nil {
		return err
	}
	if m.settings.append == "" {
		return nil
	}
	out, err := os.OpenFile(m.settings.append, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return errors.Join(err, out.Close())
}

// describe is the part of the report about mail that comes in. The peers run still.
func (m *measurement) describe(ctx context.Context) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMail in: %d rounds of %d mails (large ones: a quarter), %d a connection; medians.\n\n", m.settings.rounds, m.settings.mails, perConnection)
	m.table(&b)
	for _, p := range m.peers {
		ours, is := p.(*postern)
		if !is {
			continue
		}
		peak, err := memoryPeak(ours.pid())
		if err != nil {
			return "", err
		}
		s := m.median(m.settings.rows[0], p.name())
		fmt.Fprintf(&b, "\n%s: of its %.2f CPU-s in the first row %.2f were PostgreSQL's. Its process held %.0f MiB at most. Every mail that it confirmed was counted afterwards.\n",
			p.name(), s.cpu, s.database, peak)
		if m.settings.signed() {
			proved, err := ours.proved(ctx)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "It proved the sender of %d of %d signed mails.\n", proved, m.signed[p.name()])
		}
	}
	fmt.Fprintf(&b, "\nThe name server was asked %d questions in all.\n", m.names.asked.Load())
	return b.String(), nil
}

// loadAverage is how busy the machine was, over one, five and fifteen minutes: other work makes figures worse.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

// table prints a line for each row and peer, with the ratios to Postfix where it took part, and else to the other Postern.
func (m *measurement) table(out io.Writer) {
	measure := "Postfix"
	if !slices.Contains(m.settings.only, "postfix") && m.settings.beside != "" {
		measure = other
	}
	fmt.Fprintf(out, "| mails | server, what it does before its 250 | mails/s | × %[1]s | CPU-s per 1,000 | × %[1]s | p50 ms | p99 ms |\n", measure)
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|")
	for _, r := range m.settings.rows {
		var beside *sample
		for _, p := range m.peers {
			if p.name() == measure {
				s := m.median(r, p.name())
				beside = &s
			}
		}
		for _, p := range m.peers {
			s := m.median(r, p.name())
			rate, cpu := "", ""
			if beside != nil {
				rate, cpu = fmt.Sprintf("%.2f", s.rate/beside.rate), fmt.Sprintf("%.2f", s.cpu/beside.cpu)
			}
			fmt.Fprintf(out, "| %s | %s: %s | %.0f | %s | %.2f | %s | %.1f | %.1f |\n", r, p.name(), p.does(), s.rate, rate, s.cpu, cpu, s.p50, s.p99)
		}
	}
}
