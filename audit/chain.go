package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	mostLinks       = 1000      // records that are linked in one transaction
	checkpointAfter = 1000      // links
	checkpointEvery = time.Hour // if there was any link at all
)

// Link links the records that wait, 1000 at most, and signs a checkpoint when it is time. It says how many it linked: none when another process is at it.
func (s *Service) Link(ctx context.Context) (linked int, err error) {
	waiting, err := s.store.AnyUnlinked(ctx)
	if err != nil || !waiting {
		return 0, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		linked = 0
		alone, err := tx.AloneToLink(ctx)
		if err != nil || !alone {
			return err
		}
		records, err := tx.Unlinked(ctx, mostLinks)
		if err != nil || len(records) == 0 {
			return err
		}
		head, err := tx.ChainHead(ctx)
		if err != nil {
			return err
		}
		if head.Seq == 0 {
			head.Hash = start()
		}
		links := make([]store.Link, len(records))
		for i, record := range records {
			head = store.Head{Seq: head.Seq + 1, Hash: link(head.Hash, record)}
			links[i] = store.Link{Seq: head.Seq, Audit: record.ID, Hash: head.Hash}
		}
		if err := tx.AddLinks(ctx, links); err != nil {
			return err
		}
		linked = len(links)
		return s.vouch(ctx, tx, head)
	})
	return linked, err
}

// vouch signs a checkpoint when the last is far enough behind.
func (s *Service) vouch(ctx context.Context, tx *store.Tx, head store.Head) error {
	last, err := tx.LastCheckpoint(ctx)
	if err != nil {
		return err
	}
	if head.Seq-last.Seq < checkpointAfter && s.now().Sub(last.At) < checkpointEvery {
		return nil
	}
	return s.sign(ctx, tx, head)
}

// sign signs a checkpoint of where the chain ends.
func (s *Service) sign(ctx context.Context, tx *store.Tx, head store.Head) error {
	key, err := s.signer(ctx, tx)
	if err != nil {
		return err
	}
	c := desk.Checkpoint{Seq: head.Seq, Hash: head.Hash, At: s.now(), KeyID: key.id}
	c.Signature = ed25519.Sign(key.private, vouched(c))
	return tx.AddCheckpoint(ctx, c)
}

// Checkpoint links all that waits and signs where the chain ends then, whatever the last checkpoint.
func (s *Service) Checkpoint(ctx context.Context) (desk.Checkpoint, error) {
	for {
		n, err := s.Link(ctx)
		if err != nil {
			return desk.Checkpoint{}, err
		}
		if n < mostLinks {
			break
		}
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		alone, err := tx.AloneToLink(ctx)
		if err != nil || !alone {
			return err
		}
		head, err := tx.ChainHead(ctx)
		if err != nil || head.Seq == 0 {
			return err
		}
		last, err := tx.LastCheckpoint(ctx)
		if err != nil || last.Seq == head.Seq {
			return err
		}
		return s.sign(ctx, tx, head)
	})
	if err != nil {
		return desk.Checkpoint{}, err
	}
	return s.store.LastCheckpoint(ctx)
}

// signingKey is a key in use.
type signingKey struct {
	id      int64
	public  ed25519.PublicKey
	private ed25519.PrivateKey
}

// sealedFor is the context of a key's seal.
func sealedFor(id int64) string { return fmt.Sprintf("audit_key/%d/private", id) }

// signer is the key that signs now: the newest, or one that is made if there is none, or none that this process can open.
func (s *Service) signer(ctx context.Context, tx *store.Tx) (signingKey, error) {
	keys, err := s.openKeys(ctx, tx.Reader)
	if err != nil {
		return signingKey{}, err
	}
	var newest signingKey
	for id, key := range keys {
		if id > newest.id {
			newest = key
		}
	}
	if newest.id != 0 {
		return newest, nil
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return signingKey{}, fmt.Errorf("audit: make a key: %w", err)
	}
	id, err := tx.AddAuditKey(ctx, public, func(id int64) []byte {
		sealed, _ := s.cfg.Keys.Seal(sealedFor(id), private.Seed())
		return sealed
	})
	return signingKey{id: id, public: public, private: private}, err
}

// openKeys opens the keys that sign. One that cannot be opened, or whose halves do not belong together, is none of ours: whoever wrote it into the database did not hold the key file.
func (s *Service) openKeys(ctx context.Context, r store.Reader) (map[int64]signingKey, error) {
	rows, err := r.AuditKeys(ctx)
	if err != nil {
		return nil, err
	}
	keys := map[int64]signingKey{}
	for _, row := range rows {
		seed, err := s.cfg.Keys.Open(sealedFor(row.ID), row.Sealed)
		if err != nil || len(seed) != ed25519.SeedSize {
			continue
		}
		private := ed25519.NewKeyFromSeed(seed)
		public, is := private.Public().(ed25519.PublicKey)
		if is && public.Equal(ed25519.PublicKey(row.Public)) {
			keys[row.ID] = signingKey{id: row.ID, public: public, private: private}
		}
	}
	return keys, nil
}
