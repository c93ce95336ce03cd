package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// What goes wrong with one object ends the whole, with its reason.
func TestInParallelStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	items := make([]int, 1000)
	broken := errors.New("broken")
	var did atomic.Int64
	err := inParallel(t.Context(), items, func(context.Context, int) error {
		if did.Add(1) == 10 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || did.Load() == int64(len(items)) {
		t.Errorf("%v after %d items", err, did.Load())
	}
	did.Store(0)
	if err := inParallel(t.Context(), items, func(context.Context, int) error { did.Add(1); return nil }); err != nil || did.Load() != 1000 {
		t.Errorf("%v after %d items of 1000", err, did.Load())
	}
}

func TestKeyFilesAreRelated(t *testing.T) {
	t.Parallel()
	const first, second, third = "# keys\naaaa AAAA 2026\n", "bbbb BBBB 2026\n", "# keys\ncccc CCCC 2026\n"
	for _, c := range []struct {
		one, other string
		want       bool
	}{
		{first, first, true}, {first, second + first, true}, {second + first, first, true}, {first, second, false}, {first, third, false}, {"", first, false}, {"\n\n", "\n", false},
	} {
		if got := related([]byte(c.one), []byte(c.other)); got != c.want {
			t.Errorf("%q and %q: %v", c.one, c.other, got)
		}
	}
}

// Whatever a manifest or a list says, nothing outside of the folder is read or written; and two processes do not work on one folder.
func TestBackupFolderIsAWorldOfItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "outside"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(dir, "inside")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	folder, err := openBackupFolder(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.close()
	if _, err := folder.sum("../outside"); err == nil {
		t.Error("a file outside was read")
	}
	if _, err := folder.write("objects/../../made", nil); err == nil {
		t.Error("a file outside was made")
	}
	if _, err := openBackupFolder(inside); err == nil {
		t.Error("two processes work on one folder")
	}
}

// A backup that was interrupted leaves the one before as it was; the next whole one clears away what is not needed.
func TestSweepKeepsTheLastWholeBackup(t *testing.T) {
	t.Parallel()
	folder, err := openBackupFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.close()
	const old, last = "20261121T000000.000Z", "20261122T000000.000Z"
	for _, name := range []string{old + "/master.keys", last + "/master.keys", "objects/2026/11/a", "objects/2026/11/b", "objects/2026/11/c" + unfinished} {
		if _, err := folder.write(name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := folder.sweep(manifest{Folder: last}, []listed{{key: "2026/11/a"}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{old: false, last + "/master.keys": true, "objects/2026/11/a": true, "objects/2026/11/b": false, "objects/2026/11/c" + unfinished: false} {
		if _, err := folder.Stat(name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
