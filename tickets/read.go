package tickets

import (
	"context"
	"io"
	"slices"

	"postern/attachments"
	"postern/desk"
	"postern/store"
)

// List is one page of the tickets that the query asks for and the actor may see.
func (s *Service) List(ctx context.Context, actor desk.Actor, q desk.TicketQuery) (desk.Page[desk.Ticket], error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return desk.Page[desk.Ticket]{}, err
	}
	filter, err := filterOf(q, asker{actor.User.ID, s.now()})
	if err != nil {
		return desk.Page[desk.Ticket]{}, err
	}
	m := maskOf(viewer.Masks)
	if err := m.refuse(filter); err != nil {
		return desk.Page[desk.Ticket]{}, err
	}
	m.narrow(&filter)
	page, err := s.store.Tickets(ctx, viewer, filter)
	if err != nil {
		return page, err
	}
	return page, s.show(ctx, viewer, page.Items)
}

// Counts says how many tickets stand in each view, each counted to 10,000 at most.
func (s *Service) Counts(ctx context.Context, actor desk.Actor) (desk.ViewCounts, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return desk.ViewCounts{}, err
	}
	return s.store.ViewCounts(ctx, viewer, actor.User.ID)
}

// Get is one ticket. A merged one is returned as itself, with MergedInto set.
func (s *Service) Get(ctx context.Context, actor desk.Actor, number int64) (desk.Ticket, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return desk.Ticket{}, err
	}
	ticket, err := s.store.Ticket(ctx, viewer, number)
	if err != nil {
		return desk.Ticket{}, err
	}
	one := []desk.Ticket{ticket}
	return one[0], s.show(ctx, viewer, one)
}

// show leaves out of tickets what is not for the viewer: how the desk works on them, for customers, and for others which tickets that they do not see belong to them.
func (s *Service) show(ctx context.Context, viewer store.Viewer, list []desk.Ticket) error {
	var named []int64
	for i := range list {
		list[i] = maskOf(viewer.Masks).ticket(shown(viewer, list[i]))
		for _, other := range []*int64{list[i].Suggested, list[i].Follows} {
			if other != nil {
				named = append(named, *other)
			}
		}
	}
	seen, err := s.store.InSight(ctx, viewer, named)
	for i := range list {
		for _, other := range []**int64{&list[i].Suggested, &list[i].Follows} {
			if *other != nil && !slices.Contains(seen, **other) {
				*other = nil
			}
		}
	}
	return err
}

// shown leaves out of a ticket what is not for customers: how the desk works on it.
func shown(viewer store.Viewer, t desk.Ticket) desk.Ticket {
	if viewer.Staff {
		return t
	}
	t.Tags, t.Preview, t.AssigneeID, t.Suggested = []string{}, "", nil, nil
	t.Unverified, t.NewParticipant, t.DeliveryProblem = false, false, false
	t.TeamID, t.TeamName, t.Fields, t.SnoozedUntil, t.AnswerDueAt, t.SolveDueAt = nil, "", map[string]string{}, nil, nil, nil
	return t
}

// Conversation is one page of a ticket's messages, oldest first, with files and deliveries; at most 200.
func (s *Service) Conversation(ctx context.Context, actor desk.Actor, number int64, cursor string, limit int) (desk.Page[desk.Message], error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return desk.Page[desk.Message]{}, err
	}
	page, err := s.store.Messages(ctx, viewer, number, cursor, limit)
	if err != nil {
		return page, err
	}
	if len(page.Items) == 0 && cursor == "" { // an empty conversation and none at all are different things
		if _, err := s.store.Ticket(ctx, viewer, number); err != nil {
			return page, err
		}
	}
	for i := range page.Items {
		page.Items[i] = told(viewer, page.Items[i])
	}
	return page, nil
}

// Message is one message.
func (s *Service) Message(ctx context.Context, actor desk.Actor, id int64) (desk.Message, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return desk.Message{}, err
	}
	message, err := s.store.Message(ctx, viewer, id)
	return told(viewer, message), err
}

// told leaves out of a message what is not for customers: evidence, blind copies, and the fate of each delivery.
func told(viewer store.Viewer, m desk.Message) desk.Message {
	if !viewer.Staff {
		m.Facts, m.Deliveries = nil, []desk.Delivery{}
	}
	return maskOf(viewer.Masks).message(m)
}

// Participants lists the people on a ticket besides the requester, those who wait to be accepted first.
func (s *Service) Participants(ctx context.Context, actor desk.Actor, number int64) ([]desk.Participant, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return nil, err
	}
	if _, err := s.store.Ticket(ctx, viewer, number); err != nil {
		return nil, err
	}
	people, err := s.store.Participants(ctx, number)
	m := maskOf(viewer.Masks)
	for i := range people {
		people[i].Address, people[i].Name = m.address(people[i].Address), m.named(people[i].Name)
	}
	if viewer.Staff || err != nil {
		return people, err
	}
	accepted := []desk.Participant{}
	for _, person := range people {
		if !person.Pending {
			accepted = append(accepted, person)
		}
	}
	return accepted, nil
}

// OtherTickets lists the newest ten other tickets of the same requester.
func (s *Service) OtherTickets(ctx context.Context, actor desk.Actor, number int64) ([]desk.Ticket, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return nil, err
	}
	ticket, err := s.store.Ticket(ctx, viewer, number)
	if err != nil {
		return nil, err
	}
	page, err := s.store.Tickets(ctx, viewer, store.TicketFilter{Requester: desk.Canonical(ticket.RequesterAddress), Order: desk.OrderNewest, Limit: 11})
	if err == nil {
		err = s.show(ctx, viewer, page.Items)
	}
	others := make([]desk.Ticket, 0, 10)
	for _, other := range page.Items {
		if other.ID != number && len(others) < 10 {
			others = append(others, other)
		}
	}
	return others, err
}

// Original is a message as it was received, or as it was sent. The caller closes it.
func (s *Service) Original(ctx context.Context, actor desk.Actor, message int64) (io.ReadCloser, int64, error) {
	if err := need(actor, desk.MayReadOriginals); err != nil { // it carries the headers of others, Bcc among them
		return nil, 0, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return nil, 0, err
	}
	original, err := s.store.OriginalOf(ctx, eyes, message)
	if err != nil {
		return nil, 0, err
	}
	return s.openOriginal(ctx, original)
}

// Attachment is a file for somebody who may see its message, or who uploaded it. The access is logged.
func (s *Service) Attachment(ctx context.Context, actor desk.Actor, id int64) (attachments.Object, desk.FileInfo, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return attachments.Object{}, desk.FileInfo{}, err
	}
	file, err := s.store.File(ctx, viewer, actor.User.ID, id)
	if err != nil {
		return attachments.Object{}, desk.FileInfo{}, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.LogAccess(ctx, store.Access{Attachment: id, User: actor.Person().ID, IP: actor.IP})
	})
	return objectOf(file), file.FileInfo, err
}

func objectOf(f store.File) attachments.Object {
	return attachments.Object{Key: f.ObjectKey, DEK: f.DEK, Size: f.Size, SHA256: f.SHA256}
}

// Listen calls hear for every change from now on until ctx ends. After lost, news may have passed by unheard.
func (s *Service) Listen(ctx context.Context, hear func(store.News), lost func(error)) {
	s.store.Listen(ctx, hear, lost)
}
