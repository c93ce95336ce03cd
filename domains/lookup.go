package domains

import (
	"context"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// view is all that is known of a domain.
type view struct {
	domain  desk.Domain
	keys    []store.DomainKey
	labels  []store.DomainLabel
	records []desk.Record // what is wanted, with what the last look found
}

// read brings together what is wanted and what was found.
func (s *Service) read(ctx context.Context, name string) (found view, err error) {
	err = s.cfg.Store.Snapshot(ctx, func(r store.Reader) error {
		if found.domain, err = r.Domain(ctx, name); err != nil {
			return err
		}
		return s.readRest(ctx, r, &found)
	})
	return found, err
}

// readRest fills in what belongs to the domain of a view.
func (s *Service) readRest(ctx context.Context, r store.Reader, v *view) (err error) {
	if v.keys, err = r.DomainKeys(ctx, v.domain.ID); err != nil {
		return err
	}
	if v.labels, err = r.DomainLabels(ctx, v.domain.ID); err != nil {
		return err
	}
	before, err := r.DomainRecords(ctx, v.domain.ID)
	v.records = overlay(v.wish(s.cfg.Preflight), before, v.keys)
	return err
}

// wish says what the domain wants of the DNS.
func (v view) wish(p *Preflight) Wish {
	wish := Wish{
		Domain: v.domain.Name, Hostname: p.Hostname, MXHosts: p.MXHosts, WebHost: p.WebHost, Smarthost: p.Smarthost, State: v.domain.State, STS: v.domain.STS, Challenge: v.domain.Challenge, Proven: !v.domain.ProvenAt.IsZero(),
		Keys: make([]WishedKey, len(v.keys)),
	}
	order := slices.Clone(v.keys) // those that sign first, then those to come, then those that go
	slices.SortStableFunc(order, func(a, b store.DomainKey) int { return rank(a.Role) - rank(b.Role) })
	for i, key := range order {
		wish.Keys[i] = WishedKey{
			Key:  Key{ID: key.ID, Domain: v.domain.Name, Selector: key.Selector, Algorithm: Algorithm(key.Algorithm), Public: key.PublicKey},
			Role: key.Role, Target: v.target(key), Alias: key.Slot > 0, Required: required(v.domain, key),
		}
	}
	return wish
}

func rank(role desk.KeyRole) int {
	return slices.Index([]desk.KeyRole{desk.KeySigning, desk.KeyNext, desk.KeyRetired, desk.KeyRevoked}, role)
}

// required says whether the domain cannot be used without a key's record. Signatures by Ed25519 are nice to have: where their record is missing, RSA signs alone.
// Both pairs of CNAMEs have to be there before a domain comes into use, so that its keys can change later without anybody's help.
func required(d desk.Domain, key store.DomainKey) bool {
	if key.Algorithm != string(RSA) {
		return false
	}
	started := d.State == desk.DomainActive || d.State == desk.DomainDegraded || d.State == desk.DomainPaused
	return key.Role == desk.KeySigning || key.Role == desk.KeyNext && key.Slot > 0 && !started
}

// target is where the CNAME of a key leads, or empty for one with a record of its own.
func (v view) target(key store.DomainKey) string {
	for _, label := range v.labels {
		if label.Slot == key.Slot && label.Algorithm == key.Algorithm {
			return label.Label + "." + label.Zone
		}
	}
	return ""
}

// overlay fills what was found before into the records that are wanted now. A finding for another value counts for nothing, but for advice, whose words follow from what was found;
// and one for a key that has not been seen yet was about the key before it.
func overlay(wish Wish, before []desk.Record, keys []store.DomainKey) []desk.Record {
	wanted := Wanted(wish)
	for i, want := range wanted {
		advice := !want.Required && want.Purpose != PurposeRSA && want.Purpose != PurposeEd25519 && want.Purpose != PurposeChallenge
		at := slices.IndexFunc(before, func(r desk.Record) bool {
			return r.Purpose == want.Purpose && r.Name == want.Name && (r.Wanted == want.Wanted || advice)
		})
		if at < 0 {
			continue
		}
		unseen := slices.ContainsFunc(keys, func(key store.DomainKey) bool {
			return key.SeenAt == nil && key.Slot > 0 && key.Selector+"._domainkey."+wish.Domain == want.Name
		})
		if before[at].OK && unseen && want.Purpose != PurposeObsolete {
			continue
		}
		wanted[i] = before[at]
		wanted[i].Required = want.Required
	}
	return wanted
}

// Verify looks a domain's records up, says how far it is (T-PREFLIGHT), and lets keys take over whose time has come. What changes for better or worse goes into the audit log.
func (s *Service) Verify(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	name, err := asciiOf(name)
	if err == nil {
		err = may(actor, desk.MayManageDomains)
	}
	if err != nil {
		return desk.Domain{}, nil, err
	}
	before, err := s.read(ctx, name)
	if err != nil {
		return desk.Domain{}, nil, err
	}
	_ = s.publishSoon(ctx, name, asFound) // managers are told
	now := s.cfg.Now()
	checked := s.cfg.Preflight.Look(ctx, before.wish(s.cfg.Preflight), before.records, now) // outside of the transaction: the DNS may take its time
	if err := ctx.Err(); err != nil {
		return desk.Domain{}, nil, err // what was found after that is about us, not about the DNS
	}
	err = s.note(ctx, func(tx *store.Tx) (bool, error) { return s.keep(ctx, tx, actor, look{before, checked, now}) })
	if err != nil {
		return desk.Domain{}, nil, err
	}
	if before.domain.State == desk.DomainRemoved {
		return s.forgetClean(ctx, actor, name)
	}
	_ = s.publishSoon(ctx, name, asNoted) // keys may have taken over, or ended
	if err := s.prove(ctx, actor, name); err != nil {
		return desk.Domain{}, nil, err
	}
	after, err := s.read(ctx, name)
	return after.domain, after.records, err
}

// forgetClean forgets a removed domain of which nothing is left in the DNS, or that was removed long ago, and says what is known of it.
func (s *Service) forgetClean(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	v, err := s.read(ctx, name)
	if err != nil || v.domain.State != desk.DomainRemoved {
		return v.domain, v.records, err
	}
	clean := !slices.ContainsFunc(v.records, func(r desk.Record) bool { return !r.OK })
	if !clean && s.cfg.Now().Sub(v.domain.RemovedAt) < s.cfg.Spans.Dangling {
		return v.domain, v.records, nil
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		if err := forgetRemoved(ctx, tx, name); err != nil {
			return err
		}
		if _, err := tx.EndAlert(ctx, name, alertDelete, s.cfg.Now()); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "domain.forget", subjectOf(name), map[string]any{"clean": clean})
	})
	return v.domain, v.records, err
}

// look is what one look at the DNS found.
type look struct {
	before  view
	checked []desk.Record
	at      time.Time
}

// keep writes down what a look found: the records, the domain's state, and what becomes of its keys. It says whether that is news to whoever sends.
func (s *Service) keep(ctx context.Context, tx *store.Tx, actor desk.Actor, l look) (bool, error) {
	now := view{}
	var err error
	if now.domain, err = tx.LockDomain(ctx, l.before.domain.Name); err != nil {
		return false, err
	}
	// It was removed and added again meanwhile, and what was found is about another; or somebody looked later and was faster.
	if now.domain.ID != l.before.domain.ID || now.domain.CheckedAt.After(l.at) {
		return false, nil
	}
	if err := s.readRest(ctx, tx.Reader, &now); err != nil {
		return false, err
	}
	was := now
	now.keys = seen(now.keys, was.domain.Name, l)
	if err := tx.SetDomainKeys(ctx, now.keys); err != nil {
		return false, err
	}
	if err := tx.SetDomainRecords(ctx, was.domain.ID, l.checked); err != nil {
		return false, err
	}
	now.records = overlay(now.wish(s.cfg.Preflight), l.checked, now.keys)
	now.domain.CheckedAt = l.at
	now.domain = settle(now.domain, now.records, l.at)
	if err := tx.SetDomain(ctx, now.domain); err != nil {
		return false, err
	}
	better, worse := compare(l.before.records, l.checked)
	if now.domain.State != was.domain.State || len(better)+len(worse) > 0 {
		detail := map[string]any{"before": was.domain.State, "after": now.domain.State, "found": better, "lost": worse}
		if err := tx.Audit(ctx, actor, "domain.state", subjectOf(was.domain.Name), detail); err != nil {
			return false, err
		}
	}
	if err := s.alert(ctx, tx, actor, now, l.at); err != nil {
		return false, err
	}
	signers := func(v view) (names []string) {
		for _, key := range v.keys {
			if signs(key) {
				names = append(names, key.Selector)
			}
		}
		return names
	}
	moved, err := s.advance(ctx, tx, actor, &now, l.at)
	return moved || now.domain.State != was.domain.State || !slices.Equal(signers(now), signers(was)), err
}

// advance does with a domain's keys what their time has come for, and says whether there was anything.
func (s *Service) advance(ctx context.Context, tx *store.Tx, actor desk.Actor, v *view, at time.Time) (bool, error) {
	t := turn(v.domain, v.keys, at, s.cfg.Spans)
	if !t.changes() {
		return false, nil
	}
	return true, s.carryOut(ctx, tx, actor, v, t, at)
}

// carryOut writes down what becomes of a domain's keys.
func (s *Service) carryOut(ctx context.Context, tx *store.Tx, actor desk.Actor, v *view, t Turn, at time.Time) error {
	if err := tx.DropDomainKeys(ctx, t.Forget); err != nil {
		return err
	}
	if err := tx.SetDomainKeys(ctx, t.Keys); err != nil {
		return err
	}
	made := []string{}
	for _, slot := range t.Make {
		rows, err := s.newKeys(v.domain.Name, slot, at)
		if err != nil {
			return err
		}
		if err := tx.AddDomainKeys(ctx, v.domain.ID, rows); err != nil {
			return err
		}
		made = append(made, selectors(rows)...)
	}
	if err := s.labels(ctx, tx, v.domain, at); err != nil {
		return err
	}
	if len(made)+len(t.Took)+len(t.Ended) == 0 {
		return nil
	}
	detail := map[string]any{"made": made, "sign": t.Took, "ended": t.Ended}
	return tx.Audit(ctx, actor, "domain.keys", subjectOf(v.domain.Name), detail)
}

// labels sees to it that a domain has the labels that its keys want, and no others.
func (s *Service) labels(ctx context.Context, tx *store.Tx, d desk.Domain, at time.Time) error {
	keys, err := tx.DomainKeys(ctx, d.ID)
	if err != nil {
		return err
	}
	have, err := tx.DomainLabels(ctx, d.ID)
	if err != nil {
		return err
	}
	behind := slices.ContainsFunc(keys, func(key store.DomainKey) bool { return key.Slot > 0 })
	switch {
	case behind && len(have) == 0:
		fresh, err := newLabels(d.Name, s.cfg.Zone.Name, at, s.cfg.Rand)
		if err != nil {
			return err
		}
		return tx.AddDomainLabels(ctx, d.ID, fresh)
	case !behind && len(have) > 0:
		return tx.DropDomainLabels(ctx, d.ID, at)
	}
	return nil
}

// compare names the records that are right since this look, and those that are so no more.
func compare(before, after []desk.Record) (better, worse []string) {
	for _, record := range after {
		was := slices.ContainsFunc(before, func(r desk.Record) bool { return r.Purpose == record.Purpose && r.Name == record.Name && r.OK })
		name := record.Purpose + " " + record.Name
		switch {
		case record.OK && !was:
			better = append(better, name)
		case !record.OK && was:
			worse = append(worse, name)
		}
	}
	return better, worse
}
