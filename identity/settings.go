package identity

import (
	"context"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
)

// settingsFor is how long a process believes what it has read: what an admin changes holds everywhere within a second.
const settingsFor = time.Second

// kept are the settings as they were read last.
type kept struct {
	mu     sync.Mutex
	values desk.Values
	until  time.Time
}

// Settings are the settings of accounts and access. They cost a query a second at most. Inside a transaction, read them before it begins.
func (s *Service) Settings(ctx context.Context) (desk.Values, error) {
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	now := time.Now() // not the service's clock: tests turn that by hours, and what they set must be seen
	if now.Before(s.settings.until) {
		return s.settings.values, nil
	}
	values, err := s.store.SettingValues(ctx, settingKeys())
	if err != nil {
		return nil, err
	}
	s.settings.values, s.settings.until = values, now.Add(settingsFor)
	return values, nil
}

func settingKeys() []string {
	keys := make([]string, len(desk.Settings))
	for i, one := range desk.Settings {
		keys[i] = one.Key
	}
	return keys
}

// forgetSettings makes the next question go to the database.
func (s *Service) forgetSettings() {
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	s.settings.until = time.Time{}
}

// ShownSettings is Settings for somebody who asks what is set: it needs MayReadSecurity.
func (s *Service) ShownSettings(ctx context.Context, actor desk.Actor) (desk.Values, error) {
	if !actor.Can(desk.MayReadSecurity) {
		return nil, desk.Faultf(desk.Forbidden, "your role does not show the settings of accounts and access")
	}
	return s.Settings(ctx)
}

// SetSettings changes settings, all of them or none. It needs MayManageSecurity, and some an owner. What is set to its default already, or as it is, changes nothing and is not audited.
func (s *Service) SetSettings(ctx context.Context, actor desk.Actor, wanted map[string]any) error {
	if !actor.Can(desk.MayManageSecurity) {
		return desk.Faultf(desk.Forbidden, "your role does not allow changing the settings of accounts and access")
	}
	checked, err := checkSettings(wanted)
	if err != nil {
		return err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockSettings(ctx); err != nil {
			return err
		}
		before, err := tx.SettingValues(ctx, settingKeys())
		if err != nil {
			return err
		}
		changes, err := settingChanges(actor, before, checked)
		if err != nil || len(changes) == 0 {
			return err
		}
		for key := range changes {
			if err := tx.SetSetting(ctx, key, checked[key]); err != nil {
				return err
			}
			if desk.SettingOf(key).Guarded { // from the command line, over whatever waits
				if err := tx.SetSetting(ctx, trialKey, addressTrial{}); err != nil {
					return err
				}
			}
		}
		if err := s.guardSettings(ctx, tx, changes); err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "settings.change", "settings", changes); err != nil {
			return err
		}
		after := maps.Clone(before)
		maps.Copy(after, checked)
		if err := s.passwordRulesChanged(ctx, tx, actor, before, after); err != nil {
			return err
		}
		return announce(ctx, tx)
	})
	s.forgetSettings()
	s.forgetRules()
	return err
}

// guardSettings refuses changes, which are written already, that would leave something else without what it needs.
func (s *Service) guardSettings(ctx context.Context, tx *store.Tx, changes map[string]fromTo) error {
	if change, is := changes[desk.CommandFactor.Key]; is && change.To == true {
		if err := s.commandsStayOpen(ctx, tx.Reader); err != nil {
			return err
		}
	}
	for key := range changes {
		if strings.HasPrefix(key, "signin.") {
			return s.checkSignOn(ctx, tx)
		}
	}
	return nil
}

// checkSettings brings values into their form.
func checkSettings(wanted map[string]any) (desk.Values, error) {
	checked := desk.Values{}
	for key, value := range wanted {
		setting := desk.SettingOf(key)
		if setting == nil {
			return nil, desk.Wrong(key, "there is no setting %s", key)
		}
		var err error
		if checked[key], err = setting.Check(value); err != nil {
			return nil, err
		}
	}
	return checked, nil
}

// fromTo is what a setting was and is, for the audit log.
type fromTo struct {
	From any `json:"from"`
	To   any `json:"to"`
}

// settingChanges is what really changes; the error says that the actor may not change one of them.
func settingChanges(actor desk.Actor, before, wanted desk.Values) (map[string]fromTo, error) {
	changes := map[string]fromTo{}
	for key := range wanted {
		setting := desk.SettingOf(key)
		was, is := before.Value(setting), wanted.Value(setting)
		if reflect.DeepEqual(was, is) {
			continue
		}
		if setting.Guarded && !actor.IsSystem() {
			return nil, desk.Wrong(key, "%s is changed on its own page, or from the command line", key)
		}
		if setting.OwnerOnly && !actor.IsSystem() && !actor.Owner() {
			return nil, desk.Faultf(desk.Forbidden, "only an owner may change %s", key)
		}
		changes[key] = fromTo{was, is}
	}
	return changes, nil
}
