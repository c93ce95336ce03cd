package mailout

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/desk"
)

// maxMails is how many mails one connection carries: many servers count.
const maxMails = 100

// transact sends every open recipient their copy, each in a transaction of its own. What the server says of a recipient, or of the mail, decides; what only says that this server or this connection
// is no good is left as a suggestion for all who are open, so that the next host is tried.
func (c *session) transact(m envelope, book *ledger) next {
	settled := 0
	for _, i := range book.open() {
		if book.settled[i] { // by an error that ended the attempt
			continue
		}
		if c.carried >= c.mails(maxMails) || c.hungUp {
			return again
		}
		verdict, a := c.send(m, i)
		switch verdict {
		case decided:
			book.settle(i, c.place(), a)
			settled++
		case never:
			c.spent = true
			book.settleAll(a)
			return onward
		case last:
			c.spent = true
			book.settle(i, c.place(), a)
			book.suggest(c.place(), answer{code: 451, text: "4.4.2 " + c.to.name + " broke off at another recipient's copy: " + a.String()})
			return onward
		case unwilling:
			c.spent = true
			switch {
			case c.used && settled == 0:
				return stale
			case settled > 0:
				book.suggestFor(i, c.place(), a) // the others are not concerned: they get connections of their own
				return again
			}
			book.suggest(c.place(), a)
			book.crowded = book.crowded || a.code == 421 || strings.HasPrefix(a.text, "4.4.2 ")
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
	never                    // the mail itself, which no server shall get
)

func (c *session) place() place { return c.at }

// step is one command of a transaction, and the class of the reply that lets it go on.
type step struct {
	name, line string
	want       int
}

// send is one transaction: MAIL, RCPT, DATA (RFC 5321 §3.3), in one go where the server takes commands so (RFC 2920).
func (c *session) send(m envelope, i int) (verdict, answer) {
	one := m.copies[i]
	if refused := c.unfit(m, one); refused != nil {
		return decided, *refused
	}
	if stopped := m.stopped(i); stopped != nil {
		return decided, *stopped
	}
	body, err := m.Open()
	if err != nil {
		return decided, unreadable(err)
	}
	defer body.Close()
	steps := []step{{"MAIL", c.mailLine(m, one), 2}, {"RCPT", "RCPT TO:<" + one.to.String() + ">", 2}, {"DATA", "DATA", 3}}
	if c.begun { // RFC 5321 §4.1.1.5: the transaction that was refused ends, so that the next one can begin
		steps = append([]step{{"RSET", "RSET", 2}}, steps...)
	}
	c.begun = true
	c.carried++
	stopped, err := c.dance(steps)
	if err != nil {
		return c.refused(err, stopped)
	}
	c.begun = false
	if stopped := m.stopped(i); stopped != nil { // the server may have taken minutes so far; without the final dot it keeps nothing (RFC 5321 §4.1.1.4)
		c.hungUp, c.spent = true, true
		_ = c.conn.Close()
		return decided, *stopped
	}
	if err := c.body(body, m.foreign); err != nil {
		return c.halfway(err)
	}
	if err := c.end(); err != nil {
		return c.halfway(err)
	}
	return c.final()
}

// stopped says why a copy shall not leave any more; nil: it may.
func (m envelope) stopped(i int) *answer {
	if m.Still == nil {
		return nil
	}
	if err := m.Still(m.Recipients[i]); err != nil {
		return &answer{code: 451, text: "4.3.0 not sent: " + err.Error()}
	}
	return nil
}

// mailLine is MAIL with what this server needs to know.
func (c *session) mailLine(m envelope, one letter) string {
	line := "MAIL FROM:<" + one.from + ">"
	if m.Size > 0 && c.offers("SIZE") {
		line += fmt.Sprintf(" SIZE=%d", m.Size)
	}
	if c.to.need.passedOn {
		line += " REQUIRETLS" // RFC 8689 §4.2.1
	}
	if one.utf8 {
		line += " BODY=8BITMIME SMTPUTF8" // RFC 6531 §3.1: who offers the second has the first
	}
	return line
}

// dance says the steps and hears the replies. It returns the step that did not go well, and why.
func (c *session) dance(steps []step) (stopped string, err error) {
	if !c.offers("PIPELINING") {
		for _, one := range steps {
			if _, err := c.command(one.want, one.line); err != nil {
				return one.name, err
			}
		}
		return "", nil
	}
	lines := make([]string, len(steps))
	for i, one := range steps {
		lines[i] = one.line
	}
	if err := c.ask(lines...); err != nil {
		return steps[0].name, err
	}
	for i, one := range steps {
		said, problem := c.expect(one.want, c.patience)
		if problem != nil && err == nil {
			stopped, err = one.name, problem
		}
		if said.code == 0 || said.code == 421 {
			return stopped, err // nothing more will be said
		}
		if err != nil && i == len(steps)-1 && said.class() == 3 {
			c.nothing()
		}
	}
	return stopped, err
}

// nothing ends a DATA that should not have been allowed, since no recipient was (RFC 2920 §3.1).
func (c *session) nothing() {
	err := c.end()
	if err == nil {
		_, err = c.hear(c.patience)
	}
	c.spent = c.spent || err != nil
}

// refused is the answer to a command that the server did not take.
func (c *session) refused(err error, doing string) (verdict, answer) {
	a := answerOf(err, doing)
	switch {
	case hangsUp(err):
		return unwilling, a
	case nonsense(err):
		return last, a
	case doing == "RSET", doing == "MAIL" && (a.code < 500 || c.used): // a session that others have used may have had its share of mails
		return unwilling, a
	}
	return decided, a
}

// unfit says why this server cannot take the copy at all.
func (c *session) unfit(m envelope, one letter) *answer {
	if one.utf8 && !c.offers("SMTPUTF8") {
		return &answer{code: 553, text: "5.6.7 " + c.to.name + " does not take addresses that are not ASCII (SMTPUTF8)"} // RFC 6531 §3.5
	}
	if largest := c.largest(); largest > 0 && m.Size > largest {
		return &answer{code: 552, text: fmt.Sprintf("5.3.4 the mail has %d octets; %s takes %d", m.Size, c.to.name, largest)} // RFC 1870 §6.1
	}
	return nil
}

// halfway is a mail that broke off before its end. Without the final dot the server keeps nothing (RFC 5321 §4.1.1.4), so hanging up is the one way to take half a mail back.
func (c *session) halfway(err error) (verdict, answer) {
	var unfit *unfitError
	var source sourceError
	defer c.conn.Close()
	switch {
	case errors.As(err, &unfit):
		return never, answer{code: 554, text: "5.6.0 not sent: " + unfit.Error()} // RFC 3463 §3.7
	case errors.As(err, &source):
		return last, unreadable(source.error)
	}
	// A server that hangs up in the middle may have said why.
	if said, heard := c.hear(lastWords); heard == nil && said.class() >= 4 {
		return unwilling, answerOf(replyError{said}, sending)
	}
	return unwilling, answerOf(err, sending)
}

// lastWords is how long to listen to a server that does not take any more.
const lastWords = time.Second

// final hears the answer to the final dot, from which on the mail is the server's.
func (c *session) final() (verdict, answer) {
	said, err := c.hear(c.finalPatience)
	switch {
	case err != nil:
		// Nobody knows. Trying again may send it twice under one Message-ID; not trying again may send it never (RFC 1047).
		return last, answer{code: 451, text: perhapsTaken + err.Error()}
	case said.class() == 2:
		return decided, answerOfReply(said, "DATA")
	case said.code == 421:
		return last, answerOfReply(said, "DATA")
	case said.class() == 3:
		return last, answer{code: 451, text: perhapsTaken + "it said " + replyError{said}.Error()}
	}
	return decided, answerOfReply(said, "DATA")
}

const perhapsTaken = "4.4.2 no answer to the final dot, so the mail may have been taken: "

// PerhapsTaken says whether a recipient counts as deferred only because nobody knows: trying again may give them a second copy.
func PerhapsTaken(d desk.Delivery) bool {
	return d.State == desk.DeliveryDeferred && strings.HasPrefix(d.Reply, "451 "+perhapsTaken)
}

func unreadable(err error) answer {
	return answer{code: 451, text: "4.3.0 reading the mail: " + err.Error()}
}

// answerError carries an answer of ours to where the server's are read.
type answerError struct {
	answer answer
	cause  error // nil: none but the answer itself
}

func (e answerError) Error() string { return e.answer.String() }

func (e answerError) Unwrap() error { return e.cause }

// hangsUp says whether an error ends the connection rather than answering a command: everything that is no reply, and 421 (RFC 5321 §3.8).
func hangsUp(err error) bool {
	var refused replyError
	return !nonsense(err) && (!errors.As(err, &refused) || refused.code == 421)
}

// nonsense says whether an error is a reply that cannot be one to what was said: from there on nobody knows which answer belongs to what.
func nonsense(err error) bool {
	var refused replyError
	var unasked unaskedError
	return errors.As(err, &unasked) || errors.As(err, &refused) && refused.class() < 4
}

// answerOf reads an error as the answer that it means. What is not a refusal in the server's own words is never permanent.
func answerOf(err error, doing string) answer {
	var ours answerError
	var unmet *unmetError
	var failed tlsError
	var refused replyError
	switch {
	case errors.As(err, &ours):
		return ours.answer
	case errors.As(err, &unmet):
		return unmet.answer
	case errors.As(err, &failed):
		return answer{code: 451, text: "4.7.5 " + err.Error()} // RFC 3463 §3.8: cryptographic failure
	case nonsense(err):
		return answer{code: 451, text: fmt.Sprintf("4.5.0 %s: unexpected reply: %v", doing, err)}
	case errors.As(err, &refused):
		return answerOfReply(refused.reply, doing)
	}
	return answer{code: 451, text: fmt.Sprintf("4.4.2 %s: %v", doing, err)}
}

// stepOf is the step of a delivery that something was said at.
func stepOf(doing string) string {
	switch doing {
	case "MAIL", "RCPT", "DATA":
		return doing
	case sending:
		return "DATA"
	default:
		return "connect"
	}
}

// sending is what goes on between DATA and the final dot.
const sending = "sending the mail"

// answerOfReply is a reply in the server's own words to what we were doing.
func answerOfReply(said reply, doing string) answer {
	words := said.text
	if said.enhanced[0] != 0 {
		words = fmt.Sprintf("%d.%d.%d %s", said.enhanced[0], said.enhanced[1], said.enhanced[2], words)
	}
	return answer{code: said.code, text: strings.TrimSpace(words), step: stepOf(doing)}
}
