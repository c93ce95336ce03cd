package intake

import (
	"strings"
	"testing"

	"postern/desk"
)

// TestOdditiesStandInTheLog has mail from outside claim to be ours, and try reply addresses: what alarms people is in the audit log with the address that it came from, and what is in order is not.
func TestOdditiesStandInTheLog(t *testing.T) {
	t.Parallel()
	h := trusting(t)
	first := h.send(letter{from: "anna@good.example"})
	h.want(first, desk.Ticketed, 0)
	ours := h.codec.ReplyAddress("support@example.com", h.reply(first.Ticket))
	h.send(letter{from: "anna@good.example", recipients: []string{ours}})
	h.send(letter{from: "anna@good.example", recipients: []string{"support+shop@example.com"}})
	if n := value[int](h, `select count(*) from audit where action like 'mail.%'`); n != 0 {
		t.Errorf("%d entries about mail that is in order", n)
	}
	changed := "a"
	if at := strings.IndexByte(ours, '@'); ours[at-1:at] == changed {
		changed = "b"
	}
	at := strings.IndexByte(ours, '@')
	h.send(letter{from: "eve@good.example", recipients: []string{ours[:at-1] + changed + ours[at:]}})
	h.send(letter{from: "boss@example.com", ip: elsewhere})
	h.send(letter{from: "support@example.com", ip: elsewhere})
	for want, n := range map[string]int{
		`select count(*) from audit where action = 'mail.token-guess' and subject = 'mail' and outcome = 'refused' and actor = 'mail' and ip <> '' and detail->>'times' = '1'`: 1,
		`select count(*) from audit where action = 'mail.own-domain' and subject = 'domain/example.com' and ip = '` + elsewhere.String() + `'`:                                 2,
		`select count(*) from audit where action like 'mail.%'`: 3,
	} {
		if got := value[int](h, want); got != n {
			t.Errorf("%d, want %d: %s", got, n, want)
		}
	}
}
