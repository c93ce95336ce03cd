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

// Passed is what of a message goes along with a forward of it.
type Passed struct {
	Message  int64
	Files    []int64
	Original bool // the mail as it came
}

// SizeOfFiles is how many bytes the given uploads of a user that wait, and what goes along of a message, take together.
func (r Reader) SizeOfFiles(ctx context.Context, user int64, uploads []int64, p Passed) (int64, error) {
	const sql = `
		select coalesce((select sum(a.size) from attachment a where a.id = any($2) and a.message is null and a.uploaded_by = $1), 0)
		     + coalesce((select sum(a.size) from attachment a where a.id = any($4) and a.message = $3), 0)
		     + coalesce((select o.size from original o where o.message = $3 and $5), 0)`
	var size int64
	err := r.q.QueryRow(ctx, sql, user, orEmpty(uploads), p.Message, orEmpty(p.Files), p.Original).Scan(&size)
	return size, wrap(err, "size of files")
}
