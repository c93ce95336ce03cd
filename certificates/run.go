package certificates

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"

	"postern/store"
)

// A certificate is looked at twelve times in its life, at least every hour: another machine may have renewed it, or the CA may want it renewed early (RFC 9773).
const (
	looksInALife = 12
	longestLook  = time.Hour
	readyAgain   = 10 * time.Minute // how soon a name is looked at again that the CA would not find us under
)

// mostMissed is after how many names in a row that met nobody at the CA a look ends: the others would wait as long for nothing.
const mostMissed = 3

// noteTime is how long the note that something failed may take.
const noteTime = 10 * time.Second

// Run obtains and renews until ctx ends. Only one Run may be going on for a Keeper; without ACME it watches the files.
func (k *Keeper) Run(ctx context.Context) {
	for {
		pause := Look
		if k.cfg.ACME == nil {
			k.observeFiles()
		} else {
			if err := k.look(ctx); err != nil && ctx.Err() == nil {
				k.cfg.Log.Error("certificates could not be looked after; those that are in use stay", "error", err)
			}
			pause = k.pause()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		case <-k.wake:
		}
	}
}

// pause is how long nothing is due. Names are read again at every look, so it is no longer than that; and certificates whose life is counted in seconds are for tests, so it is no shorter than one.
func (k *Keeper) pause() time.Duration {
	pause, now := k.cfg.ACME.Look, k.cfg.ACME.Now()
	for _, due := range k.due {
		if wait := due.Sub(now); wait > 0 {
			pause = min(pause, max(wait, time.Second))
		}
	}
	return pause
}

// look reads the names again, shows what the database holds for those that are new here, and then does for each what is due. What is in use is never taken away before there is better.
func (k *Keeper) look(ctx context.Context) error {
	names, err := k.cfg.ACME.Names(ctx)
	if err != nil {
		return err
	}
	wanted := make(map[string]Name, len(names))
	for _, name := range names {
		wanted[name.Host] = name
	}
	before := *k.wanted.Swap(&wanted)
	for host := range before {
		if _, still := wanted[host]; !still {
			k.show(host, nil)
			delete(k.due, host)
		}
	}
	for _, name := range names {
		if _, known := k.due[name.Host]; !known {
			if _, err := k.load(ctx, name.Host); err != nil {
				k.cfg.Log.Error("a certificate cannot be read from the database", "name", name.Host, "error", err)
			}
			k.due[name.Host] = time.Time{}
		}
	}
	rows, err := k.rows(ctx)
	if err != nil {
		return err
	}
	k.observe(rows)
	missed := 0 // in a row
	for _, name := range names {
		switch k.tend(ctx, name, rows[name.Host]) {
		case met:
			missed = 0
		case nobody:
			missed++
		}
		if ctx.Err() != nil || missed == mostMissed {
			break
		}
	}
	if rows, err = k.rows(ctx); err != nil {
		return err
	}
	k.observe(rows)
	return k.forget(ctx)
}

// rows is how each name fares that is wanted.
func (k *Keeper) rows(ctx context.Context) (map[string]store.Certificate, error) {
	list, err := k.cfg.ACME.Store.Certificates(ctx)
	rows := make(map[string]store.Certificate, len(list))
	for host := range *k.wanted.Load() {
		rows[host] = store.Certificate{Name: host}
	}
	for _, row := range list {
		if _, wanted := rows[row.Name]; wanted {
			rows[row.Name] = row
		}
	}
	return rows, err
}

// forget drops what is known of names that are long gone.
func (k *Keeper) forget(ctx context.Context) error {
	hosts := slices.Collect(maps.Keys(*k.wanted.Load()))
	return k.cfg.ACME.Store.Write(ctx, func(tx *store.Tx) error { return tx.ForgetCertificates(ctx, hosts, k.cfg.ACME.Now()) })
}

// meeting is what came of tending a name.
type meeting int

const (
	idle   meeting = iota // the CA was not asked
	met                   // the CA answered, whatever it said
	nobody                // the CA was not reached, or wants to be left alone
)

// tend does for one name what is due.
func (k *Keeper) tend(ctx context.Context, name Name, row store.Certificate) meeting {
	now := k.cfg.ACME.Now()
	if now.Before(k.due[name.Host]) || row.NextTry != nil && now.Before(*row.NextTry) {
		return idle
	}
	cert, err := k.load(ctx, name.Host) // another machine may have been here
	if err != nil {
		k.cfg.Log.Error("a certificate cannot be read from the database; what is in use stays", "name", name.Host, "error", err)
		return idle
	}
	if name.Keep {
		k.due[name.Host] = now.Add(k.pace(cert))
		return idle
	}
	if name.Ready != nil && (cert == nil || k.renewable(cert)) {
		if err := name.Ready(ctx); err != nil {
			k.notReady(ctx, row, err)
			return idle
		}
	}
	return k.visit(ctx, row)
}

// visit lets the ACME client do what is due for a name: obtain, ask when the CA wants it renewed, renew. It asks nobody when nothing is.
func (k *Keeper) visit(ctx context.Context, row store.Certificate) meeting {
	visiting, cancel := context.WithTimeout(ctx, obtainTime)
	defer cancel()
	managed := []certmagic.SubjectIssuer{{Subject: row.Name}}
	k.cache.RemoveManaged(managed) // else it would trust what it has in memory
	err := k.magic.ManageSync(visiting, []string{row.Name})
	k.cache.RemoveManaged(managed) // it is we who come back to it
	switch {
	case ctx.Err() != nil, errors.Is(err, errNotYet): // we stop, or another machine failed while we waited for its lock
		return idle
	case err != nil:
		k.cfg.Log.Debug("a visit to the CA failed", "name", row.Name, "error", err) // event has noted what it says
		if kind, _ := failureOf(err); kind == Refused {
			return met
		}
		return nobody
	}
	cert, err := k.load(ctx, row.Name)
	if err == nil && cert != nil && row.Problem != "" {
		err = k.keep(ctx, row.Name, cert)
	}
	if err != nil || cert == nil {
		k.cfg.Log.Error("a certificate was obtained and cannot be read", "name", row.Name, "error", err)
		return met
	}
	k.due[row.Name] = k.cfg.ACME.Now().Add(k.pace(cert))
	return met
}

// load shows the certificate that the database holds for a name. There may be none.
func (k *Keeper) load(ctx context.Context, host string) (*tls.Certificate, error) {
	issuer := k.issuer.IssuerKey()
	chain, err := k.kept.Load(ctx, certmagic.StorageKeys.SiteCert(issuer, host))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := k.kept.Load(ctx, certmagic.StorageKeys.SitePrivateKey(issuer, host))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil { // chain and key are written one after the other: a reader can come between
		if shown := (*k.shown.Load())[host]; shown != nil {
			return shown, nil
		}
		return nil, nil
	}
	shown := (*k.shown.Load())[host]
	if shown != nil && shown.Leaf.Equal(cert.Leaf) {
		return shown, nil
	}
	k.show(host, &cert)
	if shown != nil && shown.Leaf.NotAfter.Before(cert.Leaf.NotAfter) {
		k.cfg.Log.Info("a renewed certificate is in use", "name", host, "until", cert.Leaf.NotAfter)
	} else {
		k.cfg.Log.Info("a certificate is in use", "name", host, "until", cert.Leaf.NotAfter, "issuer", leafIssuer(cert.Leaf))
	}
	row, err := k.cfg.ACME.Store.Certificate(ctx, host)
	if err != nil || row.NotAfter != nil && row.NotAfter.Equal(cert.Leaf.NotAfter) {
		return &cert, err // another machine has noted it, or this one before its restart; what failed since then stands
	}
	return &cert, k.keep(ctx, host, &cert)
}

// keep notes what a name has, and that nothing is wrong with it.
func (k *Keeper) keep(ctx context.Context, host string, cert *tls.Certificate) error {
	row := store.Certificate{Name: host, Issuer: leafIssuer(cert.Leaf), NotBefore: &cert.Leaf.NotBefore, NotAfter: &cert.Leaf.NotAfter}
	return k.cfg.ACME.Store.Write(ctx, func(tx *store.Tx) error { return tx.KeepCertificate(ctx, row) })
}

// failed notes that the CA was asked in vain, and says so once.
func (k *Keeper) failed(ctx context.Context, host string, cause error) error {
	if cause == nil || errors.Is(cause, context.Canceled) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime) // it may have failed because its time was over
	defer cancel()
	now := k.cfg.ACME.Now()
	row, err := k.cfg.ACME.Store.Certificate(ctx, host)
	if err != nil {
		return err
	}
	kind, words := failureOf(cause)
	failures := row.Failures + 1
	next := nextTry(now, kind, failures, words, rand.Float64())
	k.cfg.Log.Error("no certificate was obtained; what is in use stays", "name", host, "failures", failures, "problem", words, "next_try", next.UTC().Truncate(time.Second))
	miss := store.Certificate{Name: host, Failures: failures, Problem: words, FailedAt: &now, NextTry: &next}
	return k.cfg.ACME.Store.Write(ctx, func(tx *store.Tx) error { return tx.MissCertificate(ctx, miss) })
}

// notReady notes that the CA was not even asked. It counts as no failure.
func (k *Keeper) notReady(ctx context.Context, row store.Certificate, cause error) {
	now := k.cfg.ACME.Now()
	next, words := now.Add(readyAgain), clipped("the CA was not asked: "+cause.Error())
	if row.Problem != words {
		k.cfg.Log.Warn("no certificate can be obtained yet", "name", row.Name, "problem", cause)
	}
	miss := store.Certificate{Name: row.Name, Failures: row.Failures, Problem: words, FailedAt: &now, NextTry: &next}
	if err := k.cfg.ACME.Store.Write(ctx, func(tx *store.Tx) error { return tx.MissCertificate(ctx, miss) }); err != nil {
		k.cfg.Log.Error("a certificate's standing could not be noted", "name", row.Name, "error", err)
	}
}

// pace is how soon a name is looked at again that has this certificate, or none.
func (k *Keeper) pace(cert *tls.Certificate) time.Duration {
	if cert == nil {
		return k.cfg.ACME.Look
	}
	return min(cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)/looksInALife, longestLook)
}

// renewable says whether a certificate is in the last third of its life, in which it is renewed.
func (k *Keeper) renewable(cert *tls.Certificate) bool {
	life := cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)
	return k.cfg.ACME.Now().After(cert.Leaf.NotAfter.Add(-life / 3))
}

// observe tells the figures.
func (k *Keeper) observe(rows map[string]store.Certificate) {
	if k.cfg.Observe == nil {
		return
	}
	shown := *k.shown.Load()
	list := make([]Standing, 0, len(rows))
	for host, row := range rows {
		standing := Standing{Name: host, Failures: row.Failures}
		if cert := shown[host]; cert != nil {
			standing.Expires = cert.Leaf.NotAfter
		}
		list = append(list, standing)
	}
	k.cfg.Observe(list)
}

// observeFiles tells the figures where there is one certificate for everything.
func (k *Keeper) observeFiles() {
	if k.cfg.Observe == nil {
		return
	}
	cert := k.own
	if k.files != nil {
		cert = k.files
	}
	k.cfg.Observe([]Standing{{Name: k.cfg.Hostname, Expires: cert.certificate().Leaf.NotAfter}})
}
