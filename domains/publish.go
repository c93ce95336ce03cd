package domains

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// Publish brings the operator's zone up to date with what the domains' keys want. What one domain's labels end in does not keep the others from it.
func (s *Service) Publish(ctx context.Context) error {
	if s.cfg.Zone.Server == "" {
		return nil
	}
	names, err := s.unpublished(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		failed = append(failed, s.publishSoon(ctx, name, asNoted))
	}
	return errors.Join(failed...)
}

// unpublished names the domains of which the zone's server took something else last than what is wanted now.
func (s *Service) unpublished(ctx context.Context) (names []string, err error) {
	err = s.cfg.Store.Snapshot(ctx, func(r store.Reader) error {
		list, err := r.Domains(ctx)
		if err != nil {
			return err
		}
		keys, err := r.AllDomainKeys(ctx)
		if err != nil {
			return err
		}
		byName := map[string][]store.DomainKey{}
		for _, d := range list {
			if d.State != desk.DomainRemoved {
				byName[d.Name] = keys[d.ID]
			}
		}
		all, err := r.AllDomainLabels(ctx)
		for name, labels := range all {
			wanted := texts(byName[name], labels)
			if slices.ContainsFunc(labels, func(label store.DomainLabel) bool {
				return label.Zone == s.cfg.Zone.Name && label.Published != wanted[label.Label]
			}) {
				names = append(names, name)
			}
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// knowledge is what publishing goes by.
type knowledge int

const (
	asNoted knowledge = iota // what the zone's server took last
	asFound                  // what it says that it holds now
)

// publish makes the labels that are or were a domain's hold what they should, and says whether the zone's server was asked at all. Whoever comes second waits, and then sees what the first has done: so the zone never goes back to what it was.
func (s *Service) publish(ctx context.Context, name string, by knowledge) (asked bool, err error) {
	zone := s.cfg.Zone
	if zone.Server == "" {
		return false, nil
	}
	err = s.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		labels, err := tx.LockLabels(ctx, name)
		if err != nil {
			return err
		}
		keys, err := keysNow(ctx, tx.Reader, name)
		if err != nil {
			return err
		}
		wanted, different, noted := texts(keys, labels), map[string]string{}, map[string]string{}
		for _, label := range labels {
			if label.Zone != zone.Name { // the setting was another when it was given out, and that zone is out of our reach
				continue
			}
			have := label.Published
			if by == asFound && (label.DroppedAt == nil || have != "" || s.cfg.Now().Sub(*label.DroppedAt) < s.cfg.Spans.Dangling) {
				asked = true
				if have, err = zone.holds(ctx, label.Label); err != nil {
					return err
				}
			}
			if have != wanted[label.Label] {
				different[label.Label] = wanted[label.Label]
			}
			if label.Published != wanted[label.Label] {
				noted[label.Label] = wanted[label.Label]
			}
		}
		if len(different) > 0 {
			asked = true
			if err := zone.put(ctx, different, uint32(max(1, s.cfg.Spans.Cached/time.Second))); err != nil {
				return err
			}
		}
		for label, text := range noted {
			if err := tx.LabelPublished(ctx, label, text); err != nil {
				return err
			}
		}
		return nil
	})
	return asked, err
}

// keysNow are the keys of a domain by name, none if it is not here or was removed.
func keysNow(ctx context.Context, r store.Reader, name string) ([]store.DomainKey, error) {
	d, err := r.Domain(ctx, name)
	if isNotFound(err) || err == nil && d.State == desk.DomainRemoved {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.DomainKeys(ctx, d.ID)
}

// publishSoon publishes a domain's keys after a change, or when it is looked at. Where that fails, the next look tries again, and managers are told.
func (s *Service) publishSoon(ctx context.Context, name string, by knowledge) error {
	asked, failed := s.publish(ctx, name, by)
	if !asked && failed == nil || ctx.Err() != nil {
		return failed
	}
	err := s.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		if failed == nil {
			_, err := tx.EndAlert(ctx, name, alertZone, s.cfg.Now())
			return err
		}
		text := fmt.Sprintf("The keys of %s could not be published in the operator's zone: %v. They are tried again.", name, failed)
		return tx.RaiseAlert(ctx, store.DomainAlert{Domain: name, Kind: alertZone, Text: text, At: s.cfg.Now()})
	})
	return errors.Join(failed, err)
}

// ZoneRecords are all records that the operator's zone has to hold, for whoever publishes them by hand.
func (s *Service) ZoneRecords(ctx context.Context, actor desk.Actor) ([]desk.Record, error) {
	if err := may(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	if s.cfg.Zone.Name == "" {
		return nil, desk.Faultf(desk.Conflict, "there is no operator's zone: POSTERN_DKIM_ZONE names it")
	}
	names, err := s.cfg.Store.LabelledDomains(ctx)
	if err != nil {
		return nil, err
	}
	var records []desk.Record
	for _, name := range names {
		labels, err := s.cfg.Store.LabelsOf(ctx, name)
		if err != nil {
			return nil, err
		}
		keys, err := keysNow(ctx, s.cfg.Store.Reader, name)
		if err != nil {
			return nil, err
		}
		wanted := texts(keys, labels)
		for _, label := range labels {
			if text := wanted[label.Label]; text != "" {
				purpose := WishedKey{Key: Key{Algorithm: Algorithm(label.Algorithm)}}.purpose()
				records = append(records, desk.Record{Purpose: purpose, Type: "TXT", Name: label.Label + "." + label.Zone, Wanted: text, Required: true})
			}
		}
	}
	return records, nil
}
