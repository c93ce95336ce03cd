package api

import (
	"context"
	"time"

	"postern/certificates"
	"postern/desk"
)

// Certificate is certificates.State as it is sent.
type Certificate struct {
	Name     string     `json:"name" doc:"Host name."`
	Issuer   string     `json:"issuer" doc:"The CA's own name; empty: there is no certificate."`
	Expires  *time.Time `json:"expires_at" doc:"Null: there is no certificate."`
	Failures int        `json:"failures" doc:"Attempts in a row that failed."`
	Problem  string     `json:"problem" doc:"What is wrong, in a sentence; empty: nothing."`
	NextTry  *time.Time `json:"next_try_at" doc:"The CA is not asked before."`
}

func viewCertificate(from certificates.State) Certificate {
	return Certificate{Name: from.Name, Issuer: from.Issuer, Expires: unlessZero(from.Expires), Failures: from.Failures, Problem: from.Problem, NextTry: unlessZero(from.NextTry)}
}

func (a *API) listCertificates(ctx context.Context, actor desk.Actor, _ *struct{}) (list[Certificate], error) {
	found, err := certificates.List(ctx, a.cfg.Store, actor, a.now())
	return whole(found, viewCertificate), err
}

func (a *API) retryCertificates(ctx context.Context, actor desk.Actor, _ *struct{}) error {
	return certificates.Retry(ctx, a.cfg.Store, actor)
}
