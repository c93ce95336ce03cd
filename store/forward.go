package store

import (
	"context"
	"fmt"
)

// CopyFiles makes uploads of a user out of files of a message, which share their bytes with them: a file that goes on to somebody else. A file that is not on the message is left out.
func (tx *Tx) CopyFiles(ctx context.Context, message, user int64, files []int64) ([]int64, error) {
	rows, err := tx.tx.Query(ctx, `
		insert into attachment (uploaded_by, name, media_type, size, inline, content_id, origin, description, object_key, dek, sha256)
		select $2, a.name, a.media_type, a.size, false, '', 'upload', a.description, a.object_key, a.dek, a.sha256
		from attachment a
		where a.message = $1 and a.id = any($3)
		order by a.id
		returning id`, message, user, orEmpty(files))
	if err != nil {
		return nil, fmt.Errorf("store: files of message %d for a forward: %w", message, err)
	}
	return collectIDs(rows, "files for a forward")
}

// LeaveSide makes a message one of its ticket's own conversation.
func (tx *Tx) LeaveSide(ctx context.Context, message int64) error {
	_, err := tx.tx.Exec(ctx, `update message set side = null where id = $1`, message)
	return wrap(err, "a message that leaves its side")
}
