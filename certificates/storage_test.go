package certificates

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"postern/secret"
	"postern/store"
)

// kinds are ours and the library's own, which says what the library expects of ours.
func kinds(t *testing.T) map[string]certmagic.Storage {
	e := newEstate(t)
	return map[string]certmagic.Storage{
		"database": newStorage(e.store, e.keys, slog.New(slog.DiscardHandler)),
		"files":    &certmagic.FileStorage{Path: t.TempDir()},
	}
}

func TestStorageConforms(t *testing.T) {
	t.Parallel()
	for name, s := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if _, err := s.Load(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("load of nothing: %v", err)
			}
			if _, err := s.List(ctx, "a", true); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("list of nothing: %v", err)
			}
			if err := s.Delete(ctx, "a"); err != nil {
				t.Errorf("delete of nothing: %v", err)
			}
			for key, value := range map[string]string{"a/b/one": "1", "a/b/two": "first", "a/c": "", "ab/x": "other"} {
				if err := s.Store(ctx, key, []byte(value)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Store(ctx, "a/b/two", []byte("second")); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Load(ctx, "a/b/two"); err != nil || string(got) != "second" {
				t.Errorf("load: %q, %v", got, err)
			}
			for _, c := range []struct {
				folder    string
				recursive bool
				want      []string
			}{
				{"a", false, []string{"a/b", "a/c"}},
				{"a", true, []string{"a/b", "a/b/one", "a/b/two", "a/c"}},
				{"a/b", false, []string{"a/b/one", "a/b/two"}},
			} {
				got, err := s.List(ctx, c.folder, c.recursive)
				slices.Sort(got)
				if err != nil || !slices.Equal(got, c.want) {
					t.Errorf("list %q, %v: %q, %v", c.folder, c.recursive, got, err)
				}
			}
			if info, err := s.Stat(ctx, "a/b/two"); err != nil || info.Size != 6 || !info.IsTerminal || time.Since(info.Modified) > time.Minute || info.Key != "a/b/two" {
				t.Errorf("stat of a file: %+v, %v", info, err)
			}
			if info, err := s.Stat(ctx, "a/b"); err != nil || info.IsTerminal {
				t.Errorf("stat of a folder: %+v, %v", info, err)
			}
			if _, err := s.Stat(ctx, "a/b/t"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("stat of nothing: %v", err)
			}
			if !s.Exists(ctx, "a/b") || !s.Exists(ctx, "a/c") || s.Exists(ctx, "a/b/t") {
				t.Error("exists")
			}
			if err := s.Delete(ctx, "a"); err != nil || s.Exists(ctx, "a/b/one") || s.Exists(ctx, "a") || !s.Exists(ctx, "ab/x") {
				t.Errorf("delete of a folder: %v", err)
			}
			gone, cancel := context.WithCancel(ctx)
			cancel()
			if name == "database" {
				if err := s.Store(gone, "z", nil); !errors.Is(err, context.Canceled) {
					t.Errorf("store after the end: %v", err)
				}
			}
		})
	}
}

func TestLocks(t *testing.T) {
	t.Parallel()
	for name, s := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if err := s.Lock(ctx, "x"); err != nil {
				t.Fatal(err)
			}
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			if err := s.Lock(short, "x"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a second lock: %v", err)
			}
			try := s.(certmagic.TryLocker)
			if taken, err := try.TryLock(ctx, "y"); err != nil || !taken {
				t.Errorf("another name: %v, %v", taken, err)
			}
			got := make(chan error, 1)
			go func() { got <- s.Lock(ctx, "x") }()
			if err := s.Unlock(ctx, "x"); err != nil {
				t.Fatal(err)
			}
			if err := <-got; err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"x", "y"} {
				if err := s.Unlock(ctx, name); err != nil {
					t.Error(err)
				}
			}
			if err := s.Unlock(ctx, "x"); err == nil {
				t.Error("what nobody holds was given back")
			}
		})
	}
}

// A machine that died holds nobody up: its lease ends. One that lives keeps its lock for as long as it works.
func TestLeaseOfADeadMachine(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	lease := store.CertificateLease{Name: "x", Owner: "the dead", For: 200 * time.Millisecond}
	err := e.store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.LockCertificate(t.Context(), lease)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newStorage(e.store, e.keys, slog.New(slog.DiscardHandler))
	if taken, err := s.TryLock(t.Context(), "x"); err != nil || taken {
		t.Errorf("at once: %v, %v", taken, err)
	}
	if err := s.Lock(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	err = e.store.Write(t.Context(), func(tx *store.Tx) error {
		if held, err := tx.ProlongCertificateLock(t.Context(), lease); err != nil || held {
			t.Errorf("the dead prolong: %v, %v", held, err)
		}
		return tx.UnlockCertificate(t.Context(), "x", "the dead")
	})
	if err != nil {
		t.Fatal(err)
	}
	if taken, err := s.TryLock(t.Context(), "x"); err != nil || taken {
		t.Errorf("the dead gave back what is another's: %v, %v", taken, err)
	}
	if err := s.Unlock(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

// Nobody who reads the database, or moves its rows about, gets at a private key.
func TestFilesAreSealed(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	s := newStorage(e.store, e.keys, slog.New(slog.DiscardHandler))
	if err := s.Store(t.Context(), "k/private.key", []byte("geheim")); err != nil {
		t.Fatal(err)
	}
	file, found, err := e.store.CertificateFile(t.Context(), "k/private.key")
	if err != nil || !found || slices.Contains(file.Value, 0) && string(file.Value) == "geheim" {
		t.Fatalf("%v, %v", found, err)
	}
	if err := e.store.Write(t.Context(), func(tx *store.Tx) error { return tx.SaveCertificateFile(t.Context(), "k/public.crt", file.Value) }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "k/public.crt"); !errors.Is(err, secret.ErrTampered) {
		t.Errorf("a moved file: %v", err)
	}
}
