package identity

import (
	"bytes"
	"crypto/sha1" // what the file holds: nothing is kept or proved by it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// LeakFile is the file of leaked passwords that Have I Been Pwned offers for download, ordered by hash: a line is the SHA-1 of a password in 40 hexadecimal digits, a colon and a number.
// It has some 40 GB and is looked into where it lies, by halving.
type LeakFile string

// longestLeakLine bounds a line: 40 digits, a colon, ten digits and the line's end.
const longestLeakLine = 64

// errLeakFile says that the file is no such file.
var errLeakFile = errors.New("it does not hold lines of 40 hexadecimal digits, a colon and a number, ordered by their digits")

// Has says whether a password is in the file.
func (f LeakFile) Has(password string) (bool, error) {
	file, err := os.Open(string(f))
	if err != nil {
		return false, fmt.Errorf("file of leaked passwords: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("file of leaked passwords: %w", err)
	}
	sum := sha1.Sum([]byte(password))
	found, err := searchHash(file, info.Size(), strings.ToUpper(hex.EncodeToString(sum[:])))
	if err != nil {
		return false, fmt.Errorf("file of leaked passwords %s: %w", string(f), err)
	}
	return found, nil
}

// Check says what is wrong with the file, for the doctor: it is there, and its first line is one.
func (f LeakFile) Check() error {
	_, err := f.Has("")
	return err
}

// searchHash looks for a line that begins with the hash, by halving what is left between two places of the file.
func searchHash(file io.ReaderAt, size int64, hash string) (bool, error) {
	low, high := int64(0), size // the line looked for, if it is there, begins within
	for low < high {
		middle := low + (high-low)/2
		line, begin, end, err := lineAt(file, middle, low, size)
		if err != nil {
			return false, err
		}
		switch strings.Compare(hash, line) {
		case 0:
			return true, nil
		case -1:
			high = begin
		default:
			low = end
		}
	}
	return false, nil
}

// lineAt is the hash of the line that holds the place, and where that line begins and ends. No line begins before low.
func lineAt(file io.ReaderAt, place, low, size int64) (hash string, begin, end int64, err error) {
	from := max(low, place-longestLeakLine)
	window := make([]byte, min(2*longestLeakLine+1, size-from))
	if n, err := file.ReadAt(window, from); err != nil && (!errors.Is(err, io.EOF) || n < len(window)) {
		return "", 0, 0, err
	}
	at := int(place - from)
	first := bytes.LastIndexByte(window[:at], '\n') + 1 // 0: the line begins at low, or is longer than any
	rest := bytes.IndexByte(window[at:], '\n')
	last := at + rest + 1
	if rest < 0 {
		last = len(window) // the last line of the file, perhaps without an end
	}
	line, _, cut := strings.Cut(string(window[first:last]), ":")
	if _, err := hex.DecodeString(line); err != nil || !cut || len(line) != 40 || first == 0 && from != low {
		return "", 0, 0, errLeakFile
	}
	return strings.ToUpper(line), from + int64(first), from + int64(last), nil
}
