package tickets

import (
	"context"
	"fmt"
	"strings"

	"postern/desk"
	"postern/store"
)

// CannedReplies lists the canned replies that the actor may use, by name; text narrows them to those that hold it in name, shortcut or text.
func (s *Service) CannedReplies(ctx context.Context, actor desk.Actor, text string) ([]desk.Canned, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return nil, err
	}
	return s.store.Canned(ctx, shelved(actor, text))
}

// CannedFor lists the canned replies that the actor may use on a ticket, by name, with its values in the place of placeholders.
func (s *Service) CannedFor(ctx context.Context, actor desk.Actor, number int64) ([]desk.Canned, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return nil, err
	}
	ticket, err := s.sighted(ctx, actor, number)
	if err != nil {
		return nil, err
	}
	list, err := s.store.Canned(ctx, store.Shelved{User: actor.User.ID, Mailbox: ticket.MailboxID})
	places := placesOf(ticket, actor)
	for i := range list {
		list[i].Text = desk.Fill(list[i].Text, places)
	}
	return list, err
}

// FillCanned is the text of a canned reply as it reads on a ticket when the actor sends it.
func (s *Service) FillCanned(ctx context.Context, actor desk.Actor, number, id int64) (string, error) {
	one, err := s.CannedReply(ctx, actor, id)
	if err != nil {
		return "", err
	}
	ticket, err := s.sighted(ctx, actor, number)
	return desk.Fill(one.Text, placesOf(ticket, actor)), err
}

// CannedReply is one canned reply that the actor may use, with its placeholders.
func (s *Service) CannedReply(ctx context.Context, actor desk.Actor, id int64) (desk.Canned, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return desk.Canned{}, err
	}
	one, err := s.store.CannedReply(ctx, id)
	if err != nil {
		return one, err
	}
	may, err := mayUse(ctx, s.store.Reader, actor, one.Shelf)
	if err == nil && !may {
		return desk.Canned{}, noCanned(id)
	}
	return one, err
}

// noCanned says that there is no such canned reply.
func noCanned(id int64) *desk.Fault {
	return desk.Faultf(desk.NotFound, "canned reply %d does not exist", id)
}

// SaveCanned adds a canned reply (id 0) or changes one, and returns its id. A text with a placeholder that nobody knows is refused.
func (s *Service) SaveCanned(ctx context.Context, actor desk.Actor, c desk.Canned) (id int64, err error) {
	if err := need(actor, desk.MayShelve); err != nil {
		return 0, err
	}
	c.Name, c.Shortcut, c.Text, c.UpdatedAt = oneLine(c.Name), strings.ToLower(strings.TrimPrefix(oneLine(c.Shortcut), "/")), written(c.Text), s.now()
	if err := c.Check(); err != nil {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if err := mayKeep(ctx, tx.Reader, actor, c.Shelf); err != nil {
			return err
		}
		action, detail := "canned.add", auditedCanned(c)
		if c.ID != 0 {
			before, err := tx.CannedReply(ctx, c.ID)
			if err != nil {
				return err
			}
			if err := mayChange(ctx, tx.Reader, actor, before.Shelf, noCanned(c.ID)); err != nil {
				return err
			}
			if c.OwnerID != nil {
				if err := unsent(ctx, tx, c.ID, "make it somebody's own"); err != nil {
					return err
				}
			}
			action, detail = "canned.change", map[string]any{"from": auditedCanned(before), "to": detail, "text": before.Text != c.Text}
		}
		if id, err = tx.SaveCanned(ctx, c); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, action, cannedName(id), detail)
	})
	return id, err
}

// auditedCanned is what the audit log tells of a canned reply: not its text.
func auditedCanned(c desk.Canned) map[string]any {
	return map[string]any{"name": c.Name, "shortcut": c.Shortcut, "owner": c.OwnerID, "team": c.TeamID, "mailbox": c.MailboxID}
}

// DropCanned removes a canned reply. One that a rule sends stays: a Conflict.
func (s *Service) DropCanned(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayShelve); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		one, err := tx.CannedReply(ctx, id)
		if err != nil {
			return err
		}
		if err := mayChange(ctx, tx.Reader, actor, one.Shelf, noCanned(id)); err != nil {
			return err
		}
		if err := unsent(ctx, tx, id, "remove it"); err != nil {
			return err
		}
		if err := tx.DropCanned(ctx, id); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "canned.remove", cannedName(id), map[string]any{"name": one.Name})
	})
}

// unsent makes sure that no rule sends a canned reply.
func unsent(ctx context.Context, tx *store.Tx, id int64, what string) error {
	if err := tx.LockAutomations(ctx); err != nil {
		return err
	}
	rule, err := tx.SendsCanned(ctx, id)
	if err == nil && rule != "" {
		return desk.Faultf(desk.Conflict, "the rule %q sends this reply: change the rule before you %s", rule, what)
	}
	return err
}

func cannedName(id int64) string { return fmt.Sprintf("canned/%d", id) }

// written is a text as it is kept: with bare line ends, and nothing around it.
func written(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(storable(text), "\r\n", "\n"))
}
