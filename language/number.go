package language

import (
	"strconv"
	"strings"
)

// Decimal is a number with so many places behind the comma, or the point, as this language writes it.
func (l *Language) Decimal(n float64, places int) string {
	text := strconv.FormatFloat(n, 'f', places, 64)
	if l.comma != "" {
		text = strings.Replace(text, ".", l.comma, 1)
	}
	return text
}

// Size is a number of bytes for people, in the powers of ten that disks and mail servers count in.
func (l *Language) Size(bytes int64) string {
	n := float64(bytes)
	switch {
	case bytes < 1000:
		return strconv.FormatInt(bytes, 10) + " B"
	case bytes < 1000*1000:
		return l.Decimal(n/1000, 0) + " kB"
	case bytes < 1000*1000*1000:
		return l.Decimal(n/1e6, 1) + " MB"
	}
	return l.Decimal(n/1e9, 1) + " GB"
}
