package embedded

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
)

// store keeps objects as files: objects/<bucket>/…, with tmp for what is being written and parts for multipart uploads. All paths go through os.Root, so no name leads outside.
type store struct {
	root *os.Root
	// names is held while folders are made and a finished file gets its name, so that a condition on the old object holds until the new one is in its place.
	names   sync.Mutex
	uploads uploads
}

// openStore opens the folder and throws away what an earlier run did not finish: nobody was told that it is kept.
func openStore(dir string) (*store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open object folder: %w", err)
	}
	for _, name := range []string{"tmp", "parts"} {
		if err := root.RemoveAll(name); err != nil {
			root.Close()
			return nil, fmt.Errorf("sweep object folder: %w", err)
		}
	}
	s := &store{root: root, uploads: uploads{open: map[gofakes3.UploadID]*upload{}}}
	for _, name := range []string{"tmp", "parts", "objects"} {
		if err := s.makeFolder(name); err != nil {
			root.Close()
			return nil, fmt.Errorf("make object folder: %w", err)
		}
	}
	return s, nil
}

func (s *store) close() error { return s.root.Close() }

// makeFolder makes a folder and those above it, and syncs each name that is new. The caller holds names, or nobody else can be there yet.
func (s *store) makeFolder(dir string) error {
	if dir == "." {
		return nil
	}
	err := s.root.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeFolder(path.Dir(dir)); err != nil {
			return err
		}
		err = s.root.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.sync(path.Dir(dir))
}

// sync makes the names in a folder durable.
func (s *store) sync(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// draft is a file that has no name among the objects yet.
type draft struct {
	*os.File
	name string
}

func (s *store) newDraft() (draft, error) {
	name := "tmp/" + rand.Text()
	file, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	return draft{file, name}, err
}

// drop throws a draft away; after a commit there is nothing left to throw away.
func (s *store) drop(d draft) {
	d.Close()
	s.root.Remove(d.name)
}

// commit gives a draft its trailer and its name. In this order: bytes synced, name changed, name synced; so at every moment there is either the old object or the whole new one.
func (s *store) commit(ctx context.Context, d draft, name objectName, t trailer) error {
	file, err := name.path()
	if err != nil {
		return err
	}
	if err := writeTrailer(d, t); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	if err := s.rename(ctx, d, name, file); err != nil {
		return err
	}
	return s.sync(path.Dir(file))
}

func (s *store) rename(ctx context.Context, d draft, name objectName, file string) error {
	s.names.Lock()
	defer s.names.Unlock()
	if gofakes3.HasWriteConditions(ctx) {
		old, err := s.HeadObject(ctx, name.bucket, name.key)
		if err != nil && !gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
			return err
		}
		etag := ""
		if err == nil {
			etag = fmt.Sprintf("%x", old.Hash)
		}
		if err := gofakes3.CheckWriteConditions(ctx, err == nil, etag); err != nil {
			return err
		}
	}
	if err := s.makeFolder(path.Dir(file)); err != nil {
		return err
	}
	return s.root.Rename(d.name, file)
}

// PutObject implements gofakes3.Backend: when it returns without an error, the object is on the disk.
func (s *store) PutObject(ctx context.Context, bucket, key string, meta map[string]string, input io.Reader, size int64) (gofakes3.PutObjectResult, error) {
	d, err := s.newDraft()
	if err != nil {
		return gofakes3.PutObjectResult{}, err
	}
	defer s.drop(d)
	hash := md5.New() // the ETag of S3; it protects nothing
	n, err := io.Copy(io.MultiWriter(d, hash), input)
	if err != nil {
		return gofakes3.PutObjectResult{}, err
	}
	if size >= 0 && n != size {
		return gofakes3.PutObjectResult{}, gofakes3.ErrIncompleteBody
	}
	return gofakes3.PutObjectResult{}, s.commit(ctx, d, objectName{bucket, key}, trailer{Size: n, Hash: hash.Sum(nil), Modified: time.Now().UTC(), Meta: meta})
}

// open finds an object's file and reads its trailer. The caller closes the file.
func (s *store) open(bucket, key string) (*os.File, trailer, error) {
	name, err := objectName{bucket, key}.path()
	if err != nil {
		return nil, trailer{}, err
	}
	file, err := s.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, trailer{}, gofakes3.KeyNotFound(key)
	}
	if err != nil {
		return nil, trailer{}, err
	}
	t, err := readTrailer(file)
	if err != nil {
		file.Close()
		return nil, trailer{}, fmt.Errorf("read object %s: %w", key, err)
	}
	return file, t, nil
}

func (t trailer) object(key string) *gofakes3.Object {
	return &gofakes3.Object{Name: key, Metadata: t.Meta, Size: t.Size, Hash: t.Hash, PartSizes: t.Parts}
}

// HeadObject implements gofakes3.Backend.
func (s *store) HeadObject(_ context.Context, bucket, key string) (*gofakes3.Object, error) {
	file, t, err := s.open(bucket, key)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	object := t.object(key)
	object.Contents = http.NoBody
	return object, nil
}

// GetObject implements gofakes3.Backend. The open file stays whole while it is read, even if the object is replaced or removed meanwhile.
func (s *store) GetObject(_ context.Context, bucket, key string, wanted *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	file, t, err := s.open(bucket, key)
	if err != nil {
		return nil, err
	}
	part, err := wanted.Range(t.Size)
	if err != nil {
		file.Close()
		return nil, err
	}
	object := t.object(key)
	object.Range = part
	from, length := int64(0), t.Size
	if part != nil {
		from, length = part.Start, part.Length
	}
	object.Contents = struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, from, length), file}
	return object, nil
}

// DeleteObject implements gofakes3.Backend. Folders stay: there is one for each day, and removing it would race with an upload into it.
func (s *store) DeleteObject(_ context.Context, bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	name, err := objectName{bucket, key}.path()
	if err != nil {
		return gofakes3.ObjectDeleteResult{}, err
	}
	err = s.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return gofakes3.ObjectDeleteResult{}, nil // S3 does not mind
	}
	if err != nil {
		return gofakes3.ObjectDeleteResult{}, err
	}
	return gofakes3.ObjectDeleteResult{}, s.sync(path.Dir(name))
}

// DeleteMulti implements gofakes3.Backend.
func (s *store) DeleteMulti(ctx context.Context, bucket string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	var result gofakes3.MultiDeleteResult
	for _, key := range keys {
		if _, err := s.DeleteObject(ctx, bucket, key); err != nil {
			failed := gofakes3.ErrorResultFromError(err)
			failed.Key = key
			result.Error = append(result.Error, failed)
			continue
		}
		result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
	}
	return result, nil
}

// CopyObject implements gofakes3.Backend.
func (s *store) CopyObject(ctx context.Context, fromBucket, fromKey, toBucket, toKey string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	from, err := s.GetObject(ctx, fromBucket, fromKey, nil)
	if err != nil {
		return gofakes3.CopyObjectResult{}, err
	}
	defer from.Contents.Close()
	if _, err := s.PutObject(ctx, toBucket, toKey, meta, from.Contents, from.Size); err != nil {
		return gofakes3.CopyObjectResult{}, err
	}
	to, err := s.HeadObject(ctx, toBucket, toKey)
	if err != nil {
		return gofakes3.CopyObjectResult{}, err
	}
	return gofakes3.CopyObjectResult{ETag: fmt.Sprintf(`"%x"`, to.Hash), LastModified: gofakes3.NewContentTime(time.Now())}, nil
}
