package tickets

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"postern/attachments"
	"postern/store"
)

// originalContext binds the key of an original to its row.
func originalContext(id int64) string { return fmt.Sprintf("original/%d", id) }

// openOriginal gives the exact bytes of a mail, wherever they lie.
func (s *Service) openOriginal(ctx context.Context, o store.Original) (io.ReadCloser, int64, error) {
	if o.ObjectKey != nil {
		r, err := s.cfg.Bucket.Get(ctx, attachments.Object{Key: *o.ObjectKey, DEK: o.DEK, Size: o.Size}, 0, o.Size)
		return r, o.Size, err
	}
	plain, err := attachments.OpenSmall(s.cfg.Keys, originalContext(o.ID), o.DEK, o.Sealed)
	if err != nil {
		return nil, 0, fmt.Errorf("tickets: original %d: %w", o.ID, err)
	}
	return io.NopCloser(bytes.NewReader(plain)), int64(len(plain)), nil
}
