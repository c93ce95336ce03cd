package tickets

import (
	"context"
	"maps"
	"slices"
	"strings"

	"postern/desk"
	"postern/store"
)

// Fields lists the custom fields in their order: desk.MostFields at most.
func (s *Service) Fields(ctx context.Context, actor desk.Actor) ([]desk.Field, error) {
	if err := needs(actor, desk.MayRead, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.store.Fields(ctx)
}

// SetField adds a field (id 0) or changes one. Its key and kind stay as they were made, since values hang on them.
func (s *Service) SetField(ctx context.Context, actor desk.Actor, field desk.Field) (id int64, err error) {
	if err := need(actor, desk.MayManageFields); err != nil {
		return 0, err
	}
	field.Name = oneLine(field.Name)
	if field.ID != 0 {
		known, err := s.field(ctx, field.ID)
		if err != nil {
			return 0, err
		}
		field.Key, field.Kind = known.Key, known.Kind
	} else if field.Key = strings.ToLower(strings.TrimSpace(field.Key)); field.Key == "" {
		field.Key = desk.FieldKey(field.Name)
	}
	if field.Kind != desk.FieldChoice {
		field.Choices = nil
	}
	if err := field.Check(); err != nil {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if id, err = tx.SetField(ctx, field); err != nil {
			return err
		}
		detail := map[string]any{"name": field.Name, "kind": field.Kind, "choices": field.Choices, "required": field.Required, "mailbox": field.MailboxID, "position": field.Position}
		return tx.Audit(ctx, actor, "field.set", "field/"+field.Key, detail)
	})
	return id, err
}

func (s *Service) field(ctx context.Context, id int64) (desk.Field, error) {
	fields, err := s.store.Fields(ctx)
	if err != nil {
		return desk.Field{}, err
	}
	at := slices.IndexFunc(fields, func(f desk.Field) bool { return f.ID == id })
	if at < 0 {
		return desk.Field{}, desk.Faultf(desk.NotFound, "this field does not exist any more")
	}
	return fields[at], nil
}

// DropField removes a field. Its values stay on the tickets, and come back with a field of the same key.
func (s *Service) DropField(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayManageFields); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		key, err := tx.DropField(ctx, id)
		if err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "field.remove", "field/"+key, nil)
	})
}

// setFields writes values of custom fields, by their keys; an empty value is none.
func (c *change) setFields(ctx context.Context, w desk.TicketChange) error {
	if len(w.Fields) == 0 {
		return nil
	}
	fields, err := c.Fields(ctx)
	if err != nil {
		return err
	}
	values := maps.Clone(c.ticket.Fields)
	if values == nil {
		values = map[string]string{}
	}
	for _, key := range slices.Sorted(maps.Keys(w.Fields)) {
		if c.ticket.Fields[key] == w.Fields[key] {
			continue // whatever may be filled in now: what was filled in stays until somebody changes it
		}
		at := slices.IndexFunc(fields, func(f desk.Field) bool { return f.Key == key && f.On(c.ticket.MailboxID) })
		if at < 0 {
			return desk.Wrong("field", "tickets of %s have no field %q", c.ticket.MailboxAddress, key)
		}
		value, err := fields[at].Value(storable(w.Fields[key]))
		if err != nil {
			return err
		}
		before := values[key]
		if before == value {
			continue
		}
		if values[key] = value; value == "" {
			delete(values, key)
		}
		c.event("field", fields[at].Name, value)
	}
	c.ticket.Fields = values
	return nil
}

// endable is mayEnd for a change.
func (c *change) endable(ctx context.Context, w desk.TicketChange) error {
	if w.Status == nil {
		return nil
	}
	return c.mayEnd(ctx, *w.Status)
}

// mayEnd keeps a ticket from being solved or closed while something is missing that must be known by then. Postern itself, and rules, are not asked.
func (c *change) mayEnd(ctx context.Context, status desk.Status) error {
	if !status.Ended() || c.ticket.Status.Ended() || c.actor.IsSystem() {
		return nil
	}
	fields, err := c.Fields(ctx)
	if err != nil {
		return err
	}
	if lacking := desk.Lacking(fields, c.ticket.MailboxID, c.ticket.Fields); len(lacking) > 0 {
		return desk.Wrong("status", "fill in before it is solved: %s", strings.Join(lacking, ", "))
	}
	return nil
}
