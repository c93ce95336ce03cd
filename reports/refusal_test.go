package reports

import (
	"testing"

	"postern/desk"
)

// Which replies mean that every other mail to the address will fare the same: no such mailbox, no such domain, a domain that takes no mail. Everything else is about this mail, about us, or about today.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words, step string
		reason      desk.Reason
		hard        bool
	}{
		{"550 5.1.1 <carol@customer.test>: Recipient address rejected: User unknown in virtual mailbox table", "RCPT", desk.ReasonUserUnknown, true},
		{"550 5.1.1 <carol@customer.test>: Recipient address rejected: User unknown in virtual mailbox table", "", desk.ReasonUserUnknown, true},
		{"550 No such user here", "RCPT", desk.ReasonUserUnknown, true},
		{"550 No such user here", "DATA", desk.ReasonFiltered, false}, // it saw the mail first: it may be a filter that says so
		{"550 No such user here", "", desk.ReasonFiltered, false},
		{"553 5.1.3 the address is none", "", desk.ReasonUserUnknown, true},
		{"551 5.1.6 carol has moved", "RCPT", desk.ReasonMoved, true},
		{"550 5.1.2 there is no domain customer.test", "", desk.ReasonHostUnknown, true},
		{"556 5.1.10 customer.test takes no mail (null MX)", "", desk.ReasonNoMail, true},
		{"550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the recipient's email address", "RCPT", desk.ReasonUserUnknown, true},
		{"550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", "RCPT", desk.ReasonUserUnknown, true},

		{"550 5.4.7 gave up after 14 attempts in five days; the last answer was: 450 4.1.1 <carol@customer.test>: user unknown", "", desk.ReasonUserUnknown, false},
		{"550 5.4.7 gave up after 14 attempts in five days; the last answer was: 451 4.4.1 connect: connection refused", "", desk.ReasonNetwork, false},
		{"552 5.2.2 The email account that you tried to reach is over quota", "RCPT", desk.ReasonMailboxFull, false},
		{"550 5.2.1 The email account that you tried to reach is disabled", "RCPT", desk.ReasonSuspended, false},
		{"550 5.7.1 Service unavailable; client host [192.0.2.1] blocked using zen.spamhaus.org", "RCPT", desk.ReasonBlocked, false},
		{"550 5.1.1 user unknown", "MAIL", desk.ReasonSenderRefused, false}, // it is our own address that they do not know
		{"554 5.7.1 Relay access denied", "RCPT", desk.ReasonRelayDenied, false},
		{"550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy", "DATA", desk.ReasonAuthentication, false},
		{"554 5.7.1 message identified as spam", "DATA", desk.ReasonSpam, false},
		{"552 5.3.4 the mail has 40000000 octets; mx.customer.test takes 10485760", "", desk.ReasonTooLarge, false},
		{"554 5.6.0 this message could not be made into a mail", "", desk.ReasonContent, false},
		{"550 5.4.4 the mail server mx.customer.test has no address", "", desk.ReasonHostUnknown, false},
		{"553 5.6.7 mx.customer.test does not take addresses that are not ASCII (SMTPUTF8)", "", desk.ReasonNone, false},
		{"550 5.7.30 REQUIRETLS support required", "", desk.ReasonTLS, false},
		{"450 4.2.0 greylisted; later we say 550 5.1.1 no such user", "RCPT", desk.ReasonUserUnknown, false},
		{"", "", desk.ReasonNone, false},
		{"550", "RCPT", desk.ReasonNone, false},
	} {
		if got := Refusal(c.words, c.step); got.Reason != c.reason || got.Hard != c.hard {
			t.Errorf("%q to %s: %q, hard %v; want %q, %v", c.words, c.step, got.Reason, got.Hard, c.reason, c.hard)
		}
	}
}
