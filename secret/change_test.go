package secret

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestKeysAreAddedAndPutToUse(t *testing.T) {
	t.Parallel()
	file := writeKeys(t, 0o600, "# ours\n"+keyLine("old1", 1)+"\n")
	before, err := OpenKeyset(file, MustExist)
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := before.Seal("c", []byte("v"))
	id, err := AddKey(file, time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	added, err := OpenKeyset(file, MustExist)
	if err != nil || added.Active() != "old1" || !added.Has(id) {
		t.Fatalf("a key that was only added is in use, or is not there: %v", err)
	}
	if err := UseKey(file, id); err != nil {
		t.Fatal(err)
	}
	used, err := OpenKeyset(file, MustExist)
	if err != nil || used.Active() != id {
		t.Fatalf("the key is not in use: %v", err)
	}
	if got, err := used.Open("c", sealed); err != nil || string(got) != "v" {
		t.Errorf("what the old key sealed: %q, %v", got, err)
	}
	list, err := ListKeys(file)
	if err != nil || len(list) != 2 || list[0].ID != id || !list[0].Active || list[1].ID != "old1" || list[1].Active || list[0].Created.Year() != 2026 {
		t.Errorf("%+v, %v", list, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "# ours\n"+id+" ") {
		t.Errorf("the file:\n%s, %v", text, err)
	}
}

func TestAKeyFileThatCannotBeReadIsNotChanged(t *testing.T) {
	t.Parallel()
	file := writeKeys(t, 0o600, keyLine("old1", 1)+"\nnot a key\n")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(file, time.Now()); err == nil {
		t.Error("a key was added to a broken file")
	}
	if err := UseKey(file, "old1"); err == nil {
		t.Error("a broken file was rewritten")
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the file changed: %v", err)
	}
	if err := UseKey(writeKeys(t, 0o600, keyLine("old1", 1)), "other"); err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("a key that is not there: %v", err)
	}
}
