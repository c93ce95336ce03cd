package secret

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// argon is the cost of one password hash (RFC 9106 §3.1): memory in KiB, passes over it, and lanes.
type argon struct {
	memory, time uint32
	lanes        uint8
}

// argonNow is the cost at which new passwords are hashed: 19 MiB, two passes, one lane (OWASP's first choice; 37 ms on the machine where it was chosen).
var argonNow = argon{memory: 19456, time: 2, lanes: 1}

// argonMost bounds the cost that a stored hash may ask for, so that a row somebody wrote into the database cannot use up the machine.
var argonMost = argon{memory: 256 << 10, time: 16, lanes: 16}

const (
	saltSize   = 16 // RFC 9106 §3.1 recommends 16 bytes
	digestSize = 32
)

// hashing holds a place for each password that is being hashed: as many as there are processors, since more at once would only need more memory (19 MiB each). The rest wait their turn.
var hashing = make(chan struct{}, min(runtime.GOMAXPROCS(0), 16))

// mostWaiting is how many wait for a place: more would wait for seconds, and so would everything behind them.
const mostWaiting = 50

// waiting counts those that wait.
var waiting atomic.Int64

var (
	// ErrPasswordHash says that a stored password hash cannot be read.
	ErrPasswordHash = errors.New("stored password hash cannot be read")
	// ErrBusy says that too many passwords wait to be hashed already.
	ErrBusy = errors.New("too many passwords wait to be hashed")
)

// HashPassword returns the password's Argon2id hash as a PHC string, salt and cost included. It fails only with ErrBusy, or when ctx ends before its turn comes.
func HashPassword(ctx context.Context, password string) (string, error) {
	salt := readRandom(rand.Reader, saltSize)
	digest, err := argonNow.digest(ctx, password, salt, digestSize)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		argonNow.memory, argonNow.time, argonNow.lanes, b64.EncodeToString(salt), b64.EncodeToString(digest)), nil
}

// CheckPassword says whether password is the one behind the PHC string, and, if so, whether it should be hashed anew because the cost has changed since.
// An empty PHC string (no such person, or no password set) takes as long as a real one and is never right, so that the time of an answer does not tell who exists.
// It reads hashes of other programs too (ReadableHash), which are always outdated.
// The error is ErrPasswordHash, ErrBusy, or ctx's when it ends before its turn comes.
func CheckPassword(ctx context.Context, password, phc string) (ok, needsRehash bool, err error) {
	if phc == "" {
		_, err := argonNow.digest(ctx, password, make([]byte, saltSize), digestSize)
		return false, false, err
	}
	if foreign, is, err := parseForeign(phc); is || err != nil {
		if err == nil {
			ok, err = foreign.check(ctx, password)
		}
		return ok, ok, err
	}
	cost, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	got, err := cost.digest(ctx, password, salt, len(want))
	if err != nil {
		return false, false, err
	}
	if subtle.ConstantTimeCompare(got, want) != 1 {
		return false, false, nil
	}
	return true, cost != argonNow || len(want) != digestSize, nil
}

// digest runs Argon2id when one of the places is free.
func (a argon) digest(ctx context.Context, password string, salt []byte, size int) (digest []byte, err error) {
	err = inTurn(ctx, func() { digest = argon2.IDKey([]byte(password), salt, a.time, a.memory, a.lanes, uint32(size)) })
	return digest, err
}

// inTurn does the work when one of the places is free. Who finds too many waiting is sent away at once.
func inTurn(ctx context.Context, work func()) error {
	select {
	case hashing <- struct{}{}: // there is a place: nobody waits
	default:
		if waiting.Add(1) > mostWaiting {
			waiting.Add(-1)
			return ErrBusy
		}
		defer waiting.Add(-1)
		select {
		case hashing <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("wait to hash a password: %w", ctx.Err())
		}
	}
	defer func() { <-hashing }()
	work()
	return nil
}

// HashCost measures how long one password takes to hash here, the best of some tries: what a guess costs somebody who has stolen the database and the key file.
func HashCost() time.Duration {
	best := time.Hour
	for range 3 {
		start := time.Now()
		argon2.IDKey([]byte("how long does it take"), make([]byte, saltSize), argonNow.time, argonNow.memory, argonNow.lanes, digestSize)
		best = min(best, time.Since(start))
	}
	return best
}

// parsePHC takes a PHC string apart: $argon2id$v=19$m=19456,t=2,p=1$salt$digest.
func parsePHC(phc string) (cost argon, salt, digest []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return argon{}, nil, nil, ErrPasswordHash
	}
	if n, err := fmt.Sscanf(parts[3]+"\n", "m=%d,t=%d,p=%d\n", &cost.memory, &cost.time, &cost.lanes); err != nil || n != 3 {
		return argon{}, nil, nil, ErrPasswordHash
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	digest, digestErr := base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case saltErr != nil, digestErr != nil, len(salt) < 8, len(salt) > 64, len(digest) < 16, len(digest) > 64,
		cost.time < 1, cost.lanes < 1, cost.memory < 8*uint32(cost.lanes), // argon2.IDKey panics or rounds below these
		cost.memory > argonMost.memory, cost.time > argonMost.time, cost.lanes > argonMost.lanes:
		return argon{}, nil, nil, ErrPasswordHash
	}
	return cost, salt, digest, nil
}
