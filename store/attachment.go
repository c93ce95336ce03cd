package store

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
)

// File is an attachment and where its bytes are.
type File struct {
	desk.FileInfo
	Message    *int64 // nil: an upload that waits for its reply
	TicketID   *int64
	UploadedBy *int64
	ObjectKey  string
	DEK        []byte
	SHA256     []byte
}

const selectFile = `
		select a.id, a.name, a.media_type, a.size, a.inline, a.content_id, a.origin, a.description, a.message, m.ticket_id, a.uploaded_by,
		       a.object_key, a.dek, a.sha256
		from attachment a
		left join message m on m.id = a.message`

// fileRow is the row of a File: desk.FileInfo names no columns.
type fileRow struct {
	ID          int64  `db:"id"`
	Name        string `db:"name"`
	MediaType   string `db:"media_type"`
	Size        int64  `db:"size"`
	Inline      bool   `db:"inline"`
	ContentID   string `db:"content_id"`
	Origin      string `db:"origin"`
	Description string `db:"description"`
	Message     *int64 `db:"message"`
	TicketID    *int64 `db:"ticket_id"`
	UploadedBy  *int64 `db:"uploaded_by"`
	ObjectKey   string `db:"object_key"`
	DEK         []byte `db:"dek"`
	SHA256      []byte `db:"sha256"`
}

func (r fileRow) file() File {
	info := desk.FileInfo{ID: r.ID, Name: r.Name, MediaType: r.MediaType, Size: r.Size, Inline: r.Inline, ContentID: r.ContentID, Origin: r.Origin, Description: r.Description}
	return File{FileInfo: info, Message: r.Message, TicketID: r.TicketID, UploadedBy: r.UploadedBy, ObjectKey: r.ObjectKey, DEK: r.DEK, SHA256: r.SHA256}
}

// File is one attachment, if the viewer may see its message, or uploaded it.
func (r Reader) File(ctx context.Context, viewer Viewer, user, id int64) (File, error) {
	var c conditions
	c.and("a.id = " + c.arg(id))
	uploader := "(a.message is null and a.uploaded_by = " + c.arg(user) + ")"
	seen := conditions{args: c.args}
	seen.messagesOf(viewer)
	c.args = seen.args
	c.and("(a.message is not null and " + seen.where() + " or " + uploader + ")")
	row, err := rowOf[fileRow](ctx, r.q, selectFile+"\n\t\twhere "+c.where(), c.args...)
	if err != nil {
		return File{}, missing(err, "attachment %d", id)
	}
	return row.file(), nil
}

// FilesOf lists the files of a message.
func (r Reader) FilesOf(ctx context.Context, message int64) ([]File, error) {
	rows, err := rowsOf[fileRow](ctx, r.q, selectFile+"\n\t\twhere a.message = $1\n\t\torder by a.id\n\t\tlimit 1000", message)
	if err != nil {
		return nil, fmt.Errorf("store: files of message %d: %w", message, err)
	}
	files := make([]File, len(rows))
	for i, row := range rows {
		files[i] = row.file()
	}
	return files, nil
}

// AddUpload keeps a file whose bytes are stored, until a reply takes it.
func (tx *Tx) AddUpload(ctx context.Context, f File) (int64, error) {
	const sql = `
		insert into attachment (uploaded_by, name, media_type, size, origin, object_key, dek, sha256)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		returning id`
	var id int64
	err := tx.tx.QueryRow(ctx, sql, f.UploadedBy, f.Name, f.MediaType, f.Size, f.Origin, f.ObjectKey, f.DEK, f.SHA256).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("store: add upload: %w", err)
	}
	return id, nil
}

// AttachUploads hands a user's uploads to a message of theirs. One that is somebody else's, or already on a message, fails all.
func (tx *Tx) AttachUploads(ctx context.Context, message, user int64, uploads []int64) error {
	tag, err := tx.tx.Exec(ctx, `
		update attachment
		set message = $1
		where id = any($3) and message is null and uploaded_by = $2`, message, user, uploads)
	if err != nil {
		return fmt.Errorf("store: attach uploads: %w", err)
	}
	if tag.RowsAffected() != int64(len(uploads)) {
		return desk.Wrong("attachments", "one of the attachments is no upload of yours that still waits: upload it again")
	}
	return nil
}

// UploadsOf is the ids and names of uploads that wait, of those given, in their order.
func (r Reader) UploadsOf(ctx context.Context, user int64, ids []int64) ([]desk.FileInfo, error) {
	rows, err := rowsOf[fileRow](ctx, r.q, selectFile+`
		where a.id = any($2) and a.message is null and a.uploaded_by = $1
		order by array_position($2, a.id)
		limit 100`, user, orEmpty(ids))
	if err != nil {
		return nil, fmt.Errorf("store: uploads: %w", err)
	}
	infos := make([]desk.FileInfo, len(rows))
	for i, row := range rows {
		infos[i] = row.file().FileInfo
	}
	return infos, nil
}

// DropUploads removes uploads that no reply took, and that no draft holds, since the given time. Their objects are left to the sweep of the bucket.
func (tx *Tx) DropUploads(ctx context.Context, before time.Time) (int64, error) {
	const sql = `
		delete from attachment
		where id in (
		    select a.id
		    from attachment a
		    where a.message is null and a.created_at < $1
		      and not exists (select from draft d where a.id = any(d.uploads) and d.updated_at >= $1)
		    limit 1000)`
	tag, err := tx.tx.Exec(ctx, sql, before)
	if err != nil {
		return 0, fmt.Errorf("store: drop uploads: %w", err)
	}
	return tag.RowsAffected(), nil
}

// Unused keeps of the object keys given those that no row names.
func (r Reader) Unused(ctx context.Context, keys []string) ([]string, error) {
	const sql = `
		select array(
		    select k from unnest($1::text[]) as k
		    where not exists (select from attachment a where a.object_key = k)
		      and not exists (select from original o where o.object_key = k)
		      and not exists (select from form_entry f where f.object_key = k))`
	var unused []string
	if err := r.q.QueryRow(ctx, sql, keys).Scan(&unused); err != nil {
		return nil, fmt.Errorf("store: unused objects: %w", err)
	}
	return unused, nil
}
