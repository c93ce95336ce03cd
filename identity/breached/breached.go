// Package breached promises to know every password of a list of the most common leaked ones, without a network and without the list: it holds 16 bits of a fingerprint for each.
//
// It never misses one of the list. Of all other passwords it takes one in some 65,000 for one of the list, by chance. It knows no rules: what is to be asked (upper case, disguises, endings) is for identity to say.
// The file is made by internal/breachlist, and docs/decisions/0028-passwords.md says of which lists.
package breached

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
)

//go:embed breached.bin
var file []byte

// List is an xor filter (Graf and Lemire, 2020): three places are worked out of each entry, and the fingerprints in them give that of the entry when they are combined by exclusive or.
type List struct {
	seed   uint64
	block  uint32 // places in each of three blocks
	Size   uint32 // entries that it was made of
	prints []uint16
}

// magic begins the file and names its form.
const magic = "PXF1"

const headSize = len(magic) + 8 + 4 + 4

// errFile says that the file is none of ours, or is cut.
var errFile = errors.New("breached: the list cannot be read")

// Common is the list that the program carries. It is read once; the file is part of the program, so that it cannot be read is an error of the program.
var Common = sync.OnceValue(func() *List {
	list, err := Read(file)
	if err != nil {
		panic(err)
	}
	return list
})

// Read reads a list that Bytes wrote.
func Read(from []byte) (*List, error) {
	if len(from) < headSize || string(from[:len(magic)]) != magic {
		return nil, errFile
	}
	head := from[len(magic):]
	l := &List{seed: binary.LittleEndian.Uint64(head), block: binary.LittleEndian.Uint32(head[8:]), Size: binary.LittleEndian.Uint32(head[12:])}
	body := from[headSize:]
	if l.block == 0 || uint64(len(body)) != uint64(l.block)*3*2 {
		return nil, errFile
	}
	l.prints = make([]uint16, l.block*3)
	for i := range l.prints {
		l.prints[i] = binary.LittleEndian.Uint16(body[2*i:])
	}
	return l, nil
}

// Bytes is the list as a file.
func (l *List) Bytes() []byte {
	out := append([]byte{}, magic...)
	out = binary.LittleEndian.AppendUint64(out, l.seed)
	out = binary.LittleEndian.AppendUint32(out, l.block)
	out = binary.LittleEndian.AppendUint32(out, l.Size)
	for _, print := range l.prints {
		out = binary.LittleEndian.AppendUint16(out, print)
	}
	return out
}

// Has says whether the text is on the list, exactly as it is written.
func (l *List) Has(text string) bool {
	h := l.mix(keyOf(text))
	a, b, c := l.places(h)
	return fingerprint(h) == l.prints[a]^l.prints[b]^l.prints[c]
}

// keyOf is a text in 64 bits. Two of a million texts have the same by a chance of one in 37 million.
func keyOf(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.LittleEndian.Uint64(sum[:])
}

// mix makes another number of a key for every seed (the finalizer of MurmurHash3).
func (l *List) mix(key uint64) uint64 {
	h := key + l.seed
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}

// places are the three of an entry, one in each block.
func (l *List) places(h uint64) (a, b, c uint32) {
	within := func(bits uint64) uint32 { return uint32(uint64(uint32(bits)) * uint64(l.block) >> 32) }
	rotate := func(by uint) uint64 { return h<<by | h>>(64-by) }
	return within(h), within(rotate(21)) + l.block, within(rotate(42)) + 2*l.block
}

func fingerprint(h uint64) uint16 { return uint16(h ^ h>>32) }

// Make makes a list of these texts. Texts that stand twice count once. The same texts make the same list.
func Make(texts []string) (*List, error) {
	keys := make([]uint64, len(texts))
	for i, text := range texts {
		keys[i] = keyOf(text)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	l := &List{block: uint32(float64(len(keys))*1.23/3) + 32, Size: uint32(len(keys))}
	for l.seed = 1; l.seed < 100; l.seed++ { // one seed in ten or so fails
		if order, ok := l.peel(keys); ok {
			l.fill(order)
			return l, nil
		}
	}
	return nil, fmt.Errorf("breached: no seed fits %d entries", len(keys))
}

// peeled is an entry that was taken out, and the place that it had to itself then.
type peeled struct {
	hash  uint64
	place uint32
}

// peel takes out one entry after the other that has a place to itself. It succeeds if none is left.
func (l *List) peel(keys []uint64) (order []peeled, ok bool) {
	count := make([]uint32, 3*l.block)
	mixed := make([]uint64, 3*l.block) // exclusive or of all that have the place: where there is one, it is that
	each := func(h uint64, do func(place uint32)) {
		a, b, c := l.places(h)
		do(a)
		do(b)
		do(c)
	}
	for _, key := range keys {
		h := l.mix(key)
		each(h, func(p uint32) { count[p]++; mixed[p] ^= h })
	}
	var alone []uint32
	for p := range count {
		if count[p] == 1 {
			alone = append(alone, uint32(p))
		}
	}
	for len(alone) > 0 {
		p := alone[len(alone)-1]
		alone = alone[:len(alone)-1]
		if count[p] != 1 {
			continue
		}
		h := mixed[p]
		order = append(order, peeled{h, p})
		each(h, func(q uint32) {
			count[q]--
			mixed[q] ^= h
			if count[q] == 1 {
				alone = append(alone, q)
			}
		})
	}
	return order, len(order) == len(keys)
}

// fill writes the fingerprints, the last taken out first: its own place is free still.
func (l *List) fill(order []peeled) {
	l.prints = make([]uint16, 3*l.block)
	for _, one := range slices.Backward(order) {
		a, b, c := l.places(one.hash)
		l.prints[one.place] = 0
		l.prints[one.place] = fingerprint(one.hash) ^ l.prints[a] ^ l.prints[b] ^ l.prints[c]
	}
}
