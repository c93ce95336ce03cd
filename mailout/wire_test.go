package mailout

import (
	"crypto/sha256"
	"net"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// T-BYTES, T-14: whatever strangers and agents wrote, and whatever bytes came with it, on the wire there are lines of 7-bit text that end in CR LF, 998 octets at most (the receiver looks at each one),
// they are the signed ones, and nobody's Bcc is among them.
func TestT_BYTES_OnTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX)
	holds := listen(t, net.JoinHostPort("127.0.0.1", w.port), script{nth: -1, pipelining: true})
	w.dns.Set(t, twoMX+"\nmx1.example. 60 IN A 127.0.0.1")
	foreign := "\x00\x01\xff\r\n.\r\nMAIL FROM:<x@y.example>\n.\n\r.\r" + strings.Repeat("\xe9", 3000)
	s := w.sender()
	for i, evil := range []string{
		"x\r\nBcc: victim@example.com", "x\n.\nMAIL FROM:<a@b.example>", "x\r.\rRCPT TO:<a@b.example>", foreign, strings.Repeat("é", 3000), strings.Repeat("x", 3000), "=?utf-8?q?=0D=0ABcc:_y@example.com?=", "\u2028\u0085\x1b[2J",
	} {
		d := fullDraft()
		d.To = d.To[1:] // its neighbour is in UTF-8
		d.Subject, d.From.Name, d.To[0].Name, d.Text, d.HTML = evil, evil, evil, evil, evil
		d.Files = append(d.Files, attachment(evil, "application/octet-stream", foreign), attachment("m.eml", "message/rfc822", "Bcc: x@y.example\n\n"+foreign), attachment("t.txt", "text/plain", foreign))
		signed := sign(t, compose(t, d), time.Time{})
		for _, name := range fieldNames(signed) {
			if strings.EqualFold(name, "Bcc") {
				t.Errorf("%d: the mail has a Bcc", i)
			}
		}
		got := s.Deliver(t.Context(), mailTo(string(signed), "ann@to.example", "bob@to.example"))
		if got[0].State != desk.DeliverySent || got[1].State != desk.DeliverySent {
			t.Fatalf("%d: %+v", i, got)
		}
		kept := holds()
		for _, one := range kept[len(kept)-2:] {
			if one.sum != sha256.Sum256(signed) {
				t.Errorf("%d: what arrived is not what was signed", i)
			}
		}
	}
}

// T-12: bytes that servers could understand in two ways leave for nobody: the mail bounces here, and no other host is asked.
func TestT_BYTES_SmugglersStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoMX)
	first := listen(t, net.JoinHostPort("127.0.0.1", w.port), script{nth: -1, pipelining: true})
	second := listen(t, net.JoinHostPort("127.0.0.2", w.port), script{nth: -1})
	w.dns.Set(t, twoMX+"\nmx1.example. 60 IN A 127.0.0.1\nmx2.example. 60 IN A 127.0.0.2")
	for _, smuggled := range []string{"\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r\r\n", "\x00", "\xe9"} {
		mail := simpleMail + "x" + smuggled + "MAIL FROM:<x@y.example>\r\nRCPT TO:<z@to.example>\r\nDATA\r\nX: y\r\n\r\nz\r\n"
		got := w.sender().Deliver(t.Context(), mailTo(mail, "ann@to.example", "bob@to.example"))
		for _, one := range got {
			if one.State != desk.DeliveryBounced || !strings.HasPrefix(one.Reply, "554 5.6.0 not sent: the mail holds ") || len(one.Story) != 1 {
				t.Errorf("%q: %+v", smuggled, one)
			}
		}
	}
	if len(first())+len(second()) != 0 {
		t.Errorf("%d, %d arrived", len(first()), len(second()))
	}
}
