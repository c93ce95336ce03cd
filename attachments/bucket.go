// Package attachments promises that a file leaves this process only encrypted, under a key of its own, and comes back exactly as it went in or not at all.
//
// Bytes go to any S3-compatible store; what the store is told is a random name and a size. Each object has its own key, wrapped by the keyset: to delete the wrapped key is to delete the file,
// wherever copies of the object lie. Reading takes little memory whatever the size, and any range costs one request.
// The package does not know who may see a file, keeps no list of files (that is the database's), and does not find equal files.
package attachments

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/sio"

	"postern/secret"
)

const (
	// payloadSize and packageSize are DARE 2.0's: 64 KiB of plain text become a package with 16 bytes of header and 16 of tag.
	payloadSize = 64 << 10
	packageSize = payloadSize + 32

	// atOnce is the size up to which an object is sealed in memory and sent in one request, which can then be repeated when the network fails.
	atOnce = 1 << 20
	// partSize is the smallest part that S3 takes. Uploads hold one part in memory.
	partSize = 5 << 20

	// idleConns is how many connections stay open between requests; intake puts many small files at once.
	idleConns = 64

	// retries is how often a request is repeated when the store is busy or out of reach; the sender of a mail waits meanwhile, and will come again if it fails.
	retries = 4

	// probe is an object without any secret, which nobody must be able to read without a signature.
	probe = "postern-private-check"
)

// ErrNotFound says that the store has no such object.
var ErrNotFound = errors.New("no such object in the store")

// errSize says that a reader did not hold what its caller promised.
var errSize = errors.New("file is not as long as was said")

// TLSMode is how the store is spoken to.
type TLSMode string

const (
	TLSOn  TLSMode = "on"  // https, certificate checked against the system's roots
	TLSOff TLSMode = "off" // http: for the store in this process, or one on the same machine
)

// Config says where the store is.
type Config struct {
	Endpoint  string // host or host:port
	Bucket    string // made if it is not there
	Region    string // empty: us-east-1, which stores without regions take
	AccessKey string
	SecretKey string
	TLS       TLSMode // empty: on
}

// Object is what must be kept of a stored file to read it again.
type Object struct {
	Key    string // its name in the bucket
	DEK    []byte // its key, wrapped by the keyset for this name; without it the object is noise
	Size   int64  // in bytes, of the file
	SHA256 []byte // of the file
}

// Bucket is a private bucket in an S3 store. It is safe for concurrent use.
type Bucket struct {
	core   minio.Core
	plain  *http.Client // the same transport without credentials
	config Config
	keys   *secret.Keyset
}

// Open connects to the store, makes the bucket if it is not there, and puts the probe in it that Check needs.
func Open(ctx context.Context, c Config, keys *secret.Keyset) (*Bucket, error) {
	c.Region, c.TLS = cmp.Or(c.Region, "us-east-1"), cmp.Or(c.TLS, TLSOn)
	transport, err := minio.DefaultTransport(c.TLS == TLSOn)
	if err != nil {
		return nil, fmt.Errorf("connect to object store: %w", err)
	}
	transport.MaxIdleConnsPerHost = idleConns
	client, err := minio.New(c.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""),
		Secure: c.TLS == TLSOn, Region: c.Region, Transport: transport,
		MaxRetries:   retries,
		BucketLookup: minio.BucketLookupPath, // bucket names in host names need DNS records that few private stores have
	})
	if err != nil {
		return nil, fmt.Errorf("connect to object store: %w", err)
	}
	b := &Bucket{core: minio.Core{Client: client}, plain: &http.Client{Transport: transport}, config: c, keys: keys}
	if err := b.ready(ctx); err != nil {
		return nil, fmt.Errorf("open bucket %s at %s: %w", c.Bucket, c.Endpoint, err)
	}
	return b, nil
}

// ready makes the bucket and the probe where they are missing. Several processes may do so at once.
func (b *Bucket) ready(ctx context.Context) error {
	exists, err := b.core.BucketExists(ctx, b.config.Bucket)
	if err != nil {
		return err
	}
	if !exists {
		err := b.core.MakeBucket(ctx, b.config.Bucket, minio.MakeBucketOptions{Region: b.config.Region})
		if code := minio.ToErrorResponse(err).Code; err != nil && code != minio.BucketAlreadyOwnedByYou && code != minio.BucketAlreadyExists {
			return err
		}
	}
	if _, err := b.core.StatObject(ctx, b.config.Bucket, probe, minio.StatObjectOptions{}); err == nil {
		return nil
	}
	text := "Postern asks for this object without a signature, to be sure that it is refused.\n"
	_, err = b.core.PutObject(ctx, b.config.Bucket, probe, strings.NewReader(text), int64(len(text)), "", "", minio.PutObjectOptions{})
	return err
}

// Put seals what r holds and stores it under a new name. size is its length in bytes, or -1 if that is not known; a reader that holds more or less than size is an error.
// When Put returns without an error the store has confirmed the object; when it fails there is nothing, or an object that no row names
// (a request that was given up can still be carried out), which the sweep removes.
func (b *Bucket) Put(ctx context.Context, r io.Reader, size int64) (Object, error) {
	o := Object{Key: time.Now().UTC().Format("2006/01/02/") + strings.ToLower(rand.Text())}
	dek := make([]byte, 32)
	rand.Read(dek) // never fails (crypto/rand)
	plain := &measured{r: r, size: size, hash: sha256.New()}
	sealed, err := sio.EncryptReader(plain, dare(dek))
	if err != nil {
		return Object{}, fmt.Errorf("seal file: %w", err)
	}
	err = b.upload(ctx, o.Key, sealed, size)
	if err == nil {
		err = plain.whole()
	}
	if err != nil {
		return Object{}, fmt.Errorf("store file as %s: %w", o.Key, cmp.Or(plain.failed, err))
	}
	o.DEK, _ = b.keys.Seal(dekContext(o.Key), dek)
	o.Size, o.SHA256 = plain.read, plain.hash.Sum(nil)
	return o, nil
}

// upload sends the sealed bytes: small ones in one request, others in parts when they are more than one part. plainSize is -1 if it is not known.
func (b *Bucket) upload(ctx context.Context, key string, sealed io.Reader, plainSize int64) error {
	options := minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: partSize, NumThreads: 1}
	var head bytes.Buffer
	if _, err := io.CopyN(&head, sealed, atOnce); errors.Is(err, io.EOF) {
		_, err := b.core.Client.PutObject(ctx, b.config.Bucket, key, bytes.NewReader(head.Bytes()), int64(head.Len()), options)
		return err
	} else if err != nil {
		return err
	}
	sealedSize := int64(-1)
	if plainSize >= 0 {
		sealedSize = sizeSealed(plainSize)
	}
	_, err := b.core.Client.PutObject(ctx, b.config.Bucket, key, io.MultiReader(&head, sealed), sealedSize, options)
	return err
}

// Get reads length bytes of a file from offset on; a negative length means to its end. It costs one request, for whole packages around the range.
// The reader gives an error, and no byte that is not genuine, when the object was changed, cut or swapped for another. The error is ErrNotFound if the object is gone.
func (b *Bucket) Get(ctx context.Context, o Object, offset, length int64) (io.ReadCloser, error) {
	if length < 0 {
		length = o.Size - offset
	}
	if offset < 0 || length < 0 || offset > o.Size-length {
		return nil, fmt.Errorf("read file %s: bytes %d to %d of %d", o.Key, offset, offset+length, o.Size)
	}
	dek, err := b.keys.Open(dekContext(o.Key), o.DEK)
	if err != nil {
		return nil, fmt.Errorf("read file %s: its key: %w", o.Key, err)
	}
	if length == 0 {
		return http.NoBody, nil
	}
	first, last := offset/payloadSize, (offset+length-1)/payloadSize
	var options minio.GetObjectOptions
	if err := options.SetRange(first*packageSize, min((last+1)*packageSize, sizeSealed(o.Size))-1); err != nil {
		return nil, fmt.Errorf("read file %s: %w", o.Key, err)
	}
	body, _, _, err := b.core.GetObject(ctx, b.config.Bucket, o.Key, options)
	if err != nil {
		return nil, fmt.Errorf("read file %s: %w", o.Key, named(err))
	}
	config := dare(dek)
	config.SequenceNumber = uint32(first)
	plain, err := sio.DecryptReader(body, config)
	if err == nil {
		_, err = io.CopyN(io.Discard, plain, offset%payloadSize)
	}
	if err != nil {
		body.Close()
		return nil, fmt.Errorf("read file %s: %w", o.Key, err)
	}
	return &exactly{r: io.LimitReader(plain, length), left: length, key: o.Key, Closer: body}, nil
}

// Remove deletes objects. One that is not there is no error.
func (b *Bucket) Remove(ctx context.Context, keys ...string) error {
	objects := make(chan minio.ObjectInfo, len(keys))
	for _, key := range keys {
		objects <- minio.ObjectInfo{Key: key}
	}
	close(objects)
	var failed []error
	for result := range b.core.RemoveObjects(ctx, b.config.Bucket, objects, minio.RemoveObjectsOptions{}) {
		if result.Err != nil && minio.ToErrorResponse(result.Err).Code != minio.NoSuchKey {
			failed = append(failed, fmt.Errorf("remove %s: %w", result.ObjectName, result.Err))
		}
	}
	return errors.Join(failed...)
}

// List calls yield with the name of every stored file older than that, in no useful order, until yield returns an error. The sweep asks the database about each.
func (b *Bucket) List(ctx context.Context, olderThan time.Time, yield func(key string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing when yield has had enough
	for object := range b.core.Client.ListObjects(ctx, b.config.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if object.Err != nil {
			return fmt.Errorf("list stored files: %w", object.Err)
		}
		if object.Key == probe || !object.LastModified.Before(olderThan) {
			continue
		}
		if err := yield(object.Key); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Check says whether the bucket can be reached with our keys and cannot be read without.
func (b *Bucket) Check(ctx context.Context) error {
	if _, err := b.core.StatObject(ctx, b.config.Bucket, probe, minio.StatObjectOptions{}); err != nil {
		return fmt.Errorf("reach bucket %s at %s: %w", b.config.Bucket, b.config.Endpoint, err)
	}
	for _, path := range []string{probe, ""} { // an object, and the list of them
		address := url.URL{Scheme: "http", Host: b.config.Endpoint, Path: "/" + b.config.Bucket + "/" + path}
		if b.config.TLS == TLSOn {
			address.Scheme = "https"
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
		if err != nil {
			return fmt.Errorf("check that bucket %s is private: %w", b.config.Bucket, err)
		}
		response, err := b.plain.Do(request)
		if err != nil {
			return fmt.Errorf("check that bucket %s is private: %w", b.config.Bucket, err)
		}
		response.Body.Close()
		if response.StatusCode < 300 {
			return fmt.Errorf("bucket %s can be read by anybody: make it private (%s answered %d without a signature)", b.config.Bucket, &address, response.StatusCode)
		}
	}
	return nil
}

// stored says whether an object is there in its full length.
func (b *Bucket) stored(ctx context.Context, o Object) error {
	info, err := b.core.StatObject(ctx, b.config.Bucket, o.Key, minio.StatObjectOptions{})
	if err != nil {
		return fmt.Errorf("look for file %s: %w", o.Key, named(err))
	}
	if info.Size != sizeSealed(o.Size) {
		return fmt.Errorf("look for file %s: it is %d bytes long in the store, not %d", o.Key, info.Size, sizeSealed(o.Size))
	}
	return nil
}

// named gives the store's most frequent error a name of ours.
func named(err error) error {
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return ErrNotFound
	}
	return err
}

// dare pins format and cipher: left alone the library picks ChaCha20 on machines without AES instructions, and reads the older format.
func dare(dek []byte) sio.Config {
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20, CipherSuites: []byte{sio.AES_256_GCM}, Key: dek}
}

// dekContext binds a wrapped key to its object's name.
func dekContext(key string) string { return "attachment/" + key }

// sizeSealed is the size in the store of a file of that size: 32 bytes more for each package begun.
func sizeSealed(size int64) int64 {
	return size + (size+payloadSize-1)/payloadSize*(packageSize-payloadSize)
}
