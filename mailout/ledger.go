package mailout

import (
	"time"

	"postern/desk"
)

// place is where an answer came from.
type place struct{ host, tls string }

// ledger keeps what is known of each recipient during one attempt. A recipient is open until somebody who may decide has answered; the first decision stands.
type ledger struct {
	entries []desk.Delivery
	settled []bool
	now     func() time.Time
	sent    func(desk.Delivery) error // see Outgoing.Sent
}

func newLedger(recipients []string) *ledger {
	l := &ledger{entries: make([]desk.Delivery, len(recipients)), settled: make([]bool, len(recipients))}
	for i, recipient := range recipients {
		l.entries[i] = desk.Delivery{Recipient: recipient, State: desk.DeliveryQueued}
	}
	return l
}

// open lists the recipients without a decision.
func (l *ledger) open() []int {
	var list []int
	for i, settled := range l.settled {
		if !settled {
			list = append(list, i)
		}
	}
	return list
}

// settle decides one recipient.
func (l *ledger) settle(i int, at place, a answer) {
	if !l.settled[i] {
		l.note(i, at, a)
		l.settled[i] = true
		l.tell(i)
	}
}

// tell reports a copy that its server has. Where that fails, what is still open must not leave in this attempt.
func (l *ledger) tell(i int) {
	if l.entries[i].State != desk.DeliverySent || l.sent == nil {
		return
	}
	l.entries[i].UpdatedAt = l.now()
	if err := l.sent(l.entries[i]); err != nil {
		l.settleAll(answer{code: 451, text: "4.3.0 not tried: what became of another recipient could not be written down"})
	}
}

func (l *ledger) settleAll(a answer) {
	for _, i := range l.open() {
		l.settle(i, place{}, a)
	}
}

// suggest notes for every open recipient what one host answered, while others may still be asked. When nobody decides, the suggestions do: any 'not now' outweighs all 'never'.
func (l *ledger) suggest(at place, a answer) {
	for _, i := range l.open() {
		if l.entries[i].State != desk.DeliveryDeferred || a.state() == desk.DeliveryDeferred {
			l.note(i, at, a)
		}
	}
}

func (l *ledger) note(i int, at place, a answer) {
	l.entries[i].State, l.entries[i].Host, l.entries[i].TLS, l.entries[i].Reply = a.state(), at.host, at.tls, legible(a.String())
}

// close ends the attempt.
func (l *ledger) close(now time.Time) []desk.Delivery {
	for i := range l.entries {
		if l.entries[i].State == desk.DeliveryQueued {
			l.note(i, place{}, answer{code: 451, text: "4.4.4 there was no host to ask"})
		}
		if l.entries[i].UpdatedAt.IsZero() {
			l.entries[i].UpdatedAt = now
		}
	}
	return l.entries
}

// maxWords is as much of a remote's reply as is kept: its longest line (RFC 5321 §4.5.3.1.5).
const maxWords = 512

// legible makes one line of a reply, which a stranger wrote: no control characters, no endless texts.
func legible(reply string) string {
	line := clean(reply)
	if runes := []rune(line); len(runes) > maxWords {
		line = string(runes[:maxWords])
	}
	return line
}
