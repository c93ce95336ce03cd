package embedded

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/rclone/gofakes3"
)

// errEnough ends a walk early.
var errEnough = errors.New("enough")

// ListBucket implements gofakes3.Backend: keys in order of their bytes, page by page.
func (s *store) ListBucket(ctx context.Context, bucket string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	w := walk{store: s, list: gofakes3.NewObjectList(), after: page.Marker, most: page.MaxKeys}
	if prefix != nil {
		w.prefix, w.delimiter = prefix.Prefix, prefix.Delimiter // a recursive listing sends an empty delimiter, which is none
	}
	if exists, err := s.BucketExists(ctx, bucket); err != nil || !exists {
		return nil, cmp.Or(err, gofakes3.BucketNotFound(bucket))
	}
	err := w.folder(bucketFolder(bucket), "")
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return w.list, nil
}

// walk goes through a bucket in the order of its keys and fills one page.
type walk struct {
	store             *store
	list              *gofakes3.ObjectList
	prefix, delimiter string
	after             string // only keys behind this one
	most              int64  // 0: no limit
	last              string // the key or common prefix listed last
}

// entry is a name in a folder: an object's last part, or a folder's part with its slash.
type entry struct{ part, file string }

// folder walks one folder, whose objects' keys all begin with under.
func (w *walk) folder(dir, under string) error {
	entries, err := w.store.entries(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := under + e.part
		inside := strings.HasSuffix(e.file, folderEnd)
		switch {
		case !strings.HasPrefix(key, w.prefix) && !(inside && strings.HasPrefix(w.prefix, key)): // nothing wanted is there
		case key <= w.after && !(inside && strings.HasPrefix(w.after, key)): // listed on an earlier page
		case inside:
			err = w.folder(dir+"/"+e.file, key)
		default:
			err = w.object(dir+"/"+e.file, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries reads a folder in the order of the keys in it. A folder sorts with its slash: a!, a/b, a0.
func (s *store) entries(dir string) ([]entry, error) {
	d, err := s.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, name := range names {
		escaped, slash := strings.TrimSuffix(name, objectEnd), ""
		if strings.HasSuffix(name, folderEnd) {
			escaped, slash = strings.TrimSuffix(name, folderEnd), "/"
		}
		if part, ok := unescape(escaped); ok { // what we did not write is none of our business
			entries = append(entries, entry{part + slash, name})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.part, b.part) })
	return entries, nil
}

// object adds a key to the page, or the common prefix that it falls under.
func (w *walk) object(file, key string) error {
	name := key
	if w.delimiter != "" {
		if head, _, found := strings.Cut(key[len(w.prefix):], w.delimiter); found {
			name = w.prefix + head + w.delimiter
		}
	}
	if name != key && (name == w.last || name <= w.after) {
		return nil // this common prefix is listed already
	}
	if w.most > 0 && int64(len(w.list.Contents)+len(w.list.CommonPrefixes)) >= w.most {
		w.list.IsTruncated, w.list.NextMarker = true, w.last
		return errEnough
	}
	if name != key {
		w.last = name
		w.list.AddPrefix(name)
		return nil
	}
	f, err := w.store.root.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed since the folder was read
	}
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := readTrailer(f)
	if err != nil {
		return err
	}
	w.last = key
	w.list.Add(&gofakes3.Content{Key: key, LastModified: gofakes3.NewContentTime(t.Modified), ETag: `"` + hex.EncodeToString(t.Hash) + `"`, Size: t.Size})
	return nil
}

func bucketFolder(bucket string) string { return "objects/" + escape(bucket) }

// ListBuckets implements gofakes3.Backend.
func (s *store) ListBuckets(context.Context) ([]gofakes3.BucketInfo, error) {
	d, err := s.root.Open("objects")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	folders, err := d.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var buckets []gofakes3.BucketInfo
	for _, folder := range folders {
		name, ok := unescape(folder.Name())
		info, err := folder.Info()
		if ok && err == nil {
			buckets = append(buckets, gofakes3.BucketInfo{Name: name, CreationDate: gofakes3.NewContentTime(info.ModTime())})
		}
	}
	return buckets, nil
}

// CreateBucket implements gofakes3.Backend.
func (s *store) CreateBucket(ctx context.Context, bucket string) error {
	s.names.Lock()
	defer s.names.Unlock()
	if exists, err := s.BucketExists(ctx, bucket); err != nil || exists {
		return cmp.Or(err, gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, bucket))
	}
	return s.makeFolder(bucketFolder(bucket))
}

// BucketExists implements gofakes3.Backend.
func (s *store) BucketExists(_ context.Context, bucket string) (bool, error) {
	_, err := s.root.Stat(bucketFolder(bucket))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// DeleteBucket implements gofakes3.Backend.
func (s *store) DeleteBucket(ctx context.Context, bucket string) error {
	s.names.Lock()
	defer s.names.Unlock()
	list, err := s.ListBucket(ctx, bucket, nil, gofakes3.ListBucketPage{MaxKeys: 1})
	if err != nil {
		return err
	}
	if len(list.Contents) > 0 {
		return gofakes3.ResourceError(gofakes3.ErrBucketNotEmpty, bucket)
	}
	return s.root.RemoveAll(bucketFolder(bucket))
}
