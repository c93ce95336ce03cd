package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"postern/config"
	"postern/desk"
)

type settingsCommand struct {
	List settingsList `cmd:"" help:"List every setting of accounts and access: what is set, its bounds, what it means."`
	Get  settingsGet  `cmd:"" help:"Print one setting."`
	Set  settingsSet  `cmd:"" help:"Change a setting: a number, a word, on or off, or several words for a list."`
}

// shownSetting is a setting with what is set.
type shownSetting struct {
	*desk.Setting
	Value     any          `json:"value"`
	ChangedBy desk.Changer `json:"changed_by"`
	Audited   bool         `json:"audited"`
}

func show(one *desk.Setting, values desk.Values) shownSetting {
	return shownSetting{one, values.Value(one), one.ChangedBy(), true} // there is one way to change them, and it audits
}

type settingsList struct{ listing }

// Run lists settings.
func (s settingsList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		values, err := a.identity.ShownSettings(ctx, operator())
		if err != nil {
			return err
		}
		var shown []shownSetting
		var rows [][]string
		for _, one := range desk.Settings {
			shown = append(shown, show(one, values))
			rows = append(rows, []string{one.Key, settingText(values.Value(one)), one.Unit, boundsOf(one), one.Doc})
		}
		return s.print(term.out, shown, []string{"key", "value", "unit", "may be", "meaning"}, rows)
	})
}

// settingText is a value as a person types it.
func settingText(value any) string {
	switch value := value.(type) {
	case bool:
		if value {
			return "on"
		}
		return "off"
	case []string:
		return strings.Join(value, " ")
	}
	return fmt.Sprint(value)
}

// boundsOf says what a setting may be.
func boundsOf(one *desk.Setting) string {
	switch one.Kind {
	case desk.SettingNumber:
		return fmt.Sprintf("%d to %d", one.Least, one.Most)
	case desk.SettingWord:
		return strings.Join(one.Words, ", ")
	case desk.SettingSwitch:
		return "on, off"
	case desk.SettingList:
		return fmt.Sprintf("up to %d", one.Most)
	}
	return fmt.Sprintf("text of up to %d", one.Most)
}

type settingsGet struct {
	Key  string `arg:"" help:"Key, like sessions.staff.idle."`
	JSON bool   `name:"json" help:"Print JSON, with bounds and meaning."`
}

// Run prints one setting.
func (s settingsGet) Run(ctx context.Context, settings config.Settings, term terminal) error {
	one, err := settingCalled(s.Key)
	if err != nil {
		return err
	}
	return administer(ctx, settings, func(a *administration) error {
		values, err := a.identity.ShownSettings(ctx, operator())
		if err != nil {
			return err
		}
		if s.JSON {
			encoder := json.NewEncoder(term.out)
			encoder.SetIndent("", "  ")
			return encoder.Encode(show(one, values))
		}
		_, err = fmt.Fprintln(term.out, settingText(values.Value(one)))
		return err
	})
}

type settingsSet struct {
	Key   string   `arg:"" help:"Key, like sessions.staff.idle."`
	Value []string `arg:"" optional:"" help:"What it shall be; nothing empties a list or a text."`
}

// Run changes one setting.
func (s settingsSet) Run(ctx context.Context, settings config.Settings, term terminal) error {
	one, err := settingCalled(s.Key)
	if err != nil {
		return err
	}
	value := strings.Join(s.Value, " ")
	if one.Kind == desk.SettingList {
		value = strings.Join(s.Value, "\n")
	}
	return administer(ctx, settings, func(a *administration) error {
		if err := a.identity.SetSettings(ctx, operator(), map[string]any{s.Key: value}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(term.out, "%s is %s\n", s.Key, value)
		return err
	})
}

// settingCalled is the setting with that key.
func settingCalled(key string) (*desk.Setting, error) {
	one := desk.SettingOf(key)
	if one == nil {
		return nil, fmt.Errorf("there is no setting %s: postern settings list shows all", key)
	}
	return one, nil
}
