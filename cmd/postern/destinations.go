package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"postern/config"
	"postern/desk"
)

type destinationCommand struct {
	List   destinationList   `cmd:"" help:"Show the rules."`
	Set    destinationSet    `cmd:"" help:"Add a rule, or put it in the place of the one for the same destination."`
	Remove destinationRemove `cmd:"" help:"Remove rules."`
}

type destinationList struct{ listing }

// Run lists the rules.
func (d destinationList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		rules, err := a.tickets.Destinations(ctx, operator())
		if err != nil {
			return err
		}
		var rows [][]string
		for _, rule := range rules {
			rows = append(rows, []string{rule.Pattern, string(rule.TLS), strconv.Itoa(rule.AtOnce()), limitOr(rule.PerMinute, "any"), day(&rule.CreatedAt), rule.CreatedBy, plain(rule.Note)})
		}
		return d.print(term.out, rules, []string{"destination", "tls", "connections", "a minute", "set", "by", "note"}, rows)
	})
}

// limitOr is a limit in words.
func limitOr(limit int, none string) string {
	if limit == 0 {
		return none
	}
	return strconv.Itoa(limit)
}

type destinationPattern string

// Validate reads the pattern, so that a misspelt one changes nothing.
func (p destinationPattern) Validate() error {
	_, err := desk.CanonicalDestination(string(p))
	return err
}

type destinationSet struct {
	Pattern     destinationPattern `arg:"" name:"destination" help:"Domain, *.domain for all below it, or * for all without a rule of their own."`
	TLS         string             `name:"tls" enum:"opportunistic,encrypt,verify,requiretls" default:"opportunistic" help:"What its servers must show beyond what the domain publishes: opportunistic (nothing), encrypt, verify or requiretls."`
	Connections int                `name:"connections" placeholder:"N" help:"Connections at a time, of each process; 10 unless given."`
	PerMinute   int                `name:"per-minute" placeholder:"N" help:"Mails a minute, of each process; as many as go unless given."`
	Note        string             `name:"note" help:"Why, for whoever reads the list."`
}

// Run sets a rule.
func (d destinationSet) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		rule, err := a.tickets.SetDestination(ctx, operator(), desk.Destination{
			Pattern: string(d.Pattern), TLS: desk.TLSRule(d.TLS), Connections: d.Connections, PerMinute: d.PerMinute, Note: d.Note,
		})
		if err != nil {
			return err
		}
		said := []string{"tls " + string(rule.TLS), fmt.Sprintf("%d connections at a time", rule.AtOnce())}
		if rule.PerMinute > 0 {
			said = append(said, fmt.Sprintf("%d mails a minute", rule.PerMinute))
		}
		_, err = fmt.Fprintf(term.out, "%s: %s\n", rule.Pattern, strings.Join(said, ", "))
		return err
	})
}

type destinationRemove struct {
	Patterns []destinationPattern `arg:"" name:"destination" help:"Domain, *.domain or *, as the list has it."`
}

// Run removes rules.
func (d destinationRemove) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		for _, pattern := range d.Patterns {
			if err := a.tickets.DropDestination(ctx, operator(), string(pattern)); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(term.out, "removed %s\n", pattern); err != nil {
				return err
			}
		}
		return nil
	})
}
