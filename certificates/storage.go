package certificates

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"postern/secret"
	"postern/store"
)

// A lock is a lease. A machine that holds one prolongs it three times before it would end; one that died holds the others up for no longer than leaseTime.
const (
	leaseTime  = 30 * time.Second
	prolong    = leaseTime / 3
	lockAgain  = 500 * time.Millisecond // how often somebody who waits for a lock looks
	unlockTime = 5 * time.Second
)

// storage keeps what the ACME client keeps, account and certificates with their keys, in the database: every machine of the installation has the same, and none is written to a disk unsealed.
// It implements certmagic.Storage and certmagic.TryLocker.
type storage struct {
	store *store.Store
	keys  *secret.Keyset
	log   *slog.Logger

	mu   sync.Mutex
	held map[string]lease // locks of this process
}

// lease is a lock that this process holds.
type lease struct {
	owner string
	stop  context.CancelFunc // ends its prolonging
}

func newStorage(store *store.Store, keys *secret.Keyset, log *slog.Logger) *storage {
	return &storage{store: store, keys: keys, log: log, held: map[string]lease{}}
}

// sealContext ties a sealed file to its key, so that nobody who can write to the database passes one off as another.
func sealContext(key string) string { return "certificate_file/" + key }

// Store implements certmagic.Storage.
func (s *storage) Store(ctx context.Context, key string, value []byte) error {
	sealed, _ := s.keys.Seal(sealContext(key), value)
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.SaveCertificateFile(ctx, key, sealed) })
}

// Load implements certmagic.Storage.
func (s *storage) Load(ctx context.Context, key string) ([]byte, error) {
	file, found, err := s.store.CertificateFile(ctx, key)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("certificate file %s: %w", key, fs.ErrNotExist)
	}
	value, err := s.keys.Open(sealContext(key), file.Value)
	if err != nil {
		return nil, fmt.Errorf("certificate file %s: %w", key, err)
	}
	return value, nil
}

// Delete implements certmagic.Storage: what lies below the key goes too.
func (s *storage) Delete(ctx context.Context, key string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.DropCertificateFiles(ctx, key) })
}

// Exists implements certmagic.Storage.
func (s *storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// List implements certmagic.Storage. Folders are listed as files are; without recursive, only what lies directly in the folder.
func (s *storage) List(ctx context.Context, folder string, recursive bool) ([]string, error) {
	folder = strings.Trim(folder, "/")
	keys, err := s.store.CertificateKeys(ctx, folder)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("certificate files below %q: %w", folder, fs.ErrNotExist)
	}
	var found []string
	for _, key := range keys {
		below := strings.TrimPrefix(strings.TrimPrefix(key, folder), "/")
		parts := strings.Split(below, "/")
		if !recursive {
			parts = parts[:1]
		}
		for i := range parts {
			found = append(found, path.Join(folder, path.Join(parts[:i+1]...)))
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// Stat implements certmagic.Storage.
func (s *storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	file, found, err := s.store.CertificateFile(ctx, key)
	if err != nil {
		return certmagic.KeyInfo{}, err
	}
	if found {
		value, err := s.keys.Open(sealContext(key), file.Value)
		if err != nil {
			return certmagic.KeyInfo{}, fmt.Errorf("certificate file %s: %w", key, err)
		}
		return certmagic.KeyInfo{Key: key, Modified: file.UpdatedAt, Size: int64(len(value)), IsTerminal: true}, nil
	}
	below, err := s.store.CertificateKeys(ctx, key)
	if err == nil && len(below) == 0 {
		err = fmt.Errorf("certificate file %s: %w", key, fs.ErrNotExist)
	}
	return certmagic.KeyInfo{Key: key}, err
}

// Lock implements certmagic.Locker: it waits until nobody has the lock, or ctx ends.
func (s *storage) Lock(ctx context.Context, name string) error {
	for {
		taken, err := s.TryLock(ctx, name)
		if err != nil || taken {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the certificate lock %s: %w", name, ctx.Err())
		case <-time.After(lockAgain):
		}
	}
}

// TryLock implements certmagic.TryLocker.
func (s *storage) TryLock(ctx context.Context, name string) (taken bool, err error) {
	owner := rand.Text()
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		taken, err = tx.LockCertificate(ctx, store.CertificateLease{Name: name, Owner: owner, For: leaseTime})
		return err
	})
	if err != nil || !taken {
		return false, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Lock()
	s.held[name] = lease{owner: owner, stop: stop}
	s.mu.Unlock()
	go s.hold(running, name, owner)
	return true, nil
}

// hold prolongs a lease until it is given back.
func (s *storage) hold(ctx context.Context, name, owner string) {
	tick := time.NewTicker(prolong)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var held bool
		err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
			held, err = tx.ProlongCertificateLock(ctx, store.CertificateLease{Name: name, Owner: owner, For: leaseTime})
			return err
		})
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("a certificate lock could not be prolonged; another machine may do the same work", "lock", name, "error", err)
		case !held:
			s.log.Warn("a certificate lock was lost; another machine may do the same work", "lock", name)
			return
		}
	}
}

// Unlock implements certmagic.Locker.
func (s *storage) Unlock(ctx context.Context, name string) error {
	s.mu.Lock()
	held, ok := s.held[name]
	delete(s.held, name)
	s.mu.Unlock()
	if !ok {
		return errors.New("certificate lock " + name + " is not held")
	}
	held.stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
	defer cancel()
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.UnlockCertificate(ctx, name, held.owner) })
}
