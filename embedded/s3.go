package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rclone/gofakes3"
)

// headerTime bounds how long a client may take to send a request's header. There is no bound on the body: a large object may take its time.
const headerTime = 10 * time.Second

// S3Options say where the store lives. Dir and Bucket are needed.
type S3Options struct {
	Dir       string       // the data folder; objects are in its s3 folder
	Bucket    string       // made if it is not there
	Addr      string       // where to listen; empty: loopback, a port that the kernel chooses
	AccessKey string       // empty: both keys are made for this run, since nobody but this process needs them
	SecretKey string       //
	Log       *slog.Logger // nil: nowhere
}

// S3 is a running store in this process.
type S3 struct {
	options  S3Options
	endpoint string
	server   *http.Server
	store    *store
	lock     *os.File
	ended    chan struct{}
}

// StartS3 opens the store under o.Dir and serves it. Every request must be signed with the keys (AWS Signature Version 4); anonymous ones are refused.
// What it answers with 200 is on the disk, synced.
func StartS3(ctx context.Context, o S3Options) (*S3, error) {
	o.Addr = cmp.Or(o.Addr, "127.0.0.1:0")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		o.AccessKey, o.SecretKey = rand.Text(), rand.Text()+rand.Text()
	}
	dir := filepath.Join(o.Dir, "s3")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make object folder: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	store, err := openStore(dir)
	if err != nil {
		lock.Close()
		return nil, err
	}
	if err := store.CreateBucket(ctx, o.Bucket); err != nil && !gofakes3.IsAlreadyExists(err) {
		lock.Close()
		store.close()
		return nil, fmt.Errorf("make bucket %s: %w", o.Bucket, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Addr)
	if err != nil {
		lock.Close()
		store.close()
		return nil, fmt.Errorf("serve objects: %w", err)
	}
	s := &S3{options: o, endpoint: listener.Addr().String(), store: store, lock: lock, ended: make(chan struct{})}
	s.server = &http.Server{
		Handler:           gofakes3.New(store, gofakes3.WithV4Auth(map[string]string{o.AccessKey: o.SecretKey}), gofakes3.WithLogger(faults{o.Log})).Server(),
		ReadHeaderTimeout: headerTime,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	go func() {
		defer close(s.ended)
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("object store has ended", "err", err)
		}
	}()
	return s, nil
}

// Endpoint is host:port, to be spoken to without TLS.
func (s *S3) Endpoint() string { return s.endpoint }

// AccessKey is the one key id that the store knows.
func (s *S3) AccessKey() string { return s.options.AccessKey }

// SecretKey is its secret: never to be logged.
func (s *S3) SecretKey() string { return s.options.SecretKey }

// Bucket is the bucket that is there from the start.
func (s *S3) Bucket() string { return s.options.Bucket }

// Stop lets running requests end until ctx does, then cuts them off; an upload that is cut off leaves no object.
func (s *S3) Stop(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop object store: %w", err), s.server.Close())
	}
	<-s.ended
	return errors.Join(err, s.store.close(), s.lock.Close())
}

// faults passes on what the protocol library says of its own troubles. The rest is a line for each request, of no interest.
type faults struct{ log *slog.Logger }

// Print implements gofakes3.Logger.
func (f faults) Print(level gofakes3.LogLevel, v ...any) {
	if level == gofakes3.LogErr {
		f.log.Error("object store", "err", fmt.Sprint(v...))
	}
}
