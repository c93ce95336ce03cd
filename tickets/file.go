package tickets

import (
	"context"
	"io"
	"mime"
	"strings"
	"time"
	"unicode/utf8"

	"postern/attachments"
	"postern/desk"
	"postern/secret"
	"postern/store"
)

const (
	linkTime    = 30 * 24 * time.Hour // behaviour §7
	longestName = 255                 // bytes of a file's name: what file systems take
)

// NewFile is a file that is being uploaded.
type NewFile struct {
	Name      string
	MediaType string // empty or unreadable: application/octet-stream
	Size      int64  // in bytes; -1: unknown
	R         io.Reader
}

// Upload stores a file for a reply or note that the actor will write. It is swept away after a day if none takes it.
// The bytes are stored before the row: a crash between the two leaves an object that the sweep removes.
func (s *Service) Upload(ctx context.Context, actor desk.Actor, f NewFile) (desk.FileInfo, error) {
	if err := need(actor, desk.MayNote); err != nil {
		return desk.FileInfo{}, err
	}
	info := desk.FileInfo{Name: fileName(f.Name), MediaType: mediaType(f.MediaType), Origin: "upload"}
	object, err := s.cfg.Bucket.Put(ctx, f.R, f.Size)
	if err != nil {
		return info, err
	}
	info.Size = object.Size
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		info.ID, err = tx.AddUpload(ctx, store.File{FileInfo: info, UploadedBy: &actor.User.ID, ObjectKey: object.Key, DEK: object.DEK, SHA256: object.SHA256})
		return err
	})
	return info, err
}

// fileName keeps a name whole, but for a path in front of it and what no name can hold.
func fileName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, name))
	for len(name) > longestName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name == "" {
		return "file"
	}
	return name
}

// mediaType is the type without its parameters (RFC 2045 §5.1).
func mediaType(text string) string {
	parsed, _, err := mime.ParseMediaType(text)
	if err != nil {
		return "application/octet-stream"
	}
	return parsed
}

// Link makes a way to an attachment for somebody without an account. The token is in the URL only: the database holds its hash.
func (s *Service) Link(ctx context.Context, actor desk.Actor, attachment int64, recipient string) (url string, err error) {
	if err := need(actor, desk.MayReply); err != nil {
		return "", err
	}
	if err := s.seeFile(ctx, actor, attachment); err != nil {
		return "", err
	}
	token, hashed := secret.NewToken(nil)
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		link := store.FileLink{TokenHash: hashed, Attachment: attachment, Recipient: desk.Canonical(storable(recipient)), ExpiresAt: s.now().Add(linkTime)}
		if err := tx.AddFileLink(ctx, link); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "attachment.link", attachmentName(attachment), map[string]string{"recipient": link.Recipient})
	})
	if err != nil {
		return "", err
	}
	return s.cfg.PublicURL + "/a/" + token, nil
}

// seeFile is nil if the actor may see the message of a file, or uploaded it.
func (s *Service) seeFile(ctx context.Context, actor desk.Actor, attachment int64) error {
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return err
	}
	_, err = s.store.File(ctx, eyes, actor.User.ID, attachment)
	return err
}

// RevokeLinks ends every link to an attachment.
func (s *Service) RevokeLinks(ctx context.Context, actor desk.Actor, attachment int64) error {
	if err := need(actor, desk.MayReply); err != nil {
		return err
	}
	if err := s.seeFile(ctx, actor, attachment); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		revoked, err := tx.RevokeFileLinks(ctx, attachment)
		if err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "attachment.revoke", attachmentName(attachment), map[string]int64{"links": revoked})
	})
}

// OpenLink is the file behind a link, for anybody who has it. A wrong, an expired and a revoked token cannot be told apart. The access is logged.
func (s *Service) OpenLink(ctx context.Context, token, ip, userAgent string) (attachments.Object, desk.FileInfo, error) {
	hashed := secret.HashToken(token)
	file, err := s.store.Linked(ctx, hashed, s.now())
	if err != nil {
		return attachments.Object{}, desk.FileInfo{}, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.LogAccess(ctx, store.Access{Attachment: file.ID, TokenHash: hashed, IP: ip, UserAgent: storable(userAgent)})
	})
	return objectOf(file), file.FileInfo, err
}

// MostFiles is how many bytes of files one mail of ours carries: in base64, what the servers of most providers take, which is 25 MB with everything.
const MostFiles = 18_000_000

// CheckFiles says whether the files of a draft of the actor fit into one mail.
func (s *Service) CheckFiles(ctx context.Context, actor desk.Actor, d desk.Draft) error {
	if err := need(actor, desk.MayReply); err != nil || !d.Kind.Leaves() || len(d.Uploads)+len(d.Take) == 0 && !d.Original {
		return err
	}
	if d.Forwards != 0 {
		if _, err := s.sightedMessage(ctx, actor, d.Forwards); err != nil {
			return err
		}
	}
	size, err := s.store.SizeOfFiles(ctx, actor.User.ID, d.Uploads, store.Passed{Message: d.Forwards, Files: d.Take, Original: d.Original})
	if err != nil {
		return err
	}
	if size > MostFiles {
		return desk.Wrong("attachments", "the files are %d MB together, and a mail carries %d: leave some out, or send a link", (size+999_999)/1_000_000, MostFiles/1_000_000)
	}
	return nil
}
