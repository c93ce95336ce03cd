package api

import (
	"context"
	"time"

	"postern/desk"
)

// destination is desk.Destination as it is sent.
type destination struct {
	Pattern     string       `json:"pattern" doc:"A domain, *.domain for all below it, or * for all without a rule of their own."`
	TLS         desk.TLSRule `json:"tls" enum:"opportunistic,encrypt,verify,requiretls" doc:"Beyond what the domain itself publishes."`
	Connections int          `json:"connections" doc:"At a time, of each process; 0: the default of 10."`
	PerMinute   int          `json:"per_minute" doc:"Mails, of each process; 0: no limit."`
	Note        string       `json:"note"`
	CreatedBy   string       `json:"created_by" doc:"Empty: the command line."`
	CreatedAt   time.Time    `json:"created_at"`
}

func viewDestination(from desk.Destination) destination {
	return destination{
		Pattern: from.Pattern, TLS: from.TLS, Connections: from.Connections, PerMinute: from.PerMinute, Note: from.Note, CreatedBy: from.CreatedBy, CreatedAt: from.CreatedAt.UTC(),
	}
}

func (a *API) listDestinations(ctx context.Context, actor desk.Actor, _ *struct{}) (list[destination], error) {
	found, err := a.cfg.Tickets.Destinations(ctx, actor)
	return listed(desk.Page[desk.Destination]{Items: found}, viewDestination), err
}

// newDestination is a rule to be added, in the place of one with the same pattern.
type newDestination struct {
	Body struct {
		Pattern     string       `json:"pattern" minLength:"1" maxLength:"255" doc:"A domain, *.domain for all below it, or * for all without a rule of their own."`
		TLS         desk.TLSRule `json:"tls,omitempty" enum:"opportunistic,encrypt,verify,requiretls" doc:"Absent: opportunistic."`
		Connections int          `json:"connections,omitempty" minimum:"0" maximum:"100"`
		PerMinute   int          `json:"per_minute,omitempty" minimum:"0" maximum:"60000"`
		Note        string       `json:"note,omitempty" maxLength:"500"`
	}
}

func (a *API) setDestination(ctx context.Context, actor desk.Actor, in *newDestination) (destination, error) {
	set, err := a.cfg.Tickets.SetDestination(ctx, actor, desk.Destination{
		Pattern: in.Body.Pattern, TLS: in.Body.TLS, Connections: in.Body.Connections, PerMinute: in.Body.PerMinute, Note: in.Body.Note,
	})
	return viewDestination(set), err
}

// destinationPattern names a rule: in the query, for * stands badly in a path.
type destinationPattern struct {
	Pattern string `query:"pattern" required:"true" minLength:"1" maxLength:"255"`
}

func (a *API) dropDestination(ctx context.Context, actor desk.Actor, in *destinationPattern) error {
	return a.cfg.Tickets.DropDestination(ctx, actor, in.Pattern)
}
