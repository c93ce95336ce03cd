package mailout

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-smtp"
)

// transact sends the mail to every open recipient in one transaction. What the server says of a recipient, or of the mail, decides; what only says that this server or this connection is no good is left
// as a suggestion, so that the next host is tried.
func (c *session) transact(m envelope, book *ledger) {
	at := place{host: c.host, tls: c.tls}
	if refused := c.unfit(m); refused != nil {
		c.settle(book, book.open(), *refused)
		return
	}
	if err := c.client.Mail(m.from, &smtp.MailOptions{Size: m.Size, UTF8: m.utf8}); err != nil {
		if a := answerOf(err, "MAIL"); a.code >= 500 {
			c.settle(book, book.open(), a)
		} else {
			book.suggest(at, a)
		}
		return
	}
	var accepted []int
	for _, i := range book.open() {
		err := c.client.Rcpt(m.paths[i].String(), nil)
		if err == nil {
			accepted = append(accepted, i)
			continue
		}
		a := answerOf(err, "RCPT")
		if hangsUp(err) {
			book.suggest(at, a)
			return
		}
		book.settle(i, at, a)
	}
	if len(accepted) > 0 {
		c.data(m, book, accepted)
	}
}

// unfit says why this server cannot take the mail at all.
func (c *session) unfit(m envelope) *answer {
	if offered, _ := c.client.Extension("SMTPUTF8"); m.utf8 && !offered {
		return &answer{code: 553, text: "5.6.7 " + c.host + " does not take addresses that are not ASCII (SMTPUTF8)"} // RFC 6531 §3.5
	}
	if largest, ok := c.client.MaxMessageSize(); ok && largest > 0 && m.Size > int64(largest) {
		return &answer{code: 552, text: fmt.Sprintf("5.3.4 the mail has %d octets; %s takes %d", m.Size, c.host, largest)} // RFC 1870 §6.1
	}
	return nil
}

// data sends the bytes. An answer counts for all accepted recipients (RFC 5321 §3.3).
func (c *session) data(m envelope, book *ledger, accepted []int) {
	at := place{host: c.host, tls: c.tls}
	body, err := m.Open()
	if err != nil {
		c.settle(book, accepted, answer{code: 451, text: "4.3.0 reading the mail: " + err.Error()})
		return
	}
	defer body.Close()
	command, err := c.client.Data()
	if err != nil {
		if a := answerOf(err, "DATA"); hangsUp(err) {
			book.suggest(at, a)
		} else {
			c.settle(book, accepted, a)
		}
		return
	}
	source := &faithful{r: body}
	if _, err := io.Copy(command, source); err != nil || source.err != nil {
		// Without the final dot the server keeps nothing (RFC 5321 §4.1.1.4), so hanging up is the one way to take half a mail back.
		_ = c.conn.Close()
		if source.err != nil {
			c.settle(book, accepted, answer{code: 451, text: "4.3.0 reading the mail: " + source.err.Error()})
		} else {
			book.suggest(at, answerOf(err, "sending the mail"))
		}
		return
	}
	reply, err := command.CloseWithResponse()
	var refused *smtp.SMTPError
	switch {
	case err == nil:
		c.settle(book, accepted, answer{code: 250, text: reply.StatusText})
	case errors.As(err, &refused):
		c.settle(book, accepted, answerOf(err, "DATA"))
	default:
		// Nobody knows. Trying again may send it twice under one Message-ID; not trying again may send it never (RFC 1047).
		c.settle(book, accepted, answer{code: 451, text: "4.4.2 no answer to the final dot, so the mail may have been taken: " + err.Error()})
	}
}

func (c *session) settle(book *ledger, recipients []int, a answer) {
	for _, i := range recipients {
		book.settle(i, place{host: c.host, tls: c.tls}, a)
	}
}

// faithful remembers an error of the mail's own source, so that it is not taken for one of the connection.
type faithful struct {
	r   io.Reader
	err error
}

func (f *faithful) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// answerError carries an answer of ours to where the server's are read.
type answerError struct{ answer answer }

func (e answerError) Error() string { return e.answer.String() }

// hangsUp says whether an error ends the connection rather than answering a command: everything that is no reply, and 421 (RFC 5321 §3.8).
func hangsUp(err error) bool {
	var reply *smtp.SMTPError
	return !errors.As(err, &reply) || reply.Code == 421
}

// answerOf reads an error as the answer that it means. What is not a refusal in the server's own words is never permanent.
func answerOf(err error, doing string) answer {
	var ours answerError
	var reply *smtp.SMTPError
	switch {
	case errors.As(err, &ours):
		return ours.answer
	case !errors.As(err, &reply):
		return answer{code: 451, text: fmt.Sprintf("4.4.2 %s: %v", doing, err)}
	case reply.Code/100 != 4 && reply.Code/100 != 5:
		return answer{code: 451, text: fmt.Sprintf("4.5.0 %s: unexpected reply %d %s", doing, reply.Code, reply.Message)}
	}
	words := reply.Message
	if class := reply.EnhancedCode[0]; class == 4 || class == 5 {
		words = fmt.Sprintf("%d.%d.%d %s", class, reply.EnhancedCode[1], reply.EnhancedCode[2], words)
	}
	return answer{code: reply.Code, text: strings.TrimSpace(words)}
}
