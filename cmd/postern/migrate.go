package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"postern/config"
	"postern/migrations"
	"postern/store"
)

type migrateCommand struct {
	Up     migrateUp     `cmd:"" default:"1" help:"Apply what is missing."`
	Status migrateStatus `cmd:"" help:"List every migration, and whether this database has it."`
}

type migrateUp struct{}

// Run applies what is missing.
func (migrateUp) Run(ctx context.Context, settings config.Settings, term terminal) error {
	p, err := reachDatabase(ctx, settings)
	if err != nil {
		return err
	}
	defer p.close()
	if err := migrations.Up(ctx, p.access.DatabaseURL); err != nil {
		return err
	}
	if err := p.noteMigration(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(term.out, "the schema is up to date")
	return err
}

type migrateStatus struct{ listing }

// Run lists the migrations.
func (m migrateStatus) Run(ctx context.Context, settings config.Settings, term terminal) error {
	p, err := reachDatabase(ctx, settings)
	if err != nil {
		return err
	}
	defer p.close()
	states, err := migrations.Status(ctx, p.access.DatabaseURL)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(states, func(one migrations.State) bool { return !one.Applied }) { // else there may be no audit log to write to
		if err := p.noteMigration(ctx); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, state := range states {
		applied := "missing"
		if state.Applied {
			applied = "applied"
		}
		rows = append(rows, []string{state.Name, applied})
	}
	return m.print(term.out, states, []string{"migration", "state"}, rows)
}

// reachDatabase opens no more than a way to the database: its schema may be anything.
func reachDatabase(ctx context.Context, settings config.Settings) (*platform, error) {
	p := &platform{settings: settings}
	if err := p.reach(ctx, platformOptions{role: visitor, log: slog.New(slog.DiscardHandler)}); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// noteMigration writes the command into the audit log, once there is one.
func (p *platform) noteMigration(ctx context.Context) (err error) {
	if p.store, err = store.Open(ctx, p.access.DatabaseURL, 1); err != nil {
		return err
	}
	return p.witness(ctx)
}
