package breached

import (
	"bufio"
	"compress/gzip"
	"crypto/rand"
	"os"
	"slices"
	"strconv"
	"testing"
)

// top reads the 100,000 most common leaked passwords.
func top(t *testing.T) (lines []string) {
	t.Helper()
	file, err := os.Open("testdata/top.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(plain)
	for in.Scan() {
		lines = append(lines, in.Text())
	}
	if len(lines) != 100_000 {
		t.Fatalf("%d lines", len(lines))
	}
	return lines
}

// None of the 100,000 most common passwords is missed, and hardly any other is taken for one.
func TestNoneIsMissed(t *testing.T) {
	t.Parallel()
	list := Common()
	for _, password := range top(t) {
		if !list.Has(password) {
			t.Errorf("%q is missed", password)
		}
	}
	const tries = 200_000
	wrong := 0
	for range tries {
		if list.Has(rand.Text()) {
			wrong++
		}
	}
	if wrong > tries*4/1000 {
		t.Errorf("%d of %d others are taken for one of the list", wrong, tries)
	}
	t.Logf("%d entries; %d of %d others taken for one", list.Size, wrong, tries)
}

// A list survives being written and read, the same texts make the same list, and damage is noticed.
func TestListsAreWrittenAndRead(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 2, 1000} {
		var texts []string
		for i := range size {
			texts = append(texts, "password"+strconv.Itoa(i))
		}
		made, err := Make(append(texts, texts...))
		if err != nil || int(made.Size) != size {
			t.Fatalf("%d of %d: %v", made.Size, size, err)
		}
		again, err := Make(texts)
		if err != nil || !slices.Equal(made.Bytes(), again.Bytes()) {
			t.Errorf("of %d: another list: %v", size, err)
		}
		back, err := Read(made.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if !back.Has(text) {
				t.Errorf("%s is missed", text)
			}
		}
		for _, damaged := range [][]byte{nil, made.Bytes()[:10], made.Bytes()[1:], append(made.Bytes(), 0)} {
			if _, err := Read(damaged); err == nil {
				t.Errorf("%d bytes were taken for a list", len(damaged))
			}
		}
	}
}
