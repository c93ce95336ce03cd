package intake

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
)

// extent is how much of a mail its fingerprint covers.
type extent int

const (
	exceptTrace extent = iota // all but the trace fields: equal for the same mail that came by two ways
	asSent                    // the bytes as the client sent them: all but our own two trace fields
)

// fingerprint tells mails apart.
type fingerprint struct {
	sum   []byte
	dated bool // the mail carries a Date, or the trace of a server before us
}

// traceFields are written by servers on the way (RFC 5321 §4.4, RFC 8601, RFC 8617): they differ between two copies of one mail.
var traceFields = map[string]bool{
	"received": true, "return-path": true, "delivered-to": true, "x-original-to": true, "envelope-to": true, "x-envelope-to": true,
	"x-received": true, "received-spf": true, "authentication-results": true, "arc-seal": true, "arc-message-signature": true,
	"arc-authentication-results": true, "x-spam-status": true, "x-spam-score": true, "x-spam-level": true, "x-google-smtp-source": true,
}

// takeFingerprint reads the mail once, at the speed of the hash.
func takeFingerprint(raw *io.SectionReader, of extent) (fingerprint, error) {
	hasher := sha256.New()
	reader := bufio.NewReaderSize(io.NewSectionReader(raw, 0, raw.Size()), 8<<10)
	dated, err := printHeader(reader, hasher, of)
	if err != nil {
		return fingerprint{}, err
	}
	if _, err := io.Copy(hasher, reader); err != nil {
		return fingerprint{}, err
	}
	return fingerprint{sum: hasher.Sum(nil), dated: dated}, nil
}

// printHeader goes through the header line by line. The first Return-Path and the first Received are ours.
func printHeader(reader *bufio.Reader, hasher hash.Hash, of extent) (dated bool, err error) {
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
			dated = dated || field == "date" || field == "received"
		}
		if field != "ours" && (of == asSent || !traceFields[field]) {
			hasher.Write(line)
		}
		if start && (bytes.Equal(line, []byte("\r\n")) || bytes.Equal(line, []byte("\n"))) || errors.Is(err, io.EOF) {
			return dated, nil
		}
		start = !errors.Is(err, bufio.ErrBufferFull) // else the rest of this long line follows
		if err != nil && start {
			return dated, err
		}
	}
}
