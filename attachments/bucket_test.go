package attachments

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	mathrand "math/rand/v2"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"postern/embedded"
	"postern/secret"
)

// testBucket opens a bucket in a store of the test's own.
func testBucket(t testing.TB) *Bucket {
	t.Helper()
	s, err := embedded.StartS3(t.Context(), embedded.S3Options{Dir: t.TempDir(), Bucket: "there"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	b, err := Open(t.Context(), Config{Endpoint: s.Endpoint(), Bucket: "not-there-yet", AccessKey: s.AccessKey(), SecretKey: s.SecretKey(), TLS: TLSOff}, secret.NewKeyset(rand.Reader))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stream is size bytes that depend on the seed alone.
func stream(seed string, size int64) io.Reader {
	return io.LimitReader(mathrand.NewChaCha8(sha256.Sum256([]byte(seed))), size)
}

func content(seed string, size int64) []byte {
	data, _ := io.ReadAll(stream(seed, size))
	return data
}

func read(t testing.TB, b *Bucket, o Object, offset, length int64) ([]byte, error) {
	t.Helper()
	r, err := b.Get(t.Context(), o, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// raw reads and replaces what the store holds, as somebody who has the store but not the keys could.
func raw(t *testing.T, b *Bucket, key string) []byte {
	t.Helper()
	body, _, _, err := b.core.GetObject(t.Context(), b.config.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func replace(t *testing.T, b *Bucket, key string, data []byte) {
	t.Helper()
	if _, err := b.core.Client.PutObject(t.Context(), b.config.Bucket, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestFilesComeBackAsTheyWentIn(t *testing.T) {
	t.Parallel()
	b := testBucket(t)
	for _, size := range []int64{0, 1, payloadSize - 1, payloadSize, payloadSize + 1, 3 * payloadSize, atOnce - 512, atOnce, atOnce + 1, 12<<20 + 3} {
		for _, said := range []int64{size, -1} {
			name := fmt.Sprintf("%d bytes, said to be %d", size, said)
			want := content(name, size)
			o, err := b.Put(t.Context(), bytes.NewReader(want), said)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			sum := sha256.Sum256(want)
			if o.Size != size || !bytes.Equal(o.SHA256, sum[:]) {
				t.Errorf("%s: Object %d bytes, hash %x", name, o.Size, o.SHA256)
			}
			if got, err := read(t, b, o, 0, -1); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: came back as %d bytes, %v", name, len(got), err)
			}
			if err := b.stored(t.Context(), o); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if size < 64 {
				continue
			}
			// DARE 2.0's header: version, then cipher, where 0 is AES-256-GCM.
			if inStore := raw(t, b, o.Key); bytes.Contains(inStore, want[:64]) || !bytes.HasPrefix(inStore, []byte{0x20, 0}) {
				t.Errorf("%s: the store holds plain text, or another format: %x", name, inStore[:16])
			}
		}
	}
}

func TestReaderMustHoldWhatWasSaid(t *testing.T) {
	t.Parallel()
	b := testBucket(t)
	for _, size := range []int64{100, 2 << 20, 11 << 20} {
		for _, said := range []int64{size - 1, size + 1, size / 2} {
			if _, err := b.Put(t.Context(), stream("s", size), said); !errors.Is(err, errSize) {
				t.Errorf("%d bytes said to be %d: %v", size, said, err)
			}
		}
	}
}

func TestRangesAtTheEdgesOfPackages(t *testing.T) {
	t.Parallel()
	b := testBucket(t)
	const size = 3*payloadSize + 1000
	data := content("ranges", size)
	o, err := b.Put(t.Context(), bytes.NewReader(data), size)
	if err != nil {
		t.Fatal(err)
	}
	edges := []int64{0, 1, payloadSize - 1, payloadSize, payloadSize + 1, 2 * payloadSize, 3*payloadSize - 1, 3 * payloadSize, 3*payloadSize + 1, size - 1, size}
	for i, from := range edges {
		for _, to := range edges[i:] {
			if got, err := read(t, b, o, from, to-from); err != nil || !bytes.Equal(got, data[from:to]) {
				t.Errorf("bytes %d to %d: %d bytes, %v", from, to, len(got), err)
			}
		}
		if got, err := read(t, b, o, from, -1); err != nil || !bytes.Equal(got, data[from:]) {
			t.Errorf("from %d to the end: %d bytes, %v", from, len(got), err)
		}
	}
	for _, bad := range [][2]int64{{-1, 1}, {0, size + 1}, {size, 1}, {size + 1, -1}, {1, math.MaxInt64}} {
		if _, err := read(t, b, o, bad[0], bad[1]); err == nil {
			t.Errorf("a range of %v was taken", bad)
		}
	}
}

// T: somebody with the store but not the keys can destroy a file, and nothing else.
func TestDamageNeverReadsAsData(t *testing.T) {
	t.Parallel()
	b := testBucket(t)
	const size = 3 * payloadSize
	data := content("victim", size)
	o, err := b.Put(t.Context(), bytes.NewReader(data), size)
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.Put(t.Context(), stream("other", size), size)
	if err != nil {
		t.Fatal(err)
	}
	whole := raw(t, b, o.Key)
	swapped := slices.Concat(whole[packageSize:2*packageSize], whole[:packageSize], whole[2*packageSize:])
	flipped := func(at int) []byte { bad := bytes.Clone(whole); bad[at] ^= 1; return bad }
	for name, bad := range map[string][]byte{
		"a bit of the header":         flipped(5),
		"a bit of the text":           flipped(packageSize + 100),
		"a bit of the last tag":       flipped(len(whole) - 1),
		"cut at a package's edge":     whole[:2*packageSize],
		"cut inside a package":        whole[:packageSize+700],
		"cut to nothing":              nil,
		"packages changed places":     swapped,
		"a package left out":          whole[packageSize:],
		"another object in its place": raw(t, b, other.Key),
	} {
		replace(t, b, o.Key, bad)
		got, err := read(t, b, o, 0, -1)
		if err == nil {
			t.Errorf("%s: read without an error", name)
		}
		if !bytes.HasPrefix(data, got) {
			t.Errorf("%s: %d bytes came out that are not the file's", name, len(got))
		}
	}
	replace(t, b, o.Key, whole)

	grown := o
	grown.Size += 100 // a row that promises more than there is
	if got, err := read(t, b, grown, 0, -1); err == nil {
		t.Errorf("%d bytes of a file said to be %d were read without an error", len(got), grown.Size)
	}
	stolen := o
	stolen.DEK = other.DEK
	if _, err := read(t, b, stolen, 0, -1); !errors.Is(err, secret.ErrTampered) {
		t.Errorf("another file's key: %v", err)
	}
	stranger := *b
	stranger.keys = secret.NewKeyset(rand.Reader)
	if _, err := read(t, &stranger, o, 0, -1); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("without the key file: %v", err)
	}
	if got, err := read(t, b, o, 0, -1); err != nil || !bytes.Equal(got, data) {
		t.Errorf("put back, it is %d bytes, %v", len(got), err)
	}
}

func listed(t *testing.T, b *Bucket, olderThan time.Time) []string {
	t.Helper()
	var keys []string
	if err := b.List(t.Context(), olderThan, func(key string) error { keys = append(keys, key); return nil }); err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestListAndRemoveForTheSweep(t *testing.T) {
	t.Parallel()
	b := testBucket(t)
	var keys []string
	for i := range 5 {
		o, err := b.Put(t.Context(), strings.NewReader(fmt.Sprint(i)), -1)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	slices.Sort(keys)
	if got := listed(t, b, time.Now().Add(time.Minute)); !slices.Equal(got, keys) {
		t.Errorf("listed %q, want %q", got, keys)
	}
	if got := listed(t, b, time.Now().Add(-time.Minute)); len(got) != 0 {
		t.Errorf("%q are older than a minute already", got)
	}
	enough := errors.New("enough")
	if err := b.List(t.Context(), time.Now().Add(time.Minute), func(string) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the end that yield asked for: %v", err)
	}
	if err := b.Remove(t.Context(), append(keys[:3:3], "never/was")...); err != nil {
		t.Fatal(err)
	}
	if err := b.Remove(t.Context()); err != nil {
		t.Errorf("removing nothing: %v", err)
	}
	if got := listed(t, b, time.Now().Add(time.Minute)); !slices.Equal(got, keys[3:]) {
		t.Errorf("listed %q, want %q", got, keys[3:])
	}
	gone := Object{Key: keys[0], Size: 1}
	gone.DEK, _ = b.keys.Seal(dekContext(gone.Key), make([]byte, 32))
	if _, err := b.Get(t.Context(), gone, 0, -1); !errors.Is(err, ErrNotFound) {
		t.Errorf("reading a removed file: %v", err)
	}
}

func TestCheckNoticesAStoreThatIsGoneOrForgets(t *testing.T) {
	t.Parallel()
	b := testBucket(t)
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("a private bucket: %v", err)
	}
	wrong := b.config
	wrong.SecretKey += "x"
	if _, err := Open(t.Context(), wrong, b.keys); err == nil {
		t.Error("a wrong secret opened the bucket")
	}
	if err := b.core.RemoveObject(t.Context(), b.config.Bucket, probe, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err == nil {
		t.Error("the probe is gone and nobody noticed")
	}
}

// A store that answers anybody is one that Check warns of.
func TestCheckNoticesAPublicBucket(t *testing.T) {
	t.Parallel()
	open := httptest.NewServer(gofakes3.New(s3mem.New()).Server()) // without keys it lets everybody in
	t.Cleanup(open.Close)
	b, err := Open(t.Context(), Config{Endpoint: open.Listener.Addr().String(), Bucket: "public", AccessKey: "any", SecretKey: "any", TLS: TLSOff}, secret.NewKeyset(rand.Reader))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "read by anybody") {
		t.Errorf("a public bucket: %v", err)
	}
}

// Memory does not grow with the file: 200 MB go through while the heap stays within a few parts.
func TestLargeFileInLittleMemory(t *testing.T) {
	b := testBucket(t)
	const most = 48 << 20
	for said, size := range map[int64]int64{200 << 20: 200 << 20, -1: 64 << 20} {
		watch := &heapWatch{}
		began := time.Now()
		o, err := b.Put(t.Context(), io.TeeReader(stream("large", size), watch), said)
		if err != nil {
			t.Fatal(err)
		}
		put := time.Since(began)
		r, err := b.Get(t.Context(), o, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		n, err := io.Copy(io.MultiWriter(hash, watch), r)
		r.Close()
		if err != nil || n != size || !bytes.Equal(hash.Sum(nil), o.SHA256) {
			t.Errorf("%d bytes came back, %v", n, err)
		}
		t.Logf("%d MiB: put %v, get %v, heap at most %d MiB with client and store in this process", size>>20, put, time.Since(began)-put, watch.most>>20)
		if watch.most > most {
			t.Errorf("the heap grew to %d bytes, more than %d", watch.most, most)
		}
	}
}

// heapWatch looks at the heap each time that 16 MB have gone by.
type heapWatch struct {
	seen int64
	most uint64
}

func (w *heapWatch) Write(p []byte) (int, error) {
	if w.seen/(16<<20) != (w.seen+int64(len(p)))/(16<<20) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapInuse)
	}
	w.seen += int64(len(p))
	return len(p), nil
}

func BenchmarkPut4K(b *testing.B) {
	bucket := testBucket(b)
	data := content("small", 4096)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := bucket.Put(b.Context(), bytes.NewReader(data), 4096); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}
