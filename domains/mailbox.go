package domains

import (
	"context"
	"slices"
	"strings"

	"postern/desk"
	"postern/store"
)

// longestName is the longest display name of a mailbox in bytes: it stands in the From of every answer.
const longestName = 200

// AddMailbox adds an address that takes mail, or opens again one that was removed. Its domain need not be one of ours: then its mail is forwarded here,
// and answers leave by the system's own domain. The address carries no +, since what follows one is ours (reply addresses).
func (s *Service) AddMailbox(ctx context.Context, actor desk.Actor, address, name string) (desk.Mailbox, error) {
	if err := may(actor, desk.MayManageMailboxes); err != nil {
		return desk.Mailbox{}, err
	}
	address, err := mailboxAddress(address)
	if err != nil {
		return desk.Mailbox{}, err
	}
	name = strings.TrimSpace(name)
	if len(name) > longestName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return desk.Mailbox{}, desk.Wrong("name", "a mailbox's name stands on one line of at most %d bytes", longestName)
	}
	var mailbox desk.Mailbox
	err = s.change(ctx, func(tx *store.Tx) error {
		if mailbox, err = tx.AddMailbox(ctx, address, name); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "mailbox.add", "mailbox/"+address, map[string]any{"name": name})
	})
	return mailbox, err
}

// mailboxAddress is the address as it is stored and compared: small letters, the domain as the DNS and SMTP carry it.
func mailboxAddress(address string) (string, error) {
	canonical := desk.Canonical(address)
	local, domain := desk.SplitAddress(canonical)
	ascii, err := ASCII(domain)
	if err != nil || !desk.ValidAddress(canonical) {
		return "", desk.Wrong("address", "%q is not an address like support@example.com", address)
	}
	if strings.Contains(local, "+") {
		return "", desk.Wrong("address", "a mailbox's address has no + in it: what follows one carries the ticket in answers")
	}
	return local + "@" + ascii, nil
}

// Mailboxes lists the addresses that take mail, by address.
func (s *Service) Mailboxes(ctx context.Context) ([]desk.Mailbox, error) {
	return s.cfg.Store.Mailboxes(ctx)
}

// RemoveMailbox closes an address: it takes no mail from now on. Its tickets stay.
func (s *Service) RemoveMailbox(ctx context.Context, actor desk.Actor, address string) error {
	if err := may(actor, desk.MayManageMailboxes); err != nil {
		return err
	}
	stored, err := mailboxAddress(address)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx *store.Tx) error {
		if _, err := tx.RemoveMailbox(ctx, stored, s.cfg.Now()); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "mailbox.remove", "mailbox/"+stored, nil)
	})
}

// longestAcknowledgement is the longest text of an acknowledgement in bytes.
const longestAcknowledgement = 4000

// ChangeMailbox changes how a mailbox is called, how strict it is with senders, and whether it acknowledges new tickets.
func (s *Service) ChangeMailbox(ctx context.Context, actor desk.Actor, address string, change desk.MailboxChange) (mailbox desk.Mailbox, err error) {
	if err := may(actor, desk.MayManageMailboxes); err != nil {
		return mailbox, err
	}
	stored, err := mailboxAddress(address)
	if err != nil {
		return mailbox, err
	}
	if err := checkChange(&change); err != nil {
		return mailbox, err
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		boxes, err := tx.Mailboxes(ctx)
		if err != nil {
			return err
		}
		if mailbox, err = tx.ChangeMailbox(ctx, stored, change); err != nil {
			return err
		}
		at := slices.IndexFunc(boxes, func(box desk.Mailbox) bool { return box.ID == mailbox.ID })
		if at < 0 { // it came while we looked
			return desk.Faultf(desk.Conflict, "the mailbox %s was changed by somebody else meanwhile: look again", stored)
		}
		return tx.Audit(ctx, actor, "mailbox.change", "mailbox/"+stored, changeOf(auditedMailbox(boxes[at]), auditedMailbox(mailbox)))
	})
	return mailbox, err
}

// auditedMailbox is what the audit log tells of a mailbox.
func auditedMailbox(m desk.Mailbox) map[string]any {
	return map[string]any{"name": m.Name, "dmarc": m.DMARC, "acknowledge": m.Acknowledge, "acknowledge_text": m.AcknowledgeText}
}

func checkChange(change *desk.MailboxChange) error {
	if change.Name != nil {
		name := strings.TrimSpace(*change.Name)
		if len(name) > longestName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return desk.Wrong("name", "a mailbox's name stands on one line of at most %d bytes", longestName)
		}
		change.Name = &name
	}
	if change.DMARC != nil && !slices.Contains(desk.DMARCLevels, *change.DMARC) {
		return desk.Wrong("dmarc", "%q is none of off, monitor, suspend, reject", *change.DMARC)
	}
	if text := change.AcknowledgeText; text != nil {
		if len(*text) > longestAcknowledgement || strings.ContainsFunc(*text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }) {
			return desk.Wrong("acknowledge_text", "the text of an acknowledgement has at most %d bytes and no control characters", longestAcknowledgement)
		}
	}
	return nil
}
