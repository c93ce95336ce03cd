package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"postern/attachments"
	"postern/config"
	"postern/migrations"
	"postern/secret"
	"postern/store"
)

// leaving is how long the connections of a command that has just ended may take to go.
const leaving = 3 * time.Second

// restoreCommand brings a backup back.
type restoreCommand struct {
	Dir string `arg:"" name:"dir" help:"Folder of the backup."`
}

// restore is one run of the command.
type restore struct {
	platform *platform
	folder   *backupFolder
	manifest manifest
	objects  []listed
	term     terminal
}

// Run checks the backup and the installation before it changes anything. Then come the keys, the objects, and the database in one transaction at the end: a restore that fails or
// is stopped leaves an installation as empty as it was, and can be run again.
func (c restoreCommand) Run(ctx context.Context, settings config.Settings, term terminal) error {
	folder, err := openBackupFolder(c.Dir)
	if err != nil {
		return err
	}
	defer folder.close()
	r := &restore{folder: folder, term: term}
	if r.manifest, err = folder.manifest(); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is no backup: it has no %s, which is written when a backup is whole", c.Dir, manifestFile)
	} else if err != nil {
		return err
	}
	if err := r.verify(ctx); err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	if err := os.MkdirAll(settings.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if r.platform, err = reachDatabase(ctx, settings); err != nil {
		return err
	}
	defer r.platform.close()
	if err := r.run(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(term.out, "restored the backup of %s: %d tables, %d attachments and large originals, the keys\n"+
		"Sessions, links and tokens of then are good again, and replies that waited to be sent then leave as soon as postern serve runs.\n",
		r.manifest.MadeAt.Local().Format("2006-01-02 15:04"), len(r.manifest.Database.Tables), len(r.objects))
	return err
}

// verify reads the whole backup and compares every file with what the manifest says of it.
func (r *restore) verify(ctx context.Context) (err error) {
	for name, want := range r.manifest.Files {
		if err := r.compare(r.manifest.Folder+"/"+name, want); err != nil {
			return err
		}
	}
	for _, named := range append(tableFiles(r.manifest.Database), keysFile, objectsList) {
		if r.manifest.Files[named] == "" {
			return fmt.Errorf("the backup is damaged: %s does not list %s", manifestFile, named)
		}
	}
	if r.objects, err = r.folder.readList(r.manifest.Folder + "/" + objectsList); err != nil {
		return err
	}
	bar := newProgress(r.term.err, "attachments checked", 0)
	defer bar.clear()
	var mu sync.Mutex
	return inParallel(ctx, r.objects, func(_ context.Context, object listed) error {
		err := r.compare(objectsFolder+"/"+object.key, object.sum)
		mu.Lock()
		defer mu.Unlock()
		bar.add(0)
		return err
	})
}

func tableFiles(dump store.Dump) (files []string) {
	for _, one := range dump.Tables {
		files = append(files, table(one.Name))
	}
	return files
}

func (r *restore) compare(name, want string) error {
	got, err := r.folder.sum(name)
	if err != nil {
		return fmt.Errorf("the backup is damaged: %w", err)
	}
	if got != want {
		return fmt.Errorf("the backup is damaged: %s is not as it was written", name)
	}
	return nil
}

// run changes the installation.
func (r *restore) run(ctx context.Context) (err error) {
	p := r.platform
	if p.store, err = store.Open(ctx, p.access.DatabaseURL, 1); err != nil {
		return err
	}
	if err := r.alone(ctx); err != nil {
		return err
	}
	if err := migrations.UpTo(ctx, p.access.DatabaseURL, r.manifest.Database.Schema); err != nil {
		return err
	}
	if err := r.placeKeys(); err != nil {
		return err
	}
	if p.keys, err = secret.OpenKeyset(p.settings.KeyFile, secret.MustExist); err != nil {
		return err
	}
	if p.bucket, err = attachments.Open(ctx, p.bucketConfig(), p.keys); err != nil {
		return err
	}
	if err := r.carry(ctx); err != nil {
		return err
	}
	bar := newProgress(r.term.err, "tables", 0)
	err = p.store.Load(ctx, r.manifest.Database, func(name string) (io.ReadCloser, error) { bar.add(0); return r.table(name) })
	bar.clear()
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	if err := migrations.Up(ctx, p.access.DatabaseURL); err != nil {
		return err
	}
	return p.witness(ctx) // in the log that has come back
}

// alone refuses an installation that runs or holds anything. Connections of a command that has just ended may linger.
func (r *restore) alone(ctx context.Context) error {
	for deadline := time.Now().Add(leaving); ; {
		others, err := r.platform.store.Others(ctx)
		if err != nil {
			return err
		}
		if others == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d others are connected to the database: stop postern serve and every other command, then run this again", others)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leaving / 30):
		}
	}
	vacant, err := r.platform.store.Vacant(ctx)
	if err == nil && !vacant {
		err = errors.New("this installation has mail, domains or people who signed in, which a restore would destroy: choose an empty one with POSTERN_DATA or POSTERN_DATABASE_URL")
	}
	return err
}

// placeKeys puts the backup's key file in its place. Keys of the empty installation sealed nothing that is kept; they are moved aside all the same.
func (r *restore) placeKeys() error {
	path := r.platform.settings.KeyFile
	keys, err := r.folder.ReadFile(r.manifest.Folder + "/" + keysFile)
	if err != nil {
		return err
	}
	there, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(there, keys):
		return nil
	case err == nil:
		aside := path + ".before-" + r.manifest.Folder
		if err := os.Rename(path, aside); err != nil {
			return err
		}
		fmt.Fprintf(r.term.err, "the keys of the empty installation are now %s; nothing needs them\n", aside)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the key file: %w", err)
	}
	if err := os.WriteFile(path+unfinished, keys, 0o600); err != nil {
		return err
	}
	return os.Rename(path+unfinished, path)
}

// carry puts the objects into the store, but for those that are there already, from a restore that was stopped.
func (r *restore) carry(ctx context.Context) error {
	bar := newProgress(r.term.err, "attachments", 0)
	defer bar.clear()
	var mu sync.Mutex
	return inParallel(ctx, r.objects, func(ctx context.Context, object listed) error {
		err := r.object(ctx, object.key)
		mu.Lock()
		defer mu.Unlock()
		bar.add(0)
		return err
	})
}

func (r *restore) object(ctx context.Context, key string) error {
	file, err := r.folder.Open(objectsFolder + "/" + key)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if size, err := r.platform.bucket.RawSize(ctx, key); err == nil && size == info.Size() {
		return nil
	}
	return r.platform.bucket.PutRaw(ctx, key, file, info.Size())
}

// table opens a table for reading.
func (r *restore) table(name string) (io.ReadCloser, error) {
	file, err := r.folder.Open(r.manifest.Folder + "/" + table(name))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return unpacked{decoder: decoder, file: file}, nil
}
