package intake

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
)

// prints tell mails apart.
type prints struct {
	content []byte // of all but the trace fields: equal for the same mail that came by two ways
	whole   []byte // of the bytes as the client sent them: our own trace fields left out
	dated   bool   // the mail carries a Date, or the trace of a server before us
}

// traceFields are written by servers on the way (RFC 5321 §4.4, RFC 8601, RFC 8617): they differ between two copies of one mail.
var traceFields = map[string]bool{
	"received": true, "return-path": true, "delivered-to": true, "x-original-to": true, "envelope-to": true, "x-envelope-to": true,
	"x-received": true, "received-spf": true, "authentication-results": true, "arc-seal": true, "arc-message-signature": true,
	"arc-authentication-results": true, "x-spam-status": true, "x-spam-score": true, "x-spam-level": true, "x-google-smtp-source": true,
}

// fingerprint reads the mail once, at the speed of the hash.
func fingerprint(raw *io.SectionReader) (prints, error) {
	content, whole := sha256.New(), sha256.New()
	var result prints
	reader := bufio.NewReaderSize(io.NewSectionReader(raw, 0, raw.Size()), 8<<10)
	if err := printHeader(reader, content, whole, &result); err != nil {
		return prints{}, err
	}
	if _, err := io.Copy(io.MultiWriter(content, whole), reader); err != nil {
		return prints{}, err
	}
	result.content, result.whole = content.Sum(nil), whole.Sum(nil)
	return result, nil
}

// printHeader goes through the header line by line. The first Return-Path and the first Received are ours.
func printHeader(reader *bufio.Reader, content, whole hash.Hash, result *prints) error {
	field, ours := "", 0
	for start := true; ; {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 && start && line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(line, []byte(":"))
			field = string(bytes.ToLower(bytes.TrimSpace(name)))
			if ours < 2 && (field == "return-path" && ours == 0 || field == "received") {
				ours++
				if field == "received" {
					ours = 2
				}
				field = "ours"
			}
			result.dated = result.dated || field == "date" || field == "received"
		}
		if field != "ours" {
			whole.Write(line)
			if !traceFields[field] {
				content.Write(line)
			}
		}
		if start && (bytes.Equal(line, []byte("\r\n")) || bytes.Equal(line, []byte("\n"))) || errors.Is(err, io.EOF) {
			return nil
		}
		start = !errors.Is(err, bufio.ErrBufferFull) // else the rest of this long line follows
		if err != nil && start {
			return err
		}
	}
}
