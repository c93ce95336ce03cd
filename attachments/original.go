package attachments

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"postern/secret"
)

// SmallOriginal is the size in bytes up to which a mail's original lies sealed in the database, where it is committed with its ticket and costs no request of its own. Larger ones go to the bucket.
const SmallOriginal = 256 << 10

// maxExpanded bounds what OpenSmall unpacks: a sealed original is never larger.
const maxExpanded = SmallOriginal + 64<<10

// ErrDamaged says that a sealed original was changed after it was written.
var ErrDamaged = errors.New("sealed original is damaged")

var (
	packers = sync.Pool{New: func() any {
		packer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<18))
		if err != nil {
			panic(err) // the options are constants
		}
		return packer
	}}
	unpackers = sync.Pool{New: func() any {
		unpacker, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxExpanded))
		if err != nil {
			panic(err) // the options are constants
		}
		return unpacker
	}}
)

// Packed is a small original, packed and sealed, whose key is not wrapped yet: the row that it belongs to, and so the context of the wrapping, is known later.
type Packed struct {
	Sealed []byte
	key    []byte
}

// PackSmall packs the bytes of a mail and seals them under a key of their own (AES-256-GCM).
func PackSmall(plain []byte) (Packed, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return Packed{}, fmt.Errorf("attachments: key of an original: %w", err)
	}
	aead, err := onceKey(key)
	if err != nil {
		return Packed{}, err
	}
	packer := packers.Get().(*zstd.Encoder)
	defer packers.Put(packer)
	packed := packer.EncodeAll(plain, make([]byte, 0, len(plain)/2+64))
	return Packed{Sealed: aead.Seal(packed[:0], make([]byte, aead.NonceSize()), packed, nil), key: key}, nil
}

// SealKey wraps the key with the keyset for the given context, for instance "original/12". Deleting the wrapped key makes every copy of the sealed bytes unreadable.
func (p Packed) SealKey(keys *secret.Keyset, context string) (dek []byte) {
	dek, _ = keys.Seal(context, p.key)
	return dek
}

// SealSmall does both steps for an original whose row is known.
func SealSmall(keys *secret.Keyset, context string, plain []byte) (dek, sealed []byte, err error) {
	packed, err := PackSmall(plain)
	if err != nil {
		return nil, nil, err
	}
	return packed.SealKey(keys, context), packed.Sealed, nil
}

// OpenSmall gives back what SealSmall took.
func OpenSmall(keys *secret.Keyset, context string, dek, sealed []byte) ([]byte, error) {
	key, err := keys.Open(context, dek)
	if err != nil {
		return nil, fmt.Errorf("attachments: key of an original: %w", err)
	}
	aead, err := onceKey(key)
	if err != nil {
		return nil, err
	}
	packed, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, nil)
	if err != nil {
		return nil, ErrDamaged
	}
	unpacker := unpackers.Get().(*zstd.Decoder)
	defer unpackers.Put(unpacker)
	plain, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return slices.Clip(plain), nil
}

// onceKey makes the cipher of a key that seals exactly one value: only therefore may its nonce be constant.
func onceKey(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("attachments: cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("attachments: cipher: %w", err)
	}
	return aead, nil
}
