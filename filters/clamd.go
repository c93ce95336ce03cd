package filters

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"postern/desk"
)

const (
	clamdChunk  = 64 << 10 // octets of a mail in one INSTREAM chunk
	clamdAnswer = 4 << 10  // octets; its answers are one line
)

// clamd asks ClamAV's daemon (clamd(8), command INSTREAM). What it says about bombs is not relied upon: an archive of 300 MB of zeros was answered OK.
type clamd struct{ target target }

// ask streams the mail and reads what was found. A mail longer than clamd's StreamMaxLength is an unable: it was not scanned.
func (c *clamd) ask(ctx context.Context, mail Mail) (desk.Opinion, error) {
	conn, closeIt, err := c.target.dial(ctx, clamdAnswer)
	if err != nil {
		return desk.Opinion{}, err
	}
	defer closeIt()
	sendErr := stream(conn, mail.Raw)
	// Clamd answers and hangs up in the middle of a mail that is too long for it: the answer is worth more than our error.
	answer, err := clamdLine(conn)
	if err != nil {
		return desk.Opinion{}, firstOf(sendErr, err)
	}
	found, err := parseClamd(answer)
	if err != nil {
		return desk.Opinion{}, err
	}
	if sendErr != nil && len(found) == 0 {
		return desk.Opinion{}, sendErr // OK about half a mail is no answer
	}
	return desk.Opinion{Malware: found}, nil
}

// stream sends the mail in chunks with their length in front, and an empty chunk at the end.
func stream(conn net.Conn, raw *io.SectionReader) error {
	if _, err := io.WriteString(conn, "zINSTREAM\x00"); err != nil {
		return err
	}
	buffer := make([]byte, 4+min(clamdChunk, raw.Size()))
	for at := int64(0); at < raw.Size(); {
		n, err := raw.ReadAt(buffer[4:4+min(int64(len(buffer)-4), raw.Size()-at)], at)
		if n == 0 {
			return unable{fmt.Sprintf("reading the mail: %v", firstOf(err, io.ErrNoProgress))}
		}
		binary.BigEndian.PutUint32(buffer, uint32(n))
		if _, err := conn.Write(buffer[:4+n]); err != nil {
			return err
		}
		at += int64(n)
	}
	_, err := conn.Write(make([]byte, 4))
	return err
}

// clamdLine reads one answer, which ends with NUL.
func clamdLine(conn net.Conn) (string, error) {
	line, err := bufio.NewReaderSize(conn, clamdAnswer).ReadSlice(0)
	switch {
	case err == nil:
		return string(line[:len(line)-1]), nil
	case errors.Is(err, io.EOF) && len(line) > 0:
		return string(line), nil // some proxies cut the NUL
	case errors.Is(err, io.EOF):
		return "", errors.New("it hung up without an answer")
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errTooMuch
	}
	return "", err
}

// parseClamd reads an answer to INSTREAM: 'stream: OK', 'stream: NAME FOUND', or '… ERROR', a line each.
func parseClamd(answer string) (found []string, err error) {
	understood := false
	for line := range strings.SplitSeq(answer, "\n") {
		line = strings.TrimSpace(line)
		what, named := strings.CutPrefix(line, "stream: ")
		name, bad := strings.CutSuffix(what, " FOUND")
		switch {
		case named && what == "OK":
			understood = true
		case named && bad:
			name, _, _ = strings.Cut(name, "(") // ExtendedDetectionInfo adds a digest and a length
			if name = cut(name, longText); name == "" {
				name = "(without a name)"
			}
			if understood = true; len(found) < mostMalware {
				found = append(found, name)
			}
		case strings.HasSuffix(line, "size limit exceeded. ERROR"):
			err = unable{"the mail is longer than clamd takes (StreamMaxLength)"}
		case line != "":
			err = firstOf(err, fmt.Errorf("it answered %q", cut(line, longText)))
		}
	}
	switch {
	case len(found) > 0:
		return found, nil // whatever else it complains about
	case err != nil:
		return nil, err
	case !understood:
		return nil, errors.New("its answer is empty")
	}
	return nil, nil
}

// ping asks for the version, in which the age of the signatures stands.
func (c *clamd) ping(ctx context.Context) (string, error) {
	conn, closeIt, err := c.target.dial(ctx, clamdAnswer)
	if err != nil {
		return "", err
	}
	defer closeIt()
	if _, err := io.WriteString(conn, "zVERSION\x00"); err != nil {
		return "", err
	}
	line, err := clamdLine(conn)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(line, "ClamAV ") {
		return "", fmt.Errorf("it answered %q: this is no clamd", cut(line, longText))
	}
	return cut(line, longText), nil
}

// firstOf returns the first error that is one.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
