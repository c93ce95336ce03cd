package tickets

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"postern/attachments"
	"postern/desk"
	"postern/store"
)

// keepForms is how long what was written into a form waits until its address is proved.
const keepForms = 24 * time.Hour

// Limits of what is sent by forms, so that nobody drowns a mailbox, or a stranger's address in our mails.
const (
	formsFor       = time.Hour // in which it is counted
	formsOfAddress = 5
	formsFromPlace = 10 // from one network
	formsOfAll     = 500
)

// CountForm counts what is about to be sent by a form, and refuses what is too much. place is the network that it comes from.
func (s *Service) CountForm(ctx context.Context, address, place string) error {
	now := s.now()
	var sent store.FormCounts
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		sent, err = tx.CountForm(ctx, desk.Canonical(address), place, now, now.Add(-formsFor))
		return err
	})
	if err == nil && (sent.Address >= formsOfAddress || sent.Place >= formsFromPlace || sent.All >= formsOfAll) { // this one is not among them
		err = desk.Faultf(desk.Unavailable, "Too much was sent by this form within the last hour. Try again later, or write a mail.")
	}
	return err
}

// FormEntry is what was written into a form, as the mail that it will be.
type FormEntry struct {
	Mailbox int64
	Address string
	Raw     io.Reader
	Size    int64
}

// KeepForm keeps what was written into a form until its address is proved, sealed as mail is. Nobody can read it before.
func (s *Service) KeepForm(ctx context.Context, entry FormEntry) (id int64, err error) {
	row := store.FormEntry{Mailbox: entry.Mailbox, Address: desk.Canonical(entry.Address), Size: entry.Size, CreatedAt: s.now(), ExpiresAt: s.now().Add(keepForms)}
	var small []byte
	if entry.Size > attachments.SmallOriginal {
		object, err := s.cfg.Bucket.Put(ctx, entry.Raw, entry.Size)
		if err != nil {
			return 0, err
		}
		row.ObjectKey, row.DEK = &object.Key, object.DEK
	} else if small, err = io.ReadAll(io.LimitReader(entry.Raw, entry.Size+1)); err != nil {
		return 0, fmt.Errorf("tickets: form entry: %w", err)
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if row.ID, err = tx.NextFormEntry(ctx); err != nil {
			return err
		}
		if row.ObjectKey == nil {
			if row.DEK, row.Sealed, err = attachments.SealSmall(s.cfg.Keys, formContext(row.ID), small); err != nil {
				return fmt.Errorf("tickets: form entry: %w", err)
			}
		}
		return tx.AddFormEntry(ctx, row)
	})
	return row.ID, err
}

// formContext binds the key of an entry to its row.
func formContext(id int64) string { return fmt.Sprintf("form/%d", id) }

// KeptForm is what was written into a form and can go on, since its address is proved.
type KeptForm struct {
	Mailbox int64
	Raw     *io.SectionReader
	done    func()
}

// Close gives up the bytes.
func (k KeptForm) Close() { k.done() }

// KeptForm opens what was written into a form by somebody whose address that is.
func (s *Service) KeptForm(ctx context.Context, id int64, address string) (KeptForm, error) {
	row, err := s.store.FormEntry(ctx, id, address, s.now())
	if err != nil {
		return KeptForm{}, err
	}
	kept := KeptForm{Mailbox: row.Mailbox, done: func() {}}
	if row.ObjectKey == nil {
		plain, err := attachments.OpenSmall(s.cfg.Keys, formContext(row.ID), row.DEK, row.Sealed)
		if err != nil {
			return kept, fmt.Errorf("tickets: form entry %d: %w", id, err)
		}
		kept.Raw = io.NewSectionReader(bytes.NewReader(plain), 0, int64(len(plain)))
		return kept, nil
	}
	file, err := os.CreateTemp("", "postern-form-*")
	if err != nil {
		return kept, fmt.Errorf("tickets: form entry %d: %w", id, err)
	}
	_ = os.Remove(file.Name()) // the open file lives on without its name
	content, err := s.cfg.Bucket.Get(ctx, attachments.Object{Key: *row.ObjectKey, DEK: row.DEK, Size: row.Size}, 0, row.Size)
	if err == nil {
		_, err = io.Copy(file, content)
		_ = content.Close() // read to its end already, or broken
	}
	if err != nil {
		_ = file.Close() // nothing was kept in it
		return kept, fmt.Errorf("tickets: form entry %d: %w", id, err)
	}
	kept.Raw, kept.done = io.NewSectionReader(file, 0, row.Size), func() { _ = file.Close() }
	return kept, nil
}

// DropForm removes what has become a ticket.
func (s *Service) DropForm(ctx context.Context, id int64) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.DropFormEntry(ctx, id) })
}
