package mailout

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
)

const (
	maxReplyLine  = 2000 // octets; RFC 5321 §4.5.3.1.5 allows 512, and some say more
	maxReplyLines = 128  // of one reply
	maxCommand    = 2048 // octets of one command: RFC 5321 §4.5.3.1.4 with room for what extensions add
)

// reply is what a server said to one command, or unasked.
type reply struct {
	code     int
	enhanced [3]int // RFC 3463; zero where the server gave none
	text     string // without codes, its lines joined by blanks
}

// class is the first digit, which alone decides what a client does (RFC 5321 §4.2.1).
func (r reply) class() int { return r.code / 100 }

// dialogue speaks SMTP as a client over one stream (RFC 5321), each reply within the patience given. It is strict about order: what a server says before it was asked ends the dialogue,
// since from there on nobody knows which reply belongs to which command.
type dialogue struct {
	stream     net.Conn
	in         *bufio.Reader
	out        *bufio.Writer
	patience   time.Duration     // for each reply
	lines      *bufio.Reader     // of the mail that leaves; one for all mails of a session
	extensions map[string]string // keyword in upper case → parameters (RFC 5321 §4.1.1.1)
}

func newDialogue(stream net.Conn, patience time.Duration) *dialogue {
	return &dialogue{stream: stream, in: bufio.NewReaderSize(stream, maxReplyLine), out: bufio.NewWriterSize(stream, 16<<10), patience: patience}
}

// replyError is a reply that refuses.
type replyError struct{ reply }

func (e replyError) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

// unaskedError is a reply that nobody had asked for.
type unaskedError struct{ reply }

func (e unaskedError) Error() string { return fmt.Sprintf("it said %d %s unasked", e.code, e.text) }

// ask sends commands in one go and leaves their replies to be heard.
func (d *dialogue) ask(commands ...string) error {
	if err := d.unasked(); err != nil {
		return err
	}
	_ = d.stream.SetDeadline(time.Now().Add(d.patience))
	for _, command := range commands {
		if len(command) > maxCommand || strings.ContainsAny(command, "\r\n\x00") {
			return fmt.Errorf("a command of %d octets, or of several lines, does not leave", len(command))
		}
		_, _ = d.out.WriteString(command) // the error stays with the writer
		_, _ = d.out.WriteString("\r\n")
	}
	return d.out.Flush()
}

// unasked looks for what has come without a question. 421 may (RFC 5321 §3.8); anything else makes the next reply another question's.
func (d *dialogue) unasked() error {
	if d.in.Buffered() == 0 {
		return nil
	}
	said, err := d.hear(d.patience)
	switch {
	case err != nil:
		return err
	case said.code == 421:
		return replyError{said}
	default:
		return unaskedError{said}
	}
}

// hear reads one reply.
func (d *dialogue) hear(patience time.Duration) (reply, error) {
	_ = d.stream.SetReadDeadline(time.Now().Add(patience))
	return readReply(d.in)
}

// command is a question and its answer. A reply of another class than the one wanted is a replyError.
func (d *dialogue) command(want int, line string) (reply, error) {
	if err := d.ask(line); err != nil {
		return reply{}, err
	}
	return d.expect(want, d.patience)
}

func (d *dialogue) expect(want int, patience time.Duration) (reply, error) {
	said, err := d.hear(patience)
	if err == nil && said.class() != want {
		err = replyError{said}
	}
	return said, err
}

// hello says EHLO, and HELO to servers that do not know it (RFC 5321 §3.2).
func (d *dialogue) hello(hostname string) error {
	said, err := d.command(2, "EHLO "+hostname)
	var refused replyError
	if errors.As(err, &refused) && (refused.code == 500 || refused.code == 502) {
		_, err = d.command(2, "HELO "+hostname)
		return err
	}
	if err != nil {
		return err
	}
	d.extensions = map[string]string{}
	for i, line := range strings.Split(said.text, "\n") {
		keyword, parameters, _ := strings.Cut(strings.TrimSpace(line), " ")
		if i > 0 && keyword != "" {
			d.extensions[strings.ToUpper(keyword)] = parameters
		}
	}
	return nil
}

// offers says whether the server announced an extension.
func (d *dialogue) offers(extension string) bool {
	_, offered := d.extensions[extension]
	return offered
}

// largest is the largest mail that the server takes (RFC 1870 §3); 0: it does not say, or there is no limit.
func (d *dialogue) largest() int64 {
	size, err := strconv.ParseInt(strings.TrimSpace(d.extensions["SIZE"]), 10, 64)
	if err != nil || size < 0 {
		return 0
	}
	return size
}

// mails is how many mails a connection may carry: as many as we would send, or fewer where the server says so (RFC 9422 §4.1, MAILMAX).
func (d *dialogue) mails(most int) int {
	for limit := range strings.FieldsSeq(d.extensions["LIMITS"]) {
		name, text, _ := strings.Cut(limit, "=")
		if value, err := strconv.Atoi(text); strings.EqualFold(name, "MAILMAX") && err == nil && value > 0 {
			return min(most, value)
		}
	}
	return most
}

// auth signs in (RFC 4954 §4), by PLAIN, or by LOGIN where only that is offered.
func (d *dialogue) auth(user, password string) error {
	mechanisms := " " + strings.ToUpper(d.extensions["AUTH"]) + " "
	client := sasl.NewPlainClient("", user, password)
	if !strings.Contains(mechanisms, " PLAIN ") && strings.Contains(mechanisms, " LOGIN ") {
		client = sasl.NewLoginClient(user, password)
	}
	mechanism, first, err := client.Start()
	if err != nil {
		return err
	}
	line := "AUTH " + mechanism
	if len(first) > 0 {
		line += " " + base64.StdEncoding.EncodeToString(first)
	}
	for {
		if err := d.ask(line); err != nil {
			return err
		}
		said, err := d.hear(d.patience)
		switch {
		case err != nil:
			return err
		case said.class() == 2:
			return nil
		case said.code != 334:
			return replyError{said}
		}
		challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(said.text))
		if err != nil {
			return errors.Join(fmt.Errorf("challenge of AUTH %s: %w", mechanism, err), d.ask("*"))
		}
		next, err := client.Next(challenge)
		if err != nil {
			return errors.Join(err, d.ask("*"))
		}
		line = base64.StdEncoding.EncodeToString(next)
	}
}

// errTangled is a reply that is none. Nothing can be said after it.
var errTangled = errors.New("what it said is no SMTP reply")

// readReply reads one reply (RFC 5321 §4.2): lines that begin with the same code, all but the last with a hyphen behind it. The lines of text are parted by LF.
func readReply(in *bufio.Reader) (reply, error) {
	var said reply
	var text strings.Builder
	for count := 0; ; count++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull), count >= maxReplyLines:
			return reply{}, fmt.Errorf("%w: it is too long", errTangled)
		case errors.Is(err, io.EOF) && (len(line) > 0 || count > 0):
			return reply{}, io.ErrUnexpectedEOF
		case err != nil:
			return reply{}, err
		}
		code, words, more, ok := parseReplyLine(strings.TrimRight(string(line), "\r\n"))
		if !ok || count > 0 && code != said.code {
			return reply{}, fmt.Errorf("%w: %s", errTangled, legible(string(line)))
		}
		said.code = code
		enhanced, words := cutEnhanced(code, words)
		if count == 0 {
			said.enhanced = enhanced
		} else {
			text.WriteByte('\n')
		}
		text.WriteString(words)
		if !more {
			said.text = text.String()
			return said, nil
		}
	}
}

// parseReplyLine cuts a line of a reply into its parts.
func parseReplyLine(line string) (code int, text string, more, ok bool) {
	if len(line) < 3 {
		return 0, "", false, false
	}
	code, err := strconv.Atoi(line[:3])
	if err != nil || code < 200 || code > 599 {
		return 0, "", false, false
	}
	if len(line) == 3 {
		return code, "", false, true // RFC 5321 §4.2: some leave out even the blank
	}
	if line[3] != ' ' && line[3] != '-' {
		return 0, "", false, false
	}
	return code, line[4:], line[3] == '-', true
}

// cutEnhanced takes an enhanced status code off the text (RFC 2034 §3). One of another class than the reply's own is no such code.
func cutEnhanced(code int, text string) ([3]int, string) {
	first, rest, _ := strings.Cut(text, " ")
	parts := strings.Split(first, ".")
	if len(parts) != 3 {
		return [3]int{}, text
	}
	var enhanced [3]int
	for i, part := range parts {
		value, err := strconv.ParseUint(part, 10, 10)
		if err != nil || value > 999 {
			return [3]int{}, text
		}
		enhanced[i] = int(value)
	}
	if enhanced[0] != code/100 {
		return [3]int{}, text
	}
	return enhanced, rest
}
