package attachments

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// What is carried raw from one store to another reads there as it was, by whoever has the keys.
func TestRawObjectsMoveBetweenStores(t *testing.T) {
	t.Parallel()
	from, to := testBucket(t), testBucket(t)
	to.keys = from.keys
	for _, size := range []int64{0, 1, payloadSize + 1, 2*partSize + 5} {
		want := content("raw", size)
		o, err := from.Put(t.Context(), bytes.NewReader(want), size)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := from.RawSize(t.Context(), o.Key)
		if err != nil || sealed != sizeSealed(size) {
			t.Errorf("%d bytes are %d in the store (%v), want %d", size, sealed, err, sizeSealed(size))
		}
		body, err := from.Raw(t.Context(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.PutRaw(t.Context(), o.Key, body, sealed); err != nil {
			t.Fatal(err)
		}
		body.Close()
		if got, err := read(t, to, o, 0, -1); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
	}
	if _, err := from.Raw(t.Context(), "2026/11/22/none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an object that is not there: %v", err)
	}
	if _, err := from.RawSize(t.Context(), "2026/11/22/none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the size of an object that is not there: %v", err)
	}
	if err := to.PutRaw(t.Context(), "2026/11/22/short", io.LimitReader(bytes.NewReader(content("short", 100)), 50), 100); err == nil {
		t.Error("an object that is shorter than was said was taken")
	}
}
