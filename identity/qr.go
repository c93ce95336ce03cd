package identity

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// QR is a picture that a telephone reads (ISO/IEC 18004), as a drawing of squares.
type QR struct {
	Size int    // squares on a side, the quiet zone of four around it included
	Path string // of an SVG drawing of that size: the dark squares
}

// quiet is the empty border that readers need (ISO/IEC 18004 §9.1).
const quiet = 4

// qrOf draws a text. The error correction is the second lowest of four: screens do not get dirty.
func qrOf(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return QR{}, fmt.Errorf("identity: draw a code: %w", err)
	}
	side := code.Bounds().Dx()
	dark := func(x, y int) bool { return color.GrayModel.Convert(code.At(x, y)).(color.Gray).Y < 128 }
	var path strings.Builder
	for y := range side {
		for x := 0; x < side; x++ {
			from := x
			for x < side && dark(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	return QR{Size: side + 2*quiet, Path: path.String()}, nil
}
