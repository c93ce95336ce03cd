package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"net/mail"
	"time"
)

// enclosures are the files that the marks of a step ask for.
func enclosures(m marks, from mail.Address, date time.Time) ([]file, error) {
	var files []file
	if m.plain["photo"] {
		content, err := photograph(date.UnixNano())
		if err != nil {
			return nil, err
		}
		files = append(files, file{"image/jpeg", "IMG_" + date.Format("20060102_1504") + ".jpg", content})
	}
	if m.plain["screenshot"] {
		content, err := screenshot()
		if err != nil {
			return nil, err
		}
		files = append(files, file{"image/png", "Screenshot.png", content})
	}
	if name := m.pairs["file"]; name != "" {
		files = append(files, file{"text/csv; charset=utf-8", name, []byte("order;article;quantity;price\r\n10482;Lamp Birk, oak;2;129.00\r\n10482;Bulb E27, warm;4;6.50\r\n")})
	}
	if m.plain["invitation"] {
		files = append(files, file{"text/calendar; method=REQUEST; charset=utf-8", "", invitation(from, date)})
	}
	return files, nil
}

// photograph is a picture with the soft colours and the grain of one: a lamp over a table at night.
func photograph(seed int64) ([]byte, error) {
	const width, height = 640, 480
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	noise := uint32(seed) | 1
	for y := range height {
		for x := range width {
			noise ^= noise << 13
			noise ^= noise >> 17
			noise ^= noise << 5
			light := 1 / (1 + math.Hypot(float64(x-width/2), float64(y-height/3))/90)
			shade := func(most float64) uint8 { return uint8(min(255, most*light+float64(noise%12)+14)) }
			at := color.RGBA{shade(255), shade(205), shade(130), 255}
			if y > height*2/3 {
				at = color.RGBA{shade(150), shade(95), shade(60), 255}
			}
			picture.SetRGBA(x, y, at)
		}
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: 80})
	return out.Bytes(), err
}

// screenshot is a window with a field of red in it.
func screenshot() ([]byte, error) {
	const width, height = 480, 270
	picture := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.RGBA{245, 245, 248, 255}, color.RGBA{40, 60, 90, 255}, color.RGBA{200, 40, 40, 255}, color.RGBA{190, 190, 200, 255}})
	for y := range height {
		for x := range width {
			switch {
			case y < 28:
				picture.SetColorIndex(x, y, 1)
			case y > 110 && y < 160 && x > 60 && x < width-60:
				picture.SetColorIndex(x, y, 2)
			case y > 50 && y%24 < 6 && x > 60 && x < 60+(y*37)%300+40:
				picture.SetColorIndex(x, y, 3)
			}
		}
	}
	var out bytes.Buffer
	err := png.Encode(&out, picture)
	return out.Bytes(), err
}

// invitation asks for a meeting three days after the mail (RFC 5546 §3.2.2).
func invitation(from mail.Address, date time.Time) []byte {
	const utc = "20060102T150405Z"
	begin := date.UTC().Truncate(time.Hour).Add(72 * time.Hour)
	return fmt.Appendf(nil, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//demo//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:%s@demo.example\r\nDTSTAMP:%s\r\nDTSTART:%s\r\nDTEND:%s\r\n"+
		"SUMMARY:Walk through the showroom\r\nLOCATION:Skeppsbron 4\\, Stockholm\r\nORGANIZER;CN=%s:mailto:%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		begin.Format(utc), date.UTC().Format(utc), begin.Format(utc), begin.Add(time.Hour).Format(utc), from.Name, from.Address)
}
