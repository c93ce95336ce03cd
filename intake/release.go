package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"postern/attachments"
	"postern/desk"
	"postern/filters"
	"postern/store"
)

// Release lets a suspended mail in as if it had just arrived: same threading, same time of receipt, the verdict of that time (behaviour §5). With a ticket it goes onto that one.
// Its entry goes, who let it in is recorded, and the spam filter learns that it was wrong. If the program dies between the two, a second release finds the mail on its ticket.
func (in *Intake) Release(ctx context.Context, actor desk.Actor, suspended, ticket int64) (desk.Outcome, error) {
	if ticket != 0 {
		if _, err := in.cfg.Store.Ticket(ctx, store.AllSeeing(), ticket); err != nil {
			return desk.Outcome{}, err
		}
	}
	held, raw, done, err := in.openSuspended(ctx, suspended)
	if err != nil {
		return desk.Outcome{}, err
	}
	defer done()
	var env desk.Envelope
	if err := json.Unmarshal(held.Envelope, &env); err != nil {
		return desk.Outcome{}, fmt.Errorf("intake: envelope of suspended mail %d: %w", suspended, err)
	}
	env.Source = desk.FromRelease
	digest, err := in.cfg.Store.SuspendedDigest(ctx, suspended)
	if err != nil {
		return desk.Outcome{}, err
	}
	was, err := known(held, digest, ticket)
	if err != nil {
		return desk.Outcome{}, err
	}
	outcome, err := in.accept(ctx, incoming{env: env, raw: raw, was: was})
	if err != nil {
		return desk.Outcome{}, err
	}
	if outcome.Disposition == desk.Suspended {
		return outcome, desk.Faultf(desk.Conflict, "this mail cannot become a ticket: %s", desk.Causes[outcome.Cause])
	}
	if err := in.dropSuspended(ctx, actor, held, dropped{"suspended.release", outcome.Ticket}); err != nil {
		return outcome, err
	}
	if held.Cause == desk.CauseSpam {
		in.learn(ctx, raw, filters.LearnHam)
	}
	return outcome, nil
}

// Condemn throws a suspended mail away as spam: the filter learns it, and its entry goes.
func (in *Intake) Condemn(ctx context.Context, actor desk.Actor, suspended int64) error {
	held, raw, done, err := in.openSuspended(ctx, suspended)
	if err != nil {
		return err
	}
	defer done()
	in.learn(ctx, raw, filters.LearnSpam)
	return in.dropSuspended(ctx, actor, held, dropped{"suspended.spam", 0})
}

// Learn teaches the spam filter that the mail of a message is spam.
func (in *Intake) Learn(ctx context.Context, message int64) error {
	kept, err := in.cfg.Store.OriginalOf(ctx, store.AllSeeing(), message)
	if err != nil {
		return err
	}
	raw, done, err := in.openKept(ctx, kept)
	if err != nil {
		return err
	}
	defer done()
	in.learn(ctx, raw, filters.LearnSpam)
	return nil
}

// learningTime is how long an agent's click waits for the spam filter.
const learningTime = 5 * time.Second

// learn tells the spam filter what a person says of a mail. That it did not listen is no reason to keep the person waiting.
func (in *Intake) learn(ctx context.Context, raw *io.SectionReader, what filters.Learning) {
	ctx, cancel := context.WithTimeout(ctx, learningTime)
	defer cancel()
	if err := in.cfg.Filters.Learn(ctx, whole(raw), what); err != nil {
		in.cfg.Log.Warn("the spam filter did not learn what a person said of a mail", "error", err)
	}
}

func (in *Intake) openSuspended(ctx context.Context, suspended int64) (held desk.SuspendedMail, raw *io.SectionReader, done func(), err error) {
	if held, err = in.cfg.Store.SuspendedMail(ctx, suspended); err != nil {
		return held, nil, nil, err
	}
	kept, err := in.cfg.Store.OriginalOfSuspended(ctx, suspended)
	if err != nil {
		return held, nil, nil, err
	}
	raw, done, err = in.openKept(ctx, kept)
	return held, raw, done, err
}

// dropped is why an entry goes.
type dropped struct {
	action string
	ticket int64 // onto which its mail went
}

func (in *Intake) dropSuspended(ctx context.Context, actor desk.Actor, held desk.SuspendedMail, why dropped) error {
	return in.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.DropSuspended(ctx, held.ID); err != nil {
			return err
		}
		if err := tx.Announce(ctx, store.News{Suspended: true}); err != nil {
			return err
		}
		detail := map[string]any{"cause": held.Cause, "from": held.From}
		if why.ticket != 0 {
			detail["ticket"] = why.ticket
		}
		return tx.Audit(ctx, actor, why.action, fmt.Sprintf("suspended/%d", held.ID), detail)
	})
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
