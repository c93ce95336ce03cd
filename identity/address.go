package identity

import (
	"context"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
)

// trialFor is how long rules hold that keep out whoever made them, before they are taken back by themselves (security T-55).
const trialFor = 5 * time.Minute

// trialKey is the setting in which such a change waits.
const trialKey = "addresses.trial"

// Addresses are the rules of where people may come from, as they are looked after.
type Addresses struct {
	desk.AddressRules
	ByMail bool // what agents answer by mail counts all the same
}

// addressTrial is a change that waits for its confirmation.
type addressTrial struct {
	Before Addresses `json:"before"` // what it goes back to
	Until  time.Time `json:"until"`
	By     int64     `json:"by"`
}

// pending says whether the trial still waits.
func (t addressTrial) pending() bool { return !t.Until.IsZero() }

// keptRules are the rules as they were read last.
type keptRules struct {
	mu    sync.Mutex
	rules desk.AddressRules
	mail  bool
	until time.Time
}

// AddressRules are the rules as they count at this moment. They cost a query or two a second at most, and what an admin changes holds everywhere within a second.
func (s *Service) AddressRules(ctx context.Context) (desk.AddressRules, error) {
	rules, _, err := s.addressRules(ctx)
	return rules, err
}

// AgentsMayMail says whether a mail of one of our people may count, wherever they are.
func (s *Service) AgentsMayMail(ctx context.Context) (bool, error) {
	rules, byMail, err := s.addressRules(ctx)
	return !rules.On || byMail, err
}

func (s *Service) addressRules(ctx context.Context) (rules desk.AddressRules, byMail bool, err error) {
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	now := time.Now()
	if now.Before(s.rules.until) {
		return s.rules.rules, s.rules.mail, nil
	}
	found, trial, err := s.readAddresses(ctx, s.store.Reader)
	if err != nil {
		return desk.AddressRules{}, false, err
	}
	if trial.pending() && !s.now().Before(trial.Until) { // the job that takes it back may be late: the rules are not
		found = trial.Before
	}
	s.rules.rules, s.rules.mail, s.rules.until = found.AddressRules, found.ByMail, now.Add(settingsFor)
	return found.AddressRules, found.ByMail, nil
}

func (s *Service) forgetRules() {
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	s.rules.until = time.Time{}
}

// readAddresses reads rules and trial as they are kept.
func (s *Service) readAddresses(ctx context.Context, r store.Reader) (found Addresses, trial addressTrial, err error) {
	values, err := r.SettingValues(ctx, []string{desk.AddressesOn.Key, desk.AddressesCustomers.Key, desk.AddressesMail.Key})
	if err != nil {
		return found, trial, err
	}
	found.On, found.Customers, found.ByMail = values.On(desk.AddressesOn), values.On(desk.AddressesCustomers), values.On(desk.AddressesMail)
	if found.Ranges, err = r.AddressRanges(ctx); err != nil {
		return found, trial, err
	}
	return found, trial, r.Setting(ctx, trialKey, &trial)
}

// ShownAddresses are the rules for somebody who looks after them, with until when they wait for a confirmation; zero: they do not.
func (s *Service) ShownAddresses(ctx context.Context, actor desk.Actor) (found Addresses, waits time.Time, err error) {
	if !actor.Can(desk.MayReadSecurity) {
		return found, waits, desk.Faultf(desk.Forbidden, "your role does not show where people may come from")
	}
	found, trial, err := s.readAddresses(ctx, s.store.Reader)
	if trial.pending() && !s.now().Before(trial.Until) {
		return trial.Before, time.Time{}, err
	}
	return found, trial.Until, err
}

// AddressChange changes the rules; it gets them as they are.
type AddressChange func(*Addresses) error

// SetAddresses changes where people may come from. When the new rules keep out the address that the actor comes from, typed has to be that address, and the rules go back by themselves after five minutes
// unless ConfirmAddresses is called from an address that they let in. From the command line they hold at once: whoever holds the machine cannot lock themselves out.
func (s *Service) SetAddresses(ctx context.Context, actor desk.Actor, typed string, change AddressChange) (waits time.Time, err error) {
	if !actor.Can(desk.MayManageSecurity) {
		return waits, desk.Faultf(desk.Forbidden, "your role does not allow saying where people may come from")
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockSettings(ctx); err != nil {
			return err
		}
		before, trial, err := s.readAddresses(ctx, tx.Reader)
		if err != nil {
			return err
		}
		if trial.pending() && !actor.IsSystem() {
			return desk.Faultf(desk.Conflict, "the change before this one waits for its confirmation: confirm it, or take it back")
		}
		after := before
		after.Ranges = append([]desk.AddressRange{}, before.Ranges...)
		if err := change(&after); err != nil {
			return err
		}
		if err := s.checkRanges(after.Ranges); err != nil {
			return err
		}
		trial = addressTrial{}
		if s.locksOut(actor, after) {
			if typed != actor.IP {
				return desk.Wrong("address", "With this you lock yourself out: you come from %s, which is in no range. To go on, type that address; the change is taken back after five minutes unless you confirm it from an address that is allowed.", actor.IP)
			}
			trial = addressTrial{Before: before, Until: s.now().Add(trialFor), By: actor.User.ID}
			waits = trial.Until
			if err := tx.Enqueue(ctx, trial.Until, desk.RevertAddresses{}); err != nil {
				return err
			}
		}
		return s.writeAddresses(ctx, tx, actor, written{before: before, after: after, trial: trial, action: "addresses.change"})
	})
	s.forgetRules()
	s.forgetSettings()
	return waits, err
}

// locksOut says whether rules keep out whoever makes them.
func (s *Service) locksOut(actor desk.Actor, after Addresses) bool {
	now := s.now()
	return !actor.IsSystem() && !(after.Admit(actor.IP, now) && after.AdmitAdmin(actor.IP, now))
}

func (s *Service) checkRanges(ranges []desk.AddressRange) error {
	if len(ranges) > desk.MostRanges {
		return desk.Faultf(desk.Conflict, "there are at most %d ranges", desk.MostRanges)
	}
	for _, one := range ranges {
		if one.ID != 0 {
			continue // it was checked when it was made; it may have ended since
		}
		if err := one.Check(s.now()); err != nil {
			return err
		}
	}
	return nil
}

// written is a change of the rules on its way into the database.
type written struct {
	before, after Addresses
	trial         addressTrial
	action        string
}

// addressDetail is what the audit log says of the rules.
type addressDetail struct {
	On        bool     `json:"on"`
	Customers bool     `json:"customers_anywhere"`
	ByMail    bool     `json:"agents_by_mail"`
	Ranges    []string `json:"ranges"`
}

func detailOf(a Addresses) addressDetail {
	detail := addressDetail{On: a.On, Customers: a.Customers, ByMail: a.ByMail, Ranges: []string{}}
	for _, one := range a.Ranges {
		detail.Ranges = append(detail.Ranges, one.Text())
	}
	return detail
}

func (s *Service) writeAddresses(ctx context.Context, tx *store.Tx, actor desk.Actor, w written) error {
	for key, value := range map[string]any{
		desk.AddressesOn.Key: w.after.On, desk.AddressesCustomers.Key: w.after.Customers, desk.AddressesMail.Key: w.after.ByMail, trialKey: w.trial,
	} {
		if err := tx.SetSetting(ctx, key, value); err != nil {
			return err
		}
	}
	if err := tx.SetAddressRanges(ctx, w.after.Ranges); err != nil {
		return err
	}
	detail := map[string]any{"from": detailOf(w.before), "to": detailOf(w.after)}
	if w.trial.pending() {
		detail["until"] = w.trial.Until
	}
	if err := tx.Audit(ctx, actor, w.action, "addresses", detail); err != nil {
		return err
	}
	return announce(ctx, tx)
}

// ConfirmAddresses keeps rules that would otherwise be taken back. Whoever gets here comes from an address that the rules let in.
func (s *Service) ConfirmAddresses(ctx context.Context, actor desk.Actor) error {
	return s.endTrial(ctx, actor, func(tx *store.Tx, now Addresses, _ addressTrial) error {
		if s.locksOut(actor, now) {
			return desk.Faultf(desk.Forbidden, "you still come from %s, which is in no range: confirm from an address that is allowed", actor.IP)
		}
		if err := tx.SetSetting(ctx, trialKey, addressTrial{}); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "addresses.confirm", "addresses", nil)
	})
}

// TakeBackAddresses goes back to the rules before the change that waits.
func (s *Service) TakeBackAddresses(ctx context.Context, actor desk.Actor) error {
	return s.endTrial(ctx, actor, func(tx *store.Tx, now Addresses, trial addressTrial) error {
		return s.writeAddresses(ctx, tx, actor, written{before: now, after: trial.Before, action: "addresses.revert"})
	})
}

// RevertAddresses takes back what nobody has confirmed in time. It is a job's.
func (s *Service) RevertAddresses(ctx context.Context) error {
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockSettings(ctx); err != nil {
			return err
		}
		now, trial, err := s.readAddresses(ctx, tx.Reader)
		if err != nil || !trial.pending() || s.now().Before(trial.Until) {
			return err
		}
		return s.writeAddresses(ctx, tx, desk.System("job"), written{before: now, after: trial.Before, action: "addresses.revert"})
	})
	s.forgetRules()
	s.forgetSettings()
	return err
}

// endTrial runs the end of a trial, if one waits.
func (s *Service) endTrial(ctx context.Context, actor desk.Actor, end func(*store.Tx, Addresses, addressTrial) error) error {
	if !actor.Can(desk.MayManageSecurity) {
		return desk.Faultf(desk.Forbidden, "your role does not allow saying where people may come from")
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockSettings(ctx); err != nil {
			return err
		}
		now, trial, err := s.readAddresses(ctx, tx.Reader)
		if err != nil {
			return err
		}
		if !trial.pending() || !s.now().Before(trial.Until) {
			return desk.Faultf(desk.Conflict, "no change of the addresses waits: it was confirmed, or taken back")
		}
		return end(tx, now, trial)
	})
	s.forgetRules()
	s.forgetSettings()
	return err
}
