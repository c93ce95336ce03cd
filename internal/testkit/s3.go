package testkit

import (
	"context"
	"crypto/rand"
	"testing"

	"postern/attachments"
	"postern/embedded"
	"postern/secret"
)

// Keys makes a keyset of the test's own.
func Keys(t testing.TB) *secret.Keyset {
	t.Helper()
	return secret.NewKeyset(rand.Reader)
}

// S3 starts a store of the test's own and opens a bucket in it, sealed with keys.
func S3(t testing.TB, keys *secret.Keyset) *attachments.Bucket {
	t.Helper()
	server := S3Server(t)
	bucket, err := attachments.Open(t.Context(), attachments.Config{
		Endpoint: server.Endpoint(), Bucket: server.Bucket(), AccessKey: server.AccessKey(), SecretKey: server.SecretKey(), TLS: attachments.TLSOff,
	}, keys)
	if err != nil {
		t.Fatalf("open the test bucket: %v", err)
	}
	return bucket
}

// S3Server starts a store of the test's own, for tests that bring their own client, configure a whole program or stop the store.
func S3Server(t testing.TB) *embedded.S3 {
	t.Helper()
	server, err := embedded.StartS3(t.Context(), embedded.S3Options{Dir: t.TempDir(), Bucket: "attachments"})
	if err != nil {
		t.Fatalf("start the test store: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("stop the test store: %v", err)
		}
	})
	return server
}
