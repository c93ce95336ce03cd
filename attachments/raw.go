package attachments

import (
	"context"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// Raw reads an object as it is stored, sealed, for a backup. The error is ErrNotFound if it is gone.
func (b *Bucket) Raw(ctx context.Context, key string) (io.ReadCloser, error) {
	body, _, _, err := b.core.GetObject(ctx, b.config.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", key, named(err))
	}
	return body, nil
}

// RawSize is the size of an object as it is stored, in bytes. The error is ErrNotFound if it is gone.
func (b *Bucket) RawSize(ctx context.Context, key string) (int64, error) {
	info, err := b.core.StatObject(ctx, b.config.Bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return 0, fmt.Errorf("look for object %s: %w", key, named(err))
	}
	return info.Size, nil
}

// PutRaw stores what Raw gave, size bytes, under the same name, for a restore: nothing is sealed again.
func (b *Bucket) PutRaw(ctx context.Context, key string, sealed io.Reader, size int64) error {
	options := minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: partSize, NumThreads: 1}
	if _, err := b.core.Client.PutObject(ctx, b.config.Bucket, key, io.LimitReader(sealed, size), size, options); err != nil {
		return fmt.Errorf("store object %s: %w", key, err)
	}
	return nil
}
