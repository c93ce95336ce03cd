package audit

import (
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"postern/desk"
	"postern/store"
)

// leastDays is how long the log is kept at least, where it is not kept for ever: the database lets nothing younger go.
const leastDays = 365

// Purge takes out of the log what is older than the settings say, if anything: it is written to a file in the data folder first, and a signed tombstone takes its place, on which the rest of the chain stands.
func (s *Service) Purge(ctx context.Context, values desk.Values) (purged int64, err error) {
	days := values.Number(desk.AuditDays)
	if days == 0 || s.cfg.Folder == "" {
		return 0, nil
	}
	return s.purge(ctx, s.now().AddDate(0, 0, -max(days, leastDays)))
}

// purge takes out what is older than a time.
func (s *Service) purge(ctx context.Context, before time.Time) (purged int64, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		alone, err := tx.AloneToLink(ctx) // nobody links meanwhile
		if err != nil || !alone {
			return err
		}
		last, err := tx.PurgeableUntil(ctx, before)
		if err != nil || last == 0 {
			return err
		}
		t, err := s.bury(ctx, tx, last)
		if err != nil || t.Seq == 0 {
			return err
		}
		if purged, err = tx.Purge(ctx, t); err != nil {
			return err
		}
		return tx.Audit(ctx, desk.System("job"), "audit.purge", "audit", map[string]any{"records": purged, "from_link": t.FirstSeq, "to_link": t.Seq, "file": t.File})
	})
	return purged, err
}

// bury writes the records up to a link to a file, and makes their tombstone; its Seq is 0 where nothing is left to bury.
func (s *Service) bury(ctx context.Context, tx *store.Tx, last int64) (t desk.Tombstone, err error) {
	first := int64(1)
	graves, err := tx.Tombstones(ctx)
	if err != nil {
		return t, err
	}
	if len(graves) > 0 {
		first = graves[len(graves)-1].Seq + 1
	}
	if last < first { // what is old is gone already
		return t, nil
	}
	key, err := s.signer(ctx, tx)
	if err != nil {
		return t, err
	}
	if err := os.MkdirAll(s.cfg.Folder, 0o700); err != nil {
		return t, fmt.Errorf("audit: purge: %w", err)
	}
	name := fmt.Sprintf("purged-%d-%d.jsonl.gz", first, last)
	t = desk.Tombstone{Seq: last, FirstSeq: first, File: filepath.Join(filepath.Base(s.cfg.Folder), name), At: s.now(), KeyID: key.id}
	out, err := os.OpenFile(filepath.Join(s.cfg.Folder, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return t, fmt.Errorf("audit: purge: %w", err)
	}
	err = s.writeOut(ctx, tx, &t, out)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return t, fmt.Errorf("audit: purge: %w", err)
	}
	t.Signature = ed25519.Sign(key.private, buried(t))
	return t, nil
}

// writeOut writes the records that a tombstone stands for, as sinks get them, and fills in what it says of them.
func (s *Service) writeOut(ctx context.Context, tx *store.Tx, t *desk.Tombstone, to io.Writer) error {
	digest, packed := sha256.New(), gzip.NewWriter(to)
	lines := json.NewEncoder(io.MultiWriter(digest, packed))
	for seq := t.FirstSeq - 1; seq < t.Seq; {
		records, err := tx.ChainedAfter(ctx, seq, mostSent)
		if err != nil {
			return err
		}
		if len(records) == 0 || records[0].Seq != seq+1 {
			return fmt.Errorf("link %d is not there: run postern audit verify; nothing is purged from a chain that is broken", seq+1)
		}
		for _, one := range records {
			if one.Seq > t.Seq {
				break
			}
			if one.Seq != seq+1 {
				return fmt.Errorf("record of link %d is not there: run postern audit verify; nothing is purged from a chain that is broken", seq+1)
			}
			if t.FromAt.IsZero() {
				t.FromAt = one.At
			}
			seq, t.UntilAt, t.Hash = one.Seq, one.At, one.Hash
			m, err := messageOf(one)
			if err != nil {
				return err
			}
			if err := lines.Encode(json.RawMessage(m.Line)); err != nil {
				return err
			}
		}
	}
	t.Digest = digest.Sum(nil)
	return packed.Close()
}
