package secret

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// Hashes that PHP, perl's crypt and Python made are read, and are always to be replaced.
func TestForeignHashes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, hash string }{
		{"bcrypt", "$2y$05$utXwtHR8PrKVkulmCJl45.a5bZw3s.gPRR2ZklkV7SFhdVaNqkE/y"}, // password_hash of PHP
		{"bcrypt", "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"}, // libxcrypt
		{"pbkdf2", "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso="},
		{"pbkdf2", "pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM="},
		{"pbkdf2", "$pbkdf2-sha512$1000$./8BAnNlYXNhbHQuLg$eY6MpNk3epaKzc356AJyJUy/A1aVq12hcI3j3D3ErlG2oPaXFjJnXEd9hHtTzXbLEuDzgRGkSYU5xnpKhChbfw"},
		{"argon2id", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	} {
		kind, err := ReadableHash(test.hash)
		if kind != test.kind || err != nil {
			t.Errorf("%s: %q, %v", test.hash, kind, err)
		}
		right, wrong := "correct horse", "correct horsf"
		if kind == "argon2id" {
			right = "password"
		}
		if ok, rehash, err := CheckPassword(t.Context(), right, test.hash); !ok || !rehash || err != nil {
			t.Errorf("%s: %v %v %v", test.hash, ok, rehash, err)
		}
		if ok, rehash, err := CheckPassword(t.Context(), wrong, test.hash); ok || rehash || err != nil {
			t.Errorf("%s takes another password: %v %v %v", test.hash, ok, rehash, err)
		}
	}
}

// What cannot be read, or would take the machine for itself, is refused.
func TestForeignHashesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "plain", "5f4dcc3b5aa765d61d8327deb882cf99", "$1$salt$qJH7.N4xYta3aEG/dfqo/0", "$P$B12345678901234567890123456789.",
		"$2y$31$utXwtHR8PrKVkulmCJl45.a5bZw3s.gPRR2ZklkV7SFhdVaNqkE/y", "$2y$05$short", "$2x$05$utXwtHR8PrKVkulmCJl45.a5bZw3s.gPRR2ZklkV7SFhdVaNqkE/y",
		"pbkdf2_sha256$99999999$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=", "pbkdf2_sha256$0$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
		"pbkdf2_sha256$1000$seasalt$", "pbkdf2_sha256$1000$seasalt", "pbkdf2_md5$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
	} {
		if kind, err := ReadableHash(bad); !errors.Is(err, ErrPasswordHash) {
			t.Errorf("%q is taken for %q, %v", bad, kind, err)
		}
	}
}

// Who finds fifty waiting is sent away at once, so that a flood of sign-ins takes neither memory nor the time of those who wait already.
func TestHashingSendsAwayWhoIsTooMany(t *testing.T) {
	for range cap(hashing) {
		hashing <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	busy := 0
	for range 500 {
		wg.Go(func() {
			if _, err := HashPassword(ctx, "p"); errors.Is(err, ErrBusy) {
				mu.Lock()
				busy++
				mu.Unlock()
			}
		})
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		mu.Lock()
		n := busy
		mu.Unlock()
		if n == 500-mostWaiting && waiting.Load() == mostWaiting {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d were sent away and %d wait", n, waiting.Load())
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
	for range cap(hashing) {
		<-hashing
	}
	if waiting.Load() != 0 {
		t.Errorf("%d wait still", waiting.Load())
	}
}

// FuzzForeignHash makes sure that nothing somebody imports can stop the program.
func FuzzForeignHash(f *testing.F) {
	f.Add("$2y$05$utXwtHR8PrKVkulmCJl45.a5bZw3s.gPRR2ZklkV7SFhdVaNqkE/y")
	f.Add("pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=")
	f.Add("$pbkdf2-sha512$1$./8$eY6MpNk3epaKzc356AJyJUy")
	f.Fuzz(func(t *testing.T, text string) {
		if kind, err := ReadableHash(text); (kind == "") == (err == nil) {
			t.Errorf("%q: %q, %v", text, kind, err)
		}
		if strings.Count(text, "$") == 4 && strings.HasPrefix(text, "$pbkdf2-sha256$1$") {
			if _, _, err := CheckPassword(t.Context(), "p", text); err != nil && !errors.Is(err, ErrPasswordHash) {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}
