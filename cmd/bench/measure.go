package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// sample is one round of one row for one peer.
type sample struct {
	rate     float64 // mails a second
	cpu      float64 // seconds of CPU for 1,000 mails
	database float64 // PostgreSQL's part of that
	p50, p99 float64 // milliseconds
}

type sampleKey struct {
	row  row
	peer string
}

// measurement is one run of the benchmark.
type measurement struct {
	settings settings
	peers    []peer
	names    *nameServer
	keys     string // file
	seed     uint64
	sent     map[string]int // mails by peer
	signed   map[string]int // those of them that are signed
	samples  map[sampleKey][]sample
	incoming string // the part of the report about mail that comes in, once it is measured
	outgoing string // and about replies that leave
}

// warmUp is how many mails each peer gets before anything counts: processes are forked, caches filled, statements prepared.
const warmUp = 200

// all measures every row, the peers taking turns, and checks that every mail is there afterwards.
func (m *measurement) all(ctx context.Context) error {
	for _, p := range m.peers {
		if _, err := m.once(ctx, p, load{row: m.settings.rows[0], mails: warmUp}); err != nil {
			return err
		}
	}
	for _, r := range m.settings.rows {
		for range m.settings.rounds {
			seed := m.seed
			for _, p := range m.peers {
				m.seed = seed // the same octets for everybody
				s, err := m.once(ctx, p, load{row: r, mails: m.settings.mails / shapes()[r.shape].share})
				if err != nil {
					return fmt.Errorf("%s, %s: %w", p.name(), r, err)
				}
				key := sampleKey{r, p.name()}
				m.samples[key] = append(m.samples[key], s)
				fmt.Fprintf(os.Stderr, "%-44s %-13s %7.0f/s  %.3f CPU-s per 1,000 (PostgreSQL %.3f)  p50 %.1f ms  p99 %.1f ms\n", r, p.name(), s.rate, s.cpu, s.database, s.p50, s.p99)
			}
		}
	}
	if err := m.profile(ctx); err != nil {
		return err
	}
	return m.count(ctx)
}

// load is what a peer gets at one time.
type load struct {
	row
	mails int
	begun func() // called when the mails are written and before the first is sent; may be nil
}

// once sends mails to a peer and measures it meanwhile.
func (m *measurement) once(ctx context.Context, p peer, l load) (s sample, err error) {
	m.seed++
	behind, is := p.(*postern)
	text, err := json.Marshal(order{
		Addr: p.addr(), Shape: l.shape, Conns: l.conns, Mails: l.mails, Seed: m.seed, Keys: m.keys, Proxy: is && behind.proxied,
	})
	if err != nil {
		return s, err
	}
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	generator, err := run(nil, self, roleGenerator, string(text))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, generator.stop()) }()
	if _, err := generator.line(ctx); err != nil { // it is ready
		return s, err
	}
	if l.begun != nil {
		l.begun()
	}
	before, databaseBefore, err := spent(p)
	if err != nil {
		return s, err
	}
	if err := generator.start(); err != nil {
		return s, err
	}
	line, err := generator.line(ctx)
	if err != nil {
		return s, err
	}
	after, databaseAfter, err := spent(p)
	if err != nil {
		return s, err
	}
	var got yield
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		return s, err
	}
	m.sent[p.name()] += l.mails
	if shapes()[l.shape].signed {
		m.signed[p.name()] += l.mails
	}
	if err := m.checkProof(ctx, p); err != nil {
		return s, err
	}
	thousands := float64(l.mails) / 1000
	return sample{
		rate: float64(l.mails) / got.Seconds, cpu: (after - before) / thousands, database: (databaseAfter - databaseBefore) / thousands, p50: got.P50, p99: got.P99,
	}, nil
}

// checkProof fails when Postern did not prove the sender of each signed mail, and of no other: who verifies nothing is fast. Another build of it may be one that does not verify.
func (m *measurement) checkProof(ctx context.Context, p peer) error {
	ours, is := p.(*postern)
	if !is || ours.called != product {
		return nil
	}
	proved, err := ours.proved(ctx)
	if err != nil {
		return fmt.Errorf("count the proved senders: %w", err)
	}
	if proved != m.signed[p.name()] {
		return fmt.Errorf("%d mails were signed, and of %d the sender is proved", m.signed[p.name()], proved)
	}
	return nil
}

// spent is the CPU time of a peer so far, and its database's part of it.
func spent(p peer) (all, database float64, err error) {
	if ours, is := p.(*postern); is {
		if database, err = ours.databaseCPU(); err != nil {
			return 0, 0, err
		}
	}
	all, err = cpuSeconds(p.pid())
	return all, database, err
}

// generatorProcess is the main function of the generator.
func generatorProcess(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	return generate(o, os.Stdin, os.Stdout)
}

// profileSeconds is long enough for some hundred samples of everything that matters.
const profileSeconds = 10

// profile loads Postern once more, outside the figures, while it writes a profile of itself.
func (m *measurement) profile(ctx context.Context) error {
	if m.settings.profile == "" {
		return nil
	}
	for _, p := range m.peers {
		ours, is := p.(*postern)
		if !is {
			continue
		}
		r := m.settings.rows[0]
		rate := m.median(r, p.name()).rate
		done := make(chan error, 1)
		m.seed += 1000
		_, err := m.once(ctx, p, load{row: r, mails: max(int(rate*profileSeconds), warmUp), begun: func() {
			go func() { done <- ours.profile(ctx, profileSeconds, m.settings.profile) }()
		}})
		if err != nil {
			return err
		}
		return <-done
	}
	return errors.New("-profile: Postern is not among the peers")
}

// count fails when a peer that keeps mail does not have every mail that it confirmed, once.
func (m *measurement) count(ctx context.Context) error {
	for _, p := range m.peers {
		if _, keepsNothing := p.(*null); keepsNothing {
			continue
		}
		kept, err := p.kept(ctx)
		if err != nil {
			return fmt.Errorf("count what %s has: %w", p.name(), err)
		}
		if kept != m.sent[p.name()] {
			return fmt.Errorf("%s confirmed %d mails and has %d", p.name(), m.sent[p.name()], kept)
		}
	}
	return nil
}

// median takes the middle of each figure by itself.
func (m *measurement) median(r row, peer string) sample {
	samples := m.samples[sampleKey{r, peer}]
	field := func(of func(sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = of(s)
		}
		return middle(values)
	}
	return sample{
		rate: field(func(s sample) float64 { return s.rate }),
		cpu:  field(func(s sample) float64 { return s.cpu }), database: field(func(s sample) float64 { return s.database }),
		p50: field(func(s sample) float64 { return s.p50 }), p99: field(func(s sample) float64 { return s.p99 }),
	}
}

// middle is the median.
func middle(values []float64) float64 {
	slices.SortFunc(values, cmp.Compare)
	switch n := len(values); {
	case n == 0:
		return 0
	case n%2 == 0:
		return (values[n/2-1] + values[n/2]) / 2
	default:
		return values[n/2]
	}
}
