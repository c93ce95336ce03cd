package tickets

import (
	"context"
	"time"

	"postern/desk"
	"postern/store"
)

// clocksApart is how far the database's clock may be from ours: beyond, signatures and links expire wrongly.
const clocksApart = 2 * time.Second

// System says how the installation fares: the database, the queue, the processes, and what waits.
func (s *Service) System(ctx context.Context, actor desk.Actor) (sys desk.Installation, err error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return sys, err
	}
	before := time.Now()
	server, err := s.store.Server(ctx)
	if err != nil {
		return sys, err
	}
	sys.Server = server.Version
	if apart := server.Now.Sub(before).Abs(); apart > clocksApart+time.Since(before) {
		sys.Apart = apart.Round(time.Second).String()
	}
	err = s.store.Snapshot(ctx, func(r store.Reader) (err error) {
		if sys.Size, sys.Tables, err = r.Usage(ctx); err != nil {
			return err
		}
		if sys.Jobs, err = r.Queue(ctx); err != nil {
			return err
		}
		if sys.Processes, err = r.Living(ctx); err != nil {
			return err
		}
		if sys.Unreacted, sys.Oldest, err = r.Unreacted(ctx); err != nil {
			return err
		}
		state, err := figuresStateOf(ctx, r)
		sys.Figures = state.Day
		return err
	})
	return sys, err
}

// Certificates lists the names for which certificates are obtained by ACME, and how each fares.
func (s *Service) Certificates(ctx context.Context, actor desk.Actor) ([]desk.NamedCertificate, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	rows, err := s.store.Certificates(ctx)
	list := make([]desk.NamedCertificate, len(rows))
	for i, row := range rows {
		list[i] = desk.NamedCertificate{Name: row.Name, Issuer: row.Issuer, Ends: row.NotAfter, Problem: row.Problem, NextTry: row.NextTry}
	}
	return list, err
}

// KeptPolicies is one page of the MTA-STS policies of domains that mail goes to.
func (s *Service) KeptPolicies(ctx context.Context, actor desk.Actor, cursor string) (desk.Page[desk.KeptPolicy], error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return desk.Page[desk.KeptPolicy]{}, err
	}
	return s.store.STSPolicies(ctx, cursor, 50)
}
