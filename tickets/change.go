package tickets

import (
	"context"
	"slices"
	"strings"

	"postern/desk"
	"postern/mailtext"
	"postern/store"
)

const (
	mostTags   = 50
	longestTag = 64
)

// Note writes something that only staff see.
func (s *Service) Note(ctx context.Context, actor desk.Actor, number int64, text string, uploads []int64) (desk.Message, error) {
	written, err := bodyOf(text, "", uploads)
	if err != nil {
		return desk.Message{}, err
	}
	var id int64
	err = s.changeBy(ctx, permitted{actor, desk.MayNote}, number, func(c *change) error {
		if id, err = c.note(ctx, noted{text: written.text, uploads: uploads}); err != nil {
			return err
		}
		return c.DropDraft(ctx, actor.User.ID, number, desk.KindNote)
	})
	if err != nil {
		return desk.Message{}, err
	}
	return s.wrote(ctx, actor, id)
}

// noted is what a note holds.
type noted struct {
	text    string
	uploads []int64
	facts   desk.MessageFacts
}

// note writes a note that was checked.
func (c *change) note(ctx context.Context, n noted) (int64, error) {
	id, err := c.NextMessage(ctx)
	if err != nil {
		return 0, err
	}
	author := c.actor.User
	m := desk.Message{ID: id, TicketID: c.ticket.ID, Kind: desk.KindNote, AuthorID: authorOf(c.actor), FromName: author.Name, FromAddress: author.Email, At: c.at, Text: n.text}
	if err := c.AddMessage(ctx, store.Written{Message: m, Facts: n.facts, Words: mailtext.Lexemes(n.text)}); err != nil {
		return 0, err
	}
	if err := c.mention(ctx, id, n.text); err != nil {
		return 0, err
	}
	c.audit("ticket.note", ticketName(c.ticket.ID), map[string]any{"message": id})
	c.happen(desk.HappenedNoted, id)
	return id, c.attach(ctx, id, n.uploads)
}

// authorOf is the user who writes; nil for Postern itself.
func authorOf(actor desk.Actor) *int64 {
	if actor.User.ID == 0 {
		return nil
	}
	return &actor.User.ID
}

// Update changes what of a ticket is not said in messages. Each field that really changes is one event and one audit entry.
func (s *Service) Update(ctx context.Context, actor desk.Actor, number int64, w desk.TicketChange) (desk.Ticket, error) {
	if err := s.change(ctx, actor, number, func(c *change) error { return c.update(ctx, w) }); err != nil {
		return desk.Ticket{}, err
	}
	return s.changed(ctx, actor, number)
}

// update makes every change that w names.
func (c *change) update(ctx context.Context, w desk.TicketChange) error {
	for _, step := range []func(context.Context, desk.TicketChange) error{c.setFields, c.setTeam, c.setAssignee, c.endable, c.setStatus, c.setPriority, c.setSubject, c.setTags, c.setSnooze} {
		if err := step(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) setStatus(_ context.Context, w desk.TicketChange) error {
	if w.Status == nil || *w.Status == c.ticket.Status {
		return nil
	}
	if !w.Status.Valid() {
		return desk.Wrong("status", "there is no status %q", *w.Status)
	}
	c.event("status", string(c.ticket.Status), string(*w.Status))
	become(&c.ticket, *w.Status, c.at)
	return nil
}

func (c *change) setPriority(_ context.Context, w desk.TicketChange) error {
	if w.Priority == nil || *w.Priority == c.ticket.Priority {
		return nil
	}
	if !w.Priority.Valid() {
		return desk.Wrong("priority", "there is no priority %q", *w.Priority)
	}
	c.event("priority", string(c.ticket.Priority), string(*w.Priority))
	c.ticket.Priority = *w.Priority
	return nil
}

// setAssignee gives the ticket to somebody, or with 0 to nobody. A new ticket that somebody takes is open.
func (c *change) setAssignee(ctx context.Context, w desk.TicketChange) error {
	if w.Assignee == nil || idOf(c.ticket.AssigneeID) == *w.Assignee {
		return nil
	}
	name := ""
	if *w.Assignee != 0 {
		var err error
		if name, err = c.Assignable(ctx, *w.Assignee); err != nil {
			return err
		}
		if name == "" {
			return desk.Wrong("assignee", "a ticket can be given to somebody who works on tickets and is not disabled")
		}
		if err := c.mayMove(ctx, nil, w.Assignee); err != nil {
			return err
		}
	}
	c.event("assigned", c.ticket.AssigneeName, name)
	c.ticket.AssigneeID = w.Assignee
	if *w.Assignee == 0 {
		c.ticket.AssigneeID = nil
	} else if c.ticket.Status == desk.StatusNew && w.Status == nil {
		become(&c.ticket, desk.StatusOpen, c.at)
		c.event("status", string(desk.StatusNew), string(desk.StatusOpen))
	}
	return nil
}

func idOf(id *int64) int64 {
	if id == nil {
		return 0
	}
	return *id
}

// setSubject renames the ticket. Its event carries the words, so that search finds the ticket by its new name; the mails keep theirs.
func (c *change) setSubject(_ context.Context, w desk.TicketChange) error {
	if w.Subject == nil {
		return nil
	}
	subject := oneLine(*w.Subject)
	if subject == c.ticket.Subject {
		return nil
	}
	if subject == "" || len(subject) > longestTitle {
		return desk.Wrong("subject", "a subject is from 1 to %d bytes long", longestTitle)
	}
	c.event("subject", c.ticket.Subject, subject)
	c.events[len(c.events)-1].Words = mailtext.Lexemes(subject)
	c.ticket.Subject = subject
	return nil
}

func (c *change) setTags(ctx context.Context, w desk.TicketChange) error {
	tags := slices.Clone(c.ticket.Tags)
	if w.Tags != nil {
		tags = slices.Clone(*w.Tags)
	}
	tags = append(tags, w.AddTags...)
	for i, tag := range tags {
		tags[i] = tagOf(tag)
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool {
		return tag == "" || slices.ContainsFunc(w.DropTags, func(drop string) bool { return tagOf(drop) == tag })
	})
	slices.Sort(tags)
	tags = slices.Compact(tags)
	if slices.Equal(tags, c.ticket.Tags) {
		return nil
	}
	if len(tags) > mostTags || slices.ContainsFunc(tags, func(tag string) bool { return len(tag) > longestTag }) {
		return desk.Wrong("tags", "a ticket has %d tags at most, of %d bytes each", mostTags, longestTag)
	}
	c.event("tagged", strings.Join(c.ticket.Tags, " "), strings.Join(tags, " "))
	fresh := slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return slices.Contains(c.ticket.Tags, tag) })
	c.ticket.Tags = tags
	return c.KnowTags(ctx, fresh)
}
