package attachments

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/draw"
)

// orientation is how a camera was held, as Exif 2.3 §4.6.4 numbers it: 1 is upright, and so is whatever cannot be read.
// Re-encoding drops the Exif data, and photos from phones would lie on their side without it.
func orientation(jpeg []byte) int {
	const upright = 1
	for rest := jpeg[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		size := int(binary.BigEndian.Uint16(rest[2:])) + 2
		if rest[1] == 0xda || size < 4 || size > len(rest) { // the picture itself begins, or the file is broken
			return upright
		}
		if segment := rest[4:size]; rest[1] == 0xe1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) {
			return orientationTag(segment[6:])
		}
		rest = rest[size:]
	}
	return upright
}

// orientationTag finds tag 0x0112 in the first directory of a TIFF header.
func orientationTag(tiff []byte) int {
	const upright, entrySize = 1, 12
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < entrySize {
			return upright
		}
		if order.Uint16(entries) == 0x0112 {
			if value := int(order.Uint16(entries[8:])); value >= 1 && value <= 8 {
				return value
			}
			return upright
		}
		entries = entries[entrySize:]
	}
	return upright
}

// upright turns and mirrors a picture so that it stands as it was seen.
func upright(from image.Image, orientation int) image.Image {
	if orientation == 1 {
		return from
	}
	bounds := from.Bounds()
	source := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	draw.Draw(source, source.Bounds(), from, bounds.Min, draw.Src)
	w, h := bounds.Dx(), bounds.Dy()
	turned := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 { // on its side
		turned = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			tx, ty := place(orientation, x, y, w-1, h-1)
			copy(turned.Pix[turned.PixOffset(tx, ty):], source.Pix[source.PixOffset(x, y):source.PixOffset(x, y)+4])
		}
	}
	return turned
}

// place is where the pixel at x, y of a stored picture belongs in the upright one; right and bottom are its last column and row.
func place(orientation, x, y, right, bottom int) (int, int) {
	switch orientation {
	case 2:
		return right - x, y
	case 3:
		return right - x, bottom - y
	case 4:
		return x, bottom - y
	case 5:
		return y, x
	case 6:
		return bottom - y, x
	case 7:
		return bottom - y, right - x
	case 8:
		return y, right - x
	}
	return x, y
}
