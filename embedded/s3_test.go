package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func startS3(t testing.TB, dir string) (*S3, *minio.Client) {
	t.Helper()
	s, err := StartS3(t.Context(), S3Options{Dir: dir, Bucket: "mail"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s, client(t, s.Endpoint(), s.AccessKey(), s.SecretKey())
}

func client(t testing.TB, endpoint, key, secret string) *minio.Client {
	t.Helper()
	c, err := minio.New(endpoint, &minio.Options{Creds: credentials.NewStaticV4(key, secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t testing.TB, c *minio.Client, key string, data []byte, o minio.PutObjectOptions) error {
	t.Helper()
	_, err := c.PutObject(t.Context(), "mail", key, bytes.NewReader(data), int64(len(data)), o)
	return err
}

func get(t testing.TB, c *minio.Client, key string, o minio.GetObjectOptions) ([]byte, error) {
	t.Helper()
	object, err := c.GetObject(t.Context(), "mail", key, o)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	return io.ReadAll(object)
}

func list(t testing.TB, c *minio.Client, o minio.ListObjectsOptions) []string {
	t.Helper()
	var keys []string
	for object := range c.ListObjects(t.Context(), "mail", o) {
		if object.Err != nil {
			t.Fatal(object.Err)
		}
		keys = append(keys, object.Key)
	}
	return keys
}

// noise is data that depends on its name alone, so that anybody can tell whether an object is whole.
func noise(name string, size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(data)
	return data
}

func TestObjectsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, c := startS3(t, dir)
	sizes := map[string]int{"empty": 0, "one": 1, "chunk": 64 << 10, "chunk+1": 64<<10 + 1, "large": 3 << 20}
	for name, size := range sizes {
		if err := put(t, c, name, noise(name, size), minio.PutObjectOptions{ContentType: "text/x-" + name, UserMetadata: map[string]string{"who": name}}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if _, err := StartS3(t.Context(), S3Options{Dir: dir, Bucket: "mail"}); err == nil || !strings.Contains(err.Error(), "another instance") {
		t.Errorf("a second store on the same folder: %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, c = startS3(t, dir)
	for name, size := range sizes {
		got, err := get(t, c, name, minio.GetObjectOptions{})
		if err != nil || !bytes.Equal(got, noise(name, size)) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		info, err := c.StatObject(t.Context(), "mail", name, minio.StatObjectOptions{})
		if err != nil || info.Size != int64(size) || info.ContentType != "text/x-"+name || info.UserMetadata["Who"] != name {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	_, c := startS3(t, t.TempDir())
	data := noise("r", 100000)
	if err := put(t, c, "r", data, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]int64{{0, 0}, {0, 99999}, {1, 2}, {65535, 65536}, {99999, 99999}, {99990, 200000}, {0, -10}} {
		var o minio.GetObjectOptions
		if err := o.SetRange(r[0], r[1]); err != nil {
			t.Fatal(err)
		}
		from, to := r[0], min(r[1]+1, int64(len(data)))
		if r[1] < 0 { // the last so many bytes
			from, to = int64(len(data))+r[1], int64(len(data))
		}
		want := data[from:to]
		if got, err := get(t, c, "r", o); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %d bytes (%v), want %d", r, len(got), err, len(want))
		}
	}
	var o minio.GetObjectOptions
	o.SetRange(100000, 100001)
	if _, err := get(t, c, "r", o); minio.ToErrorResponse(err).Code != "InvalidRange" {
		t.Errorf("a range behind the end: %v", err)
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, c := startS3(t, dir)
	const size = 17<<20 + 12345 // three parts and a bit
	data := noise("m", size)
	for name, n := range map[string]int64{"known size": size, "unknown size": -1} {
		info, err := c.PutObject(t.Context(), "mail", name, bytes.NewReader(data), n, minio.PutObjectOptions{PartSize: 5 << 20, NumThreads: 2})
		if err != nil || info.Size != size {
			t.Fatalf("%s: %v, %d bytes", name, err, info.Size)
		}
		if got, err := get(t, c, name, minio.GetObjectOptions{}); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: what comes back is not what went in (%d bytes, %v)", name, len(got), err)
		}
	}
	// An upload whose source fails leaves neither object nor parts.
	broken := io.MultiReader(bytes.NewReader(data[:12<<20]), failing{})
	if _, err := c.PutObject(t.Context(), "mail", "broken", broken, -1, minio.PutObjectOptions{PartSize: 5 << 20, NumThreads: 1}); err == nil {
		t.Error("an upload whose source failed succeeded")
	}
	for _, folder := range []string{"parts", "tmp"} {
		if left, err := os.ReadDir(filepath.Join(dir, "s3", folder)); err != nil || len(left) != 0 {
			t.Errorf("%s: %v left behind, %v", folder, left, err)
		}
	}
	if keys := list(t, c, minio.ListObjectsOptions{Recursive: true}); !slices.Equal(keys, []string{"known size", "unknown size"}) {
		t.Errorf("there are %q", keys)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// Names that are no good as paths, or collide as paths, are objects like any other.
func TestKeysAreSafeAsPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, c := startS3(t, dir)
	keys := []string{"a", "a/b", "a.d/b", "a.o", "A", "a!b", "a0", "x/../../../../etc/passwd", "%41", "grüße/日本.eml", "a//b", strings.Repeat("n", 200), "t/" + strings.Repeat("é", 40)}
	for _, key := range keys {
		if err := put(t, c, key, []byte(key), minio.PutObjectOptions{}); err != nil {
			t.Errorf("put %q: %v", key, err)
		}
	}
	slices.Sort(keys)
	if got := list(t, c, minio.ListObjectsOptions{Recursive: true}); !slices.Equal(got, keys) {
		t.Errorf("listed %q\nwant   %q", got, keys)
	}
	if got := list(t, c, minio.ListObjectsOptions{Recursive: true, MaxKeys: 3}); !slices.Equal(got, keys) {
		t.Errorf("page by page %q\nwant   %q", got, keys)
	}
	if got := slices.Sorted(slices.Values(list(t, c, minio.ListObjectsOptions{Prefix: "a"}))); !slices.Equal(got, []string{"a", "a!b", "a.d/", "a.o", "a/", "a0"}) {
		t.Errorf("one level: %q", got)
	}
	if got := list(t, c, minio.ListObjectsOptions{Recursive: true, StartAfter: "a/b"}); !slices.Equal(got, keys[slices.Index(keys, "a/b")+1:]) {
		t.Errorf("after a/b: %q", got)
	}
	for _, key := range keys {
		if got, err := get(t, c, key, minio.GetObjectOptions{}); err != nil || string(got) != key {
			t.Errorf("get %q = %q, %v", key, got, err)
		}
		if err := c.RemoveObject(t.Context(), "mail", key, minio.RemoveObjectOptions{}); err != nil {
			t.Errorf("remove %q: %v", key, err)
		}
	}
	if got := list(t, c, minio.ListObjectsOptions{Recursive: true}); len(got) != 0 {
		t.Errorf("%q are still there", got)
	}
	if err := put(t, c, strings.Repeat("É", 100), nil, minio.PutObjectOptions{}); minio.ToErrorResponse(err).Code != "KeyTooLongError" {
		t.Errorf("a name that no file system takes: %v", err)
	}
	if outside, _ := filepath.Glob(filepath.Join(dir, "*")); len(outside) != 1 {
		t.Errorf("something was written outside: %q", outside)
	}
}

func TestOnlySignedRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	s, c := startS3(t, t.TempDir())
	if err := put(t, c, "k", []byte("v"), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"wrong secret": func() error {
			_, err := get(t, client(t, s.Endpoint(), s.AccessKey(), "wrong"), "k", minio.GetObjectOptions{})
			return err
		},
		"unknown key": func() error {
			_, err := get(t, client(t, s.Endpoint(), "nobody", s.SecretKey()), "k", minio.GetObjectOptions{})
			return err
		},
		"wrong secret, writing": func() error {
			return put(t, client(t, s.Endpoint(), s.AccessKey(), "wrong"), "k", []byte("w"), minio.PutObjectOptions{})
		},
	} {
		if status := minio.ToErrorResponse(try()).StatusCode; status != http.StatusForbidden {
			t.Errorf("%s: status %d", name, status)
		}
	}
	for _, path := range []string{"/", "/mail", "/mail/k", "/mail?list-type=2"} {
		response, err := http.Get("http://" + s.Endpoint() + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("anonymous GET %s: status %d", path, response.StatusCode)
		}
	}
	presigned, err := c.PresignedGetObject(t.Context(), "mail", "k", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{presigned.String(): 200, strings.Replace(presigned.String(), "/mail/k", "/mail/other", 1): 403} {
		response, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("presigned: status %d, want %d", response.StatusCode, want)
		}
	}
}

func TestConditionalWriteLetsOneWin(t *testing.T) {
	t.Parallel()
	_, c := startS3(t, t.TempDir())
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			o := minio.PutObjectOptions{}
			o.SetMatchETagExcept("*")
			if put(t, c, "once", []byte("x"), o) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers were told that theirs is the first", won.Load())
	}
}

// Killed at any moment, the store keeps every object that it confirmed, whole, and shows no half one.
func TestKillInTheMiddleOfUploads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	running, endpoint := startCopy(t, "s3", dir)
	c := client(t, endpoint, "key", "secret")
	sizeOf := func(i int) int {
		if i%5 == 0 {
			return 6 << 20 // in parts
		}
		return 1000 + i*777
	}
	name := func(i int) string { return fmt.Sprintf("2026/%d/object-%d", i%3, i) }

	var confirmed sync.Map
	var next, done atomic.Int32
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				data := noise(name(i), sizeOf(i))
				_, err := c.PutObject(t.Context(), "mail", name(i), bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{PartSize: 5 << 20, NumThreads: 1})
				if err != nil {
					return // the store is dead
				}
				confirmed.Store(name(i), len(data))
				if done.Add(1) == 40 {
					close(enough)
				}
			}
		})
	}
	<-enough
	running.Process.Kill()
	running.Wait()
	wg.Wait()

	_, c = startS3(t, dir)
	confirmed.Range(func(key, size any) bool {
		if got, err := get(t, c, key.(string), minio.GetObjectOptions{}); err != nil || !bytes.Equal(got, noise(key.(string), size.(int))) {
			t.Errorf("%s was confirmed, and is now %d bytes of %d (%v)", key, len(got), size, err)
		}
		return true
	})
	for _, key := range list(t, c, minio.ListObjectsOptions{Recursive: true}) {
		var group, i int
		fmt.Sscanf(key, "2026/%d/object-%d", &group, &i)
		if got, err := get(t, c, key, minio.GetObjectOptions{}); err != nil || !bytes.Equal(got, noise(key, sizeOf(i))) {
			t.Errorf("%s is there and is not whole: %d bytes, %v", key, len(got), err)
		}
	}
	for _, folder := range []string{"parts", "tmp"} {
		if left, err := os.ReadDir(filepath.Join(dir, "s3", folder)); err != nil || len(left) != 0 {
			t.Errorf("%s was not swept: %v, %v", folder, left, err)
		}
	}
}

// A file that was cut or changed at its end is an error, never shorter data.
func TestDamagedFileIsNoticed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, c := startS3(t, dir)
	if err := put(t, c, "k", noise("k", 5000), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "s3", "objects", "mail", "k.o")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 5, 100, 5000, len(whole) - 1} {
		for what, bad := range map[string][]byte{"end": whole[:cut], "beginning": whole[len(whole)-cut:], "middle": slices.Concat(whole[:2000], whole[2000+(len(whole)-cut)/3:])} {
			if err := os.WriteFile(file, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := get(t, c, "k", minio.GetObjectOptions{}); err == nil && !(what == "middle" && len(bad) == len(whole)) {
				t.Errorf("cut to %d bytes at the %s, it reads as %d bytes", len(bad), what, len(got))
			}
		}
	}
}

// BenchmarkPut4K is the rate of small objects, each synced, from sixteen clients in this process.
func BenchmarkPut4K(b *testing.B) {
	_, c := startS3(b, b.TempDir())
	data := noise("b", 4096)
	var n atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := put(b, c, fmt.Sprintf("2026/11/22/%d", n.Add(1)), data, minio.PutObjectOptions{}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}
