package tickets

import (
	"context"
	"slices"

	"postern/desk"
	"postern/store"
)

// SaveDraft keeps what the actor is writing, in place of what was kept before. Drafts are nobody else's business: they are neither audited nor announced.
func (s *Service) SaveDraft(ctx context.Context, actor desk.Actor, d desk.Draft) error {
	if err := checkDraft(actor, d.Kind); err != nil {
		return err
	}
	if len(d.Text) > longestText {
		return desk.Wrong("text", "a message holds one megabyte of text at most: attach the rest as a file")
	}
	d.Text, d.Subject, d.UserID, d.UpdatedAt = storable(d.Text), oneLine(d.Subject), actor.User.ID, s.now()
	d.To, d.Cc, d.Bcc = sendable(d.To), sendable(d.Cc), sendable(d.Bcc)
	if err := s.see(ctx, actor, d.TicketID); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.SaveDraft(ctx, d) })
}

// sendable keeps the addresses that mail can go to: one that is half typed is no reason to lose the words.
func sendable(people []desk.Address) []desk.Address {
	return slices.DeleteFunc(slices.Clone(people), func(person desk.Address) bool { return checkAddress(person) != nil })
}

// LoadDraft is what the actor is writing on a ticket; false when there is nothing.
func (s *Service) LoadDraft(ctx context.Context, actor desk.Actor, number int64, kind desk.MessageKind) (desk.Draft, bool, error) {
	if err := checkDraft(actor, kind); err != nil {
		return desk.Draft{}, false, err
	}
	if err := s.see(ctx, actor, number); err != nil {
		return desk.Draft{}, false, err
	}
	return s.store.Draft(ctx, actor.User.ID, number, kind)
}

// DropDraft throws away what the actor was writing.
func (s *Service) DropDraft(ctx context.Context, actor desk.Actor, number int64, kind desk.MessageKind) error {
	if err := checkDraft(actor, kind); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.DropDraft(ctx, actor.User.ID, number, kind) })
}

func checkDraft(actor desk.Actor, kind desk.MessageKind) error {
	if kind != desk.KindReply && kind != desk.KindNote && kind != desk.KindForward {
		return desk.Wrong("kind", "a draft is of a reply, of a note or of a forward")
	}
	return need(actor, rightOf(kind))
}

// rightOf is the right that writing a message of the kind takes.
func rightOf(kind desk.MessageKind) desk.Right {
	if kind == desk.KindNote {
		return desk.MayNote
	}
	return desk.MayReply
}

// Uploads describes those of the actor's uploads that still wait for a message, in the order given: the files of a draft.
func (s *Service) Uploads(ctx context.Context, actor desk.Actor, ids []int64) ([]desk.FileInfo, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return nil, err
	}
	return s.store.UploadsOf(ctx, actor.User.ID, ids)
}
