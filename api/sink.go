package api

import (
	"context"
	"time"

	"postern/audit"
	"postern/desk"
)

// Sink is where the audit log is sent.
type Sink struct {
	ID           int64         `json:"id"`
	Name         string        `json:"name"`
	Kind         desk.SinkKind `json:"kind" enum:"syslog,webhook,file"`
	Address      string        `json:"address" doc:"host:port of a syslog server, the URL of a webhook, the name of a file."`
	Authority    string        `json:"authority" doc:"PEM of who vouches for its certificate; empty: whom the machine trusts."`
	Enabled      bool          `json:"enabled"`
	DeliveredAt  *time.Time    `json:"delivered_at"`
	FailingSince *time.Time    `json:"failing_since"`
	Problem      string        `json:"problem"`
	Behind       int64         `json:"behind" doc:"How many records have not certainly arrived."`
}

func viewSink(from desk.Sink) Sink {
	return Sink{
		ID: from.ID, Name: from.Name, Kind: from.Kind, Address: from.Address, Authority: from.Authority, Enabled: from.Enabled, DeliveredAt: utc(from.DeliveredAt), FailingSince: utc(from.FailingSince),
		Problem: from.Problem, Behind: from.Behind,
	}
}

// listSinks are all: there are few, so that there is one page.
func (a *API) listSinks(ctx context.Context, actor desk.Actor, _ *struct{}) (list[Sink], error) {
	found, err := a.cfg.Audit.Sinks(ctx, actor)
	return whole(found, viewSink), err
}

// sinkSecret is a new sink with the secret by which a webhook's requests are signed, which is shown this once.
type sinkSecret struct {
	Sink
	Secret string `json:"secret" doc:"Of a webhook; empty: it needs none."`
}

// newSink is a sink to be made.
type newSink struct {
	Body struct {
		Name      string        `json:"name" minLength:"1" maxLength:"40"`
		Kind      desk.SinkKind `json:"kind" enum:"syslog,webhook,file"`
		Address   string        `json:"address,omitempty" maxLength:"2000"`
		Authority string        `json:"authority,omitempty" maxLength:"65536"`
		Whole     bool          `json:"whole,omitempty" doc:"It gets the whole log, not only what comes."`
	}
}

func (a *API) addSink(ctx context.Context, actor desk.Actor, in *newSink) (sinkSecret, error) {
	made, secret, err := a.cfg.Audit.SetSink(ctx, actor, audit.WantedSink{Name: in.Body.Name, Kind: in.Body.Kind, Address: in.Body.Address, Authority: in.Body.Authority, Whole: in.Body.Whole, Enabled: true})
	return sinkSecret{viewSink(made), secret}, err
}

// sinkPatch is a merge patch (RFC 7396): what is absent stays. Only an owner in person stops a stream, so that no token can.
type sinkPatch struct {
	Identified
	Body struct {
		Address   *string `json:"address,omitempty" maxLength:"2000"`
		Authority *string `json:"authority,omitempty" maxLength:"65536"`
		Enabled   *bool   `json:"enabled,omitempty" enum:"true" doc:"True starts one that an owner has stopped."`
	}
}

func (a *API) patchSink(ctx context.Context, actor desk.Actor, in *sinkPatch) (Sink, error) {
	all, err := a.cfg.Audit.Sinks(ctx, actor)
	if err != nil {
		return Sink{}, err
	}
	for _, one := range all {
		if one.ID != in.ID {
			continue
		}
		set(&one.Address, in.Body.Address)
		set(&one.Authority, in.Body.Authority)
		set(&one.Enabled, in.Body.Enabled)
		changed, _, err := a.cfg.Audit.SetSink(ctx, actor, audit.WantedSink{ID: one.ID, Name: one.Name, Kind: one.Kind, Address: one.Address, Authority: one.Authority, Enabled: one.Enabled})
		return viewSink(changed), err
	}
	return Sink{}, desk.Faultf(desk.NotFound, "there is no sink %d", in.ID)
}

// seeAlert notes that whoever asks has seen an alert.
func (a *API) seeAlert(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Audit.SeeAlert(ctx, actor, in.ID)
}
