package desk

import "testing"

// T-LOOP: no automatic answer goes to a role, a program, or an address that asks for none.
func TestT_LOOP_NoAnswer(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{
		"postmaster@x.example", "MAILER-DAEMON@x.example", "mailer_daemon@x.example", "noreply@x.example", "No-Reply@x.example", "no_reply@x.example", "no.reply@x.example", "do-not-reply@x.example",
		"donotreply@x.example", "orders-noreply@x.example", "noreply+tag@x.example", "bounce@x.example", "bounces+1-2@x.example", "bounce-123@x.example", "abuse@x.example", "root@x.example", "daemon@x.example",
		"listserv@x.example", "majordomo@x.example", "list-request@x.example", "list-bounces@x.example", "list-bounces+ann=y.example@x.example", "owner-list@x.example", "list-owner@x.example",
		"notifications@x.example", "srs0=abcd=ef=y.example=ann@x.example", "prvs=1234=ann@x.example", "webmaster@x.example", "auto-reply@x.example",
		"", "ann", "@x.example", "ann@", "a b@x.example", "\"quoted\"@x.example", "ann@[192.0.2.1]", "ann@x.example\r\nBcc: y@z", "ann..b@x.example",
	} {
		if NoAnswer(addr) == "" {
			t.Errorf("%q gets an answer", addr)
		}
	}
	for _, addr := range []string{"ann@x.example", "Ann+shop@x.example", "info@x.example", "sales@x.example", "support@x.example", "notified@x.example", "bob.request@x.example", "josé@bücher.example", "rooth@x.example", "r@x.example"} {
		if reason := NoAnswer(addr); reason != "" {
			t.Errorf("%q gets no answer: %s", addr, reason)
		}
	}
}
