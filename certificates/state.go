package certificates

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
	"postern/store"
)

// State is how a name fares for which certificates are obtained, as people and programs are told.
type State struct {
	Name     string    `json:"name"`
	Issuer   string    `json:"issuer,omitempty"` // the CA's own name
	Expires  time.Time `json:"expires_at,omitzero"`
	Failures int       `json:"failures"`          // in a row
	Problem  string    `json:"problem,omitempty"` // in a sentence; empty: all is well
	NextTry  time.Time `json:"next_try_at,omitzero"`
}

// List says how every name fares for which certificates are or were obtained by ACME.
func List(ctx context.Context, db *store.Store, actor desk.Actor, now time.Time) ([]State, error) {
	if err := may(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	rows, err := db.Certificates(ctx)
	list := make([]State, len(rows))
	for i, row := range rows {
		list[i] = State{Name: row.Name, Issuer: row.Issuer, Failures: row.Failures, Problem: Problem(row, now)}
		if row.NotAfter != nil {
			list[i].Expires = *row.NotAfter
		}
		if row.NextTry != nil {
			list[i].NextTry = *row.NextTry
		}
	}
	return list, err
}

// may says whether the actor holds the right.
func may(actor desk.Actor, right desk.Right) error {
	if !actor.Can(right) {
		return desk.Faultf(desk.Forbidden, "you may not do this: it takes the right %q", right)
	}
	return nil
}

// Retry ends the pauses after failures, on every machine: somebody has mended what the CA complained of.
func Retry(ctx context.Context, db *store.Store, actor desk.Actor) error {
	if err := may(actor, desk.MayManageSystem); err != nil {
		return err
	}
	return db.Write(ctx, func(tx *store.Tx) error {
		if err := tx.RetryCertificates(ctx); err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "certificate.retry", "certificates", map[string]any{}); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
}

// Problem is what a row says to people who wonder about a name; empty when all is well.
func Problem(row store.Certificate, now time.Time) string {
	switch {
	case row.NotAfter == nil && row.Problem == "":
		return "no certificate was obtained yet"
	case row.NotAfter == nil:
		return fmt.Sprintf("no certificate was obtained: %s", row.Problem)
	case row.NotAfter.Before(now):
		return fmt.Sprintf("the certificate ended on %s and was not renewed: %s", row.NotAfter.Format(time.DateTime), row.Problem)
	case row.Problem != "":
		return fmt.Sprintf("the certificate that ends on %s is not being renewed: %s", row.NotAfter.Format(time.DateOnly), row.Problem)
	}
	return ""
}
