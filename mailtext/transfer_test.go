package mailtext

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// However the octets arrive, they decode to the same: four at a time where nothing is in the way, or one by one.
func TestBase64IsTheSameInOnePieceAndByteByByte(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	const alphabet = "ABCDwxyz0189+/"
	for range 2000 {
		in := make([]byte, random.IntN(200))
		for i := range in {
			in[i] = alphabet[random.IntN(len(alphabet))]
			if random.IntN(20) == 0 {
				in[i] = "=\r\n !\xFF"[random.IntN(6)]
			}
		}
		var whole, single base64Bits
		got := whole.flush(whole.decode(nil, in))
		var want []byte
		for i := range in {
			want = single.decode(want, in[i:i+1])
		}
		if want = single.flush(want); !bytes.Equal(got, want) {
			t.Fatalf("%q: %x in one piece, %x byte by byte", in, got, want)
		}
	}
}
