package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rclone/gofakes3"
)

// A blob is one file: the object's bytes, then a trailer (JSON), its length in four bytes, and the magic. So an object and what is known of it
// appear, and are replaced, by one rename; and a file that is cut short anywhere does not end in the magic at the right place.
const magic = "postern1"

// mostTrailer bounds the trailer in bytes: S3 allows 2 KB of metadata, and ten thousand parts of a multipart upload have a size each.
const mostTrailer = 1 << 20

// trailer is what is known of an object besides its bytes.
type trailer struct {
	Size     int64             `json:"size"`
	Hash     []byte            `json:"hash"` // the ETag: MD5 of the bytes, or of the parts' MD5s
	Modified time.Time         `json:"modified"`
	Meta     map[string]string `json:"meta,omitempty"`
	Parts    []int64           `json:"parts,omitempty"` // sizes of the parts of a multipart upload
}

var errDamaged = errors.New("object file is damaged")

// writeTrailer ends a blob whose bytes were written.
func writeTrailer(w io.Writer, t trailer) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	end := binary.BigEndian.AppendUint32(text, uint32(len(text)))
	_, err = w.Write(append(end, magic...))
	return err
}

// readTrailer reads the end of a blob and checks that the file is whole.
func readTrailer(file *os.File) (trailer, error) {
	info, err := file.Stat()
	if err != nil {
		return trailer{}, err
	}
	const tail = 4 + len(magic)
	var end [tail]byte
	if info.Size() < int64(tail) {
		return trailer{}, errDamaged
	}
	if _, err := file.ReadAt(end[:], info.Size()-int64(tail)); err != nil {
		return trailer{}, err
	}
	length := int64(binary.BigEndian.Uint32(end[:4]))
	if string(end[4:]) != magic || length > mostTrailer || length > info.Size()-int64(tail) {
		return trailer{}, errDamaged
	}
	text := make([]byte, length)
	if _, err := file.ReadAt(text, info.Size()-int64(tail)-length); err != nil {
		return trailer{}, err
	}
	var t trailer
	if err := json.Unmarshal(text, &t); err != nil || t.Size != info.Size()-int64(tail)-length {
		return trailer{}, errDamaged
	}
	return t, nil
}

// Object names become paths part by part: what is not a small letter, a digit, - or _ is written %XX, folders end in .d and objects in .o. So a and a/b can both be there,
// .. and empty parts are names like any other, and a file system that does not tell A from a does no harm.
const (
	folderEnd = ".d"
	objectEnd = ".o"
	mostName  = 255 // bytes, on every file system in use
)

// objectName is how clients call an object.
type objectName struct{ bucket, key string }

// path is the object's file.
func (n objectName) path() (string, error) {
	parts := strings.Split(n.key, "/")
	var path strings.Builder
	path.WriteString(bucketFolder(n.bucket))
	for i, part := range parts {
		name := escape(part) + folderEnd
		if i == len(parts)-1 {
			name = escape(part) + objectEnd
		}
		if len(name) > mostName {
			return "", gofakes3.ResourceError(gofakes3.ErrKeyTooLong, n.key)
		}
		path.WriteString("/" + name)
	}
	return path.String(), nil
}

func escape(part string) string {
	var b strings.Builder
	for _, c := range []byte(part) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// unescape is the inverse of escape; it says false for a name that escape does not make.
func unescape(name string) (string, bool) {
	var b strings.Builder
	for rest := name; rest != ""; {
		c := rest[0]
		rest = rest[1:]
		if c == '%' {
			if _, err := fmt.Sscanf(rest, "%02X", &c); err != nil {
				return "", false
			}
			rest = rest[2:]
		}
		b.WriteByte(c)
	}
	return b.String(), escape(b.String()) == name
}
