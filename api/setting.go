package api

import (
	"context"

	"postern/desk"
)

// setting is one setting of accounts and access: what it is set to, what it may be, and what it means.
type setting struct {
	Key       string           `json:"key"`
	Kind      desk.SettingKind `json:"kind" enum:"number,word,switch,text,list"`
	Value     any              `json:"value" doc:"A number, a text, true or false, or a list of texts, as kind says."`
	Default   any              `json:"default"`
	Words     []string         `json:"words" nullable:"false" doc:"What a word may be."`
	Least     int              `json:"least" doc:"Of a number."`
	Most      int              `json:"most" doc:"Of a number; of a text: characters; of a list: lines."`
	Unit      string           `json:"unit"`
	ChangedBy desk.Changer     `json:"changed_by" enum:"security:manage,owner,own-page" doc:"Whoever has that right; an owner in person, without a token; or only the page or call made for it."`
	Title     string           `json:"title"`
	Doc       string           `json:"doc"`
}

// listSettings are all of them: the registry has one page.
func (a *API) listSettings(ctx context.Context, actor desk.Actor, _ *struct{}) (list[setting], error) {
	values, err := a.cfg.Identity.ShownSettings(ctx, actor)
	return whole(desk.Settings, func(s *desk.Setting) setting {
		return setting{s.Key, s.Kind, values.Value(s), s.Default, some(s.Words), s.Least, s.Most, s.Unit, s.ChangedBy(), s.Title, s.Doc}
	}), err
}

// settingsPatch are settings by key, each with its new value: all of them are changed, or none.
type settingsPatch struct {
	Body map[string]any `doc:"By key, the new value: {\"sessions.staff.idle\": 30}" minProperties:"1" maxProperties:"100"`
}

func (a *API) patchSettings(ctx context.Context, actor desk.Actor, in *settingsPatch) (list[setting], error) {
	if err := a.cfg.Identity.SetSettings(ctx, actor, in.Body); err != nil {
		return list[setting]{}, err
	}
	return a.listSettings(ctx, actor, nil)
}
