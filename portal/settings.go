package portal

import (
	"fmt"
	"net/url"
	"strings"

	"postern/desk"
)

// settingsForm is a list of settings as a form. Pages put it where they want it by the template "settings-form".
type settingsForm struct {
	Path    string // where it goes
	Fields  []settingField
	Problem string
	Locked  bool   // the reader may look and not change
	More    string // heading under which the inner fields are folded away; empty: there are none
	Open    bool   // they are unfolded
}

// settingField is one setting in a form.
type settingField struct {
	*desk.Setting
	ID    string // for its label
	Value string // as it stands or was typed; a list has a line for each
	On    bool   // of a switch
	Wrong bool
	Fixed bool // the reader may not change it
	Inner bool // folded away with others that say something in one case only
}

// settingsOf is the form as it stands.
func (p *Portal) settingsOf(c *call, path string, of []*desk.Setting) (settingsForm, error) {
	form := settingsForm{Path: path, Locked: !c.actor.Can(desk.MayManageSecurity)}
	values, err := p.identity.ShownSettings(c.r.Context(), c.actor)
	if err != nil {
		return form, err
	}
	for _, one := range of {
		field := settingField{Setting: one, ID: strings.ReplaceAll(one.Key, ".", "-"), Fixed: form.Locked || one.OwnerOnly && c.actor.User.Role != desk.RoleOwner}
		switch value := values.Value(one).(type) {
		case bool:
			field.On = value
		case []string:
			field.Value = strings.Join(value, "\n")
		default:
			field.Value = fmt.Sprint(value)
		}
		form.Fields = append(form.Fields, field)
	}
	return form, nil
}

// saveSettings takes the form. With a fault the form comes back as it was typed, with what was wrong; the caller shows it.
func (p *Portal) saveSettings(c *call, path string, of []*desk.Setting) (back settingsForm, fault *desk.Fault, err error) {
	typed, err := c.form()
	if err != nil {
		return back, nil, err
	}
	wanted := map[string]any{}
	for _, one := range of {
		switch {
		case one.OwnerOnly && c.actor.User.Role != desk.RoleOwner: // its field was fixed and says nothing
		case one.Kind == desk.SettingSwitch:
			wanted[one.Key] = typed.Has(one.Key)
		default:
			wanted[one.Key] = typed.Get(one.Key)
		}
	}
	err = p.identity.SetSettings(c.r.Context(), c.actor, wanted)
	if fault = asFault(err); fault == nil || fault.Kind == desk.Forbidden {
		return back, nil, err
	}
	if back, err = p.settingsOf(c, path, of); err != nil {
		return back, nil, err
	}
	back.retype(typed, fault.Field)
	back.Problem = c.sentence(fault.Reason)
	return back, fault, nil
}

// fold puts all fields after the first under a heading. They are open when there is a reason to look at them, such as one that was typed wrongly.
func (f *settingsForm) fold(heading string, open bool) {
	f.More, f.Open = heading, open
	for i := range f.Fields {
		f.Fields[i].Inner = i > 0
		f.Open = f.Open || i > 0 && f.Fields[i].Wrong
	}
}

// retype puts what was typed into the form.
func (f *settingsForm) retype(typed url.Values, wrong string) {
	for i, one := range f.Fields {
		if one.Fixed {
			continue
		}
		f.Fields[i].Value, f.Fields[i].On, f.Fields[i].Wrong = typed.Get(one.Key), typed.Has(one.Key), one.Key == wrong
	}
}
