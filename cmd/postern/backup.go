package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"postern/attachments"
	"postern/config"
	"postern/store"
)

// carriers is how many objects are copied at the same time, to or from the store.
const carriers = 8

// backupCommand copies everything to a folder.
type backupCommand struct {
	Dir string `arg:"" name:"dir" help:"Folder of the backup: new, empty, or that of an earlier backup."`
}

// backup is one run of the command.
type backup struct {
	platform *platform
	folder   *backupFolder
	before   map[string]string // objects of the backup before: key to sum
	manifest manifest
	term     terminal

	mu      sync.Mutex
	objects []listed
	copied  int
}

// Run makes the backup.
func (c backupCommand) Run(ctx context.Context, settings config.Settings, term terminal) error {
	if _, err := os.Stat(settings.KeyFile); err != nil {
		return fmt.Errorf("there is nothing to back up without the key file %s: set POSTERN_DATA or POSTERN_KEY_FILE to where the installation has it", settings.KeyFile)
	}
	settings.AutoMigrate = false // a backup changes nothing, least of all under an older serve
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	folder, err := openBackupFolder(c.Dir)
	if err != nil {
		return err
	}
	defer folder.close()
	b := &backup{folder: folder, term: term}
	if err := b.recall(c.Dir, settings.KeyFile); err != nil {
		return err
	}
	if b.platform, err = openPlatform(ctx, settings, platformOptions{role: visitor, conns: 2}); err != nil {
		return err
	}
	defer b.platform.close()
	if err := b.make(ctx); err != nil {
		_ = folder.RemoveAll(b.manifest.Folder) // objects stay: the next try needs not copy them again
		return fmt.Errorf("%w; run the same command again to go on", err)
	}
	return b.report(c.Dir)
}

// recall looks at what the folder holds from before.
func (b *backup) recall(dir, keyFile string) error {
	name, err := b.folder.strange()
	if err != nil {
		return err
	}
	if name != "" {
		return fmt.Errorf("%s holds something that is no backup (%s): choose an empty folder, or that of an earlier backup", dir, name)
	}
	b.before = map[string]string{}
	old, err := b.folder.manifest()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	keys, err := b.folder.ReadFile(old.Folder + "/" + keysFile)
	if err != nil {
		return err
	}
	ours, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	if !related(keys, ours) {
		return fmt.Errorf("%s holds the backup of another installation, with other keys: choose another folder", dir)
	}
	objects, err := b.folder.readList(old.Folder + "/" + objectsList)
	for _, object := range objects {
		b.before[object.key] = object.sum
	}
	return err
}

// related says whether two key files have a key in common: keys are added to an installation's, never all exchanged.
func related(one, other []byte) bool {
	for line := range strings.Lines(string(one)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && strings.Contains(string(other), line) {
			return true
		}
	}
	return false
}

// make writes the backup, the manifest last.
func (b *backup) make(ctx context.Context) error {
	now := time.Now().UTC()
	b.manifest = manifest{Note: whoReadsIt, Format: backupFormat, Postern: version, MadeAt: now, Folder: now.Format("20060102T150405.000Z"), Files: map[string]string{}}
	if _, err := b.folder.Stat(b.manifest.Folder); err == nil {
		return errors.New("a backup into this folder was made at this very moment")
	}
	bar := newProgress(b.term.err, "MiB of the database", 0)
	var err error
	b.manifest.Database, err = b.platform.store.Dump(ctx, func(name string) (io.WriteCloser, error) { return b.table(name, bar) })
	bar.clear()
	if err != nil {
		return err
	}
	if err := b.keys(); err != nil {
		return err
	}
	if err := b.carry(ctx); err != nil {
		return err
	}
	return b.finish()
}

// table begins to write a table.
func (b *backup) table(name string, bar *progress) (io.WriteCloser, error) {
	file, err := b.folder.create(b.manifest.Folder + "/" + table(name))
	if err != nil {
		return nil, err
	}
	// Most of the bytes are sealed originals, which COPY writes as hexadecimal digits. Nothing in them repeats: searching for it, as higher levels do, is slow, and coding the digits alone halves them.
	encoder, err := zstd.NewWriter(file, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		file.discard()
		return nil, err
	}
	var pending int
	count := func(bytes int) {
		for pending += bytes; pending >= 1<<20; pending -= 1 << 20 {
			bar.add(1 << 20)
		}
	}
	return packed{encoder: encoder, file: file, count: count, done: func(sum string) { b.manifest.Files[table(name)] = sum }}, nil
}

// keys copies the key file.
func (b *backup) keys() error {
	text, err := os.ReadFile(b.platform.settings.KeyFile)
	if err != nil {
		return err
	}
	b.manifest.Files[keysFile], err = b.folder.write(b.manifest.Folder+"/"+keysFile, text)
	return err
}

// carry copies every object that the rows name, but for those that are here already.
func (b *backup) carry(ctx context.Context) error {
	wanted := b.manifest.Database.Objects
	var total int64
	for _, object := range wanted {
		total += object.Size
	}
	bar := newProgress(b.term.err, "attachments", total)
	defer bar.clear()
	return inParallel(ctx, wanted, func(ctx context.Context, object store.DumpedObject) error {
		sum, fresh, err := b.object(ctx, object.Key)
		b.mu.Lock()
		defer b.mu.Unlock()
		bar.add(object.Size)
		switch {
		case errors.Is(err, attachments.ErrNotFound): // a row without its object: say so, but save the rest
			b.manifest.Missing = append(b.manifest.Missing, object.Key)
			return nil
		case err != nil:
			return err
		case fresh:
			b.copied++
		}
		b.objects = append(b.objects, listed{key: object.Key, sum: sum})
		return nil
	})
}

// object sees to it that one object is in the folder. An object never changes under its name.
func (b *backup) object(ctx context.Context, key string) (sum string, fresh bool, err error) {
	name := objectsFolder + "/" + key
	if _, err := b.folder.Stat(name); err == nil {
		if sum, known := b.before[key]; known {
			return sum, false, nil
		}
		sum, err := b.folder.sum(name) // of a backup that was interrupted
		return sum, false, err
	}
	from, err := b.platform.bucket.Raw(ctx, key)
	if err != nil {
		return "", false, err
	}
	defer from.Close()
	to, err := b.folder.create(name)
	if err != nil {
		return "", false, err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.discard()
		return "", false, fmt.Errorf("copy object %s: %w", key, err)
	}
	return to.sum(), true, to.Close()
}

// finish writes the list and the manifest, and clears away what they do not need.
func (b *backup) finish() (err error) {
	slices.SortFunc(b.objects, func(x, y listed) int { return strings.Compare(x.key, y.key) })
	slices.Sort(b.manifest.Missing)
	b.manifest.Objects = len(b.objects)
	if b.manifest.Files[objectsList], err = b.folder.writeList(b.manifest.Folder+"/"+objectsList, b.objects); err != nil {
		return err
	}
	text, err := json.MarshalIndent(b.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := b.folder.sync(); err != nil {
		return err
	}
	if _, err := b.folder.write(manifestFile, append(text, '\n')); err != nil {
		return err
	}
	if err := b.folder.sync(); err != nil {
		return err
	}
	return b.folder.sweep(b.manifest, b.objects)
}

// report says what was done, and what whoever keeps the folder must know.
func (b *backup) report(dir string) error {
	var rows int64
	for _, table := range b.manifest.Database.Tables {
		rows += table.Rows
	}
	fmt.Fprintf(b.term.out, "backed up to %s: %d tables with %d rows, %d attachments and large originals (%d new), the keys\n%s\n",
		dir, len(b.manifest.Database.Tables), rows, len(b.objects), b.copied, whoReadsIt)
	if missing := b.manifest.Missing; len(missing) > 0 {
		return fmt.Errorf("the backup is whole but for %d objects that the store does not have (the first is %s): see whether the bucket lost them", len(missing), missing[0])
	}
	return nil
}

// inParallel does something for each item, a few at a time, and stops at the first error.
func inParallel[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan T)
	var workers sync.WaitGroup
	for range min(carriers, len(items)) {
		workers.Go(func() {
			for item := range queue {
				if err := do(ctx, item); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, item := range items {
		select {
		case queue <- item:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}
