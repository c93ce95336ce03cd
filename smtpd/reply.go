package smtpd

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unicode"

	"github.com/emersion/go-smtp"

	"postern/desk"
)

// maxReplyText bounds what a reply says: a reply line has 512 octets with code and CR LF (RFC 5321 §4.5.3.1.5).
const maxReplyText = 480

// refusal is an error that says itself what the client is told.
type refusal struct {
	code     int
	enhanced [3]int
	text     string
}

// Error is the text as the client reads it.
func (r *refusal) Error() string { return r.text }

// Refusal is the error by which an Intake turns a mail down with words of its own: a reply code 4xx or 5xx, an enhanced status code (RFC 3463), and a sentence for the person who sent the mail.
// It is found however deeply it is wrapped. The class of the enhanced code is made to agree with the reply code. A code outside 400 to 599 is answered as 451, like every error that is no Refusal.
func Refusal(code int, enhanced [3]int, text string) error {
	return &refusal{code: code, enhanced: enhanced, text: text}
}

// reply makes an answer with an enhanced status code (RFC 2034). The text is brought to one short line without control characters, whoever wrote it.
func reply(code int, enhanced [3]int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: oneLine(text)}
}

// oneLine makes a text fit for a reply line: printable ASCII (RFC 5321 §4.2: textstring), and not too long.
func oneLine(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case r < ' ', r == 0x7f:
			return -1
		case r > unicode.MaxASCII:
			return '?'
		}
		return r
	}, text)
	if len(clean) > maxReplyText {
		clean = clean[:maxReplyText]
	}
	return clean
}

// outcomeReply is the answer to a mail that an Intake took over or refused (contract: what a 250 means).
func outcomeReply(o desk.Outcome) (*smtp.SMTPError, error) {
	ok := [3]int{2, 0, 0}
	switch o.Disposition {
	case desk.Ticketed, desk.Appended:
		return reply(250, ok, fmt.Sprintf("#%d", o.Ticket)), nil
	case desk.Duplicate:
		if o.Ticket == 0 {
			return reply(250, ok, "already here"), nil
		}
		return reply(250, ok, fmt.Sprintf("#%d already here", o.Ticket)), nil
	case desk.Suspended:
		return reply(250, ok, "held for review"), nil
	case desk.Reported:
		return reply(250, ok, "the report is read, thank you"), nil
	case desk.Refused:
		return reply(550, [3]int{5, 7, 1}, cmp.Or(o.Reason, "the mail is refused by the rules of this server")), nil
	}
	return nil, fmt.Errorf("intake returned the unknown disposition %q", o.Disposition)
}

// errorReply is the answer to a failure. Only what is listed here has words of its own; everything else is 451 with a sentence that gives nothing away, so that the sender tries again,
// and the session's id, by which the operator finds the error in the log.
func errorReply(err error, session string) *smtp.SMTPError {
	var refused *refusal
	var fault *desk.Fault
	switch {
	case errors.As(err, &fault) && fault.Kind == desk.Unavailable:
		return reply(451, [3]int{4, 7, 1}, fault.Reason)
	case errors.As(err, &refused) && refused.code >= 400 && refused.code <= 599:
		enhanced := refused.enhanced
		enhanced[0] = refused.code / 100 // RFC 3463 §2: the class agrees with the code, or senders differ on whether to try again
		return reply(refused.code, enhanced, refused.text)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return reply(452, [3]int{4, 3, 1}, "no room to store the mail at the moment, please try again later ("+session+")")
	}
	return reply(451, [3]int{4, 3, 0}, "a temporary failure on our side, please try again later ("+session+")")
}

// render writes a reply as it stands on the wire.
func render(r *smtp.SMTPError) string {
	e := r.EnhancedCode
	return fmt.Sprintf("%d %d.%d.%d %s\r\n", r.Code, e[0], e[1], e[2], r.Message)
}
