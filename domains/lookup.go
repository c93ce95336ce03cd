package domains

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// generations are the keys of a domain by what they are for.
type generations struct {
	signing []store.DomainKey // sign now
	next    []store.DomainKey // take over once all their records are in the DNS
	retired []store.DomainKey // sign no more; their records stay for a while
}

// sortKeys tells the generations of a domain's keys apart. The first generation signs from the start: there is no other, and the domain's state says whether it may be used.
func sortKeys(rows []store.DomainKey) (sorted generations) {
	for _, row := range rows {
		switch {
		case row.RetiredAt != nil:
			sorted.retired = append(sorted.retired, row)
		case row.SeenAt != nil:
			sorted.signing = append(sorted.signing, row)
		default:
			sorted.next = append(sorted.next, row)
		}
	}
	if len(sorted.signing) == 0 {
		sorted.signing, sorted.next = sorted.next, nil
	}
	return sorted
}

// waiting says whether there are keys whose records were never found: the first ones, or ones that shall take over.
func waiting(keys generations) bool {
	return len(keys.next) > 0 || slices.ContainsFunc(keys.signing, func(key store.DomainKey) bool { return key.SeenAt == nil })
}

// view is all that is known of a domain.
type view struct {
	domain  desk.Domain
	keys    generations
	records []desk.Record // what is wanted, with what the last look found
}

// read brings together what is wanted and what was found.
func (s *Service) read(ctx context.Context, name string) (view, error) {
	var found view
	err := s.cfg.Store.Snapshot(ctx, func(r store.Reader) (err error) {
		if found.domain, err = r.Domain(ctx, name); err != nil {
			return err
		}
		rows, err := r.DomainKeys(ctx, found.domain.ID, s.cfg.Now())
		if err != nil {
			return err
		}
		before, err := r.DomainRecords(ctx, found.domain.ID)
		if err != nil {
			return err
		}
		found.keys = sortKeys(rows)
		found.records = overlay(wanted(name, s.cfg.Hostname, found.keys), before)
		return nil
	})
	return found, err
}

// wanted is every record of a domain. Of the keys' records only those of the keys that sign are required: others are on their way in or out.
func wanted(domain, hostname string, keys generations) []desk.Record {
	rows := slices.Concat(keys.signing, keys.next, keys.retired)
	public := make([]Key, len(rows))
	for i, row := range rows {
		public[i] = Key{ID: row.ID, Domain: domain, Selector: row.Selector, Algorithm: Algorithm(row.Algorithm), Public: row.PublicKey}
	}
	records := Records(domain, hostname, public)
	for i := len(keys.signing); i < len(rows); i++ {
		records[i].Required = false
	}
	return records
}

// overlay fills what was found before into the records that are wanted now. A finding for another value counts for nothing.
func overlay(wanted, before []desk.Record) []desk.Record {
	for i, want := range wanted {
		at := slices.IndexFunc(before, func(r desk.Record) bool {
			return r.Purpose == want.Purpose && r.Name == want.Name && r.Wanted == want.Wanted
		})
		if at >= 0 {
			required := want.Required
			wanted[i] = before[at]
			wanted[i].Required = required
		}
	}
	return wanted
}

// Verify looks a domain's records up and says how far it is (T-PREFLIGHT). What changes for better or worse goes into the audit log.
func (s *Service) Verify(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
	name, err := asciiOf(name)
	if err == nil {
		err = administer(actor)
	}
	if err != nil {
		return desk.Domain{}, nil, err
	}
	before, err := s.read(ctx, name)
	if err != nil {
		return desk.Domain{}, nil, err
	}
	now := s.cfg.Now()
	checked := Verify(ctx, s.cfg.Resolver, before.records, now) // outside of the transaction: the DNS may take its time
	if err := ctx.Err(); err != nil {
		return desk.Domain{}, nil, err // what was found after that is about us, not about the DNS
	}
	err = s.change(ctx, func(tx *store.Tx) error { return s.keep(ctx, tx, actor, look{before, checked, now}) })
	if err != nil {
		return desk.Domain{}, nil, err
	}
	after, err := s.read(ctx, name)
	return after.domain, after.records, err
}

// look is what one look at the DNS found.
type look struct {
	before  view
	checked []desk.Record
	at      time.Time
}

// keep writes down what a look found: the records, the domain's state, and keys that take over.
func (s *Service) keep(ctx context.Context, tx *store.Tx, actor desk.Actor, l look) error {
	domain, err := tx.LockDomain(ctx, l.before.domain.Name)
	if err != nil {
		return err
	}
	keys := l.before.keys
	if err := takeOver(ctx, tx, keys, l); err != nil {
		return err
	}
	if err := tx.DropDomainKeys(ctx, domain.ID, l.at); err != nil {
		return err
	}
	if err := tx.SetDomainRecords(ctx, domain.ID, l.checked); err != nil {
		return err
	}
	state := State(domain.State, l.checked)
	if err := tx.SetDomainState(ctx, domain.ID, state, l.at); err != nil {
		return err
	}
	better, worse := compare(l.before.records, l.checked)
	if state == domain.State && len(better) == 0 && len(worse) == 0 {
		return nil
	}
	detail := map[string]any{"before": domain.State, "after": state, "found": better, "lost": worse}
	return tx.Audit(ctx, actor, "domain.state", subjectOf(domain.Name), detail)
}

// takeOver lets keys sign whose records were all found, and retires those before them.
func takeOver(ctx context.Context, tx *store.Tx, keys generations, l look) error {
	if published(keys.signing, l.checked) {
		if err := tx.SeeDomainKeys(ctx, ids(keys.signing), l.at); err != nil {
			return err
		}
	}
	if len(keys.next) == 0 || !published(keys.next, l.checked) {
		return nil
	}
	if err := tx.SeeDomainKeys(ctx, ids(keys.next), l.at); err != nil {
		return err
	}
	return tx.RetireDomainKeys(ctx, ids(keys.signing), l.at.Add(keepRetired))
}

// published says whether the records of all these keys were found and are right.
func published(keys []store.DomainKey, records []desk.Record) bool {
	for _, key := range keys {
		right := slices.ContainsFunc(records, func(r desk.Record) bool {
			return r.OK && strings.HasPrefix(r.Name, key.Selector+"._domainkey.")
		})
		if !right {
			return false
		}
	}
	return true
}

func ids(keys []store.DomainKey) []int64 {
	list := make([]int64, len(keys))
	for i, key := range keys {
		list[i] = key.ID
	}
	return list
}

// compare names the records that are right since this look, and those that are so no more.
func compare(before, after []desk.Record) (better, worse []string) {
	for i, record := range after {
		name := record.Purpose + " " + record.Name
		switch {
		case record.OK && !before[i].OK:
			better = append(better, name)
		case !record.OK && before[i].OK:
			worse = append(worse, name)
		}
	}
	return better, worse
}

// VerifyAll looks at every domain. One that cannot be checked does not keep the others from it.
func (s *Service) VerifyAll(ctx context.Context) error {
	list, err := s.cfg.Store.Domains(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, domain := range list {
		if _, _, err := s.Verify(ctx, desk.System("job"), domain.Name); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
