package attachments

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"postern/secret"
)

func TestSmallOriginalOpensOnlyWholeAndInItsContext(t *testing.T) {
	keys := secret.NewKeyset(rand.Reader)
	plain := []byte(strings.Repeat("Received: from a by b\r\n", 300))
	dek, sealed, err := SealSmall(keys, "original/7", plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("Received")) || len(sealed) > len(plain)/4 {
		t.Errorf("sealed form is readable or not packed: %d of %d bytes", len(sealed), len(plain))
	}
	got, err := OpenSmall(keys, "original/7", dek, sealed)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("OpenSmall = %d bytes, %v", len(got), err)
	}
	if _, err := OpenSmall(keys, "original/8", dek, sealed); err == nil {
		t.Error("opened in another row")
	}
	sealed[len(sealed)/2] ^= 1
	if _, err := OpenSmall(keys, "original/7", dek, sealed); !errors.Is(err, ErrDamaged) {
		t.Errorf("a changed byte gives %v", err)
	}
}
