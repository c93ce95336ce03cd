package mailout

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
)

// transact sends every open recipient their copy, each in a transaction of its own. What the server says of a recipient, or of the mail, decides; what only says that this server or this connection
// is no good is left as a suggestion for all who are open, so that the next host is tried.
func (c *session) transact(m envelope, book *ledger) next {
	settled := 0
	for _, i := range book.open() {
		if book.settled[i] { // by an error that ended the attempt
			continue
		}
		verdict, a := c.send(m, i)
		switch verdict {
		case decided:
			book.settle(i, c.place(), a)
			settled++
		case last:
			book.settle(i, c.place(), a)
			book.suggest(c.place(), answer{code: 451, text: "4.4.2 " + c.at.host + " broke off at another recipient's copy: " + a.String()})
			return onward
		case unwilling:
			if settled > 0 {
				book.suggestFor(i, c.place(), a) // the others are not concerned: they get connections of their own
				return again
			}
			book.suggest(c.place(), a)
			return onward
		}
		c.at.since = time.Now()
	}
	return onward
}

// verdict is what an answer is about.
type verdict int

const (
	decided   verdict = iota // this recipient's copy; the connection can serve the next one
	last                     // this recipient's copy; the server shall not be troubled, or cannot be trusted, with the next one
	unwilling                // the connection, or the server as such; this copy was not taken
)

func (c *session) place() place { return c.at }

// send is one transaction: MAIL, RCPT, DATA (RFC 5321 §3.3).
func (c *session) send(m envelope, i int) (verdict, answer) {
	one := m.copies[i]
	if refused := c.unfit(m, one); refused != nil {
		return decided, *refused
	}
	if err := c.clear(); err != nil {
		return unwilling, answerOf(err, "RSET")
	}
	if err := c.client.Mail(one.from, &smtp.MailOptions{Size: m.Size, UTF8: one.utf8}); err != nil {
		if a := answerOf(err, "MAIL"); a.code < 500 {
			return unwilling, a
		}
		return c.refused(err, "MAIL")
	}
	if err := c.client.Rcpt(one.to.String(), nil); err != nil {
		return c.refused(err, "RCPT")
	}
	return c.data(m)
}

// refused is the answer to a command that the server did not take.
func (c *session) refused(err error, doing string) (verdict, answer) {
	a := answerOf(err, doing)
	switch {
	case hangsUp(err):
		return unwilling, a
	case nonsense(err):
		return last, a
	}
	c.begun = true
	return decided, a
}

// clear ends the transaction that was refused, so that the next one can begin (RFC 5321 §4.1.1.5).
func (c *session) clear() error {
	if !c.begun {
		return nil
	}
	c.begun = false
	return c.client.Reset()
}

// unfit says why this server cannot take the copy at all.
func (c *session) unfit(m envelope, one letter) *answer {
	if one.utf8 && !c.offers("SMTPUTF8") {
		return &answer{code: 553, text: "5.6.7 " + c.at.host + " does not take addresses that are not ASCII (SMTPUTF8)"} // RFC 6531 §3.5
	}
	if largest, ok := c.client.MaxMessageSize(); ok && largest > 0 && m.Size > int64(largest) {
		return &answer{code: 552, text: fmt.Sprintf("5.3.4 the mail has %d octets; %s takes %d", m.Size, c.at.host, largest)} // RFC 1870 §6.1
	}
	return nil
}

// data sends the bytes.
func (c *session) data(m envelope) (verdict, answer) {
	body, err := m.Open()
	if err != nil {
		c.begun = true
		return decided, unreadable(err)
	}
	defer body.Close()
	command, err := c.client.Data()
	if err != nil {
		return c.refused(err, "DATA")
	}
	source := &faithful{r: body}
	if _, err := io.Copy(command, source); err != nil || source.err != nil {
		// Without the final dot the server keeps nothing (RFC 5321 §4.1.1.4), so hanging up is the one way to take half a mail back.
		_ = c.conn.Close()
		if source.err != nil {
			return last, unreadable(source.err)
		}
		return unwilling, answerOf(err, "sending the mail")
	}
	reply, err := command.CloseWithResponse()
	var refused *smtp.SMTPError
	switch {
	case err == nil:
		return decided, answer{code: 250, text: reply.StatusText}
	case nonsense(err), errors.As(err, &refused) && hangsUp(err):
		return last, answerOf(err, "DATA")
	case errors.As(err, &refused):
		return decided, answerOf(err, "DATA")
	default:
		// Nobody knows. Trying again may send it twice under one Message-ID; not trying again may send it never (RFC 1047).
		return last, answer{code: 451, text: perhapsTaken + err.Error()}
	}
}

const perhapsTaken = "4.4.2 no answer to the final dot, so the mail may have been taken: "

// PerhapsTaken says whether a recipient counts as deferred only because nobody knows: trying again may give them a second copy.
func PerhapsTaken(d desk.Delivery) bool {
	return d.State == desk.DeliveryDeferred && strings.HasPrefix(d.Reply, "451 "+perhapsTaken)
}

func unreadable(err error) answer {
	return answer{code: 451, text: "4.3.0 reading the mail: " + err.Error()}
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

// nonsense says whether an error is a reply that cannot be one to what was said: from there on nobody knows which answer belongs to what.
func nonsense(err error) bool {
	var reply *smtp.SMTPError
	return errors.As(err, &reply) && reply.Code/100 != 4 && reply.Code/100 != 5
}

// answerOf reads an error as the answer that it means. What is not a refusal in the server's own words is never permanent.
func answerOf(err error, doing string) answer {
	var ours answerError
	var unmet *unmetError
	var failed tlsError
	var reply *smtp.SMTPError
	switch {
	case errors.As(err, &ours):
		return ours.answer
	case errors.As(err, &unmet):
		return unmet.answer
	case errors.As(err, &failed):
		return answer{code: 451, text: "4.7.5 " + err.Error()} // RFC 3463 §3.8: cryptographic failure
	case !errors.As(err, &reply):
		return answer{code: 451, text: fmt.Sprintf("4.4.2 %s: %v", doing, err)}
	case nonsense(err):
		return answer{code: 451, text: fmt.Sprintf("4.5.0 %s: unexpected reply %d %s", doing, reply.Code, reply.Message)}
	}
	words := reply.Message
	if class := reply.EnhancedCode[0]; class == 4 || class == 5 {
		words = fmt.Sprintf("%d.%d.%d %s", class, reply.EnhancedCode[1], reply.EnhancedCode[2], words)
	}
	return answer{code: reply.Code, text: strings.TrimSpace(words)}
}
