package filters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/emersion/go-milter"

	"postern/desk"
)

const (
	milterAnswers = 4 << 20 // octets in one conversation; only a filter that replaces a large body comes near

	// What a milter may ask to do. All of it is offered, since libmilter ends the conversation with a milter that is offered less than it was made for; little of it is done.
	oldActions = milter.OptAddHeader | milter.OptChangeBody | milter.OptAddRcpt | milter.OptRemoveRcpt | milter.OptChangeHeader | milter.OptQuarantine
	newActions = oldActions | milter.OptChangeFrom

	// What a milter may ask not to be told, and from version 6 of the protocol on not to have to answer. Not SKIP: the library does not know the answer.
	oldProtocol = milter.OptNoConnect | milter.OptNoHelo | milter.OptNoMailFrom | milter.OptNoRcptTo | milter.OptNoBody | milter.OptNoHeaders | milter.OptNoEOH
	newProtocol = oldProtocol | milter.OptNoUnknown | milter.OptNoData | milter.OptNoHeaderReply | milter.OptNoConnReply | milter.OptNoHeloReply | milter.OptNoMailReply | milter.OptNoRcptReply |
		milter.OptNoDataReply | milter.OptNoUnknownReply | milter.OptNoEOHReply | milter.OptNoBodyReply
)

// replyCodes is what stands before the words of a reply.
var replyCodes = regexp.MustCompile(`^(?:[245]\d\d[ -])?(?:[245]\.\d{1,3}\.\d{1,3}(?: |$))?`)

// milterClient plays a mail to a milter as if it were just coming in: it is asked after DATA, when the mail lies whole, and hears every stage before that again.
type milterClient struct {
	target   target
	hostname string
	old      atomic.Bool // it speaks a version of the protocol before 6
}

// dialed is a milter.Dialer for a connection that is there already.
type dialed struct{ net.Conn }

func (d dialed) Dial(string, string) (net.Conn, error) { return d.Conn, nil }

// open connects and agrees on what the milter wants to hear. One that speaks an older version of the protocol is offered what that version has, at once or after it has been found out.
func (m *milterClient) open(ctx context.Context) (*milter.ClientSession, func(), error) {
	if !m.old.Load() {
		session, closeIt, err := m.negotiate(ctx, newActions, newProtocol)
		if !errors.Is(err, milter.ErrUnsupportedMilterVersion) {
			return session, closeIt, err
		}
	}
	session, closeIt, err := m.negotiate(ctx, oldActions, oldProtocol)
	m.old.Store(err == nil)
	return session, closeIt, err
}

// negotiate leaves the library's own timeouts off: they begin anew with every packet, and reset the deadline of the whole.
func (m *milterClient) negotiate(ctx context.Context, actions milter.OptAction, protocol milter.OptProtocol) (*milter.ClientSession, func(), error) {
	conn, closeIt, err := m.target.dial(ctx, milterAnswers)
	if err != nil {
		return nil, nil, err
	}
	client := milter.NewClientWithOptions(m.target.network, m.target.address, milter.ClientOptions{Dialer: dialed{conn}, ActionMask: actions, ProtocolMask: protocol})
	session, err := client.Session()
	if err != nil {
		closeIt()
		return nil, nil, err
	}
	return session, func() { _ = session.Close(); closeIt() }, nil
}

// ping negotiates and says goodbye.
func (m *milterClient) ping(ctx context.Context) (string, error) {
	_, closeIt, err := m.open(ctx)
	if err != nil {
		return "", err
	}
	closeIt()
	return "", nil
}

// ask plays the mail to the milter until it has decided.
func (m *milterClient) ask(ctx context.Context, mail Mail) (desk.Opinion, error) {
	session, closeIt, err := m.open(ctx)
	if err != nil {
		return desk.Opinion{}, err
	}
	defer closeIt()
	p := play{session: session, mail: mail, hostname: m.hostname}
	for _, stage := range []func() (*milter.Action, error){p.connect, p.helo, p.sender, p.recipients, p.content} {
		action, err := stage()
		if err != nil {
			return desk.Opinion{}, err
		}
		if decided, err := p.decide(action); err != nil {
			return desk.Opinion{}, err
		} else if decided {
			break
		}
	}
	return p.opinion, nil
}

// play is one mail being played to one milter.
type play struct {
	session  *milter.ClientSession
	mail     Mail
	hostname string
	opinion  desk.Opinion
}

// decide notes what an answer says of the mail, and whether nothing more need be asked.
func (p *play) decide(action *milter.Action) (decided bool, err error) {
	switch verdict, text := read(action); verdict {
	case milter.ActContinue:
		return false, nil
	case milter.ActAccept:
		return true, nil
	case milter.ActReject:
		p.opinion.Refused = text
	case milter.ActTempFail:
		p.opinion.Deferred = text
	case milter.ActDiscard:
		p.opinion.Quarantined = text
	default:
		return false, fmt.Errorf("it answered with the reply code %d", action.SMTPCode)
	}
	return true, nil
}

// read reduces an answer to one of continue, accept, reject, tempfail and discard, with words for it; 0 is none of them.
func read(action *milter.Action) (milter.ActionCode, string) {
	switch action.Code {
	case milter.ActReject:
		return action.Code, "refused by a mail filter"
	case milter.ActTempFail:
		return action.Code, "put off by a mail filter"
	case milter.ActDiscard:
		return action.Code, "a mail filter wanted it discarded"
	case milter.ActReplyCode:
		switch action.SMTPCode / 100 {
		case 4:
			return milter.ActTempFail, replyText(action.SMTPText, "put off by a mail filter")
		case 5:
			return milter.ActReject, replyText(action.SMTPText, "refused by a mail filter")
		}
		return 0, ""
	}
	return action.Code, ""
}

// replyText is the text of a reply on one line, without reply codes and enhanced codes (RFC 5321 §4.2.1, RFC 3463 §2): whoever refuses the mail sends its own.
func replyText(text, otherwise string) string {
	var lines []string
	for line := range strings.SplitSeq(text[:min(len(text), 4*longText)], "\n") {
		lines = append(lines, strings.TrimSpace(replyCodes.ReplaceAllString(strings.TrimSpace(line), "")))
	}
	if text = cut(strings.ReplaceAll(strings.Join(lines, " "), "%%", "%"), longText); text != "" { // smfi_setreply doubles it
		return text
	}
	return otherwise
}

func (p *play) connect() (*milter.Action, error) {
	env := p.mail.Envelope
	family, address, name := milter.FamilyUnknown, "", p.mail.PTR
	if ip := env.RemoteIP.Unmap().WithZone(""); ip.IsValid() {
		address = ip.String()
		if family = milter.FamilyInet; ip.Is6() {
			family = milter.FamilyInet6
		}
		if name == "" {
			name = "[" + address + "]" // as Sendmail says it
		}
	}
	if name == "" {
		name = "localhost" // it did not come over the network
	}
	if err := p.macros(milter.CodeConn, "j", p.hostname, "{daemon_name}", "postern", "v", "Postern", "{client_addr}", address, "{client_name}", p.mail.PTR); err != nil {
		return nil, err
	}
	return p.session.Conn(word(name), family, 0, address)
}

func (p *play) helo() (*milter.Action, error) {
	version, cipher, _ := strings.Cut(p.mail.Envelope.TLS, " ")
	if err := p.macros(milter.CodeHelo, "{tls_version}", version, "{cipher}", cipher); err != nil {
		return nil, err
	}
	return p.session.Helo(word(p.mail.Envelope.Helo))
}

func (p *play) sender() (*milter.Action, error) {
	env := p.mail.Envelope
	if err := p.macros(milter.CodeMail, "i", env.Session, "{mail_addr}", env.MailFrom); err != nil {
		return nil, err
	}
	arguments := []string{"SIZE=" + strconv.FormatInt(p.mail.Raw.Size(), 10)}
	if env.UTF8 {
		arguments = append(arguments, "SMTPUTF8")
	}
	return p.session.Mail(word(env.MailFrom), arguments)
}

// recipients tells each. A milter may refuse single ones, which is too late for us: they have been taken. So if it puts off any of them, the sender shall try the whole mail again;
// if it refuses all, the mail is refused; if some, a person looks at it.
func (p *play) recipients() (*milter.Action, error) {
	refused, deferred := &milter.Action{Code: milter.ActContinue}, &milter.Action{Code: milter.ActContinue}
	var passed, denied int
	for _, to := range p.mail.Envelope.Recipients {
		if err := p.macros(milter.CodeRcpt, "{rcpt_addr}", to); err != nil {
			return nil, err
		}
		action, err := p.session.Rcpt(word(to), nil)
		if err != nil {
			return nil, err
		}
		switch verdict, text := read(action); verdict {
		case milter.ActContinue:
			passed++
		case milter.ActReject:
			refused = action
			denied++
			p.note("refused the recipient %s: %s", to, text)
		case milter.ActTempFail:
			deferred = action
			p.note("put off the recipient %s: %s", to, text)
		default:
			return action, nil
		}
	}
	switch {
	case deferred.Code != milter.ActContinue:
		return deferred, nil
	case denied > 0 && passed == 0:
		return refused, nil
	case denied > 0:
		p.opinion.Quarantined = fmt.Sprintf("a mail filter refused %d of its %d recipients", denied, denied+passed)
	}
	return &milter.Action{Code: milter.ActContinue}, nil
}

// content plays header and body, and takes the milter's last word.
func (p *play) content() (*milter.Action, error) {
	goOn := &milter.Action{Code: milter.ActContinue}
	action := goOn
	body, err := eachField(p.mail.Raw, func(name, value string) (more bool, err error) {
		action, err = p.session.HeaderField(name, value)
		return err == nil && action.Code == milter.ActContinue, err
	})
	if err != nil || action.Code != milter.ActContinue {
		return action, err
	}
	if action, err = p.session.HeaderEnd(); err != nil || action.Code != milter.ActContinue {
		return action, err
	}
	if !p.session.ProtocolOption(milter.OptNoBody) {
		if action, err = p.body(io.NewSectionReader(p.mail.Raw, body, p.mail.Raw.Size()-body)); err != nil || action.Code != milter.ActContinue {
			return action, err
		}
	}
	if err := p.macros(milter.CodeEOB, "i", p.mail.Envelope.Session); err != nil {
		return nil, err
	}
	wishes, action, err := p.session.End()
	if err != nil {
		return nil, err
	}
	for _, wish := range wishes {
		p.wish(wish)
	}
	return action, nil
}

func (p *play) body(body *io.SectionReader) (*milter.Action, error) {
	action := &milter.Action{Code: milter.ActContinue}
	buffer := make([]byte, min(milter.MaxBodyChunk, body.Size()))
	for action.Code == milter.ActContinue {
		n, err := io.ReadFull(body, buffer)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				break
			}
			return nil, unable{"reading the mail: " + err.Error()}
		}
		if action, err = p.session.BodyChunk(buffer[:n]); err != nil {
			return nil, err
		}
	}
	return action, nil
}

// wish notes what a milter wants done to the mail. Only holding it back is done.
func (p *play) wish(wish milter.ModifyAction) {
	switch wish.Code {
	case milter.ActQuarantine:
		if p.opinion.Quarantined == "" {
			p.opinion.Quarantined = replyText(wish.Reason, "a mail filter wanted it held back")
		}
	case milter.ActAddHeader, milter.ActInsertHeader:
		p.note("wanted to add %s: %s", wish.HeaderName, wish.HeaderValue)
	case milter.ActChangeHeader:
		if wish.HeaderValue != "" {
			p.note("wanted to change %s to: %s", wish.HeaderName, wish.HeaderValue)
		}
	case milter.ActReplBody:
		p.note("wanted to replace the body")
	case milter.ActAddRcpt:
		p.note("wanted to add the recipient %s", wish.Rcpt)
	case milter.ActDelRcpt:
		p.note("wanted to remove the recipient %s", wish.Rcpt)
	case milter.ActChangeFrom:
		p.note("wanted to change the sender to %s", wish.From)
	}
}

func (p *play) note(format string, arguments ...any) {
	if text := cut(fmt.Sprintf(format, arguments...), longText); len(p.opinion.Notes) < mostNotes {
		p.opinion.Notes = append(p.opinion.Notes, text)
	}
}

// macros tells Sendmail's names and values, without those that are empty.
func (p *play) macros(before milter.Code, pairs ...string) error {
	var known []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			known = append(known, pairs[i], word(pairs[i+1]))
		}
	}
	if len(known) == 0 {
		return nil
	}
	return p.session.Macros(before, known...)
}

// word makes a value fit between the NULs of the protocol.
func word(text string) string { return cut(text, 1<<10) }
