package mailout

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"
)

// lineSize is the longest line of an encoded body (RFC 2045 §6.7, §6.8).
const lineSize = 76

// part is a MIME entity: its own fields, and how to write its body.
type part struct {
	header []field
	body   func(*bufio.Writer) error
}

// write writes the end of the header that the caller has written, and the body.
func (p part) write(w *bufio.Writer) error {
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	return p.body(w)
}

// multipart joins parts (RFC 2046 §5.1). The boundary begins with =_, which neither quoted-printable nor base64 can produce, so that no body can hold it (RFC 2045 §6.7).
func multipart(subtype, seed string, parts []part) part {
	digest := sha256.Sum256([]byte(subtype + "\x00" + seed))
	boundary := "=_" + hex.EncodeToString(digest[:12])
	tokens := []string{"multipart/" + subtype + ";", `boundary="` + boundary + `"`}
	switch subtype {
	case "related":
		tokens = []string{tokens[0], `type="text/html";`, tokens[1]} // RFC 2387 §3.1
	case "report":
		tokens = []string{tokens[0], `report-type="tlsrpt";`, tokens[1]} // RFC 6522 §3, RFC 8460 §5.3: the one kind that we send
	}
	return part{
		header: []field{{"Content-Type", tokens}},
		body: func(w *bufio.Writer) error {
			delimiter := "--" + boundary + "\r\n" // the first one needs no line end of its own
			for _, p := range parts {
				h := new(header)
				h.WriteString(delimiter)
				delimiter = "\r\n--" + boundary + "\r\n"
				h.fields(p.header)
				if _, err := h.WriteTo(w); err != nil {
					return err
				}
				if err := p.write(w); err != nil {
					return err
				}
			}
			_, err := w.WriteString("\r\n--" + boundary + "--\r\n")
			return err
		},
	}
}

// textPart is text in UTF-8, quoted-printable where most of it is ASCII and base64 where that is shorter.
func textPart(subtype, text string) part {
	text = canonicalLines(text)
	encoding := "quoted-printable"
	if foreign := countForeign(text); foreign > len(text)/6 {
		encoding = "base64" // at one octet in six both cost the same
	}
	return part{
		header: []field{
			{"Content-Type", []string{"text/" + subtype + ";", "charset=utf-8"}},
			{"Content-Transfer-Encoding", []string{encoding}},
		},
		body: func(w *bufio.Writer) error {
			if encoding == "base64" {
				return writeBase64(w, strings.NewReader(text))
			}
			encoder := quotedprintable.NewWriter(w)
			if _, err := io.WriteString(encoder, text); err != nil {
				return err
			}
			return encoder.Close()
		},
	}
}

// canonicalLines gives text the line ends of mail, one at its end among them, and makes broken UTF-8 visible.
func canonicalLines(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}

func countForeign(text string) int {
	n := 0
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			n++
		}
	}
	return n
}

// filePart is a file in base64, with its name in the disposition (RFC 2183 §2.3).
func filePart(file File, disposition string) part {
	tokens := []string{disposition}
	if name := paramTokens("filename", file.Name); len(name) > 0 {
		tokens = append([]string{disposition + ";"}, name...)
	}
	fields := []field{
		{"Content-Type", mediaTokens(file.MediaType)},
		{"Content-Transfer-Encoding", []string{"base64"}},
		{"Content-Disposition", tokens},
	}
	if id := contentID(file.ContentID); id != "" {
		fields = append(fields, field{"Content-ID", []string{id}})
	}
	return part{header: fields, body: func(w *bufio.Writer) error { return file.write(w) }}
}

// mediaTokens accepts a media type that can be sent in base64. Composite types cannot (RFC 2046 §5.1, §5.2.1): they travel as plain octets under their name. Of the parameters only a text's charset is kept.
func mediaTokens(mediaType string) []string {
	const octets = "application/octet-stream"
	kind, params, err := mime.ParseMediaType(mediaType)
	top, sub, ok := strings.Cut(kind, "/")
	if err != nil || !ok || sub == "" || len(kind) > 127 || top == "multipart" || top == "message" || !printable(kind) {
		return []string{octets}
	}
	if charset := params["charset"]; top == "text" && charset != "" && strings.Trim(charset, atext) == "" && len(charset) <= 40 {
		return []string{kind + ";", "charset=" + quote(charset)}
	}
	return []string{kind}
}

// write streams the file.
func (f File) write(w *bufio.Writer) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("opening the file %q: %w", f.Name, err)
	}
	defer r.Close()
	counted := &counter{r: io.LimitReader(r, f.Size+1)}
	if err := writeBase64(w, counted); err != nil {
		return fmt.Errorf("writing the file %q: %w", f.Name, err)
	}
	if counted.n != f.Size {
		return fmt.Errorf("file %q does not have the %d octets that it should have", f.Name, f.Size)
	}
	return nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// writeBase64 encodes in lines of 76, one at a time, so that memory does not depend on the file.
func writeBase64(w *bufio.Writer, r io.Reader) error {
	raw := make([]byte, base64.StdEncoding.DecodedLen(lineSize))
	line := make([]byte, lineSize+2)
	in := bufio.NewReaderSize(r, 32<<10)
	for {
		n, err := io.ReadFull(in, raw)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		if n > 0 {
			base64.StdEncoding.Encode(line, raw[:n])
			end := base64.StdEncoding.EncodedLen(n)
			copy(line[end:], "\r\n")
			if _, err := w.Write(line[:end+2]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}
