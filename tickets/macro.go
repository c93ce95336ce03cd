package tickets

import (
	"context"
	"fmt"

	"postern/desk"
	"postern/store"
)

// Macros lists the macros that the actor may use, by name; text narrows them to those that hold it in name or text.
func (s *Service) Macros(ctx context.Context, actor desk.Actor, text string) ([]desk.Macro, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return nil, err
	}
	return s.store.Macros(ctx, shelved(actor, text))
}

// MacrosFor lists the macros that the actor may use on a ticket, by name, with its values in the place of placeholders.
func (s *Service) MacrosFor(ctx context.Context, actor desk.Actor, number int64) ([]desk.Macro, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return nil, err
	}
	ticket, err := s.sighted(ctx, actor, number)
	if err != nil {
		return nil, err
	}
	list, err := s.store.Macros(ctx, store.Shelved{User: actor.User.ID, Mailbox: ticket.MailboxID})
	places := placesOf(ticket, actor)
	for i := range list {
		list[i].Text = desk.Fill(list[i].Text, places)
	}
	return list, err
}

// Macro is one macro that the actor may use.
func (s *Service) Macro(ctx context.Context, actor desk.Actor, id int64) (desk.Macro, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return desk.Macro{}, err
	}
	one, err := s.store.Macro(ctx, id)
	if err != nil {
		return one, err
	}
	may, err := mayUse(ctx, s.store.Reader, actor, one.Shelf)
	if err == nil && !may {
		return desk.Macro{}, noMacro(id)
	}
	return one, err
}

// RunMacro does what a macro does to a ticket, all of it or nothing, and returns the answer to begin with, with values in the place of placeholders; empty: there is none.
func (s *Service) RunMacro(ctx context.Context, actor desk.Actor, number, id int64) (text string, err error) {
	macro, err := s.Macro(ctx, actor, id)
	if err != nil {
		return "", err
	}
	var after desk.Ticket
	err = s.changeBy(ctx, permitted{actor, desk.MayNote}, number, func(c *change) error {
		if macro.MailboxID != nil && *macro.MailboxID != c.ticket.MailboxID {
			return desk.Faultf(desk.Conflict, "the macro %q is for tickets of another mailbox", macro.Name)
		}
		allowed, err := authored(ctx, c.Reader, macro.AuthorID)
		if err != nil {
			return err
		}
		for _, one := range macro.Actions {
			if err := allowed(one); err != nil {
				return err
			}
		}
		c.event("macro", "", macro.Name)
		if err := s.apply(ctx, c, macro.Actions); err != nil {
			return err
		}
		after = c.ticket
		return nil
	})
	return desk.Fill(macro.Text, placesOf(after, actor)), err
}

// SaveMacro adds a macro (id 0) or changes one, and returns its id.
func (s *Service) SaveMacro(ctx context.Context, actor desk.Actor, m desk.Macro) (id int64, err error) {
	if err := need(actor, desk.MayShelve); err != nil {
		return 0, err
	}
	m.Name, m.Text, m.UpdatedAt, m.Actions = oneLine(m.Name), written(m.Text), s.now(), cleaned(m.Actions)
	m.AuthorID = authorOf(actor)
	if err := m.Check(); err != nil {
		return 0, err
	}
	if err := mayAll(actor, m.Actions); err != nil {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if err := mayKeep(ctx, tx.Reader, actor, m.Shelf); err != nil {
			return err
		}
		if err := s.checkActions(ctx, tx.Reader, m.Actions); err != nil {
			return err
		}
		action, detail := "macro.add", auditedMacro(m)
		if m.ID != 0 {
			before, err := tx.Macro(ctx, m.ID)
			if err != nil {
				return err
			}
			if err := mayChange(ctx, tx.Reader, actor, before.Shelf, noMacro(m.ID)); err != nil {
				return err
			}
			action, detail = "macro.change", map[string]any{"from": auditedMacro(before), "to": detail, "text": before.Text != m.Text}
		}
		if id, err = tx.SaveMacro(ctx, m); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, action, macroName(id), detail)
	})
	return id, err
}

// auditedMacro is what the audit log tells of a macro: not its text.
func auditedMacro(m desk.Macro) map[string]any {
	return map[string]any{"name": m.Name, "actions": len(m.Actions), "owner": m.OwnerID, "team": m.TeamID, "mailbox": m.MailboxID}
}

// DropMacro removes a macro.
func (s *Service) DropMacro(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayShelve); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		one, err := tx.Macro(ctx, id)
		if err != nil {
			return err
		}
		if err := mayChange(ctx, tx.Reader, actor, one.Shelf, noMacro(id)); err != nil {
			return err
		}
		if err := tx.DropMacro(ctx, id); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "macro.remove", macroName(id), map[string]any{"name": one.Name})
	})
}

// noMacro says that there is no such macro.
func noMacro(id int64) *desk.Fault { return desk.Faultf(desk.NotFound, "macro %d does not exist", id) }

func macroName(id int64) string { return fmt.Sprintf("macro/%d", id) }
