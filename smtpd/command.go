package smtpd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-smtp"
)

// action is what the wire does with a command line.
type action int

const (
	answer  action = iota // answer it here; go-smtp does not see it
	handOn                // give it to go-smtp
	accept                // read the chunk that follows as a part of the mail
	upgrade               // change to TLS
	hangUp                // answer, and end the connection
)

// decision is what is to be done with one command line.
type decision struct {
	do    action
	reply *smtp.SMTPError // for answer and hangUp
	line  string          // for handOn: the line without CR LF, as go-smtp is to see it
	chunk int64           // octets that follow the line: a part of the mail (accept), or to be read over (answer)
	last  bool            // for accept: the mail ends with them
}

func refuse(code int, enhanced [3]int, text string) decision {
	return decision{do: answer, reply: reply(code, enhanced, text)}
}

func dismiss(code int, enhanced [3]int, text string) decision {
	return decision{do: hangUp, reply: reply(code, enhanced, text)}
}

func pass(line string) decision { return decision{do: handOn, line: line} }

// outOfSequence refuses a command that cannot come now (RFC 5321 §4.1.4). It has no effect.
func outOfSequence(text string) decision { return refuse(503, [3]int{5, 5, 1}, text) }

// badArgument refuses a command whose argument cannot be read.
func badArgument(text string) decision { return refuse(501, [3]int{5, 5, 4}, text) }

// command decides about one line of the client, which includes its LF. It does no I/O, but reads the clock.
func (s *session) command(raw []byte) decision {
	s.client.commands++
	if s.client.commands > s.server.cfg.Limits.Commands {
		s.client.limited(limitCommands)
		return dismiss(421, [3]int{4, 7, 0}, "too many commands without a mail, goodbye")
	}
	line, ended := strings.CutSuffix(string(raw), "\r\n")
	switch {
	case !ended:
		return refuse(500, [3]int{5, 5, 2}, "a command ends with CR LF (RFC 5321 section 2.3.8)")
	case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return refuse(500, [3]int{5, 5, 2}, "a command has no control characters")
	case !utf8.ValidString(line):
		return refuse(500, [3]int{5, 5, 2}, "a command is ASCII, or UTF-8 in addresses (RFC 6531)")
	}
	line = strings.TrimRight(line, " ")
	verb, arg, _ := strings.Cut(line, " ")
	return s.dispatch(strings.ToUpper(verb), strings.TrimLeft(arg, " "), line)
}

// dispatch knows every verb; what it does not know, go-smtp never sees, for that would close the connection after four.
func (s *session) dispatch(verb, arg, line string) decision {
	switch verb {
	case "EHLO", "HELO":
		return s.hello(verb, arg)
	case "MAIL":
		return s.mail(arg)
	case "RCPT":
		return s.recipient(arg)
	case "DATA":
		return s.data(arg)
	case "BDAT":
		return s.bdat(arg)
	case "RSET", "NOOP", "QUIT":
		return pass(verb)
	case "VRFY", "EXPN", "HELP":
		return pass(line)
	case "STARTTLS":
		return s.startTLS(arg)
	case "AUTH":
		s.client.guessed("auth")
		return refuse(502, [3]int{5, 5, 1}, "nobody signs in here: this server takes mail for its own domains")
	case "GET", "POST", "PUT", "CONNECT":
		// A browser that was talked into speaking to this port. What it sends next could be commands.
		return dismiss(421, [3]int{4, 7, 0}, "this is a mail server, goodbye")
	}
	return refuse(500, [3]int{5, 5, 2}, "the command is not known here")
}

// hello takes the client's name for itself. RFC 5321 §4.1.4: mail is not refused because the name is wrong, only because it could do harm.
func (s *session) hello(verb, arg string) decision {
	name, _, _ := strings.Cut(arg, " ")
	switch {
	case name == "":
		return badArgument(verb + " is followed by the client's name")
	case len(name) > maxDomain, name[0] == '.', strings.Contains(name, ".."):
		return badArgument("that cannot be a client's name")
	}
	s.client.helo, s.extended = name, verb == "EHLO"
	return pass(verb + " " + oneLine(name))
}

// mail reads MAIL (RFC 5321 §4.1.1.2). go-smtp gets the address in ASCII, to repeat it in its reply, and none of the parameters, which are all dealt with here.
func (s *session) mail(arg string) decision {
	switch {
	case s.client.helo == "":
		return outOfSequence("EHLO comes first")
	case s.txn != nil:
		return outOfSequence("a mail is under way already: RSET gives it up")
	}
	arg, ok := cutKeyword(arg, "FROM:")
	if !ok {
		return badArgument("expected MAIL FROM:<address>")
	}
	from, rest, err := cutPath(arg)
	if err != nil {
		return refuse(501, [3]int{5, 1, 7}, err.Error())
	}
	next := &transaction{from: from.String()}
	if problem := next.parameters(rest, s.server.cfg.MaxMessage); problem != nil {
		return decision{do: answer, reply: problem}
	}
	if !next.utf8 && !isASCII(arg) {
		// RFC 6531 §3.5
		return refuse(553, [3]int{5, 6, 7}, "an address beyond ASCII needs SMTPUTF8")
	}
	if !s.client.trusted && !s.server.sent.take(perIPKey(s.client.ip), time.Now()) {
		s.client.limited(limitMailsPerMinute)
		return refuse(450, [3]int{4, 7, 1}, "too many mails from your address, please try again in a minute")
	}
	s.next = next
	return pass("MAIL FROM:<" + oneLine(next.from) + ">")
}

// parameters reads the parameters of MAIL: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531). It returns the answer if one of them is wrong.
func (t *transaction) parameters(rest string, limit int64) *smtp.SMTPError {
	seen := ""
	for _, parameter := range strings.Fields(rest) {
		key, value, valued := strings.Cut(strings.ToUpper(parameter), "=")
		if strings.Contains(seen, " "+key+" ") {
			return reply(501, [3]int{5, 5, 4}, "a parameter stands there twice")
		}
		seen += " " + key + " "
		switch {
		case key == "SIZE" && valued:
			size, err := strconv.ParseUint(value, 10, 64)
			if errors.Is(err, strconv.ErrSyntax) {
				return reply(501, [3]int{5, 5, 4}, "SIZE is a number")
			}
			if err != nil || size > uint64(limit) {
				return tooLarge(limit)
			}
		case key == "BODY" && (value == "7BIT" || value == "8BITMIME"):
			// Mails are kept as octets: there is nothing to do for either.
		case key == "SMTPUTF8" && !valued:
			t.utf8 = true
		default:
			return reply(555, [3]int{5, 5, 4}, "the parameter "+key+" is not known here")
		}
	}
	return nil
}

// recipient reads RCPT (RFC 5321 §4.1.1.3). Whether the address is ours is asked later.
func (s *session) recipient(arg string) decision {
	txn := s.txn
	switch {
	case txn == nil:
		return outOfSequence("MAIL comes first")
	case txn.chunks != nil:
		return outOfSequence("the mail is being transferred")
	}
	arg, ok := cutKeyword(arg, "TO:")
	if !ok {
		return badArgument("expected RCPT TO:<address>")
	}
	to, rest, err := cutPath(arg)
	if errors.Is(err, errPathNoAt) && strings.EqualFold(to.local, "postmaster") {
		// RFC 5321 §4.5.1: postmaster is known without a domain. cutPath stops at the missing domain, so nothing is left to read.
		s.rcpt, s.postmaster = path{local: "postmaster", domain: strings.ToLower(s.server.cfg.Hostname)}, true
		return pass("RCPT TO:<" + oneLine(s.rcpt.String()) + ">")
	}
	switch {
	case err != nil:
		return refuse(501, [3]int{5, 1, 3}, err.Error())
	case to.local == "":
		return refuse(501, [3]int{5, 1, 3}, errPathSyntax.Error())
	case len(to.local) > maxLocal:
		return refuse(501, [3]int{5, 1, 3}, errPathLength.Error())
	case strings.TrimSpace(rest) != "":
		return refuse(555, [3]int{5, 5, 4}, "RCPT has no parameters here")
	case !txn.utf8 && !isASCII(arg):
		return refuse(553, [3]int{5, 6, 7}, "an address beyond ASCII needs SMTPUTF8")
	}
	if txn.named >= s.server.cfg.Limits.Recipients {
		s.client.limited(limitRecipients)
		return refuse(452, [3]int{4, 5, 3}, fmt.Sprintf("a mail has at most %d recipients here: please send it to the others apart", s.server.cfg.Limits.Recipients))
	}
	s.rcpt, s.postmaster = to, false
	return pass("RCPT TO:<" + oneLine(to.String()) + ">")
}

// data checks that a mail can come now (RFC 5321 §4.1.1.4).
func (s *session) data(arg string) decision {
	if arg != "" {
		return badArgument("DATA stands alone")
	}
	if problem := s.notReady(); problem != nil {
		return decision{do: answer, reply: problem}
	}
	if s.txn.chunks != nil {
		return outOfSequence("the mail is being transferred with BDAT")
	}
	return pass("DATA")
}

// notReady says why the octets of a mail cannot come now, or nil.
func (s *session) notReady() *smtp.SMTPError {
	txn := s.txn
	switch {
	case txn == nil:
		return reply(503, [3]int{5, 5, 1}, "MAIL and RCPT come first")
	case len(txn.recipients) == 0 && txn.turnedDown:
		return reply(554, [3]int{5, 5, 1}, "no valid recipients")
	case len(txn.recipients) == 0:
		return reply(503, [3]int{5, 5, 1}, "RCPT comes first")
	}
	return nil
}

// bdat reads BDAT (RFC 3030 §2). Its chunk follows at once, whatever the answer is, so that a size that cannot be read leaves no way to go on: the octets of a mail would be commands.
func (s *session) bdat(arg string) decision {
	number, last, hasLast := strings.Cut(arg, " ")
	limit := uint64(min(2*s.server.cfg.MaxMessage+1<<20, math.MaxUint32))
	size, err := strconv.ParseUint(number, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax), hasLast && !strings.EqualFold(last, "LAST"):
		return dismiss(501, [3]int{5, 5, 4}, "expected BDAT size [LAST], goodbye")
	case err != nil, size > limit:
		return decision{do: hangUp, reply: tooLarge(s.server.cfg.MaxMessage)}
	}
	if problem := s.notReady(); problem != nil {
		return decision{do: answer, reply: problem, chunk: int64(size)}
	}
	return decision{do: accept, chunk: int64(size), last: hasLast}
}

// startTLS checks whether TLS can begin (RFC 3207 §4).
func (s *session) startTLS(arg string) decision {
	switch {
	case arg != "":
		return badArgument("STARTTLS stands alone")
	case s.wire.tls != "":
		return outOfSequence("TLS is active already")
	case s.wire.offer == nil:
		return refuse(502, [3]int{5, 5, 1}, "TLS is not available here")
	}
	return decision{do: upgrade}
}

// cutKeyword cuts FROM: or TO: off an argument. White space may follow it, which RFC 5321 §3.3 forbids and people who type use.
func cutKeyword(arg, keyword string) (rest string, ok bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", false
	}
	return strings.TrimLeft(arg[len(keyword):], " "), true
}
