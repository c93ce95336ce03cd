package e2e

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"postern/embedded"
)

// The variables by which this test program, run again, becomes an S3 store: a process of its own, which can be killed.
const (
	storeFolder = "E2E_STORE_FOLDER"
	storeAddr   = "E2E_STORE_ADDR"
	storeKey    = "e2e-key"
	storeSecret = "e2e-secret-of-no-value"
	storeBucket = "postern-e2e"
)

// runStore serves until a signal comes.
func runStore() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	store, err := embedded.StartS3(ctx, embedded.S3Options{Dir: os.Getenv(storeFolder), Bucket: storeBucket, Addr: os.Getenv(storeAddr), AccessKey: storeKey, SecretKey: storeSecret})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	<-ctx.Done()
	if err := store.Stop(context.Background()); err != nil {
		return 1
	}
	return 0
}
