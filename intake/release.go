package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"postern/attachments"
	"postern/desk"
	"postern/store"
)

// Release lets a suspended mail in as if it had just arrived: same threading, same time of receipt (behaviour §5). Its entry goes, and who let it in is recorded.
// If the program dies between the two, a second release finds the mail on its ticket.
func (in *Intake) Release(ctx context.Context, actor desk.Actor, suspended int64) (desk.Outcome, error) {
	held, err := in.cfg.Store.SuspendedMail(ctx, suspended)
	if err != nil {
		return desk.Outcome{}, err
	}
	var env desk.Envelope
	if err := json.Unmarshal(held.Envelope, &env); err != nil {
		return desk.Outcome{}, fmt.Errorf("intake: envelope of suspended mail %d: %w", suspended, err)
	}
	env.Source = desk.FromRelease
	kept, err := in.cfg.Store.OriginalOfSuspended(ctx, suspended)
	if err != nil {
		return desk.Outcome{}, err
	}
	raw, done, err := in.openKept(ctx, kept)
	if err != nil {
		return desk.Outcome{}, err
	}
	defer done()
	outcome, err := in.Accept(ctx, env, raw)
	if err != nil {
		return desk.Outcome{}, err
	}
	if outcome.Disposition == desk.Suspended {
		return outcome, desk.Faultf(desk.Conflict, "this mail cannot become a ticket: %s", desk.Causes[outcome.Cause])
	}
	err = in.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.DropSuspended(ctx, suspended); err != nil {
			return err
		}
		if err := tx.Announce(ctx, store.News{Suspended: true}); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "suspended.release", fmt.Sprintf("suspended/%d", suspended), map[string]any{"cause": held.Cause, "from": held.From, "ticket": outcome.Ticket})
	})
	return outcome, err
}

// openKept makes an original readable at any place: small ones in memory, large ones in a file that has no name.
func (in *Intake) openKept(ctx context.Context, kept store.Original) (raw *io.SectionReader, done func(), err error) {
	if kept.ObjectKey == nil {
		plain, err := attachments.OpenSmall(in.cfg.Keys, originalContext(kept.ID), kept.DEK, kept.Sealed)
		if err != nil {
			return nil, nil, fmt.Errorf("intake: original %d: %w", kept.ID, err)
		}
		return io.NewSectionReader(bytes.NewReader(plain), 0, int64(len(plain))), func() {}, nil
	}
	file, err := os.CreateTemp("", "postern-release-*")
	if err != nil {
		return nil, nil, fmt.Errorf("intake: original %d: %w", kept.ID, err)
	}
	_ = os.Remove(file.Name()) // the open file lives on without its name, and is gone with us
	content, err := in.cfg.Bucket.Get(ctx, attachments.Object{Key: *kept.ObjectKey, DEK: kept.DEK, Size: kept.Size}, 0, kept.Size)
	if err == nil {
		_, err = io.Copy(file, content)
		_ = content.Close() // read to its end already, or broken
	}
	if err != nil {
		_ = file.Close() // nothing was kept in it
		return nil, nil, fmt.Errorf("intake: original %d: %w", kept.ID, err)
	}
	return io.NewSectionReader(file, 0, kept.Size), func() { _ = file.Close() }, nil
}

// originalContext binds the key of an original to its row.
func originalContext(id int64) string { return fmt.Sprintf("original/%d", id) }
