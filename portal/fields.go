package portal

import (
	"strings"

	"postern/desk"
)

// fieldsPage lists the custom fields.
type fieldsPage struct {
	page
	Fields  []desk.Field
	Kinds   []desk.FieldKind
	Boxes   []desk.Mailbox
	Typed   fieldTyped
	Problem string
	Wrong   int64 // the field whose change could not be made; 0: the new one
}

// fieldTyped is a field as it was typed.
type fieldTyped struct {
	desk.Field
	Mailbox int64
	Lines   string // the choices, one a line
}

// Of is a field of the list as its form shows it: as typed where that was wrong.
func (p fieldsPage) Of(f desk.Field) fieldTyped {
	if p.Problem != "" && p.Wrong == f.ID {
		return p.Typed
	}
	return fieldTyped{f, deref(f.MailboxID), strings.Join(f.Choices, "\n")}
}

// fieldList shows the fields.
func (p *Portal) fieldList(c *call) error { return p.fieldsPage(c, fieldsPage{}, nil) }

// fieldsPage renders the list, with what was wrong.
func (p *Portal) fieldsPage(c *call, answer fieldsPage, fault *desk.Fault) (err error) {
	ctx := c.r.Context()
	if answer.Fields, err = p.tickets.Fields(ctx, c.actor); err != nil {
		return err
	}
	if answer.Boxes, err = p.domains.Mailboxes(ctx); err != nil {
		return err
	}
	answer.Kinds = desk.FieldKinds
	if fault != nil {
		answer.Problem, answer.Wrong = c.sentence(fault.Reason), answer.Typed.ID
	}
	if answer.page, err = p.framed(c, c.lang.Say("Fields"), "/fields"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "fields", "layout"}, answer)
}

// fieldSet adds a field or changes one.
func (p *Portal) fieldSet(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := fieldTyped{Mailbox: number64(form, "mailbox"), Lines: form.Get("choices"), Field: desk.Field{
		ID: number64(form, "id"), Name: strings.TrimSpace(form.Get("name")), Key: strings.TrimSpace(form.Get("key")), Kind: desk.FieldKind(form.Get("kind")), Required: form.Has("required"),
		Position: int(min(number64(form, "position"), 1000))}}
	if typed.Mailbox != 0 {
		typed.MailboxID = &typed.Mailbox
	}
	for _, line := range strings.Split(typed.Lines, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			typed.Choices = append(typed.Choices, line)
		}
	}
	_, err = p.tickets.SetField(c.r.Context(), c.actor, typed.Field)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.fieldsPage(c, fieldsPage{Typed: typed}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/fields?done=saved")
}

// fieldRemove removes a field; its values stay on the tickets.
func (p *Portal) fieldRemove(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	if err := p.tickets.DropField(c.r.Context(), c.actor, id); err != nil {
		return err
	}
	return c.seeOther("/fields?done=removed")
}
