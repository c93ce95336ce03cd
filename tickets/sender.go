package tickets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/desk"
	"postern/store"
)

const longestSignature = 4 << 10 // bytes

// sender is a store.Letterhead with the words of its signatures.
type sender struct{ store.Letterhead }

// sender is in whose name a mail on the ticket leaves: the mailbox chosen, which takes mail; with 0 the ticket's own.
func (c *change) sender(ctx context.Context, mailbox int64) (sender, error) {
	if mailbox == 0 {
		own, err := c.LetterheadOfTicket(ctx, c.ticket.ID, c.actor.User.ID)
		return sender{own}, err
	}
	chosen, err := c.Letterhead(ctx, mailbox, c.actor.User.ID)
	return sender{chosen}, err
}

// below is what stands below the text: the writer's signature and the mailbox's, behind the mark by which programs know that a signature begins (RFC 3676 §4.3). Empty: there is neither.
func (s sender) below() string { return signatures(s.Own, s.Signature) }

func signatures(own, mailbox string) string {
	lines := slices.DeleteFunc([]string{strings.Trim(own, "\n "), strings.Trim(mailbox, "\n ")}, func(text string) bool { return text == "" })
	if len(lines) == 0 {
		return ""
	}
	return "-- \n" + strings.Join(lines, "\n")
}

// Signature is what will stand below a mail of the actor that leaves from a mailbox; 0: from the ticket's.
func (s *Service) Signature(ctx context.Context, actor desk.Actor, number, mailbox int64) (string, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return "", err
	}
	if mailbox == 0 {
		if err := s.see(ctx, actor, number); err != nil {
			return "", err
		}
		own, err := s.store.LetterheadOfTicket(ctx, number, actor.User.ID)
		return sender{own}.below(), err
	}
	chosen, err := s.store.Letterhead(ctx, mailbox, actor.User.ID)
	return sender{chosen}.below(), err
}

// Habits are how the actor writes.
func (s *Service) Habits(ctx context.Context, actor desk.Actor) (desk.Habits, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return desk.Habits{}, err
	}
	return s.store.Habits(ctx, actor.User.ID)
}

// SetHabits changes how the actor writes.
func (s *Service) SetHabits(ctx context.Context, actor desk.Actor, h desk.Habits) error {
	if err := need(actor, desk.MayNote); err != nil {
		return err
	}
	h.Signature = signatureOf(h.Signature)
	switch {
	case len(h.Signature) > longestSignature:
		return desk.Wrong("signature", "a signature has %d bytes at most", longestSignature)
	case h.UndoSeconds < 0 || h.UndoSeconds > int(longestUndo.Seconds()):
		return desk.Wrong("undo_seconds", "a message can wait from 0 to 30 seconds")
	case !h.AfterSend.Valid():
		return desk.Wrong("after_send", "after sending comes next, list or stay")
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		before, err := tx.Habits(ctx, actor.User.ID)
		if err != nil {
			return err
		}
		if err := tx.SetHabits(ctx, actor.User.ID, h); err != nil {
			return err
		}
		detail := auditedHabits(h)
		detail["before"], detail["signature"] = auditedHabits(before), before.Signature != h.Signature
		return tx.Audit(ctx, actor, "user.habits", fmt.Sprintf("user/%d", actor.User.ID), detail)
	})
}

// auditedHabits is what the audit log tells of habits: not the text of a signature.
func auditedHabits(h desk.Habits) map[string]any {
	return map[string]any{"undo_seconds": h.UndoSeconds, "after_send": h.AfterSend}
}

// MailboxSignatures are what stands below the mails of mailboxes, by mailbox.
func (s *Service) MailboxSignatures(ctx context.Context, actor desk.Actor) (map[int64]string, error) {
	if err := needs(actor, desk.MayRead, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.store.MailboxSignatures(ctx)
}

// SetMailboxSignature changes what stands below every mail of a mailbox.
func (s *Service) SetMailboxSignature(ctx context.Context, actor desk.Actor, address, signature string) error {
	if err := need(actor, desk.MayManageMailboxes); err != nil {
		return err
	}
	if signature = signatureOf(signature); len(signature) > longestSignature {
		return desk.Wrong("signature", "a signature has %d bytes at most", longestSignature)
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.SetMailboxSignature(ctx, desk.Canonical(address), signature); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "mailbox.signature", "mailbox/"+desk.Canonical(address), nil)
	})
}

func signatureOf(text string) string {
	return strings.Trim(strings.ReplaceAll(storable(text), "\r\n", "\n"), "\n ")
}

// SuggestPeople lists people whose address or name begins with the text, those of the ticket first; 0: of none.
func (s *Service) SuggestPeople(ctx context.Context, actor desk.Actor, number int64, text string) ([]desk.Contact, error) {
	if err := need(actor, desk.MayReadCustomers); err != nil {
		return nil, err
	}
	if text = oneLine(text); text == "" {
		return nil, nil
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return nil, err
	}
	if m := maskOf(eyes.Masks); m.email || m.name {
		return nil, nil // who they are is hidden
	}
	return s.store.SuggestContacts(ctx, eyes, number, text)
}
