package tickets

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// keepRuns is how long it is kept what rules did.
const keepRuns = 90 * 24 * time.Hour

// Automations lists the rules in the order in which they look at a ticket.
func (s *Service) Automations(ctx context.Context, actor desk.Actor) ([]desk.Automation, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.store.Automations(ctx)
}

// Automation is one rule.
func (s *Service) Automation(ctx context.Context, actor desk.Actor, id int64) (desk.Automation, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return desk.Automation{}, err
	}
	return s.store.Automation(ctx, id)
}

// SaveAutomation adds a rule (id 0) behind the others or changes one where it stands, and returns its id. It holds from the next happening on.
func (s *Service) SaveAutomation(ctx context.Context, actor desk.Actor, a desk.Automation) (id int64, err error) {
	if err := need(actor, desk.MayManageRules); err != nil {
		return 0, err
	}
	a = tidied(a)
	a.UpdatedAt, a.UpdatedBy, a.AuthorID = s.now(), actor.User.Email, authorOf(actor)
	if err := a.Check(); err != nil {
		return 0, err
	}
	if err := mayAll(actor, a.Then); err != nil {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockAutomations(ctx); err != nil {
			return err
		}
		if err := s.checkActions(ctx, tx.Reader, a.Then); err != nil {
			return err
		}
		action, detail := "automation.add", map[string]any{"name": a.Name, "on": a.On}
		var had []desk.Action
		if a.ID != 0 {
			before, err := tx.Automation(ctx, a.ID)
			if err != nil {
				return err
			}
			action, detail, had = "automation.change", map[string]any{"from": auditedRule(before), "to": auditedRule(a)}, before.Then
		}
		if mails := mailing(a.Then, had); len(mails) > 0 {
			detail["mails"] = mails
		}
		if id, err = tx.SaveAutomation(ctx, a); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, action, automationName(id), detail)
	})
	return id, err
}

// tidied gives the parts of a rule the form in which they are kept.
func tidied(a desk.Automation) desk.Automation {
	a.Name, a.Then, a.If, a.When = oneLine(a.Name), cleaned(a.Then), slices.Clone(a.If), slices.Clone(a.When)
	for i := range a.If {
		one := &a.If[i]
		one.Name, one.Value = oneLine(one.Name), written(one.Value)
		if one.Of == desk.OfTag {
			one.Value = tagOf(one.Value)
		}
	}
	return a
}

// SwitchAutomation turns a rule on or off.
func (s *Service) SwitchAutomation(ctx context.Context, actor desk.Actor, id int64, to desk.Switch) error {
	return s.onAutomation(ctx, actor, id, func(tx *store.Tx, a desk.Automation) (string, any, error) {
		words := map[desk.Switch]string{desk.On: "on", desk.Off: "off"}
		detail := map[string]any{"name": a.Name, "to": words[to]}
		if mails := mailing(a.Then, nil); to == desk.On && len(mails) > 0 {
			detail["mails"] = mails
		}
		return "automation.switch", detail, tx.SwitchAutomation(ctx, id, to)
	})
}

// DropAutomation removes a rule with its history.
func (s *Service) DropAutomation(ctx context.Context, actor desk.Actor, id int64) error {
	return s.onAutomation(ctx, actor, id, func(tx *store.Tx, a desk.Automation) (string, any, error) {
		return "automation.remove", map[string]any{"name": a.Name}, tx.DropAutomation(ctx, id)
	})
}

// MoveAutomation lets a rule look at tickets one place earlier or later. At the end of the list it stays.
func (s *Service) MoveAutomation(ctx context.Context, actor desk.Actor, id int64, by Step) error {
	return s.onAutomation(ctx, actor, id, func(tx *store.Tx, a desk.Automation) (string, any, error) {
		list, err := tx.Automations(ctx)
		if err != nil {
			return "", nil, err
		}
		ids := make([]int64, len(list))
		for i, one := range list {
			ids[i] = one.ID
		}
		from := slices.Index(ids, id)
		to := min(max(from+int(by), 0), len(ids)-1)
		ids[from], ids[to] = ids[to], ids[from]
		return "automation.move", map[string]any{"name": a.Name, "place": to + 1}, tx.OrderAutomations(ctx, ids)
	})
}

// onAutomation is one audited change of a rule.
func (s *Service) onAutomation(ctx context.Context, actor desk.Actor, id int64, do func(*store.Tx, desk.Automation) (action string, detail any, err error)) error {
	if err := need(actor, desk.MayManageRules); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.LockAutomations(ctx); err != nil {
			return err
		}
		rule, err := tx.Automation(ctx, id)
		if err != nil {
			return err
		}
		action, detail, err := do(tx, rule)
		if err != nil {
			return err
		}
		return tx.Audit(ctx, actor, action, automationName(id), detail)
	})
}

// AutomationRuns is one page of what a rule did (0: every rule), the newest first.
func (s *Service) AutomationRuns(ctx context.Context, actor desk.Actor, id int64, cursor string, limit int) (desk.Page[desk.Run], error) {
	if err := need(actor, desk.MayManageRules); err != nil {
		return desk.Page[desk.Run]{}, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return desk.Page[desk.Run]{}, err
	}
	page, err := s.store.Runs(ctx, eyes, id, cursor, limit)
	for i := range page.Items {
		page.Items[i].Subject = maskOf(eyes.Masks).text(page.Items[i].Subject)
	}
	return page, err
}

// AutomationCounts says how often each rule acted within the last seven days.
func (s *Service) AutomationCounts(ctx context.Context, actor desk.Actor) (map[int64]store.RunCount, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	list, err := s.store.CountRuns(ctx, s.now().Add(-7*24*time.Hour))
	counts := make(map[int64]store.RunCount, len(list))
	for _, one := range list {
		counts[one.Automation] = one
	}
	return counts, err
}

// mailing are the actions of a rule that mail somebody and that it did not have before, as the audit log names them.
func mailing(now, before []desk.Action) (mails []string) {
	for _, one := range now {
		if one.Do.Mails() && !slices.ContainsFunc(before, func(was desk.Action) bool { return was.Do == one.Do && was.ID == one.ID }) {
			mails = append(mails, fmt.Sprintf("%s %d", one.Do, one.ID))
		}
	}
	return mails
}

// auditedRule is a rule as the audit log shows it.
func auditedRule(a desk.Automation) map[string]any {
	return map[string]any{"name": a.Name, "on": a.On, "when": a.When, "match": a.Match, "if": a.If, "then": withoutTexts(a.Then), "stop": a.Stop}
}

// withoutTexts leaves out what actions write: the audit log carries no bodies.
func withoutTexts(actions []desk.Action) []desk.Action {
	actions = slices.Clone(actions)
	for i := range actions {
		if actions[i].Do == desk.ActNote {
			actions[i].Value = ""
		}
	}
	return actions
}

func automationName(id int64) string { return fmt.Sprintf("automation/%d", id) }
