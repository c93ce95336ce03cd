package smtpd

import (
	"net/netip"
	"strings"
	"time"

	"postern/desk"
)

// trace is what a receiving server puts before a mail (RFC 5321 §4.4): Return-Path, and one Received field. Every value was checked at the door or is made safe here, so that no client can write a header of its own.
func trace(env desk.Envelope, id, hostname string) []byte {
	var b strings.Builder
	b.Grow(512)
	b.WriteString("Return-Path: <" + env.MailFrom + ">\r\n")
	b.WriteString("Received: from " + heloWord(env.Helo) + " (" + literal(env.RemoteIP) + ")\r\n")
	b.WriteString("\tby " + hostname + " with " + env.Protocol)
	if env.TLS != "" {
		b.WriteString(" (" + env.TLS + ")")
	}
	b.WriteString("\r\n\tid " + id)
	// RFC 5321 §7.6: naming one of several recipients would show a Bcc to the others.
	if len(env.Recipients) == 1 {
		b.WriteString("\r\n\tfor <" + env.Recipients[0] + ">")
	}
	b.WriteString(";\r\n\t" + env.ReceivedAt.Format(time.RFC1123Z) + "\r\n")
	return []byte(b.String())
}

// literal is an address as RFC 5321 §4.1.3 writes it.
func literal(ip netip.Addr) string {
	switch {
	case !ip.IsValid():
		return "unknown" // not TCP
	case ip.Is6():
		return "[IPv6:" + ip.String() + "]"
	}
	return "[" + ip.String() + "]"
}

// heloWord is the client's name for itself, if it can stand in the field; every octet that could not is a question mark. RFC 5321 §4.4 wants a domain or a literal, and many clients have neither.
func heloWord(helo string) string {
	if isLiteral(helo) {
		return helo
	}
	return strings.Map(func(r rune) rune {
		if isDomain(string(r)) || r == '.' {
			return r
		}
		return '?'
	}, helo)
}

// protocol is the word after 'with' (RFC 3848, RFC 6531 §4.3).
func (s *session) protocol(t *transaction) string {
	switch {
	case t.utf8 && s.wire.tls != "":
		return "UTF8SMTPS"
	case t.utf8:
		return "UTF8SMTP"
	case s.extended && s.wire.tls != "":
		return "ESMTPS"
	case s.extended:
		return "ESMTP"
	}
	return "SMTP"
}
